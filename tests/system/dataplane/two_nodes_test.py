#!/usr/bin/python3
"""Two data planes with a wire between them: guests on each ping over VXLAN, then over VLAN."""
import copy

from lab import Lab, expect, frames, network, port, state, subnet, vlan, vxlan, wait_for

with Lab() as lab:
    ends = lab.wire()
    common = state()
    common["network"]["n"] = network(vxlan(4242), mtu=1450)
    common["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    common["port"]["p1"] = port("n", 1, "s", "10.0.0.11", host="node1")
    common["port"]["p2"] = port("n", 2, "s", "10.0.0.12", host="node2")
    guests, planes = [], []
    for number in (1, 2):
        desired = copy.deepcopy(common)
        desired["node"] = {"name": f"node{number}", "vtep": f"192.0.2.{number}"}
        desired["host"] = {f"node{3 - number}": {"vtep": f"192.0.2.{3 - number}"}}
        desired["uplink"]["underlay"] = {"device": ends[number - 1], "physical_network": "physnet1",
                                         "address": f"192.0.2.{number}/24"}
        guest = lab.guest(f"g{number}", desired["port"][f"p{number}"], f"10.0.0.1{number}/24")
        guest.run("ip", "link", "set", "eth0", "mtu", "1450")
        guests.append(guest)
        planes.append(lab.dataplane(desired, name=f"node{number}"))

    from scapy.all import Dot1Q, ICMP
    from scapy.layers.vxlan import VXLAN
    overlay = lab.capture(ends[2], "udp port 4789")
    expect(guests[0].ping("10.0.0.12") >= 2, "no ping over VXLAN")
    expect(guests[1].ping("10.0.0.11", size=1422) == 3, "no ping back over VXLAN")
    seen = wait_for(lambda: [frame for frame in frames(overlay) if frame.haslayer(ICMP)], "VXLAN frames on the wire")
    expect(all(frame[VXLAN].vni == 4242 for frame in seen), "another VNI on the wire")

    on_wire = lab.capture(ends[2], "vlan 77")
    for plane in planes:
        plane.apply({"network": {"n": network(vlan(77), mtu=1450)}})
    expect(guests[0].ping("10.0.0.12") == 3, "no ping over VLAN")
    expect(guests[1].ping("10.0.0.11") == 3, "no ping back over VLAN")
    seen = wait_for(lambda: [frame for frame in frames(on_wire) if frame.haslayer(ICMP)], "tagged frames on the wire")
    expect(all(frame[Dot1Q].vlan == 77 and not frame.haslayer(VXLAN) for frame in seen), "another tag on the wire")
