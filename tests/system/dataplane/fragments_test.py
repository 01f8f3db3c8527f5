#!/usr/bin/python3
"""Datagrams in fragments, by source NAT and by floating IP. Taps, not packet sockets: DPDK asks those to reassemble."""
import subprocess

from lab import Lab, expect, routed_state, run, wait_for

RECEIVER = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("0.0.0.0", 7000))
one.settimeout(10)
print("ready", flush=True)
try:
    print(len(one.recv(9000)), flush=True)
except TimeoutError:
    print("nothing came", flush=True)
"""
# Asked in one piece, answered in several.
ANSWERER = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.bind(("0.0.0.0", 7001))
print("ready", flush=True)
while True:
    one.sendto(bytes(4000), one.recvfrom(100)[1])
"""
ASKER = """
import socket
for number in range(8):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        one.sendto(b"hanok", ("203.0.113.1", 7001))
        assert len(one.recv(9000)) == 4000
print("answered")
"""

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
    # They come to the connection of what was whole, whichever worker has it.
    answerer = spaces["outside"].start("/usr/bin/python3", "-c", ANSWERER, stdout=subprocess.PIPE, text=True)
    expect(answerer.stdout.readline() == "ready\n", "the server does not start")
    for name in ("one", "two"):
        asked = spaces[name].run("/usr/bin/python3", "-c", ASKER, check=False).stdout
        expect(asked == "answered\n", f"fragments that answer {name}:\n{asked}")
    # Later fragments are judged by the ports of the first: a rule of one port lets the whole datagram in.
    plane.apply({"security_group": {"open": {"rules": [
        {"id": "in", "direction": "ingress", "ethertype": "IPv4", "protocol": "udp", "port_min": 7000, "port_max": 7000},
        {"id": "out", "direction": "egress", "ethertype": "IPv4"}]}}})
    receiver = spaces["two"].start("/usr/bin/python3", "-c", RECEIVER, stdout=subprocess.PIPE, text=True)
    expect(receiver.stdout.readline() == "ready\n", "the receiver does not start")
    spaces["outside"].python("send(fragment(IP(dst='203.0.113.21') / UDP(sport=6000, dport=7000) / Raw(bytes(4000)), 1400))")
    expect(receiver.stdout.readline() == "4000\n", "a datagram in fragments to the one port that is open")
    # A later fragment alone leads nowhere.
    spaces["one"].send("Ether(src='fa:16:3e:00:00:01', dst='fa:16:3e:00:01:01') /"
                       " IP(src='10.0.1.11', dst='203.0.113.1', id=7, frag=100, proto=17) / Raw(b'x' * 100)")
    wait_for(lambda: plane.drops("p1", "fragment_no_first") == 1, "the drop of a fragment without its first one")
