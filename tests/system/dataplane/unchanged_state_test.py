#!/usr/bin/python3
"""The same state again, whole and in parts, as an agent sends it that was started anew: no flow is looked at twice, no
device is opened again, and a connection in use and its NAT binding go on."""
import subprocess

from lab import Lab, expect, routed_state, wait_for

with Lab() as lab:
    desired = routed_state("203.0.113.10")
    desired["floating_ip"]["f"] = {"router": "r", "network": "x", "floating_ip": "203.0.113.20", "port": "p2",
                                   "fixed_ip": "10.0.1.12"}
    one = lab.guest("one", desired["port"]["p1"], "10.0.1.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.1.12/24")
    for guest in (one, two):
        guest.run("ip", "route", "add", "default", "via", "10.0.1.1")
    outside = lab.namespace("outside")
    desired["uplink"]["ext"] = {"device": lab.plug(outside, "02:00:00:00:00:fe"), "physical_network": "external"}
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
    plane = lab.dataplane(desired)

    # By source NAT, by the floating IP, and within the network: each is sent a line, after each state.
    ends = []
    for guest, address, server, number in ((one, "203.0.113.1", outside, 8001), (two, "203.0.113.1", outside, 8002),
                                           (one, "10.0.1.12", two, 8003)):
        listener = server.start("nc", "-l", str(number), stdout=subprocess.PIPE)
        wait_for(lambda s=server, n=number: f":{n} " in s.run("ss", "-tln").stdout, f"the listener on {number}")
        client = guest.start("nc", address, str(number), stdin=subprocess.PIPE)
        ends.append((client, listener))

    def lines_pass(text):
        for client, listener in ends:
            client.stdin.write(text)
            client.stdin.flush()
            got = listener.stdout.readline()
            expect(got == text, f"{got} instead of {text}")

    def seen():
        """The connections by TCP, and how often records were looked at again."""
        flows = sorted((flow["source"], flow["destination"], flow["state"]) for flow in plane.call("flows")["flows"]
                       if flow["protocol"] == "tcp")
        engine = plane.call("counters")["engine"]
        return flows, engine["flows_recompiled"], plane.call("status")["ports"]

    lines_pass(b"before\n")
    wait_for(lambda: all(flow[2] == "established" for flow in seen()[0]), "the connections stand")
    before = seen()
    expect(len(before[0]) == 6, f"two records for each of three connections: {before}")
    for generation in range(2, 12):
        plane.put({**desired, "generation": generation})
        plane.apply({"port": {"p1": desired["port"]["p1"]}, "router": {"r": desired["router"]["r"]},
                     "security_group": desired["security_group"], "floating_ip": desired["floating_ip"]})
        lines_pass(b"after %d\n" % generation)
        expect(seen() == before, f"the same state changed {before} to {seen()}")
    # What does change is noticed: the counter is not asleep.
    plane.apply({"port": {"p1": {**desired["port"]["p1"], "allowed_address_pairs": [{"ip": "10.0.1.99/32"}]}}})
    lines_pass(b"changed\n")
    expect(seen()[1] > before[1], "a change of a port looks at its flows")
