#!/usr/bin/python3
"""A vhost-user guest with two queue pairs (testpmd's virtio-user as the socket's server): it works by both of them, and goes on when
the data plane is killed."""
import os
import re
import shutil
import subprocess
import json

from lab import WORKERS, Lab, expect, frames, network, port, state, subnet, wait_for

PAIRS, BURSTS, BURST = 2, 4, 32
STREAM = re.compile(r"RX Port= 0/Queue= ?(\d+) -> TX Port= 0/Queue= ?\d+ -+\s+RX-packets: (\d+)\s+TX-packets: (\d+)")
STATISTICS_END = "Accumulated forward statistics for all ports"


with Lab() as lab:
    expect(shutil.which("dpdk-testpmd"), "dpdk-testpmd is not installed")
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    socket = os.path.join(lab.folder, "guest.sock")
    desired["port"]["p2"]["device"] = {"type": "vhost-user", "socket": socket}

    # The data plane is there first: it waits for the guest and connects by itself.
    path = os.path.join(lab.folder, "state.json")
    with open(path, "w", encoding="utf-8") as file:
        json.dump(desired, file)
    plane = lab.dataplane(arguments=["--no-huge", "--huge-mib", "96", "--state", path])
    expect(plane.call("status")["ports"]["p2"]["up"] is False, "a port without a guest is said to be up")

    # It answers ARP and ICMP echo by itself. One file of plain shared memory: no huge pages needed.
    # Before that, it sends some bursts by each of its queues.
    log = os.path.join(lab.folder, "guest.log")
    guest = subprocess.Popen(
        ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", "0@(0,1),1@1", "--in-memory", "--single-file-segments", "-m", "64", "--no-pci",
         "--file-prefix", f"guest{lab.tag}", "--vdev",
         f"net_virtio_user0,path={socket},server=1,queues={PAIRS},mac={desired['port']['p2']['mac']}",
         "--", "-i", "--forward-mode=icmpecho", f"--rxq={PAIRS}", f"--txq={PAIRS}", f"--burst={BURST}",
         f"--eth-peer=0,{desired['port']['p1']['mac']}", "--tx-ip=10.0.0.12,10.0.0.11", "--total-num-mbufs=8192"],
        stdin=subprocess.PIPE, stdout=open(log, "wb"), stderr=subprocess.STDOUT)

    def end_guest():
        guest.kill()
        guest.wait()
    lab.defer(end_guest)

    def tell_guest(command, end):
        """What it says until then."""
        def said():
            with open(log, encoding="utf-8") as file:
                return file.read()[before:]
        before = 0
        before = len(said())
        guest.stdin.write(command.encode() + b"\n")
        guest.stdin.flush()
        return wait_for(lambda: said() if end in said() else None, f"the guest says {end!r}")

    def streams():
        """By queue pair: frames received, frames sent."""
        said = tell_guest("show fwd stats all", STATISTICS_END)
        return {int(pair): (int(received), int(sent)) for pair, received, sent in STREAM.findall(said)}

    def up():
        expect(guest.poll() is None, "testpmd ended; are there 64 MiB of huge pages?")
        return plane.call("status")["ports"]["p2"]["up"]
    wait_for(up, "the guest connected", 20)
    seen = lab.capture("eth0", "udp and src host 10.0.0.12", one)
    tell_guest(f"start tx_first {BURSTS}", "forwards packets on")
    bursts = PAIRS * BURSTS * BURST
    wait_for(lambda: plane.counters("p2")["rx_packets"] >= bursts, "what the guest sent by its pairs")
    wait_for(lambda: len(frames(seen)) >= bursts, "all frames of both pairs come", 20)
    wait_for(lambda: one.ping("10.0.0.12", count=1, seconds=1), "the guest has filled its ring")
    expect(one.ping("10.0.0.12") == 3, "the vhost-user guest is not reached")

    # Each worker has a pair of its own to the guest; one worker has the first. The guest answers where it was asked.
    for _ in range(16):  # connections of their own
        expect(one.ping("10.0.0.12", count=1) == 1, "the guest is not reached")
    by_pair = streams()
    print(f"frames received and sent by pair: {by_pair}")
    expect(sorted(pair for pair, (received, _) in by_pair.items() if received > 2) == list(range(WORKERS)), by_pair)

    for restart in range(2):
        plane.kill()
        plane.start()
        wait_for(up, "the guest connected again", 20)
        wait_for(lambda: one.ping("10.0.0.12", count=1, seconds=1), f"the guest reached after restart {restart}")
        expect(one.ping("10.0.0.12") == 3, "the guest is not reached after a restart")

    # The port goes while its guest is at work, and comes back.
    generation = plane.apply({"port": {"p2": None}})["generation"]
    expect(one.silent("10.0.0.12", count=1), "a port that is gone is reached")
    plane.apply({"port": {"p2": desired["port"]["p2"]}})
    wait_for(up, "the guest connected to the new port", 20)
    wait_for(lambda: one.ping("10.0.0.12", count=1, seconds=1), "the guest reached by the new port")

    # The guest goes without a word: the data plane lives, and takes a new one.
    end_guest()
    wait_for(lambda: not plane.call("status")["ports"]["p2"]["up"], "the guest's end noticed")
    expect(one.ping("10.0.0.11", count=1) == 1 and plane.call("state.generation")["generation"] == generation + 1,
           "the data plane suffers from its guest's death")
