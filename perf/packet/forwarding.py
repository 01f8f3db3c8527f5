"""The forwarding scenarios: every system is started, held still, and let go in turns, so that all of them meet the same
machine; medians of the turns, with their spread."""
import os
import statistics

import captures
import guests
import verify
from machine import Missing

MOST_PRELOADED = 240000
FEEDER_MIB = 160


def figures(machine, turns):
    """mpps is per second of the worker's CPU time, so that what else the machine does is left out as far as it can be."""
    mpps = [packets * 1e3 / cpu_ns for packets, cpu_ns, _ in turns]
    cycles = [cpu_ns * machine.tsc_hz / 1e9 / packets for packets, cpu_ns, _ in turns]
    share = [cpu_ns / 1e9 / wall for _, cpu_ns, wall in turns]
    return {"mpps": round(statistics.median(mpps), 3), "mpps_min": round(min(mpps), 3), "mpps_max": round(max(mpps), 3),
            "cycles_per_packet": round(statistics.median(cycles), 1), "cycles_per_packet_min": round(min(cycles), 1),
            "cycles_per_packet_max": round(max(cycles), 1), "cpu_share": round(statistics.median(share), 2),
            "rounds": len(turns)}


class Forwarding:
    def __init__(self, machine, systems, options, say):
        self.machine, self.systems, self.options, self.say = machine, systems, options, say

    def _start(self, system, scenario, path, frames, flows, sink=None):
        """Fed by net_pcap, or by a process of its own where Open vSwitch, which has 262,144 buffers, cannot be."""
        if len(frames) <= MOST_PRELOADED:
            system.start(scenario, path, len(frames), flows, sink=sink)
            return
        self.machine.need_pages(FEEDER_MIB + system.pages_mib(flows))
        system.feeder, socket = guests.feed(self.machine, self.options.traffic, system.name, path)
        system.start(scenario, path, 0, flows, sink=sink, feed=socket)

    def capture(self, scenario, flows, size):
        path = os.path.join(self.machine.folder, f"{scenario.name}-{flows}-{size}.pcap")
        if self.options.capture:
            captures.write(path, captures.read(self.options.capture))
        else:
            captures.write(path, captures.make(flows, size, scenario.generator()))
        return path, captures.read(path)

    def run(self, scenario, flows, size, result):
        """Fills `result` as it goes, so that what was measured stays when it is broken off."""
        result.update({"scenario": scenario.name, "flows": flows, "frames": size, "systems": {}})
        if flows > MOST_PRELOADED:
            result["unit"] = "frames come by virtio-user from the other CPU"
        path, frames = self.capture(scenario, flows, size)
        try:
            for system in self.systems:
                self._verify(system, scenario, path, frames, flows, result)
            self._measure(scenario, path, frames, flows, result)
        finally:
            os.unlink(path)
        self._ratios(scenario, flows, result)

    def _verify(self, system, scenario, path, frames, flows, result):
        if system.name == "testpmd":
            return  # changes nothing
        entry = result["systems"].setdefault(system.name, {})
        try:
            entry["flows_compared"] = verify.check_system(
                system, scenario, frames, lambda sink: self._start(system, scenario, path, frames, flows, sink))
        except (RuntimeError, verify.Wrong, Missing) as error:
            entry["void"] = str(error)

    def _measure(self, scenario, path, frames, flows, result):
        running, turns = [], {}
        try:
            for system in self.systems:
                if "void" in result["systems"].get(system.name, {}):
                    continue
                try:
                    self._start(system, scenario, path, frames, flows)
                    system.measure(max(self.options.seconds, flows / 200000))  # until the flows are known
                    system.hold()
                    running.append(system)
                except (RuntimeError, Missing) as error:
                    system.stop()
                    result["systems"].setdefault(system.name, {})["void"] = str(error)
            for _ in range(self.options.rounds):
                for system in running:
                    system.go()
                    system.measure(0.1)  # caches warm up
                    turns.setdefault(system.name, []).append(system.measure(self.options.seconds))
                    system.hold()
                    result["systems"].setdefault(system.name, {}).update(figures(self.machine, turns[system.name]))
            for system in running:
                system.go()
                if lost := system.lost():
                    result["systems"][system.name]["void"] = f"frames were refused: {lost}"
                system.hold()
        finally:
            for system in self.systems:
                system.stop()

    @staticmethod
    def _ratios(scenario, flows, result):
        good = {name: one for name, one in result["systems"].items() if "mpps" in one and "void" not in one}
        if "hanok" not in good:
            return
        ours = good["hanok"]["cycles_per_packet"]
        result["ratios"] = {f"hanok/{name}": round(one["cycles_per_packet"] / ours, 2)
                            for name, one in good.items() if name != "hanok"}
        if target := scenario.targets.get(flows):
            result["target"] = target
            if "hanok/ovs-dpdk" in result["ratios"]:
                result["target_met"] = result["ratios"]["hanok/ovs-dpdk"] >= target
