"""Guests, the outside and the underlay of the random changes: raw sockets, no kernel's stack. Each frame that comes out
is looked at; what is sent is followed by a question that is always answered, so that "it did not come" is known as soon
as that answer is there, without a wait."""
import ctypes
import os
import select
import socket
import time

import random_frames as frames
from lab import expect
from random_world import (ANCHORS, BEYOND, FAR_MAC, GUESTS, NODE2, NODE2_MAC, OUTSIDE, OUTSIDE_MAC, UNDER_MAC, VTEP,
                          WIRE_MAC, guest_mac, guest_v4, router_mac)

CLONE_NEWNET = 0x40000000
MARK = b"probe "
NOBODY = "00:00:00:00:00:00"


def raw_sockets(netns, interfaces):
    """One for each interface of a namespace, in order."""
    libc = ctypes.CDLL(None, use_errno=True)
    home, there = os.open("/proc/self/ns/net", os.O_RDONLY), os.open(f"/run/netns/{netns}", os.O_RDONLY)
    out = {}
    expect(libc.setns(there, CLONE_NEWNET) == 0, "setns")
    try:
        for name in interfaces:
            one = out[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            one.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
            one.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
            one.bind((name, 3))  # ETH_P_ALL
            one.setblocking(False)
    finally:
        expect(libc.setns(home, CLONE_NEWNET) == 0, "setns back")
        os.close(home)
        os.close(there)
    return out


class Driver:
    def __init__(self, lab, seed):
        self.space = lab.namespace("ends")
        names = [f"p{number}" for number in GUESTS]
        devices = {name: lab.plug(self.space, interface=name) for name in [*names, "ext", "under"]}
        self.devices = {number: devices[f"p{number}"] for number in GUESTS}
        self.uplinks = {
            "ext": {"device": devices["ext"], "physical_network": "external"},
            "under": {"device": devices["under"], "physical_network": "physnet1", "address": VTEP + "/24",
                      "mac": UNDER_MAC, "mtu": 1600}}
        self.sockets = raw_sockets(self.space.netns, devices)
        self.names = {one.fileno(): name for name, one in self.sockets.items()}
        self.poll = select.poll()
        for number in self.names:
            self.poll.register(number, select.POLLIN)
        self.seed, self.count = seed, 0
        self.awaited = {}  # mark of a probe that is under way: the (place, frame)s that came of it
        self.told = []  # ARP answers: (interface, address, MAC)
        self.asked = 0  # questions of the data plane that were answered here
        self.seen = 0

    # ---- in

    def drain(self, seconds):
        """Takes what is there, or waits for the first of it."""
        ready = self.poll.poll(seconds * 1000)
        for number, event in ready:
            # A veth whose other end is gone for a moment says so here once; the next poll asks again.
            if event & select.POLLIN:
                self.drain_one(self.names[number])

    def drain_one(self, name):
        while True:
            try:
                data = self.sockets[name].recv(4096)
            except BlockingIOError:
                return
            self.take(name, data)

    def take(self, name, data):
        self.seen += 1
        if name[0] == "p":
            to = frames.mac_text(data[:6])
            expect(data[0] & 1 or to == guest_mac(int(name[1:])),
                   f"{self.seed}: {name} got a frame of another: {data.hex()}")
        if self.serve(name, data):
            return
        arp = frames.read_arp(data)
        if arp:
            if arp[0] == 2:
                self.told.append((name, arp[2], arp[1]))
            return
        if MARK not in data:
            return
        frame, vni = frames.read(data), 0
        outer = frames.vxlan_of(frame)
        if outer:
            vni, frame = outer[0], frames.read(outer[1])
        if frame is None or not frame.payload.startswith(MARK):
            return  # quoted in an ICMP error
        frame.vni = vni
        on_under = {WIRE_MAC: "wire", FAR_MAC: "far"}.get(frame.to_mac, "under")
        place = {"ext": "outside", "under": on_under}.get(name, name)
        expect(frame.payload in self.awaited, f"{self.seed}: {place} got what it should not: {frame}")
        self.awaited[frame.payload].append((place, frame))

    def serve(self, name, data):
        """Answers the data plane's own questions; True: it was one."""
        arp = frames.read_arp(data)
        if arp and arp[0] == 1 and (name, arp[3]) in (("ext", OUTSIDE[4]), ("under", NODE2)):
            mac = OUTSIDE_MAC if name == "ext" else NODE2_MAC
            self.send(name, frames.arp(2, arp[1], mac, arp[3], arp[1], arp[2]))
            self.asked += 1
            return True
        wanted = frames.solicited(data) if name == "ext" and len(data) >= 78 else None
        if wanted and wanted[0] == OUTSIDE[6]:
            self.send(name, frames.advert(wanted[1], OUTSIDE_MAC, OUTSIDE[6], wanted[2]))
            self.asked += 1
            return True
        return False

    # ---- out

    def send(self, name, data):
        self.sockets[name].send(data)

    def fence(self, name, tenant):
        """Returns when the data plane has done all that `name` sent before."""
        mac, own, wanted = {"ext": (OUTSIDE_MAC, OUTSIDE[4], ANCHORS["x"]), "under": (NODE2_MAC, NODE2, VTEP)}.get(
            name) or (guest_mac(int(name[1:])), "0.0.0.0", ANCHORS[tenant])
        question = frames.arp(1, frames.BROADCAST, mac, own, NOBODY, wanted)
        deadline, again = time.monotonic() + 20, 0.0
        self.told = [known for known in self.told if known[:2] != (name, wanted)]
        while not any(known[:2] == (name, wanted) for known in self.told):
            expect(time.monotonic() < deadline, f"{self.seed}: {name} is not answered")
            if time.monotonic() >= again:  # a device that was plugged in a moment ago may miss the first
                self.send(name, question)
                again = time.monotonic() + 0.5
            self.drain(0.5)

    def settle(self, name, tenant):
        """All that follows from what was sent is done: also what waited for an answer of ours."""
        while True:
            asked = self.asked
            if name[0] != "p" or tenant:
                self.fence(name, tenant)
            if self.asked == asked:
                return
            self.fence("ext", None)
            self.fence("under", None)

    def ask(self, name, tenant, address):
        """Who is told to the guest that asks for an address."""
        self.told.clear()
        self.send(name, frames.arp(1, frames.BROADCAST, guest_mac(int(name[1:])), "0.0.0.0", NOBODY, address))
        self.fence(name, tenant)
        return {mac for known, ip, mac in self.told if (known, ip) == (name, address)}

    def deliver(self, place, tenant, frame, segments, expected):
        """Sends `frame` as the station at `place`; what came of it, as (place, frame)s. Not `expected`: what nothing is
        to come of is not waited for, beyond the fence."""
        self.count += 1
        frame.payload = MARK + b"%d " % self.count
        data = frame.bytes()
        name = {"outside": "ext", "wire": "under", "far": "under"}.get(place, place)
        if name == "under" and place == "far" and "vxlan" in segments:
            data = frames.in_vxlan(data, segments["vxlan"], UNDER_MAC, NODE2_MAC, NODE2, VTEP)
        elif name == "under":
            frame.vlan = segments.get("vlan", 101)
            data = frame.bytes()
        got = self.awaited[frame.payload] = []
        self.send(name, data)
        self.settle(name, tenant)
        deadline = time.monotonic() + 20
        while expected and not got and time.monotonic() < deadline:
            self.drain(0.5)
        del self.awaited[frame.payload]
        return got


def traffic(driver, chance):
    """Runs in a process of its own: connections between all guests and to the outside, good and bad, without end."""
    while True:
        number, tenant = chance.choice(GUESTS), chance.choice("ab")
        other = chance.choice(GUESTS)
        to_mac, destination = chance.choice([(guest_mac(other), guest_v4(tenant, other)),
                                             (router_mac("r", tenant), guest_v4(chance.choice("ab"), other)),
                                             (router_mac("r", tenant), BEYOND[4]),
                                             (router_mac("r", tenant), "203.0.113.20")])
        frame = frames.Frame(to_mac, guest_mac(number), guest_v4(tenant, number), destination,
                             chance.choice(("udp", "tcp", "icmp")), chance.randrange(1024, 20000), 7000, b"traffic")
        burst = frame.bytes()
        for _ in range(chance.randrange(1, 8)):
            try:
                driver.send(f"p{number}", burst)
            except OSError:  # its port is not there: the veth has no one at the other end
                break
        time.sleep(0.01)
