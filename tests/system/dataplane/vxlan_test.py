#!/usr/bin/python3
"""VXLAN against the kernel's own device: both directions, and the bytes on the wire."""
from lab import Lab, expect, frames, network, port, state, subnet, vxlan, wait_for

with Lab() as lab:
    peer = lab.namespace("peer")
    uplink = lab.plug(peer)
    for number in (2, 3, 4):
        peer.run("ip", "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
    peer.run("ip", "link", "add", "vx", "address", "fa:16:3e:00:00:02", "type", "vxlan", "id", "100", "local",
             "192.0.2.2", "remote", "192.0.2.1", "dstport", "4789")
    peer.run("ip", "link", "set", "vx", "mtu", "1450", "up")
    peer.run("ethtool", "-K", "vx", "tx", "off", check=False)
    peer.run("ip", "address", "add", "10.0.0.12/24", "dev", "vx")

    desired = state(vtep="192.0.2.1")
    desired["host"] = {f"node{number}": {"vtep": f"192.0.2.{number}"} for number in (2, 3, 4)}
    desired["uplink"]["underlay"] = {"device": uplink, "physical_network": "physnet1", "address": "192.0.2.1/24"}
    desired["network"]["n"] = network(vxlan(100), mtu=1450)
    desired["network"]["m"] = network(vxlan(101), mtu=1450)
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["subnet"]["t"] = subnet("m", "10.1.0.0/24")
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12", host="node2")
    desired["port"]["p3"] = port("n", 3, "s", "10.0.0.13", host="node3")
    desired["port"]["p4"] = port("m", 4, "t", "10.1.0.14", host="node4")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    one.run("ip", "link", "set", "eth0", "mtu", "1450")
    plane = lab.dataplane(desired)
    capture = lab.capture("eth0", "udp port 4789", peer)

    expect(one.ping("10.0.0.12") >= 2, "the kernel's VXLAN device is not reached")
    expect(peer.ping("10.0.0.11") == 3, "the guest is not reached from the kernel's VXLAN device")
    expect(one.ping("10.0.0.12", size=1422) == 3, "frames of the overlay's full MTU are lost")

    from scapy.all import ICMP, IP, UDP, Ether
    from scapy.layers.vxlan import VXLAN

    def ours():
        return [frame for frame in frames(capture) if frame[IP].src == "192.0.2.1" and frame.haslayer(ICMP)]
    for frame in wait_for(ours, "our frames in the capture"):
        expect(frame[VXLAN].vni == 100, f"VNI {frame[VXLAN].vni}")
        expect(frame[UDP].dport == 4789 and frame[UDP].sport >= 49152, f"UDP ports {frame[UDP].sport} to {frame[UDP].dport}")
        expect(bytes(frame[VXLAN])[0] == 0x08 and bytes(frame[VXLAN])[1:4] == bytes(3), "RFC 7348: flags I, reserved zero")
        outer = frame[IP].copy()
        told = outer.chksum
        del outer.chksum
        expect(IP(bytes(outer)).chksum == told, "the outer IPv4 checksum is wrong")

    # What is for all goes to each VTEP that has a port of the network, once, and to no other.
    one.send("Ether(src='fa:16:3e:00:00:01',dst='ff:ff:ff:ff:ff:ff')/IP(src='10.0.0.11',dst='10.0.0.255')/UDP(sport=6,dport=7)")

    def copies():
        return sorted(frame[IP].dst for frame in frames(capture)
                      if frame.haslayer(VXLAN) and frame[VXLAN][Ether].dst == "ff:ff:ff:ff:ff:ff" and UDP in frame[VXLAN][Ether])
    wait_for(lambda: len(copies()) >= 2, f"copies of a broadcast: {copies()}")
    expect(one.ping("10.0.0.12") == 3, "the overlay does not work any more")
    expect(copies() == ["192.0.2.2", "192.0.2.3"], f"a broadcast went to {copies()}")

    # A segment that nobody has, a frame that ends too soon, and a VTEP that nobody knows.
    peer.send("Ether(dst=getmacbyip('192.0.2.1'))/IP(src='192.0.2.2',dst='192.0.2.1')/UDP(sport=50000,dport=4789)"
              "/VXLAN(vni=999,flags=8)/Ether(src='fa:16:3e:00:00:02',dst='fa:16:3e:00:00:01')/IP(src='10.0.0.12',dst='10.0.0.11')/ICMP()")
    wait_for(lambda: plane.drops("underlay", "unknown_segment") >= 1, f"unknown_segment: {plane.counters('underlay')}")
    peer.send("Ether(dst=getmacbyip('192.0.2.1'))/IP(src='192.0.2.2',dst='192.0.2.1')/UDP(sport=50000,dport=4789)"
              "/Raw(b'\\x08')")
    wait_for(lambda: plane.drops("underlay", "vxlan_truncated") >= 1, f"vxlan_truncated: {plane.counters('underlay')}")
    before = plane.counters("p1")["tx_packets"]
    peer.send("Ether(dst=getmacbyip('192.0.2.1'))/IP(src='192.0.2.9',dst='192.0.2.1')/UDP(sport=50000,dport=4789)"
              "/VXLAN(vni=100,flags=8)/Ether(src='fa:16:3e:00:00:02',dst='fa:16:3e:00:00:01')/IP(src='10.0.0.12',dst='10.0.0.11')/ICMP()")
    wait_for(lambda: plane.drops("underlay", "unknown_vtep") >= 1, f"unknown_vtep: {plane.counters('underlay')}")
    expect(plane.counters("p1")["tx_packets"] == before, "a frame of a stranger was delivered")
    expect(one.ping("10.0.0.12") == 3, "the overlay does not work any more")
