"""Frames for the test of random changes: written and read without a kernel's help, so that every byte that comes out is
looked at. Ethernet, a VLAN tag, VXLAN, IPv4 and IPv6, UDP, TCP, ICMP echo; ARP and neighbour solicitations."""
import dataclasses
import ipaddress
import struct

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58}
SYN, SYN_ACK = 2, 18
BROADCAST = "ff:ff:ff:ff:ff:ff"
ECHO = {4: (8, 0), 6: (128, 129)}  # request and reply


def mac_bytes(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_text(raw):
    return raw.hex(":")


def packed(ip):
    return ipaddress.ip_address(ip).packed


def is_ipv6(ip):
    return ":" in ip


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def pseudo_header(source, destination, protocol, length):
    if len(source) == 4:
        return source + destination + struct.pack("!BBH", 0, protocol, length)
    return source + destination + struct.pack("!IxxxB", length, protocol)


@dataclasses.dataclass
class Frame:
    to_mac: str
    from_mac: str
    source: str
    destination: str
    protocol: str  # udp, tcp, icmp; of either IP version
    source_port: int  # ICMP: the identifier, at both ends
    destination_port: int
    payload: bytes = b""
    ttl: int = 64
    answer: bool = False  # echo reply, SYN-ACK
    vlan: int = 0
    vni: int = 0

    def number(self):
        if self.protocol == "icmp":
            return 58 if is_ipv6(self.source) else 1
        return PROTOCOLS[self.protocol]

    def l4(self):
        if self.protocol == "udp":
            at, raw = 6, struct.pack("!HHHH", self.source_port, self.destination_port, 8 + len(self.payload), 0)
        elif self.protocol == "tcp":
            at, raw = 16, struct.pack("!HHIIBBHHH", self.source_port, self.destination_port, 1, 1, 0x50,
                                      SYN_ACK if self.answer else SYN, 8192, 0, 0)
        else:
            kind = ECHO[6 if is_ipv6(self.source) else 4][self.answer]
            at, raw = 2, struct.pack("!BBHHH", kind, 0, 0, self.source_port, 1)
        raw += self.payload
        pseudo = b"" if self.number() == 1 else \
            pseudo_header(packed(self.source), packed(self.destination), self.number(), len(raw))
        total = checksum(pseudo + raw) or 0xffff
        return raw[:at] + struct.pack("!H", total) + raw[at + 2:]

    def bytes(self):
        body = self.l4()
        if is_ipv6(self.source):
            ip = struct.pack("!IHBB", 6 << 28, len(body), self.number(), self.ttl) + packed(self.source) + \
                packed(self.destination)
        else:
            ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(body), 1, 0x4000, self.ttl, self.number(), 0) + \
                packed(self.source) + packed(self.destination)
            ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        tag = struct.pack("!HH", 0x8100, self.vlan) if self.vlan else b""
        ethertype = struct.pack("!H", 0x86dd if is_ipv6(self.source) else 0x800)
        return mac_bytes(self.to_mac) + mac_bytes(self.from_mac) + tag + ethertype + ip + body


def read(data):
    """The Frame in these bytes; None for what is none of the above. A wrong checksum is an error of the test."""
    vlan, at = 0, 12
    if data[at:at + 2] == b"\x81\0":
        vlan, at = struct.unpack_from("!H", data, at + 2)[0] & 0xfff, at + 4
    ethertype, at = data[at:at + 2], at + 2
    if ethertype == b"\x08\0":
        if checksum(data[at:at + 20]):
            raise AssertionError(f"the IP checksum is wrong: {data.hex()}")
        number, ttl, length = data[at + 9], data[at + 8], struct.unpack_from("!H", data, at + 2)[0]
        source, destination, body = data[at + 12:at + 16], data[at + 16:at + 20], data[at + 20:at + length]
    elif ethertype == b"\x86\xdd":
        length, number, ttl = struct.unpack_from("!HBB", data, at + 4)
        source, destination = data[at + 8:at + 24], data[at + 24:at + 40]
        body = data[at + 40:at + 40 + length]
    else:
        return None
    names = {1: "icmp", 58: "icmp", 6: "tcp", 17: "udp"}
    if number not in names:
        return None
    pseudo = b"" if number == 1 else pseudo_header(source, destination, number, len(body))
    unsummed = number == 17 and body[2:4] == struct.pack("!H", 4789) and body[6:8] == b"\0\0"  # RFC 7348, 5
    if checksum(pseudo + body) and not unsummed:
        raise AssertionError(f"the checksum of L4 is wrong: {data.hex()}")
    frame = Frame(mac_text(data[:6]), mac_text(data[6:12]), str(ipaddress.ip_address(source)),
                  str(ipaddress.ip_address(destination)), names[number], 0, 0, ttl=ttl, vlan=vlan)
    if number in (1, 58):
        if body[0] not in (8, 0, 128, 129):
            return None
        frame.source_port = frame.destination_port = struct.unpack_from("!H", body, 4)[0]
        frame.answer, frame.payload = body[0] in (0, 129), body[8:]
    else:
        frame.source_port, frame.destination_port = struct.unpack_from("!HH", body)
        frame.answer = number == 6 and body[13] == SYN_ACK
        frame.payload = body[8 if number == 17 else 20:]
    return frame


def in_vxlan(inner, vni, to_mac, from_mac, source, destination):
    outer = Frame(to_mac, from_mac, source, destination, "udp", 50000, 4789,
                  struct.pack("!II", 8 << 24, vni << 8) + inner)
    return outer.bytes()


def vxlan_of(frame):
    """VNI and bytes of what a frame holds; None when it is no VXLAN."""
    if frame is None or frame.protocol != "udp" or frame.destination_port != 4789:
        return None
    return struct.unpack_from("!I", frame.payload, 4)[0] >> 8, frame.payload[8:]


def arp(operation, to_mac, sender_mac, sender, target_mac, target, vlan=0):
    tag = struct.pack("!HH", 0x8100, vlan) if vlan else b""
    return mac_bytes(to_mac) + mac_bytes(sender_mac) + tag + \
        struct.pack("!HHHBBH", 0x806, 1, 0x800, 6, 4, operation) + mac_bytes(sender_mac) + packed(sender) + \
        mac_bytes(target_mac) + packed(target)


def read_arp(data):
    """Operation, sender's MAC and address, and the address that is asked for; None when it is no ARP."""
    at = 16 if data[12:14] == b"\x81\0" else 12
    if data[at:at + 2] != b"\x08\x06":
        return None
    raw = data[at + 2:]
    return (struct.unpack_from("!H", raw, 6)[0], mac_text(raw[8:14]), str(ipaddress.ip_address(raw[14:18])),
            str(ipaddress.ip_address(raw[24:28])))


def solicited(data):
    """The address that a neighbour solicitation asks for, with its sender's MAC and address; or None."""
    if data[12:14] != b"\x86\xdd" or data[20] != 58 or data[54] != 135:
        return None
    return str(ipaddress.ip_address(data[62:78])), mac_text(data[6:12]), str(ipaddress.ip_address(data[22:38]))


def advert(to_mac, mac, address, to):
    body = struct.pack("!BBHI", 136, 0, 0, 0x60000000) + packed(address) + b"\x02\x01" + mac_bytes(mac)
    total = checksum(pseudo_header(packed(address), packed(to), 58, len(body)) + body)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    return mac_bytes(to_mac) + mac_bytes(mac) + b"\x86\xdd" + struct.pack("!IHBB", 6 << 28, len(body), 58, 255) + \
        packed(address) + packed(to) + body
