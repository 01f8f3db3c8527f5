#!/usr/bin/python3
"""A router: between two subnets, by equal routes, to the external network by SNAT, and both ways by a floating IP."""
from lab import Lab, expect, network, port, state, subnet, wait_for

EXTERNAL_MAC = "02:00:00:00:00:fe"

with Lab() as lab:
    desired = state()
    desired["network"]["a"] = network()
    desired["network"]["b"] = network()
    desired["network"]["x"] = network({"type": "flat", "physical_network": "external"}, external=True)
    desired["subnet"]["sa"] = subnet("a", "10.0.1.0/24", gateway="10.0.1.1")
    desired["subnet"]["sb"] = subnet("b", "10.0.2.0/24", gateway="10.0.2.1")
    desired["subnet"]["sx"] = subnet("x", "203.0.113.0/24", gateway="203.0.113.1", dhcp=False)
    desired["port"]["pa"] = port("a", 1, "sa", "10.0.1.11")
    desired["port"]["pb"] = port("b", 2, "sb", "10.0.2.12")
    desired["port"]["pc"] = port("b", 3, "sb", "10.0.2.13")
    desired["router"]["r"] = {
        "admin_up": True,
        "interfaces": [{"port": "ra", "network": "a", "mac": "fa:16:3e:00:01:01",
                        "addresses": [{"subnet": "sa", "ip": "10.0.1.1"}]},
                       {"port": "rb", "network": "b", "mac": "fa:16:3e:00:01:02",
                        "addresses": [{"subnet": "sb", "ip": "10.0.2.1"}]}],
        "gateway": {"port": "rg", "network": "x", "mac": "fa:16:3e:00:01:03", "snat": True, "host": "node1",
                    "addresses": [{"subnet": "sx", "ip": "203.0.113.10"}]},
        "routes": []}
    a = lab.guest("a", desired["port"]["pa"], "10.0.1.11/24")
    b = lab.guest("b", desired["port"]["pb"], "10.0.2.12/24")
    c = lab.guest("c", desired["port"]["pc"], "10.0.2.13/24")
    a.run("ip", "route", "add", "default", "via", "10.0.1.1")
    for guest in (b, c):
        guest.run("ip", "route", "add", "default", "via", "10.0.2.1")
    outside = lab.namespace("outside")
    desired["uplink"]["ext"] = {"device": lab.plug(outside, EXTERNAL_MAC), "physical_network": "external"}
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
    plane = lab.dataplane(desired)

    expect(a.ping("10.0.1.1") == 3, "the router's own interface does not answer")
    expect(a.ping("10.0.2.12") == 3, "no routing between subnets")
    out = a.run("ping", "-n", "-c", "1", "10.0.2.12").stdout
    expect("ttl=63" in out, "a router takes one from the TTL:\n" + out)

    # What the router says of what it does not pass on.
    out = a.run("ping", "-n", "-c", "1", "-W", "10", "203.0.113.77", check=False).stdout
    expect("From 10.0.1.1" in out and "Host Unreachable" in out, "no word of a next hop that does not answer:\n" + out)
    out = a.run("traceroute", "-n", "-q", "1", "-w", "2", "-m", "1", "10.0.1.1").stdout
    expect(out.splitlines()[-1].split()[1] == "10.0.1.1", "no word of a closed port of the router:\n" + out)

    # Two guests stand for one address: equal routes share the connections, each of which keeps to its own.
    for name, guest in (("pb", b), ("pc", c)):
        guest.run("ip", "address", "add", "198.18.0.1/32", "dev", "lo")
        desired["port"][name]["allowed_address_pairs"] = [{"ip": "198.18.0.1/32"}]
    ways = [{"destination": "198.18.0.0/24", "nexthop": nexthop} for nexthop in ("10.0.2.12", "10.0.2.13")]

    def routed(routes):
        desired["router"]["r"]["routes"] = routes
        plane.apply({"port": desired["port"], "router": desired["router"]})

    def asked(connections):
        """How many echo requests of so many connections, three of each, come to b and to c."""
        before = [guest.echoes() for guest in (b, c)]
        expect(all(a.ping("198.18.0.1") == 3 for _ in range(connections)), "no answer by an extra route")
        return [guest.echoes() - known for guest, known in zip((b, c), before)]

    routed(ways)
    shares = asked(16)
    expect(sum(shares) == 48 and min(shares) > 0 and shares[0] % 3 == 0, f"shares of two equal routes: {shares}")
    routed(ways[1:])
    shares = asked(2)
    expect(shares == [0, 6], f"shares after one route is gone: {shares}")

    # What is in full run follows its route.
    a.start("ping", "-n", "-i", "0.2", "198.18.0.1")
    for way, guest in ((ways[0], b), (ways[1], c)):
        routed([way])
        before = guest.echoes()
        wait_for(lambda: guest.echoes() > before + 2, f"a flow by way of {way['nexthop']}")

    # Out by SNAT: the outside sees the router's address, and the answer finds back.
    expect(a.ping("203.0.113.1") >= 2, "no way out by SNAT")
    outside.start("sh", "-c", "while true; do echo hello | nc -lN 203.0.113.1 8080; done")
    got = wait_for(lambda: a.run("nc", "-w", "2", "203.0.113.1", "8080", check=False, input="").stdout, "TCP by SNAT")
    expect("hello" in got, got)
    expect(outside.silent("10.0.1.11", count=1), "the inside is reached by its own address")
    flows = plane.call("flows")["flows"]
    expect(any("203.0.113.1:8080" in flow["destination"] + flow["source"] for flow in flows), f"flows: {flows}")

    # A floating IP: in, and out with its address.
    desired["floating_ip"]["f"] = {"router": "r", "network": "x", "floating_ip": "203.0.113.20", "port": "pa",
                                   "fixed_ip": "10.0.1.11"}
    plane.apply({"floating_ip": desired["floating_ip"]})
    expect(outside.ping("203.0.113.20") == 3, "the floating IP is not reached")
    listener = outside.start("tcpdump", "-ni", "eth0", "-c", "1", "-w", lab.folder + "/out.pcap",
                             "icmp[0] == 8 and src 203.0.113.20")
    wait_for(lambda: a.ping("203.0.113.1", count=1, seconds=1) and listener.poll() is not None,
             "what leaves has the floating IP as its source")
    outside.start("sh", "-c", "true")
    a.start("nc", "-lk", "2222")
    wait_for(lambda: "2222" in a.run("ss", "-tln").stdout, "the guest's server")
    expect(outside.run("nc", "-z", "-w", "2", "203.0.113.20", "2222", check=False).returncode == 0,
           "TCP to the floating IP")

    # Without SNAT what comes to the inside address is answered from it, floating IP or not.
    def translating(snat):
        desired["router"]["r"]["gateway"]["snat"] = snat
        plane.apply({"router": desired["router"]})
    translating(False)
    outside.run("ip", "route", "add", "10.0.1.0/24", "via", "203.0.113.10")
    expect(outside.run("nc", "-z", "-w", "2", "10.0.1.11", "2222", check=False).returncode == 0,
           "without SNAT the inside address does not answer")
    translating(True)

    plane.apply({"floating_ip": {"f": None}})
    expect(outside.silent("203.0.113.20"), "a floating IP that is gone answers")
    expect(a.ping("203.0.113.1") >= 2, "SNAT does not take over again")

    desired["router"]["r"]["gateway"] = None
    plane.apply({"router": desired["router"]})
    out = a.run("ping", "-n", "-c", "1", "-W", "5", "203.0.113.1", check=False).stdout
    expect("From 10.0.1.1" in out and "Net Unreachable" in out, "no word of what there is no route to:\n" + out)
