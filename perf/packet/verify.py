"""Are the frames right to the byte? What should come out is made by scapy from what goes in."""
import os
import struct

import captures
import scenarios
from machine import wait_for

LEAST_BYTES, MOST_BYTES = 12 << 20, 64 << 20  # of what is kept: at least 8,000 frames of the largest size
MOST_FRAMES = 600000
SAMPLE = 240
LOST = 0.25  # of the sample, while flows are set up at full rate; frames that are wrong: none


class Wrong(Exception):
    pass


def check_outer(scenario, frame):
    """The outer header, if there has to be one (RFC 7348)."""
    if not scenario.vxlan:
        return
    from scapy.all import Ether, IP, UDP, VXLAN
    outer = Ether(frame)
    if VXLAN not in outer:
        raise Wrong(f"no VXLAN header: {outer.summary()}")
    header, udp = outer[IP], outer[UDP]
    without = header.copy()
    del without.chksum
    problems = [
        name for name, good in (
            ("MACs", (outer.src, outer.dst) == (scenarios.VTEP_MAC, scenarios.OTHER_VTEP_MAC)),
            ("addresses", (header.src, header.dst) == (scenarios.VTEP, scenarios.OTHER_VTEP)),
            ("IP checksum", IP(bytes(without)).chksum == header.chksum),
            ("lengths", header.len == len(frame) - 14 and udp.len == len(frame) - 34),
            ("UDP checksum", udp.chksum == 0), ("source port", udp.sport >= 32768),
            ("flags and VNI", frame[42:50] == struct.pack("!II", 0x08000000, scenario.vni << 8))) if not good]
    if problems:
        raise Wrong(f"outer header: {', '.join(problems)} wrong: {frame[:50].hex()}")


def ports_at(scenario, frame):
    """Where the UDP ports of a frame that came out (its inner part) are."""
    ethertype = frame[12:14]
    start = 18 if ethertype == b"\x81\x00" else 14
    return start + (40 if frame[start] >> 4 == 6 else 20)


def check_frames(scenario, sent, received):
    """Each sampled frame has to be among what came out, and nothing else of its flow. (A translation may take another
    port; the flows here are made so that it need not, and it counts as wrong.)"""
    if len(received) < 1.2 * len(sent):
        sent = sent[:len(received) // 2]  # what the file has room for
    step = max(1, len(sent) // SAMPLE)
    wanted = {}
    for frame in sent[::step]:
        right = scenario.expected(frame)
        at = ports_at(scenario, right)
        wanted.setdefault(right[at:at + 4], set()).add(right)
    seen = {}
    for frame in received:
        if frame[12:14] == b"\x08\x06":
            continue  # ARP for the other VTEP
        inner = frame[50:] if scenario.vxlan else frame
        if len(inner) < 60:
            raise Wrong(f"{len(inner)} bytes came out: {inner.hex()}")
        at = ports_at(scenario, inner)
        key = inner[at:at + 4]
        if key not in wanted:
            continue
        if inner not in wanted[key]:
            raise Wrong(f"came out: {inner.hex()}\n  expected: {next(iter(wanted[key])).hex()}")
        if inner not in seen.setdefault(key, set()):
            check_outer(scenario, frame)
            seen[key].add(inner)
    missing = sum(len(frames - seen.get(key, set())) for key, frames in wanted.items())
    if missing > LOST * sum(map(len, wanted.values())):
        raise Wrong(f"{missing} of {sum(map(len, wanted.values()))} sampled frames did not come out")
    return len(wanted)


def check_system(system, scenario, frames, start):
    """A short run of the same configuration that writes to a file; gives the number of flows compared."""
    sink = os.path.join(system.machine.folder, f"{system.name}-out.pcap")
    # One pass and a half: where in the capture a system is when its rules are there is anyone's guess.
    once = sum(map(len, frames)) + len(frames) * 66
    enough_bytes = min(max(LEAST_BYTES, once * 3 // 2), MOST_BYTES)
    try:
        start(sink)

        def enough():
            system.process.must_live()
            return os.path.exists(sink) and os.path.getsize(sink) > enough_bytes
        wait_for(enough, "frames in the file")
        system.hold()
        received = captures_of(sink)
    finally:
        system.stop()
        if os.path.exists(sink):
            os.unlink(sink)
    return check_frames(scenario, frames, received)


def captures_of(path):
    """Up to where the file is whole: its writer was stopped somewhere."""
    out = []
    with open(path, "rb") as file:
        file.seek(24)
        while len(out) < MOST_FRAMES:
            record = file.read(16)
            if len(record) < 16:
                break
            length = struct.unpack("<I", record[8:12])[0]
            frame = file.read(length)
            if len(frame) < length:
                break
            out.append(frame)
    return out
