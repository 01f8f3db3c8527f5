#!/usr/bin/python3
"""Two workers share the work: each of them processes frames of one guest's connections, hands over what is the other's,
and knows all of it when asked. What a change of the state does to connections is the same in both."""
from lab import WORKERS, Lab, expect, routed_state, wait_for

CONNECTIONS = 40
SPARE = 8  # that a port may have beside those
SERVICES = 8  # ports that are asked, from 7000 on
SERVER = """
import selectors, socket
waiting = selectors.DefaultSelector()
for number in range(%d):
    one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("0.0.0.0", 7000 + number))
    waiting.register(one, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in waiting.select():
        data, who = key.fileobj.recvfrom(2000)
        key.fileobj.sendto(data, who)
""" % SERVICES
# Sockets that stay: `rounds` times each of them asks and is answered.
CLIENT = """
import socket
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(%d)]
for number, one in enumerate(sockets):
    one.bind(("0.0.0.0", 20000 + number))
    one.settimeout(5)
while input():
    answered = 0
    for number, one in enumerate(sockets):
        try:
            one.sendto(b"hanok", ("203.0.113.1", 7000 + number %% %d))
            answered += one.recv(100) == b"hanok"
        except TimeoutError:
            break  # one is enough
    print(answered, flush=True)
""" % (CONNECTIONS, SERVICES)

expect(WORKERS == 2, "this test is of two workers: HANOK_TEST_WORKERS=2")
with Lab() as lab:
    import subprocess
    desired = routed_state("203.0.113.10")
    one = lab.guest("one", desired["port"]["p1"], "10.0.1.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.1.12/24")
    outside = lab.namespace("outside")
    desired["uplink"]["ext"] = {"device": lab.plug(outside, "02:00:00:00:00:fe"), "physical_network": "external"}
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
    plane = lab.dataplane(desired, arguments=["--no-huge", "--huge-mib", "96", "--sessions-per-port", str(CONNECTIONS + SPARE)])
    server = outside.start("/usr/bin/python3", "-c", SERVER, stdout=subprocess.PIPE, text=True)
    expect(server.stdout.readline() == "ready\n", "no server")
    clients = []
    for guest in (one, two):
        guest.run("ip", "route", "add", "default", "via", "10.0.1.1")
        # The same ports of both guests: half of the connections get other ports outside.
        clients.append(guest.start("/usr/bin/python3", "-c", CLIENT, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, text=True))

    def all_answered(what):
        for client in clients:
            client.stdin.write("again\n")
            client.stdin.flush()
            expect(int(client.stdout.readline()) == CONNECTIONS, f"answers {what}")

    all_answered("at first")
    workers = plane.call("status")["workers"]
    print(workers)
    expect(len(workers) == 2, workers)
    expect(sum(worker["connections"] for worker in workers) == 2 * CONNECTIONS, workers)
    for worker in workers:
        expect(worker["connections"] > CONNECTIONS / 4, f"connections are not spread: {workers}")
        expect(worker["processed"] > CONNECTIONS, f"frames are not spread: {workers}")
    expect(sum(worker["handed_over"] for worker in workers) > 0, f"nothing is handed over: {workers}")
    expect(sum(worker["hand_over_drops"] for worker in workers) == 0, workers)

    flows = plane.call("flows", limit=1000)["flows"]
    expect(len(flows) == 4 * CONNECTIONS, f"{len(flows)} flows")
    engine = plane.call("counters")["engine"]
    expect(engine["connections"] == 2 * CONNECTIONS, engine)
    expect(plane.counters("p1")["rx_packets"] >= CONNECTIONS, "the device's frames, of all workers")

    # A capture sees the frames of both.
    seen = plane.captured("p1", lambda: all_answered("while they are captured"), 1000, 60)
    expect(len([frame for frame in seen if frame["direction"] == "in"]) == CONNECTIONS, "captured in")
    expect(len([frame for frame in seen if frame["direction"] == "out"]) == CONNECTIONS, "captured out")

    # A trace goes to the worker that has the connection: the answer to one is let in, others are not.
    def traced(source, destination):
        steps = plane.call("trace", port="ext", packet={
            "src_mac": "02:00:00:00:00:fe", "dst_mac": "fa:16:3e:00:01:03", "src_ip": "203.0.113.1",
            "dst_ip": "203.0.113.10", "protocol": "udp", "src_port": int(source), "dst_port": int(destination)})["steps"]
        return steps[-1]["verdict"]
    for flow in flows:
        if flow["in"] == "ext":
            verdict = traced(flow["source"].split(":")[1], flow["destination"].split(":")[1])
            expect(verdict.startswith("output p"), f"the trace of an answer: {verdict}")
    expect(traced(7000, 3) == "drop snat_no_binding", "the trace of what no connection has")

    # Port forwardings at the ports that they go to give connections to other owners: none is lost, but one whose other
    # port outside, which is chosen at random, is forwarded now.
    before = [worker["connections"] for worker in plane.call("status")["workers"]]
    plane.apply({"floating_ip": {"f": {
        "router": "r", "network": "x", "floating_ip": "203.0.113.20", "port": None, "fixed_ip": None,
        "port_forwardings": [{"protocol": "udp", "external_port": 7000 + number, "port": "p1",
                              "internal_ip": "10.0.1.11", "internal_port": 9000} for number in range(SERVICES)]}}})
    engine = plane.call("counters")["engine"]
    forwarded = [str(7000 + number) for number in range(SERVICES)] + ["9000"]
    may_tear = [flow for flow in flows if flow["in"] == "ext" and flow["destination"].split(":")[1] in forwarded]
    expect(engine["connections_torn"] <= len(may_tear), f"{engine}, {may_tear}")
    expect(engine["connections"] == 2 * CONNECTIONS - engine["connections_torn"], engine)
    all_answered("after forwardings came")
    print("connections of each worker:", before, [worker["connections"] for worker in plane.call("status")["workers"]])
    plane.apply({"floating_ip": {"f": None}})
    all_answered("after they went")
    expect(plane.call("counters")["engine"]["connections"] == 2 * CONNECTIONS, "connections made anew")

    # The quota of a port is of all its connections, whichever worker has them.
    one.python("for number in range(%d): send(IP(dst='203.0.113.1') / UDP(sport=30000 + number, dport=7000), iface='eth0')"
               % (2 * SPARE))
    wait_for(lambda: plane.drops("p1", "session_quota") == SPARE, f"more than a port may hold: {plane.counters('p1')}")
    expect(plane.call("counters")["engine"]["connections"] == 2 * CONNECTIONS + SPARE, plane.call("counters"))

    # A rule that goes ends the connections of both workers.
    before = [worker["connections"] for worker in plane.call("status")["workers"]]
    plane.apply({"security_group": {"open": {"rules": []}}})
    for client in clients:
        client.terminate()
        client.wait()
    dropped = plane.drops("p1", "security_group_egress")
    one.python("for number in range(%d): send(IP(dst='203.0.113.1') / UDP(sport=20000 + number, dport=7000 + number %% %d),"
               " iface='eth0')" % (CONNECTIONS, SERVICES))
    wait_for(lambda: plane.drops("p1", "security_group_egress") == dropped + CONNECTIONS, "flows of both workers refused")
    left = [worker["connections"] for worker in plane.call("status")["workers"]]
    expect(sum(left) == CONNECTIONS + SPARE and all(now < then for now, then in zip(left, before)), f"connections ended: {left}")
