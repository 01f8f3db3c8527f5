#!/usr/bin/python3
"""Datagrams in fragments, by source NAT and by floating IP. Taps, not packet sockets: DPDK asks those to reassemble."""
from lab import Lab, expect, routed_state, run, wait_for

with Lab() as lab:
    desired = routed_state("203.0.113.10")
    desired["floating_ip"]["g"] = {"router": "r", "network": "x", "floating_ip": "203.0.113.21", "port": "p2",
                                   "fixed_ip": "10.0.1.12"}
    taps = {name: f"h{lab.tag}t{number}" for number, name in enumerate(("one", "two", "outside"))}
    for name, number in (("p1", 0), ("p2", 1)):
        desired["port"][name]["device"] = {"type": "dpdk",
                                           "device": f"net_tap{number},iface=h{lab.tag}t{number}"}
    desired["uplink"]["ext"] = {"device": f"net_tap2,iface=h{lab.tag}t2", "physical_network": "external"}
    plane = lab.dataplane(desired)
    spaces = {}
    for name, address, mac in (("one", "10.0.1.11", "fa:16:3e:00:00:01"), ("two", "10.0.1.12", "fa:16:3e:00:00:02"),
                               ("outside", "203.0.113.1", "02:00:00:00:00:fe")):
        space = spaces[name] = lab.namespace(name)
        run("ip", "link", "set", taps[name], "netns", space.netns)
        space.run("ip", "link", "set", taps[name], "name", "eth0", "address", mac, "mtu", "1500", "up")
        space.run("ip", "address", "add", f"{address}/24", "dev", "eth0")
        if name != "outside":
            space.run("ip", "route", "add", "default", "via", "10.0.1.1")

    for name in ("one", "two"):
        expect(spaces[name].ping("203.0.113.1") >= 2, f"no way out for {name}")
        expect(spaces[name].ping("203.0.113.1", size=4000) == 3, f"fragments of {name}")
    expect(spaces["outside"].ping("203.0.113.21", size=4000) == 3, "fragments to the floating IP")
    # A later fragment alone leads nowhere.
    spaces["one"].send("Ether(src='fa:16:3e:00:00:01', dst='fa:16:3e:00:01:01') /"
                       " IP(src='10.0.1.11', dst='203.0.113.1', id=7, frag=100, proto=17) / Raw(b'x' * 100)")
    wait_for(lambda: plane.drops("p1", "fragment_no_first") == 1, "the drop of a fragment without its first one")
