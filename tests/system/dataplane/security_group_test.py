#!/usr/bin/python3
"""Security groups: denied, permitted, answers let through, and a rule that is removed stops a connection in use."""
import subprocess

from lab import Lab, expect, network, port, state, subnet, wait_for


def rule(direction, **fields):
    return {"id": f"{direction}-{len(fields)}", "direction": direction, "ethertype": "IPv4", **fields}


def connects(guest, address, number):
    return guest.run("nc", "-z", "-w", "1", address, str(number), check=False).returncode == 0


with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["security_group"]["client"] = {"rules": [rule("egress")]}
    desired["security_group"]["server"] = {"rules": [rule("egress")]}
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11", ["client"])
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12", ["server"])
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.0.12/24")
    plane = lab.dataplane(desired)
    two.start("nc", "-lk", "8080")
    two.start("nc", "-lk", "9090")
    wait_for(lambda: two.run("ss", "-tln").stdout.count("090") + two.run("ss", "-tln").stdout.count("8080") >= 2,
             "the servers listen")

    expect(not connects(one, "10.0.0.12", 8080), "no rule lets this in")
    expect(one.silent("10.0.0.12"), "no rule lets ICMP in")
    dropped = plane.counters("p1")["drops"].get("security_group_ingress", 0) + plane.drops("p2", "security_group_ingress")
    expect(dropped > 0, "the denial is not counted as security_group_ingress")

    web = {"rules": [rule("egress"), rule("ingress", protocol="tcp", port_min=8000, port_max=8080)]}
    plane.apply({"security_group": {"server": web}})
    wait_for(lambda: connects(one, "10.0.0.12", 8080), "port 8080 opened", 5)
    expect(not connects(one, "10.0.0.12", 9090), "9090 is outside of the range")
    expect(not connects(two, "10.0.0.11", 22) and one.silent("10.0.0.12"), "more is open than was asked")

    # The server's answers come back though the client's group lets nothing in: data flows both ways.
    two.start("sh", "-c", "echo from-the-server | nc -lN 8001")
    got = wait_for(lambda: one.run("nc", "-w", "2", "10.0.0.12", "8001", check=False, input="").stdout,
                   "the answer of the server")
    expect("from-the-server" in got, f"the client got {got!r}")

    # A remote group: only its members.
    members = {"rules": [rule("egress"), rule("ingress", protocol="icmp", remote_group="client")]}
    plane.apply({"security_group": {"server": members}})
    expect(one.ping("10.0.0.12") == 3, "a member of the remote group is not let in")
    desired["port"]["p1"]["security_groups"] = ["open"]
    plane.apply({"port": {"p1": desired["port"]["p1"]}})
    expect(one.silent("10.0.0.12"), "one that has left the remote group is let in")

    # A connection in use stops when its rule goes.
    plane.apply({"security_group": {"server": web}})
    listener = two.start("nc", "-l", "8002", stdout=subprocess.PIPE)
    wait_for(lambda: ":8002 " in two.run("ss", "-tln").stdout, "the listener")
    client = one.start("nc", "10.0.0.12", "8002", stdin=subprocess.PIPE)
    wait_for(lambda: "ESTAB" in two.run("ss", "-tn", "sport", "=", ":8002").stdout, "the connection")
    client.stdin.write(b"first\n")
    client.stdin.flush()
    expect(listener.stdout.readline() == b"first\n", "the connection carries nothing")
    plane.apply({"security_group": {"server": {"rules": [rule("egress")]}}})
    before = plane.counters("p2")["tx_packets"]
    client.stdin.write(b"second\n")
    client.stdin.flush()

    def denied():
        return plane.drops("p1", "security_group_ingress") + plane.drops("p2", "security_group_ingress") > dropped
    wait_for(denied, "the segment of a connection whose rule is gone is dropped")
    expect(plane.counters("p2")["tx_packets"] == before, "a frame passed though its rule is gone")
