"""What is measured: for each path the frames that go in, Hanok's state, Open vSwitch's rules for the same job, and
what has to come out.

Open vSwitch gets the fewest tables and conntrack passes that do the job; an agent that programs it uses more.
"""
import captures

GUEST_MAC, PEER_MAC, FAR_MAC = "fa:16:3e:00:00:0a", "fa:16:3e:00:00:0b", "fa:16:3e:00:00:0c"
GUEST, PEER, FAR = "10.0.0.10", "10.0.0.11", "10.0.1.11"
GUEST6, FAR6 = "2001:db8:0:1::10", "2001:db8:0:2::11"
ROUTER_MAC, ROUTER_FAR_MAC, GATEWAY_MAC = "fa:16:3e:01:00:01", "fa:16:3e:01:00:02", "fa:16:3e:01:00:03"
VTEP, OTHER_VTEP = "192.0.2.1", "192.0.2.2"
VTEP_MAC, OTHER_VTEP_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"
SNAT_IP, FLOATING_IP, NEXT_HOP, NEXT_HOP_MAC = "203.0.113.10", "203.0.113.50", "203.0.113.1", "02:00:00:00:00:03"
OUTSIDE = "198.51.100.7"
VLAN, VNI, FAR_VNI = 100, 100, 200


def _network(*segments, external=False, mtu=1450):
    return {"mtu": mtu, "segments": list(segments), "external": external}


def _port(network, mac, addresses, host, groups=("group",), device=None):
    port = {"network": network, "mac": mac, "host": host, "security_groups": list(groups),
            "addresses": [{"subnet": subnet, "ip": ip} for subnet, ip in addresses], "port_security": bool(groups)}
    if device:
        port["device"] = {"type": "dpdk", "device": device}
    return port


def base_state(guest_device, groups):
    return {
        "generation": 1, "node": {"name": "n1", "vtep": VTEP}, "host": {"n2": {"vtep": OTHER_VTEP}}, "uplink": {},
        "network": {"a": _network({"type": "vxlan", "vni": VNI})},
        "subnet": {"a4": {"network": "a", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "dhcp": False}},
        "port": {"guest": _port("a", GUEST_MAC, [("a4", GUEST)], "n1", groups, guest_device)},
        "security_group": {"group": {"rules": [
            {"direction": direction, "ethertype": family, "protocol": "udp"}
            for direction in ("ingress", "egress") for family in ("IPv4", "IPv6")]}},
        "router": {}, "floating_ip": {},
    }


def vtep_uplink(state, device):
    state["uplink"]["underlay"] = {"device": device, "address": VTEP + "/24", "mtu": 9000, "mac": VTEP_MAC}


def _interface(network, mac, addresses):
    return {"network": network, "mac": mac, "addresses": [{"subnet": s, "ip": i} for s, i in addresses]}


class Scenario:
    """`uplink_in`: frames come by the uplink and leave to the guest's port."""
    name = ""
    uplink_in = False
    vxlan = False     # of what comes out
    targets = {}      # flows -> times Open vSwitch

    def generator(self):
        raise NotImplementedError

    def hanok_state(self, guest_device, uplink_device):
        raise NotImplementedError

    def ovs_flows(self):
        """Of br-int, where `in`, `out` and `vx` are ports' names."""
        raise NotImplementedError

    def expected(self, frame):
        """The frame that has to come out (its inner part), made with scapy from the one that went in."""
        raise NotImplementedError


class VlanL2(Scenario):
    name = "vlan-l2"

    def generator(self):
        return captures.UdpFlow(GUEST_MAC, PEER_MAC, GUEST, PEER)

    def hanok_state(self, guest_device, uplink_device):
        state = base_state(guest_device, ())
        state["network"]["a"] = _network({"type": "vlan", "physical_network": "wire", "vlan_id": VLAN})
        state["uplink"]["wire"] = {"device": uplink_device, "physical_network": "wire", "mtu": 9000, "mac": VTEP_MAC}
        state["host"]["n2"]["vtep"] = None
        state["node"]["vtep"] = None
        state["port"]["peer"] = _port("a", PEER_MAC, [("a4", PEER)], "n2", ())
        return state

    def ovs_flows(self):
        return [f"in_port=in,dl_src={GUEST_MAC},dl_dst={PEER_MAC} "
                f"actions=push_vlan:0x8100,set_field:{4096 + VLAN}->vlan_vid,output:out"]

    def expected(self, frame):
        from scapy.all import Dot1Q, Ether
        ether = Ether(frame)
        inner = ether.payload
        return bytes(Ether(src=ether.src, dst=ether.dst) / Dot1Q(vlan=VLAN) / inner)


class VxlanL2(Scenario):
    name = "vxlan-l2"
    vxlan = True
    vni = VNI
    targets = {1000: 1.5}

    def generator(self):
        return captures.UdpFlow(GUEST_MAC, PEER_MAC, GUEST, PEER)

    def hanok_state(self, guest_device, uplink_device):
        state = base_state(guest_device, ())
        vtep_uplink(state, uplink_device)
        state["port"]["peer"] = _port("a", PEER_MAC, [("a4", PEER)], "n2", ())
        return state

    def ovs_flows(self):
        return [f"in_port=in,dl_src={GUEST_MAC},dl_dst={PEER_MAC} actions=set_field:{VNI}->tun_id,output:vx"]

    def expected(self, frame):
        return frame


def routed(frame, source_mac, destination_mac, source=None):
    """What a router makes of it (RFC 1812): MACs, one hop less, perhaps another source."""
    from scapy.all import Ether, IP, IPv6, UDP
    packet = Ether(frame)
    packet.src, packet.dst = source_mac, destination_mac
    if IPv6 in packet:
        packet[IPv6].hlim -= 1
        return bytes(packet)
    packet[IP].ttl -= 1
    del packet[IP].chksum
    if source:
        packet[IP].src = source
        del packet[UDP].chksum
    return bytes(packet)


def stateful(first, commit="ct(commit,zone=1)", back="ct(zone=1,table=1)"):
    return [f"table=0,{first} actions={back}",
            "table=1,ct_state=+trk-new-inv actions=resubmit(,2)",
            f"table=1,ct_state=+trk+new,{'udp6' if 'ipv6' in first else 'udp'} actions={commit},resubmit(,2)"]


class SgRouteVxlan(Scenario):
    name = "sg-route-vxlan"
    vxlan = True
    vni = FAR_VNI
    targets = {1000: 5.0, 100000: 8.0}

    def generator(self):
        return captures.UdpFlow(GUEST_MAC, ROUTER_MAC, GUEST, FAR)

    def hanok_state(self, guest_device, uplink_device):
        state = base_state(guest_device, ("group",))
        vtep_uplink(state, uplink_device)
        state["network"]["b"] = _network({"type": "vxlan", "vni": FAR_VNI})
        state["subnet"]["b4"] = {"network": "b", "cidr": "10.0.1.0/24", "gateway": "10.0.1.1", "dhcp": False}
        state["port"]["far"] = _port("b", FAR_MAC, [("b4", FAR)], "n2")
        state["router"]["r"] = {"interfaces": [_interface("a", ROUTER_MAC, [("a4", "10.0.0.1")]),
                                               _interface("b", ROUTER_FAR_MAC, [("b4", "10.0.1.1")])]}
        return state

    def ovs_flows(self):
        return stateful(f"in_port=in,ip,dl_src={GUEST_MAC},nw_src={GUEST}") + [
            f"table=2,ip,dl_dst={ROUTER_MAC},nw_dst=10.0.1.0/24 actions=dec_ttl,set_field:{ROUTER_FAR_MAC}->eth_src,"
            f"set_field:{FAR_MAC}->eth_dst,set_field:{FAR_VNI}->tun_id,output:vx"]

    def expected(self, frame):
        return routed(frame, ROUTER_FAR_MAC, FAR_MAC)


class SgRouteVxlanIn(SgRouteVxlan):
    """The other direction: routed on the sender's host, judged by the receiver's group here."""
    name = "sg-route-vxlan-in"
    uplink_in = True
    vxlan = False

    def generator(self):
        inner = captures.UdpFlow(ROUTER_MAC, GUEST_MAC, FAR, GUEST, ttl=63)
        return captures.VxlanFlow(inner, VNI, OTHER_VTEP_MAC, VTEP_MAC, OTHER_VTEP, VTEP)

    def ovs_flows(self):
        return stateful(f"in_port=vx,tun_id={VNI},ip,dl_dst={GUEST_MAC}") + ["table=2 actions=output:out"]

    def expected(self, frame):
        from scapy.all import Ether, VXLAN
        return bytes(Ether(frame)[VXLAN].payload)


class Snat(Scenario):
    name = "snat"
    targets = {1000: 5.0, 100000: 5.0}

    def generator(self):
        return captures.UdpFlow(GUEST_MAC, ROUTER_MAC, GUEST, OUTSIDE)

    def hanok_state(self, guest_device, uplink_device):
        state = base_state(guest_device, ("group",))
        state["host"]["n2"]["vtep"] = None
        state["node"]["vtep"] = None
        state["uplink"]["wire"] = {"device": uplink_device, "physical_network": "wire", "mtu": 9000, "mac": VTEP_MAC}
        state["network"]["out"] = _network({"type": "flat", "physical_network": "wire"}, external=True, mtu=1500)
        state["subnet"]["out4"] = {"network": "out", "cidr": "203.0.113.0/24", "gateway": NEXT_HOP, "dhcp": False}
        # The next hop is a station that the tables know, so that nobody has to answer ARP.
        state["port"]["next-hop"] = _port("out", NEXT_HOP_MAC, [("out4", NEXT_HOP)], "n2", ())
        state["router"]["r"] = {"interfaces": [_interface("a", ROUTER_MAC, [("a4", "10.0.0.1")])],
                                "gateway": {**_interface("out", GATEWAY_MAC, [("out4", SNAT_IP)]), "snat": True,
                                            "host": "n1"}}
        return state

    def ovs_flows(self):
        # One zone serves both the group and the translation: fewer passes than any agent makes.
        commit = f"ct(commit,zone=1,nat(src={SNAT_IP}))"
        return stateful(f"in_port=in,ip,dl_src={GUEST_MAC},nw_src={GUEST}", commit, "ct(zone=1,nat,table=1)") + [
            f"table=2,ip,dl_dst={ROUTER_MAC} actions=dec_ttl,set_field:{GATEWAY_MAC}->eth_src,"
            f"set_field:{NEXT_HOP_MAC}->eth_dst,output:out"]

    def expected(self, frame):
        return routed(frame, GATEWAY_MAC, NEXT_HOP_MAC, SNAT_IP)


class Floating(Snat):
    name = "floating-ip"

    def hanok_state(self, guest_device, uplink_device):
        state = super().hanok_state(guest_device, uplink_device)
        state["floating_ip"]["f"] = {"router": "r", "network": "out", "floating_ip": FLOATING_IP, "port": "guest",
                                     "fixed_ip": GUEST}
        return state

    def ovs_flows(self):
        return stateful(f"in_port=in,ip,dl_src={GUEST_MAC},nw_src={GUEST}") + [
            f"table=2,ip,dl_dst={ROUTER_MAC} actions=set_field:{FLOATING_IP}->ip_src,dec_ttl,"
            f"set_field:{GATEWAY_MAC}->eth_src,set_field:{NEXT_HOP_MAC}->eth_dst,output:out"]

    def expected(self, frame):
        return routed(frame, GATEWAY_MAC, NEXT_HOP_MAC, FLOATING_IP)


class Ipv6SgRouteVxlan(SgRouteVxlan):
    name = "ipv6-sg-route-vxlan"
    targets = {}

    def generator(self):
        return captures.UdpFlow(GUEST_MAC, ROUTER_MAC, GUEST6, FAR6)

    def hanok_state(self, guest_device, uplink_device):
        state = super().hanok_state(guest_device, uplink_device)
        for name, net in (("a6", "1"), ("b6", "2")):
            state["subnet"][name] = {"network": name[0], "cidr": f"2001:db8:0:{net}::/64",
                                     "gateway": f"2001:db8:0:{net}::1", "dhcp": False}
        for port, subnet, ip in (("guest", "a6", GUEST6), ("far", "b6", FAR6)):
            state["port"][port]["addresses"].append({"subnet": subnet, "ip": ip})
        for interface, subnet, ip in ((0, "a6", "2001:db8:0:1::1"), (1, "b6", "2001:db8:0:2::1")):
            state["router"]["r"]["interfaces"][interface]["addresses"].append({"subnet": subnet, "ip": ip})
        return state

    def ovs_flows(self):
        return stateful(f"in_port=in,ipv6,dl_src={GUEST_MAC},ipv6_src={GUEST6}") + [
            f"table=2,ipv6,dl_dst={ROUTER_MAC},ipv6_dst=2001:db8:0:2::/64 actions=dec_ttl,"
            f"set_field:{ROUTER_FAR_MAC}->eth_src,set_field:{FAR_MAC}->eth_dst,set_field:{FAR_VNI}->tun_id,output:vx"]


ALL = {one.name: one for one in (VlanL2(), VxlanL2(), SgRouteVxlan(), SgRouteVxlanIn(), Snat(), Floating(),
                                 Ipv6SgRouteVxlan())}
