#!/usr/bin/python3
"""NAT as guests and the outside see it: port forwarding, hairpins, traceroute."""
import re

from lab import Lab, expect, frames, routed_state, wait_for

# Several connections, so that several workers have them.
REFUSED = """
import socket
refused = 0
for _ in range(8):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.settimeout(5)
        one.connect(("203.0.113.21", 9999))
        one.send(b"hanok")
        try:
            one.recv(10)
        except ConnectionRefusedError:
            refused += 1
        except TimeoutError:
            break
print(refused)
"""
EXTERNAL_MAC = "02:00:00:00:00:fe"

with Lab() as lab:
    desired = routed_state("203.0.113.10", "203.0.113.11")
    desired["floating_ip"]["f"] = {
        "router": "r", "network": "x", "floating_ip": "203.0.113.20", "port": None, "fixed_ip": None,
        "port_forwardings": [{"protocol": "tcp", "external_port": 2222, "port": "p1", "internal_ip": "10.0.1.11",
                              "internal_port": 22}]}
    desired["floating_ip"]["g"] = {"router": "r", "network": "x", "floating_ip": "203.0.113.21", "port": "p2",
                                   "fixed_ip": "10.0.1.12"}
    one = lab.guest("one", desired["port"]["p1"], "10.0.1.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.1.12/24")
    for guest in (one, two):
        guest.run("ip", "route", "add", "default", "via", "10.0.1.1")
    outside = lab.namespace("outside")
    desired["uplink"]["ext"] = {"device": lab.plug(outside, EXTERNAL_MAC), "physical_network": "external"}
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
    # A second hop, so that traceroute has something to find.
    beyond = lab.namespace("beyond")
    outside.run("ip", "link", "add", "far", "type", "veth", "peer", "name", "eth0", "netns", beyond.netns)
    for namespace, device, address in ((outside, "far", "198.51.100.1/24"), (beyond, "eth0", "198.51.100.2/24")):
        namespace.run("ip", "address", "add", address, "dev", device)
        namespace.run("ip", "link", "set", device, "up")
    outside.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    beyond.run("ip", "route", "add", "default", "via", "198.51.100.1")
    for namespace in (two, outside, beyond):  # Linux sends a receiver six ICMP errors, then one a second: fewer than are asked for
        namespace.run("sysctl", "-qw", "net.ipv4.icmp_ratelimit=0")
    plane = lab.dataplane(desired)

    def serve(guest, text, number):
        guest.start("sh", "-c", f"while true; do echo {text} | nc -lN {number}; done")
        wait_for(lambda: f":{number} " in guest.run("ss", "-tln").stdout, f"the server {text}")

    def read(namespace, address, number):
        return namespace.run("nc", "-w", "3", address, str(number), check=False, input="").stdout.strip()

    serve(one, "forwarded", 22)
    serve(two, "floating", 80)

    # Port forwarding: from outside, from the other guest, from the guest itself; no other port.
    for namespace in (beyond, two, one):
        wait_for(lambda n=namespace: read(n, "203.0.113.20", 2222) == "forwarded", f"port forwarding from {namespace.name}")
    expect(read(beyond, "203.0.113.20", 22) == "", "a port that is not forwarded is reached")
    expect(plane.drops("ext", "no_port_forwarding") >= 1, "its refusal is not counted")

    # Hairpin: a guest without and the guest with the floating IP reach it.
    for namespace in (beyond, one, two):
        wait_for(lambda n=namespace: read(n, "203.0.113.21", 80) == "floating", f"the floating IP from {namespace.name}")

    # Traceroute through the translation: the router, the next hop, the end; by UDP and by echo. (Not by traceroute -I: an
    # error that comes while it reads the one before leaves its socket with an error that it never takes, and it hears no
    # answer any more.)
    def echo_hops(guest):
        asked = [guest.run("ping", "-n", "-c", "1", "-W", "5", "-t", str(ttl), "198.51.100.2", check=False).stdout
                 for ttl in (1, 2, 3)]
        return [re.search(r"(?:From|bytes from) ([0-9.]+)", out).group(1) if "rom " in out else out for out in asked]

    from scapy.all import IP
    hops = ["10.0.1.1", "203.0.113.1", "198.51.100.2"]
    for guest in (one, two):
        errors = lab.capture("eth0", "icmp[0] == 11", guest)
        out = guest.run("traceroute", "-n", "-q", "1", "-w", "5", "198.51.100.2").stdout
        expect([line.split()[1] for line in out.splitlines()[1:]] == hops, f"traceroute of {guest.name}:\n{out}")
        # What is quoted is what the guest sent, but for the TTL: both checksums with it.
        for error in wait_for(lambda e=errors: len(frames(e)) >= 2 and frames(e), f"errors to {guest.name}"):
            quoted = bytes(error["ICMP"].payload)
            again = IP(quoted)
            del again.chksum, again["UDP"].chksum
            expect(bytes(again) == quoted, f"quoted to {guest.name}: {IP(quoted)!r}")
        expect(echo_hops(guest) == hops, f"echo of {guest.name}: {echo_hops(guest)}")
    # What a guest says of a datagram to its floating IP, by the floating IP.
    expect(beyond.python(REFUSED) == "8\n", "an error that the guest of a floating IP sends")

    # What is in full run follows the floating IP to another port.
    outside.start("ping", "-n", "-i", "0.2", "203.0.113.21")
    for name, address, guest in (("p2", "10.0.1.12", two), ("p1", "10.0.1.11", one)):
        desired["floating_ip"]["g"].update(port=name, fixed_ip=address)
        plane.apply({"floating_ip": desired["floating_ip"]})
        before = guest.echoes()
        wait_for(lambda: guest.echoes() > before + 2, f"a flow to the floating IP of {name}")

    # Without the forwarding there is no way in.
    plane.apply({"floating_ip": {"f": None}})
    expect(read(beyond, "203.0.113.20", 2222) == "", "a forwarding that is gone is served")
