#!/usr/bin/python3
"""IPv6 with Linux as guest and as peer: neighbours, duplicate addresses, routing, hop limit, packet too big, groups."""
from lab import Lab, expect, network, port, state, subnet, wait_for

ROUTER = "2001:db8:1::1"

with Lab() as lab:
    desired = state()
    desired["network"]["a"] = network()
    desired["network"]["b"] = network(mtu=1400)
    desired["network"]["x"] = network({"type": "flat", "physical_network": "external"}, external=True)
    desired["subnet"]["sa"] = subnet("a", "2001:db8:1::/64", gateway=ROUTER)
    desired["subnet"]["sb"] = subnet("b", "2001:db8:2::/64", gateway="2001:db8:2::1")
    desired["subnet"]["sx"] = subnet("x", "2001:db8:f::/64", gateway="2001:db8:f::1", dhcp=False)
    desired["security_group"]["closed"] = {"rules": [{"id": "in", "direction": "ingress", "ethertype": "IPv4"}]}
    desired["port"]["pa"] = port("a", 1, "sa", "2001:db8:1::11")
    desired["port"]["pc"] = port("a", 3, "sa", "2001:db8:1::13", groups=["closed"])
    desired["port"]["pb"] = port("b", 2, "sb", "2001:db8:2::12")
    desired["router"]["r"] = {
        "admin_up": True,
        "interfaces": [{"port": "ra", "network": "a", "mac": "fa:16:3e:00:01:01",
                        "addresses": [{"subnet": "sa", "ip": ROUTER}]},
                       {"port": "rb", "network": "b", "mac": "fa:16:3e:00:01:02",
                        "addresses": [{"subnet": "sb", "ip": "2001:db8:2::1"}]}],
        "gateway": {"port": "rg", "network": "x", "mac": "fa:16:3e:00:01:03", "snat": True, "host": "node1",
                    "addresses": [{"subnet": "sx", "ip": "2001:db8:f::10"}]},
        "routes": []}
    a = lab.guest("a", desired["port"]["pa"])
    b = lab.guest("b", desired["port"]["pb"])
    c = lab.guest("c", desired["port"]["pc"])
    outside = lab.namespace("outside")
    desired["uplink"]["ext"] = {"device": lab.plug(outside, "02:00:00:00:00:fe"), "physical_network": "external"}
    plane = lab.dataplane(desired)

    def settled(guest, address):
        """The kernel has tried the address; gives how it stands."""
        line = wait_for(lambda: next((text for text in guest.run("ip", "-6", "-o", "address", "show", "dev", "eth0").stdout
                                      .splitlines() if address in text and
                                      ("tentative" not in text or "dadfailed" in text)), None),
                        f"{address} settles", 20)
        return "dadfailed" not in line

    for guest, address in ((a, "2001:db8:1::11"), (b, "2001:db8:2::12"), (c, "2001:db8:1::13"), (outside, "2001:db8:f::1")):
        guest.enable_ipv6()
        guest.run("ip", "address", "add", address + "/64", "dev", "eth0")
        expect(settled(guest, address), f"{address}: taken for a duplicate")
    a.run("ip", "route", "add", "default", "via", ROUTER)
    b.run("ip", "route", "add", "default", "via", "2001:db8:2::1")
    outside.run("ip", "route", "add", "2001:db8::/32", "via", "2001:db8:f::10")

    # Neighbours, and an address that another holds.
    expect(a.ping(ROUTER) == 3, "the router does not answer")
    expect(a.ping("fe80::f816:3eff:fe00:101%eth0") == 3, "the router's link-local address does not answer")
    a.run("ip", "address", "add", "2001:db8:1::13/64", "dev", "eth0")
    expect(not settled(a, "2001:db8:1::13"), "a duplicate address was not seen")
    a.run("ip", "address", "del", "2001:db8:1::13/64", "dev", "eth0")

    # Routing, and what the router says about what it drops.
    expect(a.ping("2001:db8:2::12") == 3, "no routing between subnets")
    out = a.run("ping", "-n", "-c", "1", "2001:db8:2::12").stdout
    expect("ttl=63" in out, "a router takes one from the hop limit:\n" + out)
    out = a.run("traceroute", "-6", "-n", "-q", "1", "-w", "2", "2001:db8:2::12").stdout
    expect([line.split()[1] for line in out.splitlines()[1:]] == [ROUTER, "2001:db8:2::12"], "traceroute:\n" + out)
    out = a.run("ping", "-n", "-c", "3", "-i", "0.2", "-M", "do", "-s", "1400", "2001:db8:2::12", check=False).stdout
    route = a.run("ip", "-6", "route", "get", "2001:db8:2::12").stdout
    expect("mtu 1400" in route, f"packet too big was not learned:\n{out}{route}")
    # The kernel knows the path's MTU now and sends fragments.
    expect(a.ping("2001:db8:2::12", size=3000) >= 2, "fragments do not pass")

    # An address that nobody has, and a port at the router that nothing listens at.
    out = a.run("ping", "-n", "-c", "1", "-W", "10", "2001:db8:f::77", check=False).stdout
    expect("Address unreachable" in out, "no word of a next hop that does not answer:\n" + out)
    out = a.run("traceroute", "-6", "-n", "-q", "1", "-w", "2", "-m", "1", ROUTER).stdout
    expect(out.splitlines()[-1].split()[1] == ROUTER, "no word of a closed port of the router:\n" + out)

    # TCP both ways through the gateway, addresses as they are; the other guest is closed from everywhere.
    expect(a.ping("2001:db8:f::1") >= 2, "no way out")
    expect(outside.ping("2001:db8:1::11") == 3, "no way in")
    outside.start("sh", "-c", "while true; do echo hello | nc -6 -lN 2001:db8:f::1 8080; done")
    got = wait_for(lambda: a.run("nc", "-w", "2", "2001:db8:f::1", "8080", check=False, input="").stdout, "TCP")
    expect("hello" in got, got)
    expect(a.silent("2001:db8:1::13"), "a closed port answers")
    expect(plane.drops("pc", "security_group_ingress") >= 2, f"drops: {plane.counters('pc')}")

    # A guest that plays the router or a DHCP server, and one that lies about its address.
    a.send("Ether(dst='fa:16:3e:00:00:03',src='fa:16:3e:00:00:01')/IPv6(src='2001:db8:1::11',dst='2001:db8:1::13')"
           "/UDP(sport=547,dport=546)")
    wait_for(lambda: plane.drops("pa", "dhcp_server_guard") == 1, "DHCPv6 server guard")
    a.send("Ether(dst='33:33:00:00:00:01',src='fa:16:3e:00:00:01')/IPv6(src='2001:db8:1::11',dst='ff02::1',hlim=255)"
           "/ICMPv6ND_NA(tgt='2001:db8:1::13')/ICMPv6NDOptDstLLAddr(lladdr='fa:16:3e:00:00:01')")
    wait_for(lambda: plane.drops("pa", "spoofed_nd") == 1, "another's address advertised")
    a.send("Ether(dst='33:33:00:00:00:01',src='fa:16:3e:00:00:01')/IPv6(src='fe80::f816:3eff:fe00:1',dst='ff02::1',hlim=255)"
           "/ICMPv6ND_RA()")
    wait_for(lambda: plane.drops("pa", "ra_guard") == 1, "RA guard")
    a.send("Ether(dst='fa:16:3e:00:01:01',src='fa:16:3e:00:00:01')/IPv6(src='2001:db8:1::99',dst='2001:db8:2::12')/UDP()")
    wait_for(lambda: plane.drops("pa", "spoofed_ip") == 1, "spoofed source")
