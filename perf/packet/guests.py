"""Scenarios with guests on vhost-user ports: latency, whole TCP connections, throughput by TCP. Two guests of one
network and host, behind one stateful group; the data plane in turns Hanok and Open vSwitch, each started anew."""
import json
import os
import re
import shutil
import statistics
import subprocess
import time

import scenarios
from machine import Missing, run, wait_for
from turns import each_turn, ratios

CONNECTIONS = 200000
FRAMES = 20000  # there and back, of a turn of vhost-latency
MIB = 512       # of a data plane between guests
PAGES_MIB = 256 + 1152  # of the guests and the larger of the data planes: both take theirs at the same time
SOCKETS = ("guest-a.sock", "guest-b.sock")
MACS, IPS = (scenarios.GUEST_MAC, scenarios.PEER_MAC), (scenarios.GUEST, scenarios.PEER)


class TwoGuests(scenarios.Scenario):
    name = "two-guests"

    @staticmethod
    def state_of(sockets):
        state = scenarios.base_state("", ("group",))
        del state["port"]["guest"]
        state["node"]["vtep"], state["host"] = None, {}
        state["security_group"]["group"]["rules"] = [
            {"direction": direction, "ethertype": "IPv4"} for direction in ("ingress", "egress")]
        for number, socket in enumerate(sockets):
            state["port"][f"guest-{number}"] = {
                **scenarios._port("a", MACS[number], [("a4", IPS[number])], "n1"),
                "device": {"type": "vhost-user", "socket": socket}}
        return state

    def ovs_flows(self):
        """What an agent does at least: no address but the port's own, one conntrack pass, then the port by its MAC."""
        rules = ["table=1,ct_state=+trk+inv actions=drop", "table=1,ct_state=+trk+est actions=resubmit(,2)",
                 "table=1,ct_state=+trk+new,ip actions=ct(commit,zone=1),resubmit(,2)"]
        for number, port in enumerate(("in", "out")):
            rules += [f"table=0,in_port={port},ip,dl_src={MACS[number]},nw_src={IPS[number]} actions=ct(zone=1,table=1)",
                      f"table=0,in_port={port},arp,dl_src={MACS[number]},arp_spa={IPS[number]} actions=resubmit(,2)",
                      f"table=2,dl_dst={MACS[number]} actions=output:{port}"]
        # Each is asked for by a broadcast.
        return rules + ["table=2,in_port=in,dl_dst=ff:ff:ff:ff:ff:ff actions=output:out",
                        "table=2,in_port=out,dl_dst=ff:ff:ff:ff:ff:ff actions=output:in"]


def feed(machine, binary, name, capture):
    """A process that sends the capture round and round, as the guest (or VTEP) that serves the socket; and the socket."""
    socket = os.path.join(machine.folder, f"{name}-feed.sock")
    if os.path.exists(socket):
        os.unlink(socket)
    process = machine.start(
        binary, "--lcores", f"0@{machine.control_cpu}", "--in-memory", "--single-file-segments", "--no-pci", "--file-prefix",
        f"hperf-{name}{os.getpid()}", "-m", "128", "--vdev",
        f"net_virtio_user0,path={socket},server=1,queues=1,queue_size=1024", "--", "replay", capture,
        log=os.path.join(machine.folder, f"{name}-feed.log"), stdin=subprocess.PIPE)
    wait_for(lambda: process.must_live() or os.path.exists(socket), "the socket of the guest that sends")
    process.prefer(-10)  # Open vSwitch's other threads have this CPU too
    return process, socket


class Guests:
    """traffic (perf/packet/traffic.cc) as both guests, on the CPU that the data plane's worker does not have."""

    def __init__(self, machine, binary, sockets, *mode):
        machine.need_pages(PAGES_MIB)
        self.log = os.path.join(machine.folder, "traffic.log")
        open(self.log, "w", encoding="utf-8").close()
        devices = []
        for number, socket in enumerate(sockets):
            devices += ["--vdev", f"net_virtio_user{number},path={socket},server=1,queues=1,queue_size=1024,"
                        f"mac={MACS[number]}"]
        self.process = machine.start(
            binary, "--lcores", f"0@{machine.control_cpu}", "--in-memory", "--single-file-segments", "--no-pci",
            "--file-prefix", f"hperf-traffic{os.getpid()}", "-m", "128", *devices, "--", *mode, log=self.log,
            stdin=subprocess.PIPE)

    def ready(self):
        wait_for(lambda: self.process.must_live() or re.search("^ready", self.process.log(), re.M), "the guests' rings")
        self.process.prefer()

    def begin(self):
        self.process.popen.stdin.write(b"go\n")
        self.process.popen.stdin.flush()

    def result(self, seconds=120):
        try:
            self.process.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"the guests did not end within {seconds} s") from None
        if self.process.popen.returncode != 0:
            raise RuntimeError(f"the guests ended with {self.process.popen.returncode}:\n{self.process.log()[-800:]}")
        return json.loads(self.process.log().splitlines()[-1])

    def stop(self):
        self.process.stop()


def start_between(machine, system, binary, connections, *mode):
    """The data plane with two sockets that it dials, then the guests that serve them."""
    sockets = [os.path.join(machine.folder, name) for name in SOCKETS]
    for socket in sockets:
        if os.path.exists(socket):
            os.unlink(socket)
    guests = Guests(machine, binary, sockets, *mode)
    try:
        system.start_guests(TwoGuests(), sockets, MIB, connections)
        guests.ready()
    except BaseException:
        guests.stop()
        raise
    return guests


def addresses():
    return [word for number in range(2) for word in (MACS[number], IPS[number])]


def turn(machine, system, binary, mode, count):
    """Runs the guests once; their figures, and `share`, what the data plane's worker had of its CPU meanwhile."""
    guests = start_between(machine, system, binary, count, mode, str(count), *addresses())
    try:
        before, begin = system.process.cpu_ns(), time.monotonic_ns()
        guests.begin()
        figures = guests.result()
        after, end = system.process.cpu_ns(), time.monotonic_ns()
    finally:
        guests.stop()
        system.stop()
    figures["share"] = max(after[task] - before.get(task, 0) for task in after) / (end - begin)
    if figures["wrong"]:
        raise RuntimeError(f"{figures['wrong']} frames came out wrong")
    if figures["lost"] > count // 100:
        raise RuntimeError(f"{figures['lost']} of {count} were lost")
    return figures


def latency(machine, systems, options, result):
    """From a guest to another and back, one frame at a time: medians of the turns' quantiles."""
    count = FRAMES // (4 if options.quick else 1)
    result.update({"scenario": "vhost-latency", "flows": 64, "frames": "64", "systems": {},
                   "unit": "us, guest to guest and back"})

    def one(system, turns):
        turns.append(turn(machine, system, options.traffic, "latency", count))
        middle = {key: round(statistics.median(figures[key] for figures in turns), 2)
                  for key in ("us_least", "us_p50", "us_p99", "us_p999")}
        return {"us": middle["us_p50"], **middle, "us_p50_min": min(figures["us_p50"] for figures in turns),
                "us_p50_max": max(figures["us_p50"] for figures in turns), "compared": 2 * count}
    each_turn(systems, options, result, one)
    result["ratios"] = ratios(result, "us", less_is_better=True)


def connections(machine, systems, options, result):
    """Set-up and tear-down: whole TCP connections between two guests, six segments each, per second of the worker's CPU
    time. Beside setup-rate's one frame per connection."""
    count = CONNECTIONS // (8 if options.quick else 1)
    result.update({"scenario": "setup-rate", "flows": count, "frames": "tcp", "systems": {},
                   "unit": "TCP connections opened and closed, six segments each"})

    def one(system, turns):
        turns.append(turn(machine, system, options.traffic, "connections", count))
        rates = [figures["connections"] / (figures["seconds"] * figures["share"]) for figures in turns]
        return {"flows_per_s": round(statistics.median(rates)), "flows_per_s_min": round(min(rates)),
                "flows_per_s_max": round(max(rates)), "compared": 6 * count}
    each_turn(systems, options, result, one)
    result["ratios"] = ratios(result, "flows_per_s")


class Taps:
    """Two namespaces whose taps testpmd joins to the guests' ends of the data plane's sockets, on the other CPU."""

    def __init__(self, machine, sockets):
        for program, package in (("dpdk-testpmd", "dpdk-dev"), ("iperf3", "iperf3")):
            if not shutil.which(program):
                raise Missing(f"{program} is not installed (package {package})")
        self.machine, self.names = machine, [f"{machine.netns}-{end}" for end in "ab"]
        machine.need_pages(PAGES_MIB)
        devices = []
        for number, socket in enumerate(sockets):
            devices += ["--vdev", f"net_virtio_user{number},path={socket},server=1,queues=1,queue_size=1024,"
                        f"mac={MACS[number]}", "--vdev", f"net_tap{number},iface=guest{number}"]
        log = os.path.join(machine.folder, "taps.log")
        open(log, "w", encoding="utf-8").close()
        self.process = machine.start(
            "dpdk-testpmd", "--lcores", f"0@{machine.control_cpu},1@{machine.control_cpu}", "--in-memory",
            "--single-file-segments", "--no-pci", "--file-prefix", f"hperf-taps{os.getpid()}", "-m", "192", *devices, "--",
            "-i", "--forward-mode=io", "--auto-start", "--nb-cores=1", "--no-lsc-interrupt", "--total-num-mbufs=32768",
            log=log, stdin=subprocess.PIPE)

    def ready(self):
        wait_for(lambda: self.process.must_live() or "testpmd>" in self.process.log(), "the guests' rings")
        for number, name in enumerate(self.names):
            run("ip", "netns", "add", name)
            self.machine.inside("ip", "link", "set", f"guest{number}", "netns", name)
            for words in (("link", "set", f"guest{number}", "address", MACS[number], "mtu", "1450", "up"),
                          ("address", "add", f"{IPS[number]}/24", "dev", f"guest{number}"), ("link", "set", "lo", "up")):
                run("ip", "-n", name, *words)

        def reached():
            return "1 received" in self.inside(0, "ping", "-c1", "-W1", IPS[1], check=False)
        wait_for(reached, "the other guest")

    def inside(self, number, *command, **options):
        return run("ip", "netns", "exec", self.names[number], *command, **options)

    def stop(self):
        self.process.stop()
        for name in self.names:
            run("ip", "netns", "del", name, check=False)


def tcp_gbps(taps, seconds):
    server = taps.machine.start("ip", "netns", "exec", taps.names[1], "iperf3", "-s", "-1",
                                log=os.path.join(taps.machine.folder, "iperf3.log"))
    try:
        wait_for(lambda: server.must_live() or "LISTEN" in taps.inside(1, "ss", "-ltn"), "iperf3's server")
        answer = json.loads(taps.inside(0, "iperf3", "-c", IPS[1], "-t", str(seconds), "-J", timeout=seconds + 60))
    finally:
        server.stop()
    if "error" in answer:
        raise RuntimeError(f"iperf3: {answer['error']}")
    return answer["end"]["sum_received"]["bits_per_second"] / 1e9, answer["end"]["sum_sent"].get("retransmits", 0)


def tcp(machine, systems, options, result):
    """One TCP connection by iperf3. The two guests' kernels, taps and testpmd have one CPU, the data plane's worker the
    other. What is right to the byte is what TCP's own checksums let through."""
    seconds = 2 if options.quick else 5
    result.update({"scenario": "vhost-tcp", "flows": 1, "frames": "1464", "systems": {},
                   "unit": "Gbit/s that the receiver got; the guests' ends (virtio-user) ask for no offload"})

    def one(system, turns):
        sockets = [os.path.join(machine.folder, name) for name in SOCKETS]
        for socket in sockets:
            if os.path.exists(socket):
                os.unlink(socket)
        taps = Taps(machine, sockets)
        try:
            system.start_guests(TwoGuests(), sockets, MIB, 1000)
            taps.ready()
            turns.append(tcp_gbps(taps, seconds))
        finally:
            taps.stop()
            system.stop()
        rates = [rate for rate, _ in turns]
        return {"gbps": round(statistics.median(rates), 3), "gbps_min": round(min(rates), 3),
                "gbps_max": round(max(rates), 3), "retransmits": statistics.median(again for _, again in turns)}
    each_turn(systems, options, result, one)
    result["ratios"] = ratios(result, "gbps")
