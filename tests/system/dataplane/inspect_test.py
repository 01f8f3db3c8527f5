#!/usr/bin/python3
"""`hanok trace`, `hanok capture` and `hanok metrics` (deploy/dataplane_view.py) against a data plane."""
import json
import os
import re
import socket
import subprocess

from lab import Lab, expect, frames, network, port, run, state, stop, subnet, wait_for

INSPECT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../deploy/dataplane_view.py")

with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["security_group"]["closed"] = {"rules": [{"id": "out", "direction": "egress", "ethertype": "IPv4"}]}
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12", ["closed"])
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    lab.guest("two", desired["port"]["p2"], "10.0.0.12/24")
    plane = lab.dataplane(desired)

    def ask(*words, check=True):
        return run("/usr/bin/python3", INSPECT, plane.socket_path, *words, check=check)

    packet = ("src_mac=fa:16:3e:00:00:01", "dst_mac=fa:16:3e:00:00:02", "src_ip=10.0.0.11", "dst_ip=10.0.0.12",
              "protocol=tcp", "src_port=1000", "dst_port=80")
    out = ask("trace", "p1", *packet).stdout.splitlines()
    stages = {line.split()[0]: line for line in out}
    expect(re.fullmatch(r"egress_policy +next +security_group/open/rules/\d", stages.get("egress_policy", "")), out)
    expect(re.fullmatch(r"ingress_policy +drop security_group_ingress +port/p2", out[-1]), out)
    refused = ask("trace", "p1", "src_mac=nonsense", check=False)
    expect(refused.returncode == 1 and "/packet/src_mac" in refused.stdout, refused.stdout)
    expect(ask("trace", "none", *packet, check=False).returncode == 1, "a port that is not there is traced")

    expect(one.silent("10.0.0.12"), "the closed group lets ICMP in")
    lines = ask("metrics").stdout.splitlines()
    samples = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    expect(samples['hanok_dataplane_up{kind="port",device="p1"}'] == "1", samples)
    dropped = 'hanok_dataplane_drops_total{kind="port",device="p2",reason="security_group_ingress"}'
    expect(int(samples[dropped]) == plane.drops("p2", "security_group_ingress") > 0, samples)
    expect(samples["hanok_dataplane_generation"] == "1", samples)
    name = r"[a-z_]+"
    for line in lines:
        expect(re.fullmatch(rf"# (HELP {name} .+|TYPE {name} (counter|gauge))", line) or
               re.fullmatch(rf'{name}({{{name}="[^"]*"(,{name}="[^"]*")*}})? \d+', line), f"not Prometheus text: {line}")
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    expect(len(types) == len(set(types)), "a family is told twice")

    # Captures: both directions with times and whole frames, readable by others, for the owner's eyes alone.
    def capture(*options):
        path = os.path.join(lab.folder, f"capture-{len(lab.cleanups)}.pcap")
        process = subprocess.Popen(["/usr/bin/python3", INSPECT, plane.socket_path, "capture", *options, "--file", path],
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        lab.defer(lambda: stop(process))
        wait_for(lambda: os.path.exists(path) and os.path.getsize(path) >= 24, "the capture begins")
        return process, path
    plane.apply({"port": {"p2": {**desired["port"]["p2"], "security_groups": ["open"]}}})
    expect(one.ping("10.0.0.12", count=1) == 1, "the open group keeps ICMP out")
    process, path = capture("p1", "--count", "4")
    expect(one.ping("10.0.0.12", count=2, size=1000) == 2, "pings while they are captured")
    expect("4 frames" in process.communicate(timeout=20)[1], "how many frames there were")
    seen = [(packet["IP"].src, packet["IP"].dst, len(packet)) for packet in frames(path)]
    there, back = ("10.0.0.11", "10.0.0.12", 1042), ("10.0.0.12", "10.0.0.11", 1042)
    expect(seen == [there, back, there, back], seen)
    expect(abs(float(frames(path)[0].time) - os.path.getmtime(path)) < 60, "the time of day")
    expect(os.stat(path).st_mode & 0o777 == 0o600, "others may read the capture")
    tcpdump = run("tcpdump", "-nr", path).stdout
    expect(tcpdump.count("ICMP echo request") == 2, tcpdump)
    # One at a time, and none of what is not there.
    process, path = capture("p2", "--seconds", "30", "--direction", "out", "--bytes", "34")
    expect("another capture" in ask("capture", "p1", check=False).stdout, "two captures at once")
    expect(one.ping("10.0.0.12", count=2) == 2, "pings while they are captured")
    wait_for(lambda: len(frames(path)) == 2, "two frames outward")
    expect({(packet["IP"].dst, len(packet), packet.wirelen) for packet in frames(path)} == {("10.0.0.12", 34, 98)},
           "the first bytes of what went out")
    stop(process)
    refused = ask("capture", "none", check=False)
    expect(refused.returncode == 1 and "/port" in refused.stdout, refused.stdout)

    # DPDK's own telemetry: its devices and their counters, on a socket for root alone.
    folder = "/var/run/dpdk/" + plane.folder.strip("/").replace("/", "-")
    client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    client.settimeout(10)
    client.connect(os.path.join(folder, "dpdk_telemetry.v2"))
    about = json.loads(client.recv(1024))
    expect(about["pid"] == plane.process.pid, about)

    def telemetry(command):
        client.send(command.encode())
        return json.loads(client.recv(about["max_output_len"]))[command.split(",")[0]]
    expect(len(telemetry("/ethdev/list")) == 2, "the ethdevs of two ports")
    expect(telemetry("/ethdev/stats,0")["ipackets"] > 0, "frames counted by the device")
    client.close()
