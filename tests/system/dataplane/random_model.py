"""Who reaches whom, and as which address: what a state document means, said once more and without records, epochs or
shared tables. A probe is the first datagram of a connection; Reach says where it comes out and how it looks there."""
import dataclasses
import ipaddress

from random_frames import is_ipv6
from random_world import FAR_MAC, OUTSIDE, OUTSIDE_MAC, WIRE, WIRE_MAC


@dataclasses.dataclass
class Probe:
    """Where it begins: "p1", "outside", "wire" or "far"."""
    place: str
    protocol: str
    source: str
    source_port: int
    destination: str
    destination_port: int


@dataclasses.dataclass
class Reach:
    """Where it comes out, and how; `source`: of these addresses one (source NAT chooses)."""
    place: str
    source: set
    destination: str
    destination_port: int
    ttl: int
    keeps_port: bool = True
    to_mac: str = ""
    routers: tuple = ()
    translated: bool = False


@dataclasses.dataclass
class Packet:
    protocol: str
    source: set  # one address, or those of which source NAT takes one
    destination: str
    destination_port: int
    ttl: int = 64
    keeps_port: bool = True
    routers: tuple = ()
    translated: bool = False

    def only_source(self):
        return next(iter(self.source)) if len(self.source) == 1 else None

    def ipv6(self):
        return is_ipv6(self.destination)


def inside(ip, cidr):
    return ipaddress.ip_address(ip) in ipaddress.ip_network(cidr, strict=False)


class Model:
    def __init__(self, desired):
        self.desired = desired

    # ---- what a state says of addresses

    def addresses(self, holder):
        return [address["ip"] for address in holder["addresses"]]

    def port_with(self, tenant, ip):
        for name, one in self.desired["port"].items():
            if one["network"] == tenant and ip in self.addresses(one):
                return name
        return None

    def leg(self, router, tenant):
        one = self.desired["router"].get(router)
        for leg in [*one["interfaces"], *([one["gateway"]] if one["gateway"] else [])] if one else []:
            if leg["network"] == tenant:
                return leg
        return None

    def router_with(self, tenant, ip):
        for name in self.desired["router"]:
            leg = self.leg(name, tenant)
            if leg and ip in self.addresses(leg):
                return name
        return None

    def prefixes(self, holder):
        return [self.desired["subnet"][address["subnet"]]["cidr"] for address in holder["addresses"]]

    def next_mac(self, probe):
        """To whom a sender addresses its frame; None where it would find nobody to send to."""
        if probe.place == "outside":
            return self.desired["router"]["r"]["gateway"]["mac"] if self.router_for_outside(probe.destination) else None
        port = self.desired["port"].get(probe.place)
        if probe.place in ("wire", "far"):
            tenant, on_link = "a", True
        elif port is None:
            return None
        else:
            tenant, on_link = port["network"], any(inside(probe.destination, cidr) for cidr in self.prefixes(port))
        if not on_link:
            router = self.first_router(port, is_ipv6(probe.destination))
            return self.leg(router, tenant)["mac"] if router else None
        if probe.destination == WIRE:
            return WIRE_MAC
        return self.station(tenant, probe.destination)

    def station(self, tenant, ip, asker=None):
        """The MAC that is told to who asks for an address."""
        router = self.router_with(tenant, ip)
        if router:
            return self.leg(router, tenant)["mac"] if self.desired["router"][router]["admin_up"] else None
        name = self.port_with(tenant, ip)
        return self.desired["port"][name]["mac"] if name and name != asker else None

    def answers_arrive(self, probe, reach):
        """Does what the receiver sends back go the same way? (A guest has one router, whatever it was sent by.)"""
        if len(set(reach.routers)) > 1 or probe.source.startswith("172.16."):
            return False
        if probe.place == "far" and "far" not in self.desired["port"]:
            return False  # nobody knows where to find it
        for place, own, other in ((probe.place, probe.source, None), (reach.place, reach.destination, reach.source)):
            port = self.desired["port"].get(place)
            if place[0] != "p":
                continue
            if not self.owns(port, own):
                return False
            if not reach.routers:
                continue
            router = self.first_router(port, is_ipv6(own))
            if router != reach.routers[0] or not any(inside(own, cidr) or own.startswith("172.16.")
                                                     for cidr in self.prefixes(self.leg(router, port["network"]))):
                return False
            if other and any(inside(ip, cidr) for ip in other for cidr in self.prefixes(port)):
                return False  # it would answer on its link
        return True

    def first_router(self, port, ipv6):
        """The router that a guest sends to what is not on its link."""
        for name in "rs":
            leg = self.leg(name, port["network"])
            if leg and any(is_ipv6(ip) == ipv6 for ip in self.addresses(leg)):
                return name
        return None

    # ---- security groups

    def members(self, group):
        out = set()
        for one in self.desired["port"].values():
            if group in one["security_groups"]:
                out.update(self.addresses(one))
                out.update(pair["ip"][:-3] for pair in one["allowed_address_pairs"] if pair["ip"].endswith("/32"))
        return out

    def rule_fits(self, rule, direction, packet, remotes):
        if rule["direction"] != direction or rule["ethertype"] != ("IPv6" if packet.ipv6() else "IPv4"):
            return False
        if rule.get("protocol", packet.protocol).replace("ipv6-", "") != packet.protocol:
            return False
        if "port_min" in rule and not rule["port_min"] <= packet.destination_port <= rule["port_max"]:
            return False
        if "remote_cidr" in rule and not all(inside(ip, rule["remote_cidr"]) for ip in remotes):
            return False
        return "remote_group" not in rule or remotes <= self.members(rule["remote_group"])

    def allows(self, port, direction, packet):
        remotes = packet.source if direction == "ingress" else {packet.destination}
        return any(self.rule_fits(rule, direction, packet, remotes) for group in port["security_groups"]
                   for rule in self.desired["security_group"][group]["rules"])

    # ---- the way

    def reach(self, probe):
        """What may become of it: of equal routes one is taken, so there may be several; None: it reaches no one."""
        return self.ways_of(probe) or [None]

    def ways_of(self, probe):
        packet = Packet(probe.protocol, {probe.source}, probe.destination, probe.destination_port)
        if probe.place == "outside":
            router = self.router_for_outside(probe.destination)
            return self.route("x", router, packet, by_gateway=True) if router else []
        if probe.place in ("wire", "far"):
            # A station on the wire; a guest elsewhere comes by VXLAN where there is that, else by the wire.
            if not self.segment("a", "vlan") and (probe.place == "wire" or not self.segment("a", "vxlan")):
                return []
            return self.to_address("a", packet, own=None, from_uplink=True)
        port = self.desired["port"].get(probe.place)
        if not port or not port["admin_up"] or not self.owns(port, probe.source) or \
                not self.allows(port, "egress", packet):
            return []
        if any(inside(probe.destination, cidr) for cidr in self.prefixes(port)):
            return self.to_address(port["network"], packet, own=probe.place)
        router = self.first_router(port, packet.ipv6())
        return self.route(port["network"], router, packet) if router else []

    def router_for_outside(self, destination):
        """The outside knows the floating IPs and has routes to what is inside, all by router r."""
        one = self.desired["router"].get("r")
        if not one or not one["gateway"]:
            return None
        floating = self.floating(destination)
        if floating is None and inside(destination, "203.0.113.0/24"):
            return None
        # Only a floating IP that leads somewhere is answered for.
        if floating and not floating["port"] and not floating.get("port_forwardings"):
            return None
        return "r"

    def owns(self, port, ip):
        return ip in self.addresses(port) or any(inside(ip, pair["ip"]) for pair in port["allowed_address_pairs"]
                                                 if is_ipv6(pair["ip"]) == is_ipv6(ip))

    def segment(self, tenant, kind):
        return next((one for one in self.desired["network"][tenant]["segments"] if one["type"] == kind), None)

    def to_address(self, tenant, packet, own, from_uplink=False):
        """Within a network: to the station that has the address."""
        if packet.destination == WIRE and tenant == "a":
            if from_uplink or not self.segment("a", "vlan"):
                return []
            return [self.out("wire", packet, WIRE_MAC)]
        name = self.port_with(tenant, packet.destination)
        if name is None or name == own and not packet.routers:
            return []
        port = self.desired["port"][name]
        if not port["admin_up"] or name.startswith("anchor"):
            return []
        if name == "far":
            if from_uplink or not (self.segment(tenant, "vxlan") or self.segment(tenant, "vlan")):
                return []
            return [self.out("far", packet, FAR_MAC)]
        return [self.out(name, packet, port["mac"])] if self.allows(port, "ingress", packet) else []

    @staticmethod
    def out(place, packet, to_mac):
        return Reach(place, packet.source, packet.destination, packet.destination_port, packet.ttl, packet.keeps_port,
                     to_mac, packet.routers, packet.translated)

    def ways(self, router, destination):
        """(network, next hop) of the longest match: a leg's own subnet, or routes, of which equals share."""
        one = self.desired["router"][router]
        legs = [*one["interfaces"], *([one["gateway"]] if one["gateway"] else [])]
        bits, found = -1, []
        for leg in legs:
            for cidr in self.prefixes(leg):
                length = int(cidr.split("/")[1])
                if is_ipv6(cidr) == is_ipv6(destination) and inside(destination, cidr) and length > bits:
                    bits, found = length, [(leg["network"], destination)]
        for route in one["routes"]:
            cidr, nexthop = route["destination"], route["nexthop"]
            length = int(cidr.split("/")[1])
            if is_ipv6(cidr) != is_ipv6(destination) or not inside(destination, cidr) or length < bits or \
                    (length == bits and found and found[0][1] == destination):
                continue
            on = next((leg["network"] for leg in legs for net in self.prefixes(leg)
                       if is_ipv6(net) == is_ipv6(nexthop) and inside(nexthop, net)), None)
            if on is None:
                continue
            found = [*(found if length == bits else []), (on, nexthop)]
            bits = length
        if not found and one["gateway"]:
            found = [("x", OUTSIDE[6 if is_ipv6(destination) else 4])]
        return found

    def floating(self, address):
        return next((one for one in self.desired["floating_ip"].values() if one["floating_ip"] == address), None)

    def route(self, tenant, router, packet, by_gateway=False):
        one, asked_for = self.desired["router"][router], packet.destination
        if not one["admin_up"] or len(packet.routers) == 4:
            return []
        if by_gateway and not packet.ipv6() and not self.translate_inward(one, packet):
            return []
        if any(packet.destination in self.addresses(self.leg(router, net)) for net in "abx" if self.leg(router, net)):
            return []  # the router's own address: nobody here asks for it
        out = []
        for network, nexthop in self.ways(router, packet.destination):
            if network == "x" and packet.destination != asked_for:
                return []  # an inside address does not go out
            taken = dataclasses.replace(packet, ttl=packet.ttl - 1, routers=(*packet.routers, router))
            if network == "x" and not by_gateway and not packet.ipv6():
                self.translate_outward(one, tenant, taken)
            out += self.next_hop(network, nexthop, taken) or [None]
        return out

    def next_hop(self, network, nexthop, packet):
        if self.port_with(network, nexthop):
            return self.to_port(network, self.port_with(network, nexthop), packet)
        floating = self.floating(nexthop) if network == "x" else None
        if floating:
            return self.route("x", "r", packet, by_gateway=True) if self.desired["router"]["r"]["gateway"] else []
        router = self.router_with(network, nexthop)
        if router:
            return self.route(network, router, packet, by_gateway=network == "x")
        if network == "x" and nexthop in OUTSIDE.values():
            return [self.out("outside", packet, OUTSIDE_MAC)]
        return []

    def to_port(self, network, name, packet):
        """To a port, whatever the datagram's destination is: it may be one that routes on."""
        port = self.desired["port"][name]
        if not port["admin_up"] or name.startswith("anchor"):
            return []
        if name == "far":
            reached = self.segment(network, "vxlan") or self.segment(network, "vlan")
            return [self.out("far", packet, FAR_MAC)] if reached else []
        return [self.out(name, packet, port["mac"])] if self.allows(port, "ingress", packet) else []

    # ---- translation at r's gateway, IPv4

    def translate_inward(self, one, packet):
        floating = self.floating(packet.destination)
        if floating is None:
            return not one["gateway"]["snat"]
        packet.translated = True
        for forward in floating.get("port_forwardings", []):
            if (forward["protocol"], forward["external_port"]) == (packet.protocol, packet.destination_port) and \
                    forward["port"] in self.desired["port"]:
                packet.destination, packet.destination_port = forward["internal_ip"], forward["internal_port"]
                return True
        if not floating["port"] or floating["port"] not in self.desired["port"]:
            return False
        packet.destination = floating["fixed_ip"]
        return True

    def translate_outward(self, one, tenant, packet):
        source = packet.only_source()
        sender = self.port_with(tenant, source)
        for floating in self.desired["floating_ip"].values():
            if sender and floating["port"] == sender and floating["fixed_ip"] == source:
                packet.source, packet.translated = {floating["floating_ip"]}, True
                return
        # Also a hairpin past a gateway without source NAT: its answer has to come by the gateway.
        if one["gateway"]["snat"] or self.floating(packet.destination):
            packet.source = {ip for ip in self.addresses(one["gateway"]) if not is_ipv6(ip)}
            packet.keeps_port, packet.translated = False, True

