#!/usr/bin/python3
"""Random changes of the state under traffic: after each lot, who reaches whom is what a model of the state says.
HANOK_CHANGES: how many (600); HANOK_SEED: the seed of a run that failed, which its failure names."""
import copy
import os
import random

from lab import Lab, expect, network, port, state, subnet

CHANGES = int(os.environ.get("HANOK_CHANGES", "600"))
SEED = int(os.environ.get("HANOK_SEED", "0")) or random.randrange(1, 1 << 32)
LOT = 20
GUESTS = range(1, 5)
GROUPS = [f"g{i}" for i in range(4)]
# Datagrams to all others, from ports that change, so that connections are set up and stopped all the while.
TRAFFIC = """
import itertools, socket, time
for port in itertools.count(20000):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("0.0.0.0", port % 20000 + 20000))
        for _ in range(20):
            for i in range(1, 5):
                try: s.sendto(b"x" * 100, (f"10.0.0.{i}", 7000))
                except OSError: pass
            time.sleep(0.002)
"""


def some_rule(chance):
    """An ingress rule; None: the group lets nothing in."""
    rule = {"id": "in", "direction": "ingress", "ethertype": "IPv4"}
    return chance.choice([None, rule, {**rule, "protocol": "udp"}, {**rule, "protocol": "icmp"},
                          {**rule, "remote_group": chance.choice(GROUPS)},
                          {**rule, "remote_cidr": f"10.0.0.{chance.choice(GUESTS)}/32"}])


def group(rule):
    out = {"id": "out", "direction": "egress", "ethertype": "IPv4"}
    return {"rules": [out] + ([rule] if rule else [])}


def reaches(desired, source, target):
    """The model: whether an echo request of one guest reaches another and its answer comes back."""
    near, far = desired["port"][f"p{source}"], desired["port"][f"p{target}"]
    if not near["admin_up"] or not far["admin_up"]:
        return False
    rules = [rule for name in far["security_groups"] for rule in desired["security_group"][name]["rules"]]
    return any(rule["direction"] == "ingress" and rule.get("protocol", "icmp") == "icmp" and
               rule.get("remote_group", near["security_groups"][0]) in near["security_groups"] and
               rule.get("remote_cidr", f"10.0.0.{source}/32") == f"10.0.0.{source}/32" for rule in rules)


def some_change(chance, desired):
    """Changes the model; gives what the data plane is told."""
    what = chance.randrange(4)
    name = f"p{chance.choice(GUESTS)}"
    if what == 0:
        name = chance.choice(GROUPS)
        desired["security_group"][name] = group(some_rule(chance))
        return {"security_group": {name: desired["security_group"][name]}}
    if what == 1:
        desired["port"][name]["security_groups"] = chance.sample(GROUPS, chance.choice((1, 1, 2)))
    elif what == 2:
        desired["port"][name]["admin_up"] = chance.random() < 0.8
    else:
        desired["port"][name]["allowed_address_pairs"] = [{"ip": f"10.0.1.{chance.randrange(1, 255)}/32"}]
    return {"port": {name: desired["port"][name]}}


with Lab() as lab:
    chance = random.Random(SEED)
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/16")
    desired["security_group"].update({name: group(some_rule(chance)) for name in GROUPS})
    guests = {}
    for number in GUESTS:
        one = desired["port"][f"p{number}"] = port("n", number, "s", f"10.0.0.{number}", [chance.choice(GROUPS)])
        guests[number] = lab.guest(f"g{number}", one, f"10.0.0.{number}/16")
    plane = lab.dataplane(desired)
    for number, guest in guests.items():
        for other in GUESTS:  # what is asked is delivery, not the kernel's patience with ARP
            if other != number:
                guest.run("ip", "neighbour", "replace", f"10.0.0.{other}", "lladdr", f"fa:16:3e:00:00:{other:02x}", "dev", "eth0")
        guest.start("/usr/bin/python3", "-c", TRAFFIC)

    told = {True: 0, False: 0}
    for done in range(0, CHANGES, LOT):
        for _ in range(LOT):
            plane.apply(some_change(chance, desired))
        broken = copy.deepcopy(desired["port"]["p1"]) | {"security_groups": ["nobody"]}
        refused = plane.ask("state.apply", base_generation=plane.call("state.generation")["generation"],
                            changes={"port": {"p1": broken}})
        expect("error" in refused, f"a group that is not there is accepted: {refused}")
        for source, target in chance.sample([(a, b) for a in GUESTS for b in GUESTS if a != b], 3):
            model = reaches(desired, source, target)
            # An answer that comes late would be taken for none: another lot asks for wrong delivery again.
            tries, seconds = (4, 2) if model else (1, 0.2)
            answered = any(guests[source].ping(f"10.0.0.{target}", count=1, seconds=seconds) for _ in range(tries))
            expect(answered == model, f"seed {SEED}, after {done + LOT} changes: {source} to {target}: "
                   f"{'answered' if answered else 'no answer'}, against the model: {desired}")
            told[model] += 1
    engine = plane.call("counters")["engine"]
    expect(told[True] > 0 and told[False] > 0 and engine["flows_recompiled"] > 0, f"seed {SEED}: {told}, {engine}")
    expect(engine["connections"] > 0, f"no traffic: {engine}")
    print(f"{CHANGES} changes, seed {SEED}: {told[True]} pairs reached, {told[False]} not, all as the model has it; {engine}")
