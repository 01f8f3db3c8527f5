#!/usr/bin/python3
"""A vhost-user guest (testpmd's virtio-user as the socket's server): it works, and goes on when the data plane is killed."""
import os
import shutil
import subprocess
import json

from lab import Lab, expect, network, port, state, subnet, wait_for

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
    guest = subprocess.Popen(
        ["dpdk-testpmd", "--lcores", "0@(0,1),1@1", "--in-memory", "--single-file-segments", "-m", "64", "--no-pci",
         "--file-prefix", f"guest{lab.tag}", "--vdev",
         f"net_virtio_user0,path={socket},server=1,queues=1,mac={desired['port']['p2']['mac']}",
         "--", "-i", "--forward-mode=icmpecho", "--auto-start", "--total-num-mbufs=4096"],
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)

    def end_guest():
        guest.kill()
        guest.wait()
    lab.defer(end_guest)

    def up():
        expect(guest.poll() is None, "testpmd ended; are there 64 MiB of huge pages?")
        return plane.call("status")["ports"]["p2"]["up"]
    wait_for(up, "the guest connected", 20)
    wait_for(lambda: one.ping("10.0.0.12", count=1, seconds=1), "the guest has filled its ring")
    expect(one.ping("10.0.0.12") == 3, "the vhost-user guest is not reached")

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
