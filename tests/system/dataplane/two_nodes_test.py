#!/usr/bin/python3
"""Two data planes with a wire between them: guests on each ping over VXLAN, out by the other's gateway, over VLAN, over both."""
import copy

from lab import Lab, expect, frames, network, port, state, subnet, vlan, vxlan, wait_for

with Lab() as lab:
    ends = lab.wire()
    common = state()
    common["network"]["n"] = network(vxlan(4242), mtu=1450)
    common["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    common["port"]["p1"] = port("n", 1, "s", "10.0.0.11", host="node1")
    common["port"]["p2"] = port("n", 2, "s", "10.0.0.12", host="node2")
    common["network"]["x"] = network({"type": "flat", "physical_network": "external"}, external=True)
    common["subnet"]["sx"] = subnet("x", "203.0.113.0/24", gateway="203.0.113.1", dhcp=False)
    common["router"]["r"] = {
        "admin_up": True, "routes": [],
        "interfaces": [{"port": "rn", "network": "n", "mac": "fa:16:3e:00:01:01",
                        "addresses": [{"subnet": "s", "ip": "10.0.0.1"}]}],
        "gateway": {"port": "rg", "network": "x", "mac": "fa:16:3e:00:01:03", "snat": True, "host": "node2",
                    "addresses": [{"subnet": "sx", "ip": "203.0.113.10"}]}}
    outside = lab.namespace("outside")
    external = {"device": lab.plug(outside, "02:00:00:00:00:fe"), "physical_network": "external"}
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
    guests, planes = [], []
    for number in (1, 2):
        desired = copy.deepcopy(common)
        desired["node"] = {"name": f"node{number}", "vtep": f"192.0.2.{number}"}
        desired["host"] = {f"node{3 - number}": {"vtep": f"192.0.2.{3 - number}"}}
        desired["uplink"]["underlay"] = {"device": ends[number - 1], "physical_network": "physnet1",
                                         "address": f"192.0.2.{number}/24"}
        if number == 2:
            desired["uplink"]["ext"] = external
        guest = lab.guest(f"g{number}", desired["port"][f"p{number}"], f"10.0.0.1{number}/24")
        guest.run("ip", "link", "set", "eth0", "mtu", "1450")
        guest.run("ip", "route", "add", "default", "via", "10.0.0.1")
        guests.append(guest)
        planes.append(lab.dataplane(desired, name=f"node{number}"))

    from scapy.all import Dot1Q, ICMP
    from scapy.layers.vxlan import VXLAN
    overlay = lab.capture(ends[2], "udp port 4789")
    expect(guests[0].ping("10.0.0.12") >= 2, "no ping over VXLAN")
    expect(guests[1].ping("10.0.0.11", size=1422) == 3, "no ping back over VXLAN")
    seen = wait_for(lambda: [frame for frame in frames(overlay) if frame.haslayer(ICMP)], "VXLAN frames on the wire")
    expect(all(frame[VXLAN].vni == 4242 for frame in seen), "another VNI on the wire")

    for guest in guests:
        expect(guest.ping("203.0.113.1") >= 2, f"no way out for {guest.name}: the gateway is on node2")

    on_wire = lab.capture(ends[2], "vlan 77")
    for plane in planes:
        plane.apply({"network": {"n": network(vlan(77), mtu=1450)}})
    expect(guests[0].ping("10.0.0.12") == 3, "no ping over VLAN")
    expect(guests[1].ping("10.0.0.11") == 3, "no ping back over VLAN")
    seen = wait_for(lambda: [frame for frame in frames(on_wire) if frame.haslayer(ICMP)], "tagged frames on the wire")
    expect(all(frame[Dot1Q].vlan == 77 and not frame.haslayer(VXLAN) for frame in seen), "another tag on the wire")

    # On both segments what is for all goes both ways, and one copy of it is taken.
    for plane in planes:
        plane.apply({"network": {"n": network(vxlan(4242), vlan(77), mtu=1450)}})
    copies = lab.capture("eth0", "udp port 7", guests[1])
    guests[0].send("Ether(src='fa:16:3e:00:00:01',dst='ff:ff:ff:ff:ff:ff')/IP(src='10.0.0.11',dst='10.0.0.255')"
                   "/UDP(sport=6,dport=7)")
    wait_for(lambda: planes[1].drops("underlay", "other_segment") == 1, f"other_segment: {planes[1].counters('underlay')}")
    wait_for(lambda: frames(copies), "a broadcast on two segments")
    expect(guests[0].ping("10.0.0.12") == 3, "no ping on two segments")
    expect(len(frames(copies)) == 1, "a broadcast on two segments came more than once")
