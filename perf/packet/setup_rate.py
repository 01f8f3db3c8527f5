"""Scenarios whose figure is not packets forwarded: new connections per second, and the time to program ports."""
import os
import statistics
import time

import captures
import scenarios
import verify
from hanok import Hanok
from machine import Missing
from turns import each_turn, ratios

NEW_FLOWS = 240000  # Open vSwitch has buffers for no more
PORTS = 10000


def new_flows_per_second(system, flows):
    """While the first pass over the capture lasts, each frame is a connection's first: frames out per second of the
    worker's CPU time."""
    first = last = None
    while True:
        before = system.process.cpu_ns()
        count = system.packets()
        if first is None:
            first = (count, before)
        if count > 0.95 * flows:
            break
        last = (count, before)
    if last is None or last[0] - first[0] < flows / 10:
        raise TooLate(f"{flows} flows were known before they could be counted")
    busiest = max(last[1][task] - first[1].get(task, 0) for task in last[1])
    return (last[0] - first[0]) * 1e9 / busiest


class TooLate(RuntimeError):
    """The pass over the capture was at its end before it could be looked at: we had no CPU."""


def one_turn(system, scenario, path, flows, tries=4):
    for left in reversed(range(tries)):
        try:
            system.start(scenario, path, flows, flows)
            return new_flows_per_second(system, flows)
        except TooLate:
            if left == 0:
                raise
        finally:
            system.stop()


def setup_rate(machine, systems, options, result):
    """Set-up only, by the first frame of UDP connections that a group lets out, routed and sent by VXLAN."""
    scenario, flows = scenarios.ALL["sg-route-vxlan"], NEW_FLOWS
    result.update({"scenario": "setup-rate", "flows": flows, "frames": "64", "systems": {}})
    path = os.path.join(machine.folder, "setup-rate.pcap")
    captures.write(path, captures.make(flows, "64", scenario.generator()))
    few = os.path.join(machine.folder, "setup-rate-few.pcap")
    captures.write(few, captures.make(1000, "64", scenario.generator()))
    for system in systems:
        entry = result["systems"].setdefault(system.name, {})
        try:
            entry["flows_compared"] = verify.check_system(
                system, scenario, captures.read(few),
                lambda sink, system=system: system.start(scenario, few, 1000, 1000, sink=sink))
        except (RuntimeError, verify.Wrong, Missing) as error:
            entry["void"] = str(error)

    def one(system, rates):
        rates.append(one_turn(system, scenario, path, flows))
        return {"flows_per_s": round(statistics.median(rates)), "flows_per_s_min": round(min(rates)),
                "flows_per_s_max": round(max(rates))}
    each_turn(systems, options, result, one)
    os.unlink(path)
    result["ratios"] = ratios(result, "flows_per_s")
    if "hanok/ovs-dpdk" in result["ratios"]:
        result.update({"target": 5.0, "target_met": result["ratios"]["hanok/ovs-dpdk"] >= 5.0})


def state_of_ports(count):
    state = scenarios.SgRouteVxlan().hanok_state("net_null0,no-rx=1", "net_null1,no-rx=1")
    state["subnet"]["a4"]["cidr"] = "10.0.0.0/16"
    state["subnet"]["b4"]["cidr"], state["subnet"]["b4"]["gateway"] = "10.1.0.0/24", "10.1.0.1"
    state["router"]["r"]["interfaces"][1]["addresses"][0]["ip"] = "10.1.0.1"
    state["port"]["far"]["addresses"][0]["ip"] = "10.1.0.11"
    for number in range(count):
        low, high = number % 250, number // 250
        state["port"][f"p{number}"] = {
            "network": "a", "mac": f"fa:16:3f:00:{high:02x}:{low:02x}", "host": "n2", "security_groups": ["group"],
            "addresses": [{"subnet": "a4", "ip": f"10.0.{high + 1}.{low + 1}"}], "port_security": True}
    return state


def program_ports(machine, options, result):
    """10,000 ports of other hosts in one document, by the control socket; then one more among them."""
    result.update({"scenario": "program-ports", "flows": 0, "frames": "-", "systems": {"hanok": {}}})
    entry, system = result["systems"]["hanok"], Hanok(machine, options.binary)
    system.start_bare()
    try:
        state, times, single = state_of_ports(PORTS), [], []
        for _ in range(options.rounds):
            system.call("state.put", state=state_of_ports(0))
            begin = time.monotonic()
            system.call("state.put", state=state)
            times.append((time.monotonic() - begin) * 1e6)
            for host in ("n1", "n2") * 5:
                generation = system.call("state.generation")["generation"]
                changed = {**state["port"]["p7"], "host": host}
                begin = time.monotonic()
                system.call("state.apply", base_generation=generation, changes={"port": {"p7": changed}})
                single.append((time.monotonic() - begin) * 1e6)
        entry.update({"ports": PORTS, "us": round(statistics.median(times)), "us_min": round(min(times)),
                      "us_max": round(max(times)), "us_one_port": round(statistics.median(single)),
                      "rounds": options.rounds})
    except RuntimeError as error:
        entry["void"] = str(error)
    finally:
        system.stop()
