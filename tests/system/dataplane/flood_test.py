#!/usr/bin/python3
"""A flood of SYNs from one port, each of a connection of its own and nearly all refused because the table is full of them,
leaves the established flows of another port at 90 % of their rate or more, though both ports send without end and one
worker does the work. None of the established flows is lost for the flood's sake, and a port that comes new finds room."""
import os
import statistics
import time

from lab import Lab, expect, network, port, state, subnet, wait_for

FLOWS, FRESH, SYNS, ROUNDS, WINDOW = 64, 16, 4096, 21, 0.3

with Lab() as lab:
    from scapy.all import IP, TCP, UDP, Ether, wrpcap  # pylint: disable=import-outside-toplevel

    def between(one, other, l4):
        return (Ether(src=f"fa:16:3e:00:00:{one:02x}", dst=f"fa:16:3e:00:00:{other:02x}") /
                IP(src=f"10.0.0.{one + 10}", dst=f"10.0.0.{other + 10}") / l4 / b"hanok")

    def capture(name, packets):
        path = os.path.join(lab.folder, name)
        wrpcap(path, packets)
        return path

    steady = capture("steady", [between(1, 2, UDP(sport=1000 + i, dport=80)) for i in range(FLOWS)])
    # Other ports on both ends: nothing that one decision could stand for.
    fresh = capture("fresh", [between(5, 2, UDP(sport=1000 + i, dport=80)) for i in range(FRESH)])
    syns = capture("syns", [between(3, 4, TCP(sport=1024 + i, dport=1024 + i * 7 % 50000)) for i in range(SYNS)])
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    for number, device in enumerate((f"net_pcap0,rx_pcap={steady},infinite_rx=1", "net_null0,no-rx=1",
                                     f"net_pcap1,rx_pcap={syns},infinite_rx=1", "net_null1,no-rx=1"), 1):
        desired["port"][f"p{number}"] = {**port("n", number, "s", f"10.0.0.{number + 10}"),
                                         "device": {"type": "dpdk", "device": device}}
    newcomer = {**port("n", 5, "s", "10.0.0.15"),
                "device": {"type": "dpdk", "device": f"net_pcap2,rx_pcap={fresh},infinite_rx=1"}}
    flooder = desired["port"].pop("p3")
    plane = lab.dataplane(desired, arguments=("--no-huge", "--huge-mib", "96", "--flow-capacity", "1024",
                                              "--idle-sleep-us", "0"))

    def cpu_seconds():
        """What the workers have had of their CPUs: they never rest here (the flood would not cost what a rest is cut short
        by), but other programs may take turns with them."""
        total = 0
        for task in os.listdir(f"/proc/{plane.process.pid}/task"):
            with open(f"/proc/{plane.process.pid}/task/{task}/schedstat", encoding="ascii") as file:
                total += int(file.read().split()[0])
        return total / 1e9

    def rate():
        begin, before = cpu_seconds(), plane.counters("p1")["rx_packets"]
        while (passed := cpu_seconds() - begin) < WINDOW:
            time.sleep(0.05)
        return (plane.counters("p1")["rx_packets"] - before) / passed

    # Each time against the mean of before and after: the machine has other work, too.
    ratios, refused, alone = [], 0, rate()
    for _ in range(ROUNDS):
        plane.apply({"port": {"p3": flooder}})
        flooded = rate()
        counters = plane.counters("p3")
        refused += counters["drops"].get("flow_table_full", 0)
        plane.apply({"port": {"p3": None}})
        before, alone = alone, rate()
        ratios.append(flooded / statistics.mean((before, alone)))
    print("of the rate without a flood:", ", ".join(f"{ratio:.3f}" for ratio in ratios), "refused:", refused)
    expect(refused > 1000, f"no flood: {counters}")

    def flows_of(name):
        return sum(flow["in"] == name for flow in plane.call("flows", port=name, limit=1000)["flows"])
    expect(flows_of("p1") == FLOWS, f"{flows_of('p1')} established flows are left")
    plane.apply({"port": {"p3": flooder}})
    wait_for(lambda: plane.drops("p3", "flow_table_full") > 1000, "the flood again")
    plane.apply({"port": {"p5": newcomer}})
    wait_for(lambda: flows_of("p5") == FRESH, "room for a port that comes new")
    expect(statistics.median(ratios) >= 0.9, f"of the rate without a flood: {ratios}")
