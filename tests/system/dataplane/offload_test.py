#!/usr/bin/python3
"""Two QEMU guests that leave checksums and segmentation to the data plane: on one host large frames go as they are, over VXLAN they
are cut and joined again, and each byte and checksum is right, by IPv4 and by IPv6. Beside them, the same guests without offloads. The
rates are for the reader: emulated guests on a busy machine give what they get of its CPUs."""
import copy
import json
import os
import re
import struct

from guest_vm import GuestFiles, GuestVm
from lab import Lab, expect, network, port, run, state, subnet, vxlan, wait_for

OFF = ("csum=off,gso=off,guest_csum=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,"
       "guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off")
MTU, MIB, SECONDS = 1450, 8, 4
FRAMES = (MIB << 20) // MTU  # of the transfer on the wire, at least
ADDRESSES = ("10.0.0.11", "10.0.0.12")
ADDRESSES6 = ("2001:db8::11", "2001:db8::12")


def engine(plane):
    return plane.call("counters")["engine"]


def boot(lab, files, ports, options):
    guests = [GuestVm(lab, files, f"guest {number}", ports[number], f"{ADDRESSES[number]}/24", MTU, options)
              for number in range(2)]
    for guest in guests:
        guest.ready()
    for guest, address in zip(guests, ADDRESSES6):
        guest.run(f"echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip -6 address add {address}/64 dev eth0")
    for address in (ADDRESSES[1], ADDRESSES6[1]):
        guests[0].run(f"for i in 1 2 3 4 5; do ping -c 1 -W 2 {address} && break; done")
    return guests


def two_ports(desired, hosts=("node1", "node1")):
    """Each with an address of each family, the documents of two guests in one network."""
    desired["network"]["n"] = network(vxlan(4242), mtu=MTU)
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["subnet"]["s6"] = subnet("n", "2001:db8::/64")
    for number, host in enumerate(hosts):
        one = desired["port"][f"p{number + 1}"] = port("n", number + 1, "s", ADDRESSES[number], host=host)
        one["addresses"].append({"subnet": "s6", "ip": ADDRESSES6[number]})


def transfer(guests, address):
    """Random bytes from the first guest to the second; they must be the same."""
    # Its input stays open: busybox's nc would end the connection.
    guests[1].run("[ -e /tmp/open ] || mkfifo /tmp/open; exec 9<>/tmp/open; nc -l -p 7000 <&9 >/tmp/got & until netstat -ltn | grep -q :7000; do usleep 50000; done")
    guests[0].run(f"dd if=/dev/urandom of=/tmp/sent bs=1M count={MIB} 2>/dev/null")
    guests[0].run(f"nc {address} 7000 </tmp/sent", 90)
    guests[1].run("wait", 90)
    sums = [guests[0].run("sha256sum </tmp/sent"), guests[1].run("sha256sum </tmp/got")]
    expect(sums[0] == sums[1], f"{MIB} MiB came out wrong: {sums}")
    guests[0].run("rm /tmp/sent")
    guests[1].run("rm /tmp/got")


def mbit_per_s(guests):
    guests[1].run("iperf3 -s -D -1 && until netstat -ltn | grep -q :5201; do usleep 50000; done")
    answer = json.loads(guests[0].run(f"iperf3 -c {ADDRESSES[1]} -t {SECONDS} -J", SECONDS + 60))
    return answer["end"]["sum_received"]["bits_per_second"] / 1e6


def longest(plane, name, act):
    """Bytes of the longest of the first frames that the guest sends meanwhile. The average says nothing: a guest whose writer is
    slower than its network sends most segments alone."""
    return max(frame["length"] for frame in plane.captured(name, act, 4000, 14) if frame["direction"] == "in")


def frames_in(path):
    """The whole frames of a capture (pcap: a header of 24 bytes, one of 16 before each frame)."""
    with open(path, "rb") as file:
        data = file.read()
    out, at = [], 24
    while at + 16 <= len(data):
        kept = struct.unpack_from("=I", data, at + 8)[0]
        if at + 16 + kept > len(data):
            break
        out.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    return out


def check_numbers(seen):
    """What goes by a sequence number of TCP in VXLAN is always the same. Gives how many frames are TCP."""
    known, count = {}, 0
    for inner in (frame[50:] for frame in seen):
        if inner[12:14] == b"\x08\x00" and inner[23] == 6:
            addresses, tcp = 26, 34
        elif inner[12:14] == b"\x86\xdd" and inner[20] == 6:
            addresses, tcp = 22, 54
        else:
            continue
        count += 1
        data = inner[tcp + (inner[tcp + 12] >> 4) * 4:][:16]
        if len(data) == 16:
            expect(known.setdefault(inner[addresses:tcp + 8], data) == data, "two segments have one sequence number")
    return count


def check_wire(path):
    """No frame is longer than the underlay takes, and tcpdump finds every inner and outer checksum right."""
    seen = frames_in(path)
    of_tcp = check_numbers(seen)
    lengths = [len(frame) for frame in seen]
    expect(max(lengths) == MTU + 50 + 14, f"the longest frame on the wire has {max(lengths)} bytes")
    text = run("tcpdump", "-nvvr", path, timeout=60).stdout
    right, wrong = len(re.findall(r"\(correct\)", text)), len(re.findall(r"incorrect|bad cksum|bad udp", text))
    expect(wrong == 0, f"{wrong} checksums on the wire are wrong")
    expect(right == of_tcp >= FRAMES, f"tcpdump has seen {right} right checksums in {of_tcp} frames of TCP")
    print(f"on the wire: {len(lengths)} frames, {right} inner TCP checksums, all right")


def one_host(lab, files, options):
    desired = state()
    two_ports(desired)
    ports = list(desired["port"].values())
    for number, one in enumerate(ports):
        one["device"] = {"type": "vhost-user", "socket": os.path.join(lab.folder, f"one-{bool(options)}-{number}.sock")}
    plane = lab.dataplane(desired, name=f"one-{bool(options)}")
    guests = boot(lab, files, ports, options)
    for address in (ADDRESSES[1], ADDRESSES6[1]):
        sent = longest(plane, "p1", lambda address=address: transfer(guests, address))
        expect((sent > MTU + 14) == (not options), f"{address}, offloads {'off' if options else 'on'}: frames of at most {sent} bytes")
    rate = mbit_per_s(guests)
    counted = engine(plane)
    expect(counted["segments_made"] == 0 and counted["checksums_made"] == 0, f"work was done between two guests: {counted}")
    expect(all(plane.counters(name)["device_rx_refused"] == 0 for name in ("p1", "p2")), "frames of guests were refused")
    print(f"one host, offloads {'off' if options else 'on'}: {rate:.0f} Mbit/s")
    for guest in guests:
        guest.stop()
    plane.kill()
    return rate


def two_hosts(lab, files, options):
    ends = lab.wire()
    common = state()
    two_ports(common, ("node1", "node2"))
    ports, planes = [], []
    for number in (1, 2):
        desired = copy.deepcopy(common)
        desired["node"] = {"name": f"node{number}", "vtep": f"192.0.2.{number}"}
        desired["host"] = {f"node{3 - number}": {"vtep": f"192.0.2.{3 - number}"}}
        desired["uplink"]["underlay"] = {"device": ends[number - 1], "physical_network": "physnet1",
                                         "address": f"192.0.2.{number}/24"}
        here = desired["port"][f"p{number}"]
        here["device"] = {"type": "vhost-user", "socket": os.path.join(lab.folder, f"two-{bool(options)}-{number}.sock")}
        ports.append(here)
        planes.append(lab.dataplane(desired, name=f"two-{bool(options)}-{number}"))
    guests = boot(lab, files, ports, options)
    for address in (ADDRESSES[1], ADDRESSES6[1]):
        # Where what the first host sends arrives.
        wire = lab.capture(ends[3], "udp port 4789")
        before, joined = engine(planes[0]), planes[1].counters("p2")["device_tx_coalesced"]
        transfer(guests, address)
        now = engine(planes[0])
        cut = {name: now[name] - before[name] for name in ("large_frames_cut", "segments_made")}
        joined = planes[1].counters("p2")["device_tx_coalesced"] - joined
        if options:
            expect(cut["segments_made"] == 0 and joined == 0, f"{address}: offloads that are off: {cut}, {joined} joined")
        else:
            wait_for(lambda wire=wire: check_numbers(frames_in(wire)) >= FRAMES, "the capture")
            lab.end_capture(wire)
            check_wire(wire)
            expect(cut["large_frames_cut"] > 0 and cut["segments_made"] >= 2 * cut["large_frames_cut"],
                   f"{address}: nothing was cut: {cut}")
            expect(joined > 0, f"{address}: no segments were joined for the guest that receives")
        print(f"two hosts, {address}, offloads {'off' if options else 'on'}: {cut['large_frames_cut']} large frames in "
              f"{cut['segments_made']} segments, {joined} joined again")
    rate = mbit_per_s(guests)
    print(f"two hosts, offloads {'off' if options else 'on'}: {rate:.0f} Mbit/s")
    for guest in guests:
        guest.stop()
    for plane in planes:
        plane.kill()
    return rate


with Lab() as lab:
    files = GuestFiles(lab)
    for way in (one_host, two_hosts):
        on, off = way(lab, files, ""), way(lab, files, OFF)
        print(f"{way.__name__}: {on / off:.2f} times as much with offloads")
