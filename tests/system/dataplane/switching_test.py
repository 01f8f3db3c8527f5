#!/usr/bin/python3
"""Two guests on one network: ping, ARP answered by the data plane, spoofed and malformed frames dropped by name."""
from lab import Lab, expect, network, port, state, subnet, wait_for

with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.0.12/24")
    plane = lab.dataplane(desired)

    expect(one.ping("10.0.0.12") == 3, "guests of one network do not reach each other")
    expect("fa:16:3e:00:00:02" in one.run("ip", "neigh", "show", "10.0.0.12").stdout,
           "ARP was not answered with the port's address")
    expect(one.ping("10.0.0.12", size=1472) == 3, "frames of the full MTU are lost")

    # ARP is answered by the data plane, not by the guest: it works while the guest is silent.
    two.run("ip", "link", "set", "eth0", "arp", "off")
    one.run("ip", "neigh", "flush", "dev", "eth0")
    out = one.run("arping", "-c", "2", "-I", "eth0", "10.0.0.12", check=False, timeout=20).stdout
    expect("fa:16:3e:00:00:02" in out.lower(), "ARP needs the guest:\n" + out)
    two.run("ip", "link", "set", "eth0", "arp", "on")

    # Port security: another source address, another MAC, another's ARP.
    spoofed = {
        "spoofed_ip": "Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:02')/IP(src='10.0.0.99',dst='10.0.0.12')/ICMP()",
        "spoofed_mac": "Ether(src='fa:16:3e:00:00:77',dst='fa:16:3e:00:00:02')/IP(src='10.0.0.11',dst='10.0.0.12')/ICMP()",
        "spoofed_arp": "Ether(src='fa:16:3e:00:00:01',dst='ff:ff:ff:ff:ff:ff')/ARP(op=2,hwsrc='fa:16:3e:00:00:01',"
                       "psrc='10.0.0.12',pdst='10.0.0.11')",
        "dhcp_server_guard": "Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:02')/IP(src='10.0.0.11',dst='10.0.0.12')"
                             "/UDP(sport=67,dport=68)",
    }
    # What is malformed, and what its drop is called.
    head = "Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:02')"
    malformed = {
        "ipv4_truncated": f"{head}/Raw(b'\\x45\\x00\\x00')",
        "ipv4_bad_checksum": f"{head}/IP(src='10.0.0.11',dst='10.0.0.12',chksum=1)/ICMP()",
        "ipv4_bad_version": f"Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:02',type=0x800)/Raw(b'\\x95'+bytes(40))",
        "ipv4_bad_total_length": f"{head}/IP(src='10.0.0.11',dst='10.0.0.12',len=2000)/ICMP()",
        "udp_bad_length": f"{head}/IP(src='10.0.0.11',dst='10.0.0.12')/UDP(len=2000)/Raw(bytes(20))",
        "tcp_bad_header_length": f"{head}/IP(src='10.0.0.11',dst='10.0.0.12')/TCP(dataofs=1)",
        "arp_truncated": "Ether(src='fa:16:3e:00:00:01',dst='ff:ff:ff:ff:ff:ff',type=0x806)/Raw(bytes(4))",
    }
    malformed["ipv4_truncated"] = malformed["ipv4_truncated"].replace("')", "',type=0x800)", 1)
    before = plane.counters("p2")["tx_packets"]
    for reason, packet in {**spoofed, **malformed}.items():
        one.send(packet)
        wait_for(lambda: plane.drops("p1", reason) >= 1, f"a frame dropped as {reason}: {plane.counters('p1')}", 3)
    expect(plane.counters("p2")["tx_packets"] == before, "a bad frame was delivered")

    # A station behind the port that an allowed address pair names, with its own MAC.
    plane.apply({"port": {"p1": {**desired["port"]["p1"],
                                 "allowed_address_pairs": [{"ip": "10.0.0.99/32", "mac": "fa:16:3e:00:00:77"}]}}})
    one.send("Ether(src='fa:16:3e:00:00:77',dst='fa:16:3e:00:00:02')/IP(src='10.0.0.99',dst='10.0.0.12')/UDP()")
    wait_for(lambda: plane.counters("p2")["tx_packets"] > before, f"an allowed address pair: {plane.counters('p1')}")
    one.send(spoofed["spoofed_ip"])
    wait_for(lambda: plane.drops("p1", "spoofed_ip") >= 2, "the pair's address with the port's own MAC is refused")

    # Nobody has this address: said by name, not flooded.
    one.send("Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:55')/IP(src='10.0.0.11',dst='10.0.0.55')/ICMP()")
    wait_for(lambda: plane.drops("p1", "unknown_destination") >= 1, "unknown_destination counted")
    expect(one.ping("10.0.0.12") == 3, "the network does not work any more")

    # A port that goes down takes no traffic; the other's state stays.
    desired["port"]["p2"]["admin_up"] = False
    plane.apply({"port": {"p2": desired["port"]["p2"]}})
    expect(one.silent("10.0.0.12"), "a port that is down is reached")
    desired["port"]["p2"]["admin_up"] = True
    plane.apply({"port": {"p2": desired["port"]["p2"]}})
    expect(one.ping("10.0.0.12") == 3, "a port that is up again is not reached")
    expect(plane.terminate() == 0, "SIGTERM does not end it with 0")
