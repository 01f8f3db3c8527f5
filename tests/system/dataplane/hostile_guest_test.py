#!/usr/bin/python3
"""A vhost-user guest that misbehaves hurts only itself: it hangs up again and again, speaks nonsense, and puts descriptors
into its ring that lead nowhere, in circles, or beyond its memory, and asks for checksums and segments that make no sense.
Meanwhile other guests reach each other, and in the end an honest guest gets through by the same port."""
import mmap
import os
import socket
import struct

from lab import Lab, expect, network, port, state, subnet, wait_for

BASE, MEMORY, SIZE = 0x10000000, 1 << 20, 64  # where the front end says its memory is; the ring's entries
GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE = 1, 2, 3, 5
SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL = 8, 9, 10, 12, 13
VERSION_1, NO_FD, NEXT, WRITE, INDIRECT = 1 << 32, 1 << 8, 1, 2, 4
OFFLOADS = 1 | 1 << 11 | 1 << 12  # CSUM, HOST_TSO4, HOST_TSO6
CHECKSUM, TCPV4, UDP_GSO = 1, 1, 3  # of a frame's header (virtio 1.2, 5.1.6)


def message(request, payload=b""):
    return struct.pack("<III", request, 1, len(payload)) + payload


class Guest:
    """The front end of one connection (QEMU's part), with rings of its own making."""

    def __init__(self, connection):
        self.connection, self.index = connection, 0
        file = os.memfd_create("guest")
        os.ftruncate(file, MEMORY)
        self.memory = mmap.mmap(file, MEMORY)
        connection.settimeout(10)
        connection.sendall(message(GET_FEATURES))
        self.connection.recv(64)
        connection.sendall(message(SET_OWNER) + message(SET_FEATURES, struct.pack("<Q", VERSION_1 | OFFLOADS)))
        table = struct.pack("<IIQQQQ", 1, 0, 0, MEMORY, BASE, 0)
        socket.send_fds(connection, [message(SET_MEM_TABLE, table)], [file])
        os.close(file)
        for ring in (0, 1):
            at = BASE + 0x4000 * ring
            connection.sendall(message(SET_VRING_NUM, struct.pack("<II", ring, SIZE)) +
                               message(SET_VRING_BASE, struct.pack("<II", ring, 0)) +
                               message(SET_VRING_ADDR, struct.pack("<IIQQQQ", ring, 0, at + 0x1000, at + 0x3000, at + 0x2000, 0)) +
                               message(SET_VRING_CALL, struct.pack("<Q", ring | NO_FD)) +
                               message(SET_VRING_KICK, struct.pack("<Q", ring | NO_FD)))

    def offer(self, *descriptors, head=0, ahead=1, ring=1):
        """Writes descriptors (address, length, flags, next) from `head` on, and says that `ahead` heads are there."""
        table, avail = 0x4000 * ring + 0x1000, 0x4000 * ring + 0x2000
        for i, descriptor in enumerate(descriptors):
            struct.pack_into("<QIHH", self.memory, table + 16 * (head + i), *descriptor)
        for _ in range(min(ahead, SIZE)):
            struct.pack_into("<H", self.memory, avail + 4 + 2 * (self.index % SIZE), head)
            self.index += 1
        struct.pack_into("<H", self.memory, avail + 2, (self.index + max(0, ahead - SIZE)) & 0xffff)


ATTACKS = {
    "an address outside": [dict(descriptors=[(0x7fffffff0000, 100, 0, 0)])],
    "an address that wraps": [dict(descriptors=[(0xffffffffffffff00, 4096, 0, 0)])],
    "a length beyond the memory": [dict(descriptors=[(MEMORY - 64, 0xffffffff, 0, 0)])],
    "a header alone": [dict(descriptors=[(0x20000, 4, 0, 0)])],
    "a circle": [dict(descriptors=[(0x20000, 64, NEXT, 1), (0x20100, 64, NEXT, 0)])],
    "a head beyond the ring": [dict(descriptors=[], head=60000)],
    "an index far ahead": [dict(descriptors=[(0x20000, 100, 0, 0)], ahead=50000)],
    "an indirect table outside": [dict(descriptors=[(0x7fffffff0000, 160, INDIRECT, 0)])],
    "a write-only frame": [dict(descriptors=[(0x20000, 100, WRITE, 0)])],
    "receive buffers outside": [dict(descriptors=[(0x7fffffff0000, 4096, WRITE, 0)], ring=0, ahead=16)],
}


def frame(protocol, payload, flags=0x10):
    """From the guest to another, complete but for the L4 checksum."""
    from scapy.all import Ether, ICMP, IP, TCP, UDP
    head = {"tcp": TCP(sport=1, dport=2, flags=flags), "udp": UDP(sport=1, dport=2), "icmp": ICMP()}[protocol]
    return bytes(Ether(dst="fa:16:3e:00:00:01", src="fa:16:3e:00:00:02") / IP(src="10.0.0.12", dst="10.0.0.11", flags="DF") /
                 head / bytes(payload))


def wish(flags=0, gso=0, size=0, start=34, offset=16):
    return struct.pack("<BBHHHHH", flags, gso, 54, size, start, offset, 0)


# What is asked for, and the drop's name; None: the library makes something of it that is no loss.
WISHES = {
    "segments of nothing": (wish(CHECKSUM, TCPV4, 0), frame("tcp", 3000), None),
    "segments of a byte": (wish(CHECKSUM, TCPV4, 1), frame("tcp", 3000), "gso_bad_size"),
    "segments of UDP": (wish(CHECKSUM, UDP_GSO, 500, offset=6), frame("udp", 3000), "gso_not_tcp"),
    "segments of a SYN": (wish(CHECKSUM, TCPV4, 500), frame("tcp", 3000, 2), "gso_bad_flags"),
    "TCP segments of UDP": (wish(CHECKSUM, TCPV4, 500), frame("udp", 3000), None),
    "a checksum that begins beyond": (wish(CHECKSUM, start=60000), frame("icmp", 100), None),
    "a checksum that lies beyond": (wish(CHECKSUM, start=34, offset=60000), frame("icmp", 100), None),
    "a checksum whose place wraps": (wish(CHECKSUM, start=65535, offset=65535), frame("icmp", 100), None),
    "a checksum in its own header": (wish(CHECKSUM, start=0, offset=0), frame("tcp", 100), None),
    "more than fits": (wish(CHECKSUM, TCPV4, 1400), frame("tcp", 65400), "refused"),
}
NONSENSE = (b"", b"\xff" * 512, struct.pack("<III", SET_MEM_TABLE, 1, 0xffffffff), message(SET_VRING_NUM, struct.pack("<II", 999, 7)),
            message(SET_MEM_TABLE, struct.pack("<IIQQQQ", 1, 0, 0, MEMORY, BASE, 0)),
            message(SET_VRING_ADDR, struct.pack("<IIQQQQ", 1, 0, 1, 2, 3, 4)))

with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    for number in (1, 2, 3):
        desired["port"][f"p{number}"] = port("n", number, "s", f"10.0.0.1{number}")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    lab.guest("three", desired["port"]["p3"], "10.0.0.13/24")
    path = os.path.join(lab.folder, "guest.sock")
    desired["port"]["p2"]["device"] = {"type": "vhost-user", "socket": path}
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(8)
    server.settimeout(20)
    plane = lab.dataplane(desired)
    generation = plane.call("state.generation")["generation"]

    def others_live(after):
        expect(plane.process.poll() is None, f"the data plane ended after {after}")
        wait_for(lambda: one.ping("10.0.0.13", count=1), f"other guests reach each other after {after}")
        expect(plane.call("state.generation")["generation"] == generation, f"the control socket after {after}")

    def honest(guest):
        """A broadcast ARP request, complete, from the port's own address."""
        request = bytes.fromhex("ffffffffffff" "fa163e000002" "0806" "0001080006040001" "fa163e000002" "0a00000c"
                              "000000000000" "0a00000b")
        before = plane.counters("p2")["rx_packets"]
        guest.memory[0x30000:0x30000 + 12 + len(request)] = bytes(12) + request
        guest.offer((0x30000, 12 + len(request), 0, 0), head=8)
        wait_for(lambda: plane.counters("p2")["rx_packets"] > before, "an honest frame")

    for nonsense in NONSENSE:
        connection, _ = server.accept()
        with connection:
            connection.sendall(nonsense)
    others_live("hanging up and nonsense")
    for name, offers in ATTACKS.items():
        connection, _ = server.accept()
        with connection:
            guest = Guest(connection)
            wait_for(lambda: plane.call("status")["ports"]["p2"]["up"], f"the guest of {name} connected")
            honest(guest)
            for offer in offers:
                descriptors = offer.pop("descriptors")
                guest.offer(*descriptors, **offer)
            if name.startswith("receive"):
                one.ping("10.0.0.12", count=5)  # frames for those buffers
            others_live(name)
        wait_for(lambda: not plane.call("status")["ports"]["p2"]["up"], f"the end of the guest of {name}")
    connection, _ = server.accept()
    with connection:
        guest = Guest(connection)
        wait_for(lambda: plane.call("status")["ports"]["p2"]["up"], "the guest that asks for work connected")
        for name, (header, asked, drop) in WISHES.items():
            def lost(reason=drop):
                counted = plane.counters("p2")
                return counted["device_rx_refused"] if reason == "refused" else counted["drops"].get(reason, 0)
            before = lost()
            guest.memory[0x40000:0x40000 + 12 + len(asked)] = header + asked
            guest.offer((0x40000, 12 + len(asked), 0, 0), head=8)
            if drop:
                wait_for(lambda: lost() == before + 1, f"{drop} of {name}")
            honest(guest)
            others_live(name)
    wait_for(lambda: not plane.call("status")["ports"]["p2"]["up"], "the end of the guest that asks for work")
    connection, _ = server.accept()
    with connection:
        guest = Guest(connection)
        wait_for(lambda: plane.call("status")["ports"]["p2"]["up"], "the honest guest connected")
        honest(guest)
    free = plane.call("status")["memory"]
    expect(free["packet_buffers_used"] < 2048, f"buffers are lost: {free}")
