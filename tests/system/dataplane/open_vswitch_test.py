#!/usr/bin/python3
"""VXLAN and VLAN against Open vSwitch (its userspace data path, in a namespace): both directions, full frames, TCP."""
import os
import subprocess

from lab import Lab, expect, frames, network, port, run, state, subnet, vlan, vxlan, wait_for

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
SENDER = """import os, socket, sys
data = os.urandom(3_000_001)
with socket.create_connection((sys.argv[1], 7000), 20) as stream: stream.sendall(data)
import hashlib; print(hashlib.sha256(data).hexdigest())"""
RECEIVER = """import hashlib, socket, sys
with socket.create_server(("", 7000)) as server:
    print("listening", flush=True)
    stream, _ = server.accept()
    digest = hashlib.sha256()
    while data := stream.recv(65536): digest.update(data)
    print(digest.hexdigest(), flush=True)"""


class OpenVswitch:
    """Daemons and folders of their own: an Open vSwitch of the machine is left alone."""

    def __init__(self, lab, namespace):
        self.folder = os.path.join(lab.folder, "ovs")
        os.makedirs(self.folder)
        self.namespace = namespace
        self.env = ["env", *(f"OVS_{name}DIR={self.folder}" for name in ("RUN", "DB", "LOG", "SYSCONF"))]
        run("ovsdb-tool", "create", f"{self.folder}/conf.db", SCHEMA)
        namespace.start(*self.env, "ovsdb-server", f"{self.folder}/conf.db", f"--remote=punix:{self.folder}/db.sock",
                        f"--unixctl={self.folder}/ovsdb.ctl")
        wait_for(lambda: os.path.exists(f"{self.folder}/db.sock"), "ovsdb-server")
        self.vsctl("--no-wait", "init")
        namespace.start(*self.env, "ovs-vswitchd", f"unix:{self.folder}/db.sock", f"--unixctl={self.folder}/vswitchd.ctl",
                        f"--log-file={self.folder}/vswitchd.log")

    def vsctl(self, *command):
        """Returns when ovs-vswitchd has done it (unless --no-wait is given)."""
        return self.namespace.run(*self.env, "ovs-vsctl", f"--db=unix:{self.folder}/db.sock", "--timeout=20", *command)

    def bridge(self, name, *options):
        self.vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", *options)

    def internal(self, bridge, name, mac, address, *options, mtu=1500):
        """A port of the switch itself, with an address: the guest behind it."""
        self.vsctl("add-port", bridge, name, *options, "--", "set", "interface", name, "type=internal", f"mac=\"{mac}\"",
                   f"mtu_request={mtu}")
        self.namespace.run("ip", "address", "add", address, "dev", name)
        self.namespace.run("ip", "link", "set", name, "up")


def send_stream(source, sink, address):
    """3 MB by TCP; what arrives is what was sent."""
    receiver = sink.start("/usr/bin/python3", "-c", RECEIVER, stdout=subprocess.PIPE, text=True)
    expect("listening" in receiver.stdout.readline(), "the receiver does not start")
    sent = source.run("/usr/bin/python3", "-c", SENDER, address).stdout.strip()
    expect(receiver.stdout.readline().strip() == sent, f"TCP to {address}: other bytes arrive")


with Lab() as lab:
    peer = lab.namespace("ovs")
    uplink = lab.plug(peer, "fa:16:3e:00:01:02")
    ovs = OpenVswitch(lab, peer)
    # The underlay's address is the bridge's: Open vSwitch looks for a tunnel's way out among its own bridges.
    ovs.bridge("br-phy", "other_config:hwaddr=fa:16:3e:00:01:02")
    ovs.vsctl("add-port", "br-phy", "eth0")
    peer.run("ip", "address", "add", "192.0.2.2/24", "dev", "br-phy")
    peer.run("ip", "link", "set", "br-phy", "up")
    ovs.bridge("br-int")
    ovs.vsctl("add-port", "br-int", "vx", "--", "set", "interface", "vx", "type=vxlan", "options:remote_ip=192.0.2.1",
              "options:key=100")
    ovs.internal("br-int", "tunnelled", "fa:16:3e:00:00:02", "10.0.0.12/24", mtu=1450)
    ovs.internal("br-phy", "tagged", "fa:16:3e:00:00:04", "10.1.0.12/24", "tag=10")

    desired = state(vtep="192.0.2.1")
    desired["host"]["node2"] = {"vtep": "192.0.2.2"}
    desired["uplink"]["wire"] = {"device": uplink, "physical_network": "physnet1", "address": "192.0.2.1/24"}
    desired["network"]["x"] = network(vxlan(100), mtu=1450)
    desired["network"]["v"] = network(vlan(10))
    desired["subnet"]["xs"] = subnet("x", "10.0.0.0/24")
    desired["subnet"]["vs"] = subnet("v", "10.1.0.0/24")
    desired["port"]["p1"] = port("x", 1, "xs", "10.0.0.11")
    desired["port"]["p2"] = port("x", 2, "xs", "10.0.0.12", host="node2")
    desired["port"]["p3"] = port("v", 3, "vs", "10.1.0.11")
    desired["port"]["p4"] = port("v", 4, "vs", "10.1.0.12", host="node2")
    one = lab.guest("one", desired["port"]["p1"], "10.0.0.11/24")
    one.run("ip", "link", "set", "eth0", "mtu", "1450")
    three = lab.guest("three", desired["port"]["p3"], "10.1.0.11/24")
    plane = lab.dataplane(desired)
    capture = lab.capture("eth0", "icmp or vlan or udp port 4789", peer)

    # The first echo may be lost to the two sides' ARP for each other's VTEP.
    wait_for(lambda: one.ping("10.0.0.12", count=1, seconds=1), "the first answer from behind Open vSwitch's VXLAN")
    expect(one.ping("10.0.0.12", size=1422) == 3, "VXLAN: frames of the overlay's full MTU are lost")
    expect(peer.ping("10.0.0.11", size=1422) == 3, "VXLAN: the guest is not reached from Open vSwitch")
    expect(three.ping("10.1.0.12", size=1472) == 3, "VLAN: Open vSwitch's tagged port is not reached")
    expect(peer.ping("10.1.0.11", size=1472) == 3, "VLAN: the guest is not reached from Open vSwitch")
    for near, address, far in ((one, "10.0.0.12", "10.0.0.11"), (three, "10.1.0.12", "10.1.0.11")):
        send_stream(near, peer, address)
        send_stream(peer, near, far)

    from scapy.all import Dot1Q
    from scapy.layers.vxlan import VXLAN
    seen = wait_for(lambda: frames(capture), "frames in the capture")
    expect({frame[VXLAN].vni for frame in seen if frame.haslayer(VXLAN)} == {100}, "other VNIs than 100 on the wire")
    expect({frame[Dot1Q].vlan for frame in seen if frame.haslayer(Dot1Q)} == {10}, "other tags than 10 on the wire")

    # Open vSwitch in other segments: nothing passes, and the reason has a name.
    ovs.vsctl("set", "interface", "vx", "options:key=101")
    ovs.vsctl("set", "port", "tagged", "tag=11")
    before = plane.drops("wire", "unknown_segment")
    peer.run("ip", "neighbour", "replace", "10.0.0.11", "lladdr", "fa:16:3e:00:00:01", "dev", "tunnelled")
    peer.run("ip", "neighbour", "replace", "10.1.0.11", "lladdr", "fa:16:3e:00:00:03", "dev", "tagged")
    expect(peer.silent("10.0.0.11"), "a frame of VNI 101 reaches a guest of 100")
    expect(peer.silent("10.1.0.11"), "a frame of tag 11 reaches a guest of 10")
    wait_for(lambda: plane.drops("wire", "unknown_segment") >= before + 4, f"unknown_segment: {plane.counters('wire')}")
