"""The world of the random changes: what there may be, and one change after another, drawn by chance.

Two networks, a and b, with guests whose ports come and go; an outside, x; routers r (with the gateway) and s (between a
and b); a station on network a's wire, and a port of a on another host. Every address says whose it is.
"""
import copy

from lab import network, port, state, subnet

GUESTS = range(1, 7)
GROUPS = [f"g{i}" for i in range(4)]
TENANTS = {"a": 1, "b": 2}
OUTSIDE_MAC, UNDER_MAC, NODE2_MAC = "02:00:00:00:00:fe", "02:00:00:00:00:01", "02:00:00:00:00:99"
WIRE_MAC, WIRE = "02:00:00:00:00:aa", "10.0.1.200"
OUTSIDE = {4: "203.0.113.1", 6: "2001:db8:f::1"}  # the outside's router, and who is behind it
BEYOND = {4: "198.51.100.7", 6: "2001:db8:99::7"}
ANCHORS = {"a": "10.0.1.250", "b": "10.0.2.250", "x": "203.0.113.250"}
FAR = {4: "10.0.1.99", 6: "2001:db8:1::99"}
FAR_MAC = "fa:16:3e:00:00:99"
VTEP, NODE2 = "192.0.2.1", "192.0.2.2"
FLOATING = ["203.0.113.20", "203.0.113.21", "203.0.113.22"]
SERVICES = [("udp", 5353), ("tcp", 2222)]  # what a forwarded port may be


def guest_mac(number):
    return f"fa:16:3e:00:00:{number:02x}"


def guest_v4(tenant, number):
    return f"10.0.{TENANTS[tenant]}.{10 + number}"


def guest_v6(tenant, number):
    return f"2001:db8:{TENANTS[tenant]}::{10 + number}"


def second_v4(number):
    return f"10.0.11.{10 + number}"


def pair_v4(number):
    return f"172.16.{number}.9"


def router_mac(name, tenant):
    return f"fa:16:3e:01:{'rs'.index(name):02x}:{'abx'.index(tenant):02x}"


def some_rule(chance, ipv6):
    """An ingress rule; None: the group lets nothing in."""
    rule = {"id": "in6" if ipv6 else "in", "direction": "ingress", "ethertype": "IPv6" if ipv6 else "IPv4"}
    number, tenant = chance.choice(GUESTS), chance.choice("ab")
    cidr = f"{guest_v6(tenant, number)}/128" if ipv6 else chance.choice(
        [f"{guest_v4(tenant, number)}/32", "10.0.0.0/16", "203.0.113.0/24", "172.16.0.0/16"])
    return chance.choice([None, rule, rule, {**rule, "protocol": "udp"}, {**rule, "protocol": "tcp"},
                          {**rule, "protocol": "ipv6-icmp" if ipv6 else "icmp"},
                          {**rule, "protocol": "udp", "port_min": 5000, "port_max": 6000},
                          {**rule, "remote_group": chance.choice(GROUPS)}, {**rule, "remote_cidr": cidr}])


def group(chance):
    rules = [{"id": f"out{ethertype}", "direction": "egress", "ethertype": ethertype}
             for ethertype in ("IPv4", "IPv6")]
    if chance.random() < 0.1:
        rules = rules[:1]
    return {"rules": rules + [rule for rule in (some_rule(chance, False), some_rule(chance, True)) if rule]}


def first_state(chance, uplinks):
    desired = state()
    desired["host"] = {"node1": {"vtep": VTEP}, "node2": {"vtep": NODE2}}
    desired["uplink"] = uplinks
    desired["network"] = {"a": network({"type": "vxlan", "vni": 100}), "b": network(),
                          "x": network({"type": "flat", "physical_network": "external"}, external=True)}
    for tenant, number in TENANTS.items():
        desired["subnet"][f"{tenant}4"] = subnet(tenant, f"10.0.{number}.0/24", gateway=f"10.0.{number}.1")
        desired["subnet"][f"{tenant}6"] = subnet(tenant, f"2001:db8:{number}::/64")
    desired["subnet"]["x4"] = subnet("x", "203.0.113.0/24", gateway=OUTSIDE[4], dhcp=False)
    desired["subnet"]["x6"] = subnet("x", "2001:db8:f::/64", gateway=OUTSIDE[6], dhcp=False)
    desired["security_group"].update({name: group(chance) for name in GROUPS})
    for i, (tenant, address) in enumerate(ANCHORS.items()):
        desired["port"][f"anchor-{tenant}"] = port(tenant, 0xf0 + i, f"{tenant}4", address)
    return desired


class World:
    def __init__(self, chance, uplinks, devices):
        self.chance, self.devices = chance, devices  # guest number: device string
        self.desired = first_state(chance, uplinks)
        for number in GUESTS:
            self.desired["port"][f"p{number}"] = self.some_port(number)
        self.desired["router"]["r"] = self.some_router("r", everything=True)

    # Each of these changes the model, and gives what the data plane is told.
    KINDS = ["group", "groups_of_port", "port_up", "pairs", "port", "router", "router", "interfaces", "gateway",
             "routes", "floating_ip", "floating_ip", "segments", "second_subnet", "far_port"]

    def change(self):
        kind = self.chance.choice(self.KINDS)
        changes = getattr(self, "change_" + kind)()
        for collection, objects in changes.items():
            for name, value in objects.items():
                if value is None:
                    self.desired[collection].pop(name, None)
                else:
                    self.desired[collection][name] = value
        return kind, changes

    def guest_port(self):
        """A guest's port that is there, as a copy; None where the draw falls on one that is not."""
        name = f"p{self.chance.choice(GUESTS)}"
        found = self.desired["port"].get(name)
        return name, copy.deepcopy(found) if found else None

    def change_group(self):
        return {"security_group": {self.chance.choice(GROUPS): group(self.chance)}}

    def change_groups_of_port(self):
        name, one = self.guest_port()
        if not one:
            return {}
        one["security_groups"] = self.chance.sample(GROUPS, self.chance.choice((1, 1, 2)))
        return {"port": {name: one}}

    def change_port_up(self):
        name, one = self.guest_port()
        if not one:
            return {}
        one["admin_up"] = self.chance.random() < 0.8
        return {"port": {name: one}}

    def change_pairs(self):
        name, one = self.guest_port()
        if not one:
            return {}
        one["allowed_address_pairs"] = self.chance.choice(
            [[], [{"ip": pair_v4(int(name[1:])) + "/32"}], [{"ip": f"172.16.{name[1:]}.0/24"}]])
        return {"port": {name: one}}

    def some_port(self, number):
        tenant = self.chance.choice("ab")
        one = port(tenant, number, f"{tenant}4", guest_v4(tenant, number), [self.chance.choice(GROUPS)])
        if self.chance.random() < 0.7:
            one["addresses"].append({"subnet": f"{tenant}6", "ip": guest_v6(tenant, number)})
        if tenant == "a" and "second" in self.desired["subnet"] and self.chance.random() < 0.5:
            one["addresses"].append({"subnet": "second", "ip": second_v4(number)})
        one["device"] = {"type": "dpdk", "device": self.devices[number]}
        return one

    def change_port(self):
        number = self.chance.choice(GUESTS)
        there = f"p{number}" in self.desired["port"]
        return {"port": {f"p{number}": None if there and self.chance.random() < 0.6 else
                         self.desired["port"][f"p{number}"] if there else self.some_port(number)}}

    def some_router(self, name, everything=False):
        host = 1 if name == "r" else 2
        out = {"admin_up": True, "interfaces": [], "routes": [], "gateway": None}
        for tenant, number in TENANTS.items():
            if not everything and self.chance.random() < 0.35:
                continue
            addresses = [{"subnet": f"{tenant}4", "ip": f"10.0.{number}.{host}"},
                         {"subnet": f"{tenant}6", "ip": f"2001:db8:{number}::{host}"}]
            if tenant == "a" and "second" in self.desired["subnet"] and self.chance.random() < 0.7:
                addresses.append({"subnet": "second", "ip": f"10.0.11.{host}"})
            out["interfaces"].append({"port": f"{name}{tenant}", "network": tenant, "mac": router_mac(name, tenant),
                                      "addresses": addresses})
        if everything:
            out["gateway"] = self.some_gateway()
        return out

    def some_gateway(self):
        addresses = [{"subnet": "x4", "ip": "203.0.113.10"}, {"subnet": "x6", "ip": "2001:db8:f::10"}]
        if self.chance.random() < 0.3:
            addresses.append({"subnet": "x4", "ip": "203.0.113.11"})
        return {"port": "rx", "network": "x", "mac": router_mac("r", "x"), "snat": self.chance.random() < 0.8,
                "host": "node1", "addresses": addresses}

    def router(self, name):
        found = self.desired["router"].get(name)
        return copy.deepcopy(found) if found else None

    def change_router(self):
        """Router s comes and goes; either is stopped at times."""
        name = self.chance.choice("rs")
        one = self.router(name)
        if not one:
            return {"router": {name: self.some_router(name)}}
        if name == "s" and self.chance.random() < 0.4:
            return {"router": {name: None}}
        one["admin_up"] = self.chance.random() < 0.85
        return {"router": {name: one}}

    def change_interfaces(self):
        name = self.chance.choice("rrs")
        one = self.router(name)
        if not one:
            return {}
        one["interfaces"] = self.some_router(name, self.chance.random() < 0.5)["interfaces"]
        return {"router": {name: one}}

    def change_gateway(self):
        one = self.router("r")
        one["gateway"] = self.some_gateway() if self.chance.random() < 0.8 else None
        return {"router": {"r": one}}

    def some_route(self):
        number = self.chance.choice(GUESTS)
        tenant = self.chance.choice("ab")
        return self.chance.choice([
            {"destination": f"172.16.{number}.0/24", "nexthop": guest_v4(tenant, number)},
            {"destination": f"172.16.{number}.0/24", "nexthop": guest_v4(tenant, self.chance.choice(GUESTS))},
            {"destination": "172.16.0.0/16", "nexthop": guest_v4(tenant, number)},
            {"destination": f"10.0.{TENANTS[tenant]}.0/24", "nexthop": f"10.0.{3 - TENANTS[tenant]}.2"},
            {"destination": "2001:db8:2::/64", "nexthop": "2001:db8:1::2"}])

    def change_routes(self):
        one = self.router("r")
        routes = [self.some_route() for _ in range(self.chance.randrange(5))]
        one["routes"] = [route for i, route in enumerate(routes) if route not in routes[:i]]
        return {"router": {"r": one}}

    def change_floating_ip(self):
        address = self.chance.choice(FLOATING)
        name = "f" + address[-2:]
        draw = self.chance.random()
        if draw < 0.2 and name in self.desired["floating_ip"]:
            return {"floating_ip": {name: None}}
        number, tenant = self.chance.choice(GUESTS), self.chance.choice("ab")
        if f"p{number}" in self.desired["port"] and self.chance.random() < 0.8:
            tenant = self.desired["port"][f"p{number}"]["network"]
        one = {"router": "r", "network": "x", "floating_ip": address, "port": None, "fixed_ip": None}
        # As in Neutron, a port has one floating IP or forwardings of one.
        taken = any(other["port"] == f"p{number}" or
                    any(forward["port"] == f"p{number}" for forward in other.get("port_forwardings", []))
                    for known, other in self.desired["floating_ip"].items() if known != name)
        if draw < 0.6:
            if not taken:
                one.update(port=f"p{number}", fixed_ip=guest_v4(tenant, number))
        elif draw < 0.95 and not taken:
            one["port_forwardings"] = [
                {"protocol": protocol, "external_port": external, "port": f"p{number}",
                 "internal_ip": guest_v4(tenant, number), "internal_port": external - 300}
                for protocol, external in SERVICES if self.chance.random() < 0.7]
        return {"floating_ip": {name: one}}

    def change_segments(self):
        """Numbers change hands between the two networks as well."""
        tenant = self.chance.choice("ab")
        other = self.desired["network"]["b" if tenant == "a" else "a"]["segments"]
        segments = []
        for one in ({"type": "vxlan", "vni": self.chance.choice((100, 200))},
                    {"type": "vlan", "physical_network": "physnet1", "vlan_id": self.chance.choice((101, 102))}):
            if self.chance.random() < 0.6 and one not in other:
                segments.append(one)
        return {"network": {tenant: network(*segments)}}

    def change_second_subnet(self):
        if "second" not in self.desired["subnet"]:
            return {"subnet": {"second": subnet("a", "10.0.11.0/24", gateway="10.0.11.1")}}
        holders = [*self.desired["port"].values(),
                   *(leg for one in self.desired["router"].values() for leg in one["interfaces"])]
        used = any(address["subnet"] == "second" for one in holders for address in one["addresses"])
        return {} if used else {"subnet": {"second": None}}

    def change_far_port(self):
        if "far" in self.desired["port"] and self.chance.random() < 0.5:
            return {"port": {"far": None}}
        one = port("a", 0x99, "a4", FAR[4], [self.chance.choice(GROUPS)], host="node2")
        one["addresses"].append({"subnet": "a6", "ip": FAR[6]})
        return {"port": {"far": one}}

    def somewhere(self):
        """An address to send to: mostly one that is there."""
        chance, number, tenant = self.chance, self.chance.choice(GUESTS), self.chance.choice("ab")
        there = [address["ip"] for name, one in self.desired["port"].items() if name[0] == "p"
                 for address in one["addresses"]]
        return chance.choice([*[chance.choice(there or [WIRE]) for _ in range(6)], guest_v4(tenant, number),
                              guest_v6(tenant, number), second_v4(number), pair_v4(number), *FLOATING * 2, BEYOND[4],
                              BEYOND[6], OUTSIDE[4], FAR[4], FAR[6], WIRE])
