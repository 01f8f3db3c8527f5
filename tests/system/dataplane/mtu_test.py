#!/usr/bin/python3
"""1500-byte guests over a 1500-byte underlay: TCP passes at full size, the guests are not touched; path MTU is told."""
import copy

from lab import Lab, expect, frames, network, port, state, subnet, vxlan, wait_for

with Lab() as lab:
    ends = lab.wire()
    common = state()
    common["network"]["n"] = network(vxlan(4242), mtu=1500)
    common["network"]["m"] = network(vxlan(4243), mtu=1500)
    common["subnet"]["s"] = subnet("n", "10.0.0.0/24", gateway="10.0.0.1")
    common["subnet"]["t"] = subnet("m", "10.0.1.0/24", gateway="10.0.1.1")
    common["subnet"]["s6"] = subnet("n", "2001:db8::/64")
    common["port"]["p1"] = port("n", 1, "s", "10.0.0.11", host="node1")
    common["port"]["p2"] = port("n", 2, "s", "10.0.0.12", host="node2")
    common["port"]["p3"] = port("m", 3, "t", "10.0.1.13", host="node2")
    for number in (1, 2):
        common["port"][f"p{number}"]["addresses"].append({"subnet": "s6", "ip": f"2001:db8::1{number}"})
    common["router"]["r"] = {
        "admin_up": True, "gateway": None, "routes": [],
        "interfaces": [{"port": "ra", "network": "n", "mac": "fa:16:3e:00:01:01",
                        "addresses": [{"subnet": "s", "ip": "10.0.0.1"}]},
                       {"port": "rb", "network": "m", "mac": "fa:16:3e:00:01:02",
                        "addresses": [{"subnet": "t", "ip": "10.0.1.1"}]}]}
    on_host = {1: [("p1", "10.0.0.11")], 2: [("p2", "10.0.0.12"), ("p3", "10.0.1.13")]}
    guests, planes = {}, []
    for number, ports in on_host.items():
        desired = copy.deepcopy(common)
        desired["node"] = {"name": f"node{number}", "vtep": f"192.0.2.{number}"}
        desired["host"] = {f"node{3 - number}": {"vtep": f"192.0.2.{3 - number}"}}
        desired["uplink"]["underlay"] = {"device": ends[number - 1], "physical_network": "physnet1",
                                         "address": f"192.0.2.{number}/24"}
        for name, address in ports:
            guests[name] = lab.guest(name, desired["port"][name], f"{address}/24")
            guests[name].run("ip", "route", "add", "default", "via", address.rsplit(".", 1)[0] + ".1")
        planes.append(lab.dataplane(desired, name=f"node{number}"))

    one = guests["p1"]
    wire = lab.capture(ends[2], "udp port 4789")
    for server, address in (("p2", "10.0.0.12"), ("p3", "10.0.1.13")):
        # Path MTU discovery off on both: only the MSS keeps TCP within what fits.
        for guest in (one, guests[server]):
            guest.run("sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=1")
        for direction in ([], ["-R"]):
            end = one.iperf3(guests[server], address, "-n", "4M", *direction)
            expect(end["sum_received"]["bytes"] > 0, f"TCP to {address} {direction}: {end}")
        for guest in (one, guests[server]):
            guest.run("sysctl", "-qw", "net.ipv4.ip_no_pmtu_disc=0")

        # What may not be cut is told of; what may is cut.
        told = one.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", address, check=False).stdout
        expect("mtu = 1450" in told or "mtu=1450" in told, f"no word of the path MTU to {address}:\n{told}")
        one.run("ip", "route", "flush", "cache")
        answered = one.run("ping", "-n", "-c", "2", "-W", "3", "-M", "dont", "-s", "1472", address, check=False).stdout
        expect(answered.count(" bytes from ") >= 1, f"fragments to {address}:\n{answered}")

    # The same by IPv6, where nothing is cut on the way.
    for name in ("p1", "p2"):
        guests[name].enable_ipv6()
        guests[name].run("ip", "address", "add", f"2001:db8::1{name[1]}/64", "dev", "eth0", "nodad")
    handshake = lab.capture(ends[3], "udp port 4789")  # where what the first host sends arrives
    one.run("nc", "-z", "-w", "2", "2001:db8::12", "8080", check=False)
    told = one.run("ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1452", "2001:db8::12", check=False).stdout
    expect("mtu = 1450" in told or "mtu=1450" in told, f"no word of the path MTU by IPv6:\n{told}")

    from scapy.all import IP, TCP
    from scapy.layers.vxlan import VXLAN
    seen = wait_for(lambda: frames(wire), "frames on the wire")
    expect(max(len(frame) for frame in seen) <= 1514, "a frame larger than the underlay's MTU")
    expect(all(frame[IP].flags == "DF" and frame[IP].frag == 0 for frame in seen), "outer fragments")

    def sizes(packets, flags):
        return {dict(frame[TCP].options)["MSS"] for frame in packets
                if VXLAN in frame and TCP in frame and frame[TCP].flags == flags}
    expect(sizes(seen, "SA") == {1450 - 40}, f"MSS of TCP by IPv4: {sizes(seen, 'SA')}")
    by_ipv6 = wait_for(lambda: sizes(frames(handshake), "S"), "a SYN by IPv6 on the wire")
    expect(by_ipv6 == {1450 - 60}, f"MSS of TCP by IPv6: {by_ipv6}")
    expect(planes[0].drops("p1", "mtu_exceeded") >= 2, "what was told of is not counted")
