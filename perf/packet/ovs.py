"""Open vSwitch with DPDK, as its own ovsdb-server and ovs-vswitchd with folders of their own: no unit is started, and
an Open vSwitch of the machine is left alone."""
import contextlib
import json
import os
import re
import shutil
import socket

import scenarios
from hanok import device
from machine import Forwarder, Missing, run, wait_for

DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
MEMORY_MIB = 1024
PORTS = {"in": 1, "out": 2, "vx": 3}


class Ovs(Forwarder):
    name = "ovs-dpdk"

    def __init__(self, machine):
        if not os.path.exists(DAEMON) or not shutil.which("ovsdb-server"):
            raise Missing("Open vSwitch with DPDK is not installed (package openvswitch-switch-dpdk)")
        self.machine, self.database = machine, None
        self.folder = os.path.join(machine.folder, self.name)
        self.env = {**os.environ, "OVS_RUNDIR": self.folder, "OVS_DBDIR": self.folder, "OVS_LOGDIR": self.folder,
                    "OVS_SYSCONFDIR": self.folder}

    @staticmethod
    def version():
        return run(DAEMON, "--version").splitlines()[0].split()[-1]

    def _tool(self, *command):
        return self.machine.inside(*command, env=self.env)

    def _vsctl(self, *command):
        return self._tool("ovs-vsctl", "--timeout=30", f"--db=unix:{self.folder}/db.sock", *command)

    def _daemons(self, frames):
        mib = max(MEMORY_MIB, frames * 3072 // (1 << 20) * 2)
        self.machine.need_pages(mib + 128)
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self._tool("ovsdb-tool", "create", f"{self.folder}/conf.db", SCHEMA)
        self.database = self.machine.start(
            "ovsdb-server", f"{self.folder}/conf.db", f"--remote=punix:{self.folder}/db.sock",
            f"--unixctl={self.folder}/ovsdb.ctl", log=f"{self.folder}/ovsdb.log", env=self.env)
        wait_for(lambda: os.path.exists(f"{self.folder}/db.sock"), "ovsdb-server")
        self._vsctl("--no-wait", "init")
        extra = f"--in-memory --file-prefix hperf-ovs{os.getpid()} -a 0000:00:00.0"
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                    f"other_config:dpdk-lcore-mask={1 << self.machine.control_cpu:#x}",
                    f"other_config:pmd-cpu-mask={1 << self.machine.worker_cpu:#x}",
                    f"other_config:dpdk-socket-mem={mib}", f"other_config:dpdk-extra={extra}")
        self.process = self.machine.start(
            DAEMON, f"unix:{self.folder}/db.sock", f"--unixctl={self.folder}/vswitchd.ctl",
            f"--log-file={self.folder}/vswitchd.log", log=f"{self.folder}/vswitchd.out", env=self.env)
        wait_for(lambda: self.process.must_live() or os.path.exists(f"{self.folder}/vswitchd.ctl"), "ovs-vswitchd")

    def _appctl(self, *command):
        return self._tool("ovs-appctl", "-t", f"{self.folder}/vswitchd.ctl", *command)

    def pages_mib(self, flows):
        return MEMORY_MIB + 128

    def start(self, scenario, capture, frames, flows, sink=None, feed=None):
        self._daemons(frames)
        underlay = scenario.vxlan or scenario.uplink_in
        self._vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail_mode=secure")
        if underlay:
            self._underlay()
        self.out_bridge = "br-phy" if scenario.vxlan else "br-int"
        in_bridge = "br-phy" if scenario.uplink_in else "br-int"
        outgoing = device("net_pcap1", sink=sink) if sink else device("net_null0")
        self._add_port(self.out_bridge, "out", outgoing)
        if feed:
            self._add_guest(in_bridge, "in", feed)
        else:
            self._add_port(in_bridge, "in", device("net_pcap0", capture))
        self.process.prefer()
        self._flows(scenario, underlay)  # last: until then nothing is forwarded, and no connection is known
        wait_for(lambda: self.packets() > 0, "frames from Open vSwitch")

    def start_guests(self, scenario, sockets, mib, flows):
        """Between two guests that serve these sockets."""
        self._daemons(0)
        self._vsctl("add-br", "br-int", "--", "set", "bridge", "br-int", "datapath_type=netdev", "fail_mode=secure")
        for name, socket in zip(("in", "out"), sockets):
            self._add_guest("br-int", name, socket)
        self.process.prefer()
        self._flows(scenario, False)

    def _add_guest(self, bridge, name, socket):
        self._vsctl("add-port", bridge, name, "--", "set", "interface", name, "type=dpdkvhostuserclient",
                    f"ofport_request={PORTS[name]}", f"options:vhost-server-path={socket}")

    def _add_port(self, bridge, name, arguments):
        self._vsctl("add-port", bridge, name, "--", "set", "interface", name, "type=dpdk", f"ofport_request={PORTS[name]}",
                    f'options:dpdk-devargs="{arguments}"')
        error = self._vsctl("get", "interface", name, "error").strip()
        if error != "[]":
            raise RuntimeError(f"Open vSwitch does not take {arguments}: {error}")

    def _underlay(self):
        self._vsctl("add-br", "br-phy", "--", "set", "bridge", "br-phy", "datapath_type=netdev", "fail_mode=secure",
                    f"other-config:hwaddr={scenarios.VTEP_MAC}")
        self._vsctl("add-port", "br-int", "vx", "--", "set", "interface", "vx", "type=vxlan", "ofport_request=3",
                    f"options:remote_ip={scenarios.OTHER_VTEP}", "options:key=flow")
        self.machine.inside("ip", "address", "add", scenarios.VTEP + "/24", "dev", "br-phy")
        self.machine.inside("ip", "link", "set", "br-phy", "up")
        self._appctl("tnl/neigh/set", "br-phy", scenarios.OTHER_VTEP, scenarios.OTHER_VTEP_MAC)

    def _flows(self, scenario, underlay):
        def with_numbers(flow):
            return re.sub(r"(in_port=|output:)(in|out|vx)\b", lambda found: found.group(1) + str(PORTS[found.group(2)]), flow)
        path = f"{self.folder}/flows"
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(map(with_numbers, scenario.ovs_flows())) + "\n")
        if underlay:
            for flow in ("in_port=LOCAL actions=output:2", "in_port=1 actions=LOCAL"):
                self._tool("ovs-ofctl", "-O", "OpenFlow13", "add-flow", f"{self.folder}/br-phy.mgmt", flow)
        self._tool("ovs-ofctl", "-O", "OpenFlow13", "add-flows", f"{self.folder}/br-int.mgmt", path)

    def packets(self):
        """Asked without a tool's process, which takes as long as 100,000 new connections."""
        self.process.must_live()
        found = re.search(r"port \d+: out \(.*?TX packets:(\d+)", self._ask("dpctl/show", "--statistics"), re.S)
        return int(found.group(1)) if found else 0

    def _ask(self, method, *params):
        """By JSON-RPC, as ovs-appctl does."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(f"{self.folder}/vswitchd.ctl")
            connection.sendall(json.dumps({"id": 0, "method": method, "params": params}).encode())
            answer = b""
            while True:
                answer += connection.recv(65536)
                with contextlib.suppress(ValueError):
                    return json.loads(answer)["result"] or ""

    def stop(self):
        super().stop()
        if self.database is not None:
            self.database.stop()
            self.database = None
        for bridge in ("br-int", "br-phy", "ovs-netdev"):
            with contextlib.suppress(Exception):
                run("ip", "-n", self.machine.netns, "link", "del", bridge)
