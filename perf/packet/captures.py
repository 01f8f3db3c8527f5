"""Captures that the systems under test replay: what a guest sends, or what another host's VTEP sends for it.

Frames are made by hand, since scapy takes minutes for 100,000; what comes out is checked by scapy (verify.py).
"""
import ipaddress
import struct

MAX_FRAME = 1514
MAX_CAPTURE_BYTES = 2 << 30
IMIX = (60, 60, 60, 60, 60, 60, 60, 590, 590, 590, 590, 1464)  # 7:4:1; without FCS, for an MTU of 1450
SIZES = {"64": (60,), "imix": IMIX}
MAGIC = 0xa1b2c3d4


class BadCapture(Exception):
    pass


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return ipaddress.ip_address(text).packed


def fold(total):
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return total


def word_sum(data):
    if len(data) % 2:
        data += b"\0"
    return sum(struct.unpack(f"!{len(data) // 2}H", data))


def ipv4_header(source, destination, protocol, payload, ttl):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + payload, 0, 0, ttl, protocol, 0) + source + destination
    return head[:10] + struct.pack("!H", 0xffff ^ fold(word_sum(head))) + head[12:]


def ipv6_header(source, destination, protocol, payload, ttl):
    return struct.pack("!IHBB", 6 << 28, payload, protocol, ttl) + source + destination


class UdpFlow:
    """Frames between two addresses that differ in ports (and so in flow) only."""

    def __init__(self, mac_from, mac_to, ip_from, ip_to, ttl=64):
        self.ethernet = mac(mac_to) + mac(mac_from)
        self.source, self.destination, self.ttl = ip(ip_from), ip(ip_to), ttl
        self.v6 = len(self.source) == 16
        self.cached = {}

    def frame(self, flow, length):
        ports = struct.pack("!HH", 1024 + flow % 60000, 1000 + flow // 60000)
        if length not in self.cached:
            start = 14 + (40 if self.v6 else 20)
            udp = length - start
            header = (ipv6_header if self.v6 else ipv4_header)(self.source, self.destination, 17, udp, self.ttl)
            head = self.ethernet + (b"\x86\xdd" if self.v6 else b"\x08\x00") + header
            payload = bytes(i & 0xff for i in range(udp - 8))
            partial = word_sum(self.source + self.destination) + 17 + 2 * udp + word_sum(payload)
            self.cached[length] = (head, struct.pack("!H", udp), payload, partial)
        head, udp_length, payload, partial = self.cached[length]
        check = 0xffff ^ fold(partial + word_sum(ports))
        return b"".join((head, ports, udp_length, struct.pack("!H", check or 0xffff), payload))


class VxlanFlow:
    """The same, as another VTEP sends it."""

    def __init__(self, inner, vni, mac_from, mac_to, ip_from, ip_to):
        self.inner, self.vni = inner, vni
        self.ethernet = mac(mac_to) + mac(mac_from) + b"\x08\x00"
        self.source, self.destination = ip(ip_from), ip(ip_to)

    def frame(self, flow, length):
        inner = self.inner.frame(flow, length)
        udp = len(inner) + 16
        return b"".join((self.ethernet, ipv4_header(self.source, self.destination, 17, udp, 64),
                         struct.pack("!HHHH", 49152 + flow % 16384, 4789, udp, 0),
                         struct.pack("!II", 0x08000000, self.vni << 8), inner))


def make(flows, size, generator):
    """One frame per flow at least; for a mix, as many as make its proportions whole."""
    lengths = SIZES[size]
    count = max(flows, len(lengths)) if size == "64" else -(-flows // len(lengths)) * len(lengths)
    least = 62 if getattr(generator, "v6", False) else 60
    for index in range(count):
        yield generator.frame(index % flows, max(lengths[index % len(lengths)], least))


def write(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", MAGIC, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            out.write(struct.pack("<IIII", number // 1000000, number % 1000000, len(frame), len(frame)))
            out.write(frame)


def read(path, limit=None):
    """The frames of a capture; refuses what is none, is cut, empty, or holds a frame that is too long."""
    frames = []
    with open(path, "rb") as file:
        head = file.read(24)
        if len(head) < 24 or struct.unpack("<I", head[:4])[0] not in (MAGIC, 0xa1b23c4d):
            raise BadCapture(f"{path}: not a capture (pcap, little endian)")
        while limit is None or len(frames) < limit:
            record = file.read(16)
            if not record:
                break
            if len(record) < 16:
                raise BadCapture(f"{path}: cut after {len(frames)} frames")
            kept, length = struct.unpack("<II", record[8:])
            if length > MAX_FRAME + 50 or kept != length:
                raise BadCapture(f"{path}: frame {len(frames) + 1} has {length} bytes, of which {kept} are there; "
                                 f"at most {MAX_FRAME + 50} can be replayed")
            frame = file.read(kept)
            if len(frame) < kept:
                raise BadCapture(f"{path}: cut after {len(frames)} frames")
            frames.append(frame)
            if len(frames) * 64 > MAX_CAPTURE_BYTES:
                raise BadCapture(f"{path}: too many frames")
    if not frames:
        raise BadCapture(f"{path}: holds no frames")
    return frames
