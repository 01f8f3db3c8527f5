#!/usr/bin/python3
"""Writes the seeds of all fuzz targets into tests/fuzz/corpus (or the folder named): one input of each kind that a
parser knows. Inputs found later are kept beside them. Needs python3-scapy."""
import json
import pathlib
import struct
import sys

from scapy.all import (ARP, BOOTP, DHCP, ICMP, IP, TCP, UDP, VXLAN, Dot1Q, Ether, ICMPv6ND_NS, IPv6)

guest = Ether(src="fa:16:3e:00:00:0a", dst="fa:16:3e:00:00:0b")
router = Ether(src="fa:16:3e:00:00:0a", dst="fa:16:3e:ff:00:01")
wire = Ether(src="02:00:00:00:00:99", dst="02:00:00:00:00:01")
ip = IP(src="10.0.0.10", dst="10.0.0.11")


def dhcp(*options, **fields):
    return BOOTP(chaddr=bytes.fromhex("fa163e00000a"), **fields) / DHCP(options=[*options, "end"])


def packets():
    broadcast = Ether(src="fa:16:3e:00:00:0a", dst="ff:ff:ff:ff:ff:ff")
    frames = {
        "tcp": (1, guest / ip / TCP(sport=1, dport=2)),
        "udp": (1, guest / ip / UDP(sport=1, dport=2) / b"x"),
        "echo": (1, router / IP(src="10.0.0.10", dst="10.0.0.1") / ICMP()),
        "arp": (1, broadcast / ARP(hwsrc="fa:16:3e:00:00:0a", psrc="10.0.0.10", pdst="10.0.0.1")),
        "dhcp": (1, broadcast / IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
                 / dhcp(("message-type", "discover"))),
        "ns": (1, guest / IPv6(src="fe80::f816:3eff:fe00:a", dst="ff02::1", hlim=255) / ICMPv6ND_NS(tgt="2001:db8::1")),
        "error": (1, guest / ip / ICMP(type=3, code=3) / IP(src="10.0.0.11", dst="10.0.0.10") / UDP(sport=2, dport=1)),
        "fragment": (1, guest / IP(src="10.0.0.10", dst="10.0.0.11", flags="MF") / UDP(sport=1, dport=2) / b"12345678"),
        "vlan": (0, wire / Dot1Q(vlan=10) / ip / UDP()),
        "vxlan": (0, wire / IP(src="192.0.2.2", dst="192.0.2.1") / UDP(sport=50000, dport=4789) / VXLAN(vni=100, flags=8)
                  / Ether(src="fa:16:3e:00:00:0c", dst="fa:16:3e:00:00:0a") / IP(src="10.0.0.12", dst="10.0.0.10") / TCP()),
    }
    return {name: bytes([device]) + bytes(frame) for name, (device, frame) in frames.items()}


def offloads():
    large = IP(src="10.0.0.10", dst="10.0.0.11", flags="DF") / TCP(sport=1, dport=2, flags="A", options=[("Timestamp", (1, 2))]) / bytes(3000)
    six = IPv6(src="2001:db8::a", dst="2001:db8::b") / TCP(sport=1, dport=2, flags="PA") / bytes(3000)
    far = Ether(src="fa:16:3e:00:00:0a", dst="fa:16:3e:00:00:0c") / IP(src="10.0.0.10", dst="10.0.0.12") / TCP(flags="FA") / bytes(2000)
    wishes = {
        "large": (0x03, 1000, b"", guest / large), "taken": (0x33, 1000, b"", guest / large), "six": (0x03, 900, b"", guest / six),
        "far": (0x03, 700, b"", far), "one": (0x03, 3000, b"", guest / large), "checksum": (0x01, 0, b"", guest / ip / UDP() / b"x"),
        "not_tcp": (0x03, 10, b"", guest / ip / UDP() / bytes(100)), "none": (0x03, 0, b"", guest / large),
        "spoiled": (0x03, 500, bytes([9, 2, 47, 1]), guest / large), "gap": (0x03, 500, bytes([9, 3, 41, 1]), guest / large),
    }
    return {name: struct.pack(">BH", wish, segment) + (spoil or b"\x00") + bytes(frame)
            for name, (wish, segment, spoil, frame) in wishes.items()}


def dhcp_messages():
    options = ("param_req_list", [1, 3, 6, 12, 15, 26, 28, 121])
    messages = {
        "discover": (0, dhcp(("message-type", "discover"), options)),
        "request": (0, dhcp(("message-type", "request"), ("server_id", "10.0.0.1"), ("requested_addr", "10.0.0.10"), options)),
        "refused": (0, dhcp(("message-type", "request"), ("requested_addr", "10.0.0.99"), flags=0x8000)),
        "renew": (1, dhcp(("message-type", "request"), ciaddr="10.0.0.10")),
        "inform": (1, dhcp(("message-type", "inform"), options, ciaddr="10.0.0.10")),
        "release": (1, dhcp(("message-type", "release"), ("server_id", "10.0.0.1"), ciaddr="10.0.0.10")),
        "decline": (0, dhcp(("message-type", "decline"), ("requested_addr", "10.0.0.10"))),
    }
    return {name: bytes([bound]) + bytes(message) for name, (bound, message) in messages.items()}


def vxlan_payloads():
    inner = Ether(src="fa:16:3e:00:00:0c", dst="fa:16:3e:00:00:0a")
    known = IP(src="10.0.0.12", dst="10.0.0.10")
    payloads = {
        "tcp": (1, VXLAN(vni=100, flags=8) / inner / known / TCP()),
        "arp": (1, VXLAN(vni=100, flags=8) / Ether(src="fa:16:3e:00:00:0c", dst="ff:ff:ff:ff:ff:ff")
                / ARP(hwsrc="fa:16:3e:00:00:0c", psrc="10.0.0.12", pdst="10.0.0.10")),
        "tagged": (1, VXLAN(vni=100, flags=8) / inner / Dot1Q(vlan=5) / known / UDP()),
        "unknown_vni": (1, VXLAN(vni=7, flags=8) / inner / known / UDP()),
        "no_vni": (1, VXLAN(vni=100, flags=0) / inner / known / UDP()),
        "stranger": (0, VXLAN(vni=100, flags=8) / inner / known / UDP()),
        "nested": (1, VXLAN(vni=100, flags=8) / inner / known / UDP(dport=4789) / VXLAN(vni=1, flags=8) / inner),
    }
    return {name: bytes([known_host]) + bytes(payload) for name, (known_host, payload) in payloads.items()}


def rpc_lines():
    call = {"jsonrpc": "2.0", "id": 1, "method": "echo", "params": {"a": [1, None, "\u20ac"]}}
    field = {**call, "method": "field", "params": {"a": {"b": 1}}}
    bad = {**call, "id": "x", "method": "field"}
    note = {"jsonrpc": "2.0", "method": "refuse"}
    lines = {
        "call": json.dumps(call), "batch": json.dumps([call, field, note, bad, 1]), "notification": json.dumps(note),
        "two": json.dumps(call) + "\n" + json.dumps(field), "no_method": json.dumps({**call, "method": "x"}),
        "deep": "[" * 70 + "]" * 70, "empty_batch": "[]", "not_json": "{", "numbers": "[1e999, -0, 18446744073709551616]",
    }
    return {name: text.encode() for name, text in lines.items()}


def state_documents():
    nic = {"network": "net", "mac": "fa:16:3e:00:00:0a", "addresses": [{"subnet": "sub", "ip": "10.0.0.10"}], "host": "node1",
           "hostname": "vm1", "security_groups": ["g"], "port_security": True, "admin_up": True,
           "allowed_address_pairs": [{"ip": "10.0.0.9/32", "mac": None}], "device": {"type": "vhost-user", "socket": "/run/a"}}
    leg = {"port": "rp", "network": "net", "mac": "fa:16:3e:ff:00:01", "addresses": [{"subnet": "sub", "ip": "10.0.0.1"}]}
    gate = {"port": "gp", "network": "ext", "mac": "fa:16:3e:ff:00:02", "addresses": [{"subnet": "out", "ip": "203.0.113.10"}],
            "snat": True, "host": "node1"}
    rule = {"id": "1", "direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "port_min": 22, "port_max": 80,
            "remote_cidr": None, "remote_group": "g"}
    whole = {
        "generation": 2, "node": {"name": "node1", "vtep": "192.0.2.1"}, "host": {"node2": {"vtep": "192.0.2.2"}},
        "uplink": {"u": {"device": "net_null0", "physical_network": "physnet1", "address": "192.0.2.1/24", "mtu": 1500}},
        "network": {"net": {"mtu": 1450, "segments": [{"type": "vxlan", "vni": 100},
                                                      {"type": "vlan", "physical_network": "physnet1", "vlan_id": 10}]},
                    "ext": {"segments": [{"type": "flat", "physical_network": "external"}], "external": True}},
        "subnet": {"sub": {"network": "net", "cidr": "10.0.0.0/24", "gateway": "10.0.0.1", "dhcp": True, "dns": ["8.8.8.8"],
                           "host_routes": [{"destination": "1.0.0.0/8", "nexthop": "10.0.0.9"}]},
                   "out": {"network": "ext", "cidr": "203.0.113.0/24", "gateway": "203.0.113.1", "dhcp": False},
                   "six": {"network": "net", "cidr": "2001:db8::/64", "gateway": "2001:db8::1", "dhcp": True}},
        "security_group": {"g": {"rules": [rule]}}, "port": {"a": nic},
        "router": {"r": {"admin_up": True, "interfaces": [leg], "gateway": gate,
                         "routes": [{"destination": "0.0.0.0/0", "nexthop": "10.0.0.254"}]}},
        "floating_ip": {"f": {"router": "r", "network": "ext", "floating_ip": "203.0.113.20", "port": "a", "fixed_ip": "10.0.0.10"}},
    }
    changes = {"generation": 3, "port": {"b": None, "c": {**nic, "mac": "fa:16:3e:00:00:0c", "addresses": []}},
               "router": {"r": None}, "security_group": {"g": {"rules": []}}}
    lost = {**whole, "network": {}}
    twice = {**whole, "port": {"a": nic, "b": nic}}
    documents = {"whole": (0, whole), "changes": (1, changes), "lost_network": (0, lost), "same_mac": (0, twice),
                 "empty": (0, {}), "not_an_object": (1, []), "bad_address": (0, {"host": {"h": {"vtep": "10.0.0.256"}}})}
    return {name: bytes([kind]) + json.dumps(document).encode() for name, (kind, document) in documents.items()}


def http_parts():
    parts = {
        "list": (0, "/v2.1/servers?limit=5&name=a%20b+c", "compute 2.60"),
        "show": (0, "/v2.1/servers/0f3b/", "compute latest"),
        "tag": (3, "//v2.1/p/servers/%E2%82%AC/tags/%2f", "volume 3.1, compute 2.1"),
        "broken": (2, "/%zz?%", "compute 2.x"), "fragment": (1, "/a#b?c", "compute 2.9999"), "many": (4, "/a" * 70, ""),
    }
    return {name: bytes([method]) + f"{target}\n{version}".encode() for name, (method, target, version) in parts.items()}


def tokens():
    text = lambda word: bytes([0xa0 + len(word)]) + word.encode()  # MessagePack: a short string
    uuid = b"\x92\xc3\xc4\x10" + bytes(range(16))                   # [true, 16 bytes]
    expires = b"\xcb\x41\xda\x00\x00\x00\x00\x00\x00"
    audit = b"\x91\xc4\x10" + bytes(range(16))
    return {
        "spec": b"gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==",
        "unscoped": b"\x95\x00" + uuid + b"\x02" + expires + audit,
        "domain": b"\x96\x01" + uuid + b"\x02" + text("default") + expires + audit,
        "project": b"\x96\x02" + uuid + b"\x06" + uuid + expires + audit,
        "system": b"\x96\x08" + uuid + b"\x02" + text("all") + expires + audit,
        "application_credential": b"\x97\x09" + uuid + b"\x20" + uuid + expires + audit + uuid,
        "trust": b"\x97\x03" + uuid + b"\x02" + uuid + expires + audit + uuid,
    }


def rings():
    base, data, available, used, record = 0x10000, 4096, 128, 1024, 8192  # as ring_fuzzer.cc has them, 8 entries
    patch = lambda at, what: bytes([len(what)]) + struct.pack("<H", at) + what
    descriptor = lambda address, length, flags, following=0: struct.pack("<QIHH", address, length, flags, following)
    header = lambda kind, sector: patch(data, struct.pack("<IIQ", kind, 0, sector))
    offer = lambda *heads: patch(available, struct.pack(f"<HH{len(heads)}H", 0, len(heads), *heads))
    chain = lambda flags, length: patch(0, descriptor(base + data, 16, 1, 1) + descriptor(base + data + 512, length, flags | 1, 2)
                                        + descriptor(base + data + 16, 1, 2))
    write, read = chain(0, 512) + header(1, 8), chain(2, 512) + header(0, 8)
    part = lambda address, length, flags: struct.pack("<QIHH", address, length, 0, flags | 0x80)  # packed, the first round
    packed = patch(0, part(base + data, 16, 1) + part(base + data + 512, 512, 1) + part(base + data + 16, 1, 2)) + header(1, 8)
    turn, die, fail = b"\xff", b"\x80", b"\x81"
    table = (descriptor(base + data, 16, 1, 1) + descriptor(base + data + 512, 64, 3, 2) + descriptor(0x20000, 64, 2))
    return {
        "write": b"\x00" + write + offer(0) + turn, "read": b"\x04" + read + offer(0) + turn,
        "failed": b"\x00" + fail + write + offer(0) + turn, "no_record": b"\x10" + write + offer(0) + turn,
        "died": b"\x00" + write + offer(0) + die + turn, "loop": b"\x00" + patch(0, descriptor(base, 16, 1, 0)) + offer(0) + turn,
        "indirect": b"\x00" + patch(2048, table) + patch(0, descriptor(base + 2048, 48, 4)) + header(8, 0) + offer(0) + turn,
        "again": b"\x00" + write + offer(0, 0) + turn, "jumped": b"\x00" + patch(available + 2, b"\xff\xff") + turn,
        "discard": b"\x00" + chain(0, 16) + header(11, 0) + patch(data + 512, struct.pack("<QII", 8, 8, 0)) + offer(0) + turn,
        "record": b"\x00" + write + offer(0) + die + patch(record + 8, struct.pack("<HHHH", 1, 8, 9, 5)) + die + turn,
        "used_moved": b"\x00" + write + patch(used + 2, b"\x05\x00") + offer(0) + turn, "odd_size": b"\x03" + turn,
        "one_entry": b"\x01" + patch(0, descriptor(base + data, 1, 2)) + patch(16, struct.pack("<HHH", 0, 1, 0)) + turn,
        "packed": b"\x20" + packed + turn, "packed_died": b"\x24" + packed + die + turn,
        "packed_giving_back": b"\x20" + packed + die + patch(record + 12, struct.pack("<HHHHBB", 0, 0x8000, 0, 0, 1, 1)) + die + turn,
        "packed_indirect": b"\x20" + patch(2048, table) + patch(0, part(base + 2048, 48, 4)) + header(8, 0) + turn,
        "packed_record": b"\x20" + packed + die + patch(record + 32, b"\x01\x00\xff\xff\xff\xff\x09\x00") + die + turn,
    }


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus"
    for target, seeds in {"packet": packets, "dhcp": dhcp_messages, "vxlan": vxlan_payloads, "offload": offloads, "rpc": rpc_lines,
                          "state": state_documents, "http": http_parts, "token": tokens, "ring": rings}.items():
        (root / target).mkdir(parents=True, exist_ok=True)
        for name, seed in seeds().items():
            (root / target / name).write_bytes(seed)
