#!/usr/bin/python3
"""Security groups: denied, permitted, answers let through, and a rule that is removed stops a connection in use."""
import subprocess

from lab import Lab, expect, network, port, state, subnet, wait_for

REFUSED = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    one.settimeout(5)
    one.connect(("10.0.0.12", 8006))
    one.send(b"hanok")
    try:
        one.recv(10)
    except ConnectionRefusedError:
        print("refused")
    except TimeoutError:
        print("nothing came")
"""


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
    two.start("nc", "-lk", "7999")
    wait_for(lambda: all(f":{number} " in two.run("ss", "-tln").stdout for number in (7999, 8080, 9090)),
             "the servers listen")

    expect(not connects(one, "10.0.0.12", 8080), "no rule lets this in")
    expect(one.silent("10.0.0.12"), "no rule lets ICMP in")
    dropped = plane.counters("p1")["drops"].get("security_group_ingress", 0) + plane.drops("p2", "security_group_ingress")
    expect(dropped > 0, "the denial is not counted as security_group_ingress")

    web = {"rules": [rule("egress"), rule("ingress", protocol="tcp", port_min=8000, port_max=8080)]}
    plane.apply({"security_group": {"server": web}})
    wait_for(lambda: connects(one, "10.0.0.12", 8080), "port 8080 opened", 5)
    for number in (7999, 9090):
        expect(not connects(one, "10.0.0.12", number), f"{number} is outside of the range")
    expect(not connects(two, "10.0.0.11", 22) and one.silent("10.0.0.12"), "more is open than was asked")

    # The server's answers come back though the client's group lets nothing in: data flows both ways.
    two.start("sh", "-c", "echo from-the-server | nc -lN 8001")
    got = wait_for(lambda: one.run("nc", "-w", "2", "10.0.0.12", "8001", check=False, input="").stdout,
                   "the answer of the server")
    expect("from-the-server" in got, f"the client got {got!r}")

    def states(number):
        return {flow["state"] for flow in plane.call("flows")["flows"]
                if f":{number}" in (flow["source"] + " " + flow["destination"])}
    # Both sides have ended it; another is refused by the server, and what answers nothing begins nothing.
    wait_for(lambda: "time_wait" in states(8001), f"TIME-WAIT: {states(8001)}")
    expect(not connects(one, "10.0.0.12", 8003), "nobody listens")
    wait_for(lambda: states(8003) == {"closed"}, f"a connection that was reset: {states(8003)}")
    one.send("Ether(src='fa:16:3e:00:00:01',dst='fa:16:3e:00:00:02')/IP(src='10.0.0.11',dst='10.0.0.12')"
             "/TCP(sport=8004,dport=8005,flags='SA')")
    wait_for(lambda: plane.drops("p1", "tcp_no_connection") == 1, "an answer to what nobody asked")

    # ICMP: by type and code.
    for number, code, reached in ((8, 0, True), (8, 1, False), (13, None, False), (8, None, True)):
        plane.apply({"security_group": {"server": {"rules": [
            rule("egress"), rule("ingress", protocol="icmp", port_min=number,
                                 **({} if code is None else {"port_max": code}))]}}})
        expect(one.ping("10.0.0.12") == 3 if reached else one.silent("10.0.0.12"), f"echo by a rule of {number}, {code}")

    # An error about a connection comes back to a group that lets nothing in; one about none does not.
    plane.apply({"security_group": {"server": {"rules": [rule("egress"), rule("ingress", protocol="udp")]}}})
    got = one.python(REFUSED)
    expect("refused" in got, f"the error about a datagram: {got}")
    expect(not connects(one, "10.0.0.12", 8080), "TCP by a rule of UDP")
    two.send("Ether(src='fa:16:3e:00:00:02',dst='fa:16:3e:00:00:01')/IP(src='10.0.0.12',dst='10.0.0.11')"
             "/ICMP(type=3,code=3)/IP(src='10.0.0.11',dst='10.0.0.12')/UDP(sport=6,dport=7)")
    wait_for(lambda: plane.drops("p1", "icmp_error_unmatched") == 1, f"an error about nothing: {plane.counters('p1')}")

    # A remote group: only its members.
    members = {"rules": [rule("egress"), rule("ingress", protocol="icmp", remote_group="client")]}
    plane.apply({"security_group": {"server": members}})
    expect(one.ping("10.0.0.12") == 3, "a member of the remote group is not let in")
    desired["port"]["p1"]["security_groups"] = ["open"]
    plane.apply({"port": {"p1": desired["port"]["p1"]}})
    expect(one.silent("10.0.0.12"), "one that has left the remote group is let in")

    # A connection in use stops when its rule goes, both ways.
    desired["port"]["p1"]["security_groups"] = ["client"]
    plane.apply({"security_group": {"server": web}, "port": {"p1": desired["port"]["p1"]}})
    listener = two.start("nc", "-l", "8002", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    wait_for(lambda: ":8002 " in two.run("ss", "-tln").stdout, "the listener")
    client = one.start("nc", "10.0.0.12", "8002", stdin=subprocess.PIPE)
    wait_for(lambda: "ESTAB" in two.run("ss", "-tn", "sport", "=", ":8002").stdout, "the connection")
    client.stdin.write(b"first\n")
    client.stdin.flush()
    expect(listener.stdout.readline() == b"first\n", "the connection carries nothing")
    plane.apply({"security_group": {"server": {"rules": [rule("egress")]}}})
    before = plane.counters("p2")["tx_packets"]

    def denied(sender, text, device):
        known = plane.drops(device, "security_group_ingress")
        sender.stdin.write(text)
        sender.stdin.flush()
        wait_for(lambda: plane.drops(device, "security_group_ingress") > known,
                 f"what a connection whose rule is gone has for {device} is dropped")
    denied(client, b"second\n", "p2")
    denied(listener, b"third\n", "p1")
    expect(plane.counters("p2")["tx_packets"] == before, "a frame passed though its rule is gone")
