#!/usr/bin/python3
"""VLAN segments against a peer that builds and reads its frames itself (the kernel here may know no 802.1Q)."""
from lab import Lab, expect, frames, network, port, state, subnet, vlan, wait_for

with Lab() as lab:
    peer = lab.namespace("peer")
    uplink = lab.plug(peer)
    desired = state()
    desired["uplink"]["physical"] = {"device": uplink, "physical_network": "physnet1"}
    desired["network"]["n"] = network(vlan(10))
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12", host="node2")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    plane = lab.dataplane(desired)
    out = lab.capture("eth0", "vlan", peer)

    one.ping("10.0.0.12", count=1, seconds=1)
    from scapy.all import ICMP, Dot1Q, IP

    def tagged():
        return [frame for frame in frames(out) if frame.haslayer(Dot1Q) and frame.haslayer(ICMP)]
    for frame in wait_for(tagged, "the guest's frame on the wire, tagged"):
        expect(frame[Dot1Q].vlan == 10, f"tag {frame[Dot1Q].vlan}")
        expect(frame[IP].dst == "10.0.0.12" and frame.src == "fa:16:3e:00:00:01" and frame.dst == "fa:16:3e:00:00:02",
               frame.summary())

    # In: with our tag it arrives, with another or none it does not, and says why.
    head = "Ether(src='fa:16:3e:00:00:02',dst='fa:16:3e:00:00:01')"
    echo = "IP(src='10.0.0.12',dst='10.0.0.11')/ICMP(id=7,seq=3)"
    peer.send(f"{head}/Dot1Q(vlan=10)/{echo}")
    wait_for(lambda: plane.counters("p1")["tx_packets"] >= 1, "the frame with our tag arrives")
    answers = wait_for(lambda: [frame for frame in tagged() if frame[ICMP].type == 0], "the guest's answer, tagged")
    expect(answers[0][ICMP].id == 7 and answers[0][ICMP].seq == 3, answers[0].summary())
    before = plane.counters("p1")["tx_packets"]
    peer.send(f"{head}/Dot1Q(vlan=11)/{echo}")
    peer.send(f"{head}/{echo}")
    wait_for(lambda: plane.drops("physical", "unknown_segment") >= 2, f"unknown_segment: {plane.counters('physical')}")
    expect(plane.counters("p1")["tx_packets"] == before, "a frame of another segment was delivered")

    # A guest must not choose a segment by itself.
    one.send(f"Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:02')/Dot1Q(vlan=10)/{echo}")
    wait_for(lambda: plane.drops("p1", "vlan_from_guest") >= 1, f"vlan_from_guest: {plane.counters('p1')}")
