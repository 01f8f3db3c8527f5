#!/usr/bin/python3
"""The control socket and the program's flags: bad input is refused by name and changes nothing."""
import json
import os
import subprocess

from lab import BIN, Lab, expect, network, port, run, state, subnet

PROGRAM = os.path.join(BIN, "hanok-dataplane")

with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network()
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24")
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    lab.guest("two", desired["port"]["p2"], "10.0.0.12/24")
    plane = lab.dataplane(desired)

    # Not JSON-RPC at all.
    for line, code in (("nonsense", -32700), ("[]", -32600), ('{"jsonrpc":"2.0","id":1}', -32600),
                       ('{"jsonrpc":"2.0","id":1,"method":"reboot"}', -32601), ("\x00\x01", -32700), ("[" * 5000, -32700)):
        plane.connection.sendall(line.encode() + b"\n")
        answer = json.loads(plane.reader.readline())
        expect(answer["error"]["code"] == code, f"{line[:40]!r}: {answer}")

    # Wrong documents: refused whole, with a path; generation, ports and traffic stay.
    def refused(path, **changes):
        answer = plane.ask("state.apply", base_generation=1, changes=changes)
        expect("error" in answer, f"taken: {changes}")
        expect(answer["error"]["data"]["path"].startswith("/changes" + path), f"{path}: {answer}")
    good = desired["port"]["p1"]
    refused("/port/q/network", port={"q": {**good, "network": "none", "mac": "fa:16:3e:00:00:03"}})
    refused("/port/q/mac", port={"q": {**good, "mac": "no"}})
    refused("/port/q/addresses/0/ip", port={"q": {**good, "mac": "fa:16:3e:00:00:03",
                                                    "addresses": [{"subnet": "s", "ip": "10.9.9.9"}]}})
    refused("/port/q", port={"q": {**good, "surprise": 1}})
    refused("/port/p2/device", port={"p2": {**desired["port"]["p2"],
                                             "device": {"type": "dpdk", "device": "net_af_packet9,iface=absent"}}})
    refused("/uplink/u/device", uplink={"u": {"device": "net_nothing0"}})
    refused("/network/m/segments", network={"m": network({"type": "vxlan", "vni": 0})})
    refused("/subnet/t/cidr", subnet={"t": subnet("n", "10.0.0.0/33")})
    answer = plane.ask("state.apply", base_generation=99, changes={})
    expect(answer["error"]["data"]["generation"] == 1, f"a change on another generation: {answer}")
    expect(plane.call("state.generation")["generation"] == 1, "a refusal moved the generation")
    expect(set(plane.call("status")["ports"]) == {"p1", "p2"}, "a refusal changed the ports")
    expect(one.ping("10.0.0.12") == 3, "a refusal stopped the traffic")

    # What a described packet meets.
    packet = {"src_mac": "fa:16:3e:00:00:01", "dst_mac": "fa:16:3e:00:00:02", "src_ip": "10.0.0.11", "dst_ip": "10.0.0.12",
              "protocol": "tcp", "src_port": 1234, "dst_port": 80}
    steps = plane.call("trace", port="p1", packet=packet)["steps"]
    expect(steps[-1]["verdict"].startswith("output"), f"trace: {steps}")
    steps = plane.call("trace", port="p1", packet={**packet, "src_ip": "10.0.0.99"})["steps"]
    expect(steps[-1]["verdict"] == "drop spoofed_ip", f"trace: {steps}")
    expect("error" in plane.ask("trace", port="p1", packet={"src_mac": "x"}), "a packet that is none was traced")
    expect("error" in plane.ask("trace", port="p9", packet=packet), "a port that is none was traced")
    expect(plane.call("counters")["rpc"]["parse_errors"] == 3, "malformed requests are not counted")

    # The programs' own manners.
    expect("--check-state" in run(PROGRAM, "--help").stdout, "--help teaches nothing")
    path = os.path.join(lab.folder, "state.json")
    for text, status in ((json.dumps(desired), 0), ("{", 1), ('{"port": {"a": {}}}', 1), ('{"surprise": 1}', 1)):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        expect(run(PROGRAM, "--check-state", path, check=False).returncode == status, f"--check-state of {text[:40]}")
    second = run(PROGRAM, "--no-huge", "--huge-mib", "64", "--socket", plane.socket_path, check=False)
    expect(second.returncode == 1 and "another process" in second.stdout, "a second one took the socket")
    ctl = os.path.join(BIN, "hanok-dpctl")
    expect(json.loads(run(ctl, "--socket", plane.socket_path, "version").stdout)["version"], "hanok-dpctl version")
    expect(run(ctl, "--socket", plane.socket_path, "reboot", check=False).returncode == 1, "hanok-dpctl of no method")

    # Idle: the worker leaves the CPU to others.
    def ticks():
        with open(f"/proc/{plane.process.pid}/stat", encoding="utf-8") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    before = ticks()
    subprocess.run(["sleep", "3"], check=True)  # a measured span, not a wait for something
    share = (ticks() - before) / os.sysconf("SC_CLK_TCK") / 3
    expect(share < 0.10, f"an idle data plane uses {share:.0%} of a CPU")
    expect(plane.terminate() == 0, "SIGTERM does not end it with 0")
    expect(not os.path.exists(plane.socket_path), "the socket stays behind")
