#!/usr/bin/python3
"""How soon a removed rule, a left remote group and a changed CIDR stop flows in full run: nothing that is sent
after the data plane's answer arrives, and the answer is there within 100 ms (on a machine that is not overloaded)."""
import subprocess
import time

from lab import Lab, expect, network, port, state, subnet

# The sender writes its clock into each datagram, the receiver keeps the latest: one machine, one clock.
SENDER = """
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 6000))
while True:
    s.sendto(struct.pack("d", time.monotonic()), ("ADDRESS", 7000))
    time.sleep(0.0005)
"""
RECEIVER = """
import socket, struct, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7000))
print("ready", flush=True)
s.settimeout(60)
latest = struct.unpack("d", s.recv(8))[0]
print("begun", flush=True)
s.settimeout(SILENCE)
end = time.monotonic() + 10  # a flow that does not stop
try:
    while time.monotonic() < end:
        latest = max(latest, struct.unpack("d", s.recv(8))[0])
except TimeoutError:
    pass
print(latest, flush=True)
"""


def rules(*more):
    return {"rules": [{"id": "out", "direction": "egress", "ethertype": "IPv4"}, *more]}


def ingress(**fields):
    return {"id": "in", "direction": "ingress", "ethertype": "IPv4", "protocol": "udp", **fields}


with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["security_group"]["client"] = rules()
    desired["security_group"]["other"] = rules()
    desired["security_group"]["server"] = rules(ingress(port_min=7000, port_max=7000))
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11", ["client"])
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12", ["server"])
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.0.12/24")
    plane = lab.dataplane(desired)

    def stops(what, changes):
        receiver = two.start("/usr/bin/python3", "-c", RECEIVER.replace("SILENCE", "2"), stdout=subprocess.PIPE,
                             text=True)
        expect(receiver.stdout.readline() == "ready\n", "the receiver does not start")
        sender = one.start("/usr/bin/python3", "-c", SENDER.replace("ADDRESS", "10.0.0.12"))
        expect(receiver.stdout.readline() == "begun\n", f"{what}: nothing arrives before")
        time.sleep(0.2)  # in full run
        asked = time.monotonic()
        plane.apply(changes)
        answered = time.monotonic()
        latest = float(receiver.stdout.readline())
        sender.terminate()
        sender.wait()
        expect(latest > asked - 1, f"{what}: the flow had stopped before")
        expect(latest <= answered, f"{what}: what was sent {(latest - answered) * 1000:.1f} ms after the answer arrived")
        print(f"{what}: answered after {(answered - asked) * 1000:.1f} ms; the last datagram that arrived was sent "
              f"{(latest - asked) * 1000:.1f} ms after the call began")

    stops("a rule removed", {"security_group": {"server": rules()}})
    plane.apply({"security_group": {"server": rules(ingress(remote_group="client"))}})
    desired["port"]["p1"]["security_groups"] = ["other"]
    stops("a remote group left", {"port": {"p1": desired["port"]["p1"]}})
    plane.apply({"security_group": {"server": rules(ingress(remote_cidr="10.0.0.0/24"))}})
    stops("a remote CIDR changed", {"security_group": {"server": rules(ingress(remote_cidr="10.9.0.0/24"))}})
    expect(plane.drops("p2", "security_group_ingress") > 0, "the drops are not counted")
