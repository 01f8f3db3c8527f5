"""Hanok under test: `hanok-dataplane`, told its state by the control socket."""
import contextlib
import json
import os
import socket
import struct
import time

import captures
import scenarios
from machine import Forwarder, wait_for

BUFFER_BYTES = 2560


def device(name, capture=None, sink=None, endless=True):
    if capture:
        return f"{name},rx_pcap={capture}" + (",infinite_rx=1" if endless else "")
    return f"{name},tx_pcap={sink}" if sink else f"{name},no-rx=1"


def arp_answer():
    ours, other = captures.mac(scenarios.VTEP_MAC), captures.mac(scenarios.OTHER_VTEP_MAC)
    return ours + other + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + other + \
        captures.ip(scenarios.OTHER_VTEP) + ours + captures.ip(scenarios.VTEP)


class Hanok(Forwarder):
    def __init__(self, machine, binary, name="hanok"):
        self.machine, self.binary, self.name = machine, binary, name

    @staticmethod
    def memory_mib(frames):
        """Half of it becomes buffers; net_pcap keeps each frame of an endless capture in one."""
        return max(256, (frames + 16384) * BUFFER_BYTES * 2 // (1 << 20) + 64)

    def pages_mib(self, flows):
        return self.memory_mib(0)

    def start(self, scenario, capture, frames, flows, sink=None, feed=None):
        machine, folder = self.machine, os.path.join(self.machine.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        mib = self.memory_mib(frames)
        incoming = f"net_vhost0,iface={feed},client=1" if feed else device("net_pcap0", capture)
        outgoing = device("net_pcap1", sink=sink) if sink else device("net_null0")
        if scenario.vxlan:  # without tx_pcap, net_pcap frees what it is given, as net_null does
            outgoing = f"net_pcap1,rx_pcap={self._answers(folder)}" + (f",tx_pcap={sink}" if sink else "")
        guest, uplink = (outgoing, incoming) if scenario.uplink_in else (incoming, outgoing)
        self.out = ("ports", "guest") if scenario.uplink_in else \
            ("uplinks", "underlay" if scenario.vxlan else "wire")
        self._launch(mib, flows)
        # Last: from here on frames come, and the first pass over them is what setup-rate counts.
        self.call("state.put", state=scenario.hanok_state(guest, uplink))
        wait_for(lambda: self.process.must_live() or self.packets() > 0, f"frames from {self.name}")

    def _launch(self, mib, flows):
        folder = os.path.join(self.machine.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        self.machine.need_pages(mib)
        control = os.path.join(folder, "dp.sock")
        self.process = self.machine.start(
            self.binary, "--socket", control, "--lcores", str(self.machine.worker_cpu), "--huge-mib",
            str(mib), "--idle-sleep-us", "0", "--log-level", "warn", "--flow-capacity", str(max(1 << 17, flows * 4)),
            "--sessions-per-port", str(max(1 << 16, flows * 2)), log=os.path.join(folder, "log"))
        self.process.prefer()
        self._connect(control)
        self.process.prefer()

    def start_answering(self, scenario, capture, frames, sink=None):
        """The guest's questions come in and the answers go out by one port; `sink` keeps what is answered to one pass."""
        self.out = ("ports", "guest")
        self._launch(self.memory_mib(frames), 1000)
        guest = device("net_pcap0", capture, endless=sink is None) + (f",tx_pcap={sink}" if sink else "")
        self.call("state.put", state=scenario.hanok_state(guest, "net_null0,no-rx=1"))
        wait_for(lambda: self.process.must_live() or self.packets() > 0, f"answers from {self.name}")

    def start_guests(self, scenario, sockets, mib, flows):
        """Between two guests that serve these sockets."""
        self.out = ("ports", "guest-0")
        self._launch(mib, flows)
        self.call("state.put", state=scenario.state_of(sockets))

    def start_bare(self):
        """Without devices and huge pages, for what the control socket does."""
        folder = os.path.join(self.machine.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        control = os.path.join(folder, "dp.sock")
        self.process = self.machine.start(
            self.binary, "--socket", control, "--no-huge", "--huge-mib", "64", "--lcores",
            str(self.machine.worker_cpu), "--log-level", "warn", log=os.path.join(folder, "log"))
        self._connect(control)
        self.process.prefer()

    @staticmethod
    def _answers(folder):
        """A capture with the ARP answer of the other VTEP, which no net_null could give; good for three minutes."""
        path = os.path.join(folder, "arp.pcap")
        captures.write(path, [arp_answer()])
        return path

    def _connect(self, control):
        def ready():
            self.process.must_live()
            with contextlib.suppress(OSError):
                self.connection = socket.socket(socket.AF_UNIX)
                self.connection.settimeout(30)
                self.connection.connect(control)
                self.reader = self.connection.makefile("r", encoding="utf-8")
                return True
            return False
        wait_for(ready, "the control socket of hanok-dataplane")

    def call(self, method, **params):
        self.connection.sendall((json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) +
                                 "\n").encode())
        answer = json.loads(self.reader.readline())
        if "result" not in answer:
            raise RuntimeError(f"{method}: {answer.get('error')}")
        return answer["result"]

    def counters(self):
        group, name = self.out
        return self.call("counters", port=name)[group][name]

    def packets(self):
        return self.counters()["tx_packets"]

    def lost(self):
        """Frames refused by name in half a second, on any device: there must be none once flows are known."""
        def drops():
            answer = self.call("counters")
            out = {}
            for group in ("ports", "uplinks"):
                for name, one in answer[group].items():
                    for reason, count in one["drops"].items():
                        if not reason.endswith("_consumed") and count:
                            out[f"{name}: {reason}"] = count
            return out
        before = drops()
        time.sleep(0.2)
        return {name: count - before.get(name, 0) for name, count in drops().items() if count > before.get(name, 0)}

    def stop(self):
        if self.process is not None:
            with contextlib.suppress(Exception):
                self.connection.close()
        super().stop()
