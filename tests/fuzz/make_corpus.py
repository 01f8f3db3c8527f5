#!/usr/bin/python3
"""Writes the seed frames of packet_fuzzer: one of each kind that the engine knows. Needs python3-scapy."""
import pathlib
import sys

from scapy.all import (ARP, BOOTP, DHCP, ICMP, IP, TCP, UDP, VXLAN, Dot1Q, Ether, ICMPv6ND_NS, IPv6, Raw)

guest = Ether(src="fa:16:3e:00:00:0a", dst="fa:16:3e:00:00:0b")
router = Ether(src="fa:16:3e:00:00:0a", dst="fa:16:3e:ff:00:01")
wire = Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:01")
ip = IP(src="10.0.0.10", dst="10.0.0.11")
seeds = {
    "tcp": (1, guest / ip / TCP(sport=1, dport=2)),
    "udp": (1, guest / ip / UDP(sport=1, dport=2) / b"x"),
    "echo": (1, router / IP(src="10.0.0.10", dst="10.0.0.1") / ICMP()),
    "arp": (1, Ether(src="fa:16:3e:00:00:0a", dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc="fa:16:3e:00:00:0a", psrc="10.0.0.10", pdst="10.0.0.1")),
    "dhcp": (1, Ether(src="fa:16:3e:00:00:0a", dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255")
             / UDP(sport=68, dport=67) / BOOTP(chaddr=bytes.fromhex("fa163e00000a")) / DHCP(options=[("message-type", "discover"), "end"])),
    "ns": (1, guest / IPv6(src="fe80::f816:3eff:fe00:a", dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1")),
    "error": (1, guest / ip / ICMP(type=3, code=3) / IP(src="10.0.0.11", dst="10.0.0.10") / UDP(sport=2, dport=1)),
    "fragment": (1, guest / IP(src="10.0.0.10", dst="10.0.0.11", flags="MF") / UDP(sport=1, dport=2) / b"12345678"),
    "vlan": (0, wire / Dot1Q(vlan=10) / ip / UDP()),
    "vxlan": (0, wire / IP(src="192.0.2.2", dst="192.0.2.1") / UDP(sport=50000, dport=4789) / VXLAN(vni=100, flags=8)
              / Ether(src="fa:16:3e:00:00:0c", dst="fa:16:3e:00:00:0a") / IP(src="10.0.0.12", dst="10.0.0.10") / TCP()),
}
folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "corpus/packet")
folder.mkdir(parents=True, exist_ok=True)
for name, (device, frame) in seeds.items():
    (folder / name).write_bytes(bytes([device]) + bytes(frame))
