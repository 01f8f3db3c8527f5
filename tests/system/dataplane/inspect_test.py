#!/usr/bin/python3
"""`hanok trace` and `hanok metrics` (deploy/dataplane_view.py) against a data plane."""
import os
import re

from lab import Lab, expect, network, port, run, state, subnet

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

    expect(one.ping("10.0.0.12", count=2) == 0, "the closed group lets ICMP in")
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
