#!/usr/bin/python3
"""Random changes of the state under traffic: groups, rules, ports, devices, subnets, segments, routers, routes,
gateways, floating IPs, forwardings and address pairs come and go; after each lot, what connections old and new come to,
and as which address, is what a model of the state says (random_model.py), for IPv4 and IPv6.
HANOK_CHANGES: how many (600); HANOK_SEED: the seed of a run that failed, which its failure names."""
import collections
import copy
import dataclasses
import multiprocessing
import os
import random

from lab import Lab, expect
from random_driver import Driver, traffic
from random_frames import Frame, is_ipv6
from random_model import Model, Probe
from random_world import BEYOND, FAR, FAR_MAC, GUESTS, OUTSIDE, OUTSIDE_MAC, WIRE, WIRE_MAC, World, guest_mac, pair_v4

CHANGES = int(os.environ.get("HANOK_CHANGES", "600"))
SEED = int(os.environ.get("HANOK_SEED", "0")) or random.randrange(1, 1 << 32)
LOT, FRESH, OLD, KEPT = 10, 5, 4, 60
MACS = {"outside": OUTSIDE_MAC, "wire": WIRE_MAC, "far": FAR_MAC,
        **{f"p{number}": guest_mac(number) for number in GUESTS}}
PORTS = (5353, 2222, 5500, 80)


class Check:
    """Sends what chance draws and holds the outcome against the model."""

    def __init__(self, chance, world, driver):
        self.chance, self.world, self.driver = chance, world, driver
        self.ports, self.old, self.told = 20000, [], collections.Counter()

    def some_probe(self):
        chance, world, source_port = self.chance, self.world, self.next_port()
        place = chance.choice([*[f"p{number}" for number in GUESTS] * 2, "outside", "outside", "wire", "far"])
        destination = world.somewhere()
        ipv6 = is_ipv6(destination)
        port = world.desired["port"].get(place)
        if place[0] == "p":
            own = [address["ip"] for address in port["addresses"]] if port else []
            own += [pair_v4(int(place[1:]))] if chance.random() < 0.2 else []
        else:
            own = {"outside": [BEYOND[4], BEYOND[6], OUTSIDE[4]], "wire": [WIRE], "far": list(FAR.values())}[place]
        own = [ip for ip in own if is_ipv6(ip) == ipv6]
        if not own:
            return None
        protocol = chance.choice(("udp", "tcp", "icmp"))
        target = source_port if protocol == "icmp" else chance.choice(PORTS)
        return Probe(place, protocol, chance.choice(own), source_port, destination, target)

    def next_port(self):
        self.ports = self.ports + 1 if self.ports < 60000 else 20000
        return self.ports

    def three(self, probe):
        """The stages say where to; the record does, for the next frame; and the template, for the next connection."""
        self.probe(probe)
        self.probe(probe)
        port = self.next_port()
        self.probe(dataclasses.replace(probe, source_port=port,
                                       destination_port=port if probe.protocol == "icmp" else probe.destination_port))

    def frame(self, probe, to_mac):
        return Frame(to_mac, MACS[probe.place], probe.source, probe.destination, probe.protocol, probe.source_port,
                     probe.destination_port)

    def tenant(self, place):
        """Of a guest that can ask; None where nothing would be answered."""
        port = self.world.desired["port"].get(place)
        return port["network"] if port and port["admin_up"] else None

    def deliver(self, place, frame, expected):
        segments = {one["type"]: one.get("vni", one.get("vlan_id"))
                    for one in self.world.desired["network"]["a"]["segments"]}
        return self.driver.deliver(place, self.tenant(place), frame, segments, expected)

    def probe(self, probe):
        model = Model(self.world.desired)
        to_mac = model.next_mac(probe)
        if to_mac is None:
            return
        ways = model.reach(probe)
        got = self.deliver(probe.place, self.frame(probe, to_mac), any(ways))
        found = next((way for way in ways if self.fits(probe, way, got)), "none")
        expect(found != "none", f"seed {SEED}: {probe} came to {got}; the model: {ways}; {self.world.desired}")
        self.told["reached" if found else "stopped"] += 1
        if found is None:
            return
        for name, true in (("routed", found.routers), ("translated", found.translated), ("ipv6", is_ipv6(probe.source)),
                           ("hairpins", len(found.routers) > 1), ("beyond this host", found.place in ("far", "wire"))):
            self.told[name] += bool(true)
        if model.answers_arrive(probe, found):
            self.answer(probe, found, got[0][1])
        if probe not in self.old:
            self.old = [*self.old[-KEPT + 1:], probe]

    @staticmethod
    def fits(probe, way, got):
        if way is None:
            return not got
        if len(got) != 1:
            return False
        place, frame = got[0]
        port = probe.destination_port if way.destination_port == probe.destination_port else way.destination_port
        if probe.protocol == "icmp":
            port = frame.source_port
        return (place, frame.to_mac, frame.destination, frame.ttl, frame.protocol) == \
            (way.place, way.to_mac, way.destination, way.ttl, probe.protocol) and frame.source in way.source and \
            frame.destination_port == port and (frame.source_port == probe.source_port or not way.keeps_port)

    def answer(self, probe, reach, request):
        """What comes back looks as if it came from where the first was sent to."""
        back = Probe(reach.place, probe.protocol, request.destination, request.destination_port, request.source,
                     request.source_port)
        frame = self.frame(back, request.from_mac)
        frame.answer = True
        got = self.deliver(reach.place, frame, True)
        answers = f"seed {SEED}: the answer to {probe} ({reach})"
        expect(len(got) == 1 and got[0][0] == probe.place, f"{answers} came to {got}")
        seen = got[0][1]
        expect((seen.source, seen.destination, seen.source_port, seen.destination_port) ==
               (probe.destination, probe.source, probe.destination_port, probe.source_port),
               f"{answers} is {seen}")
        self.told["answered"] += 1

    def arp(self):
        place, address = f"p{self.chance.choice(GUESTS)}", self.world.somewhere()
        tenant = self.tenant(place)
        if tenant is None or is_ipv6(address):
            return
        wanted = Model(self.world.desired).station(tenant, address, place)
        got = self.driver.ask(place, tenant, address)
        expect(got == ({wanted} if wanted else set()), f"seed {SEED}: {place} asks for {address}: {got}, not {wanted}")
        self.told["asked"] += 1


def refused(plane, world):
    """A state that is wrong changes nothing."""
    broken = copy.deepcopy(world.desired["router"]["r"])
    broken["routes"] = [{"destination": "172.16.0.0/16", "nexthop": "nobody"}]
    generation = plane.call("state.generation")["generation"]
    answer = plane.ask("state.apply", base_generation=generation, changes={"router": {"r": broken}})
    expect("error" in answer and "/router/r/routes/0/nexthop" in str(answer["error"]), f"accepted: {answer}")
    expect(plane.call("state.generation")["generation"] == generation, "what is refused moved the generation")


with Lab() as lab:
    chance = random.Random(SEED)
    driver = Driver(lab, f"seed {SEED}")
    world = World(chance, driver.uplinks, driver.devices)
    plane = lab.dataplane(world.desired)
    check = Check(chance, world, driver)
    process = multiprocessing.Process(target=traffic, args=(driver, random.Random(SEED + 1)), daemon=True)
    process.start()
    lab.defer(process.kill)
    changes = collections.Counter()
    while sum(changes.values()) < CHANGES:
        for _ in range(LOT):
            kind, change = world.change()
            changes[kind] += 1
            if change:
                plane.apply(change)
        refused(plane, world)
        for _ in range(FRESH):
            probe = check.some_probe()
            if probe:
                check.three(probe)
        for probe in chance.sample(check.old, min(OLD, len(check.old))):
            check.three(probe)
            check.told["old"] += 1
        check.arp()
        expect(process.is_alive(), "the traffic ended")
    engine = plane.call("counters")["engine"]
    least = {"reached", "stopped", "answered", "routed", "translated", "ipv6", "beyond this host", "old", "asked"}
    least |= {"hairpins"} if CHANGES >= 2000 else set()  # they need much at once
    missing = [name for name in sorted(least) if not check.told[name]]
    missing += [name for name in ("flows_recompiled", "flows_by_template", "flow_hits") if not engine[name]]
    expect(not missing, f"seed {SEED}: never seen: {missing}; {engine}")
    print(f"{sum(changes.values())} changes ({dict(changes)}), seed {SEED}: {dict(check.told)}, all as the model has "
          f"it; {driver.seen} frames looked at; {engine}")
