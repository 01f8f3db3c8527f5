"""testpmd's io mode: the same devices with nothing in between, so the ceiling of what any program could reach."""
import os
import re
import shutil
import subprocess

from hanok import device
from machine import Forwarder, Missing, run, wait_for


class Testpmd(Forwarder):
    name = "testpmd"

    def __init__(self, machine):
        if not shutil.which("dpdk-testpmd"):
            raise Missing("dpdk-testpmd is not installed (package dpdk-dev)")
        self.machine = machine

    def pages_mib(self, flows):
        return 256

    def start(self, scenario, capture, frames, flows, sink=None, feed=None):
        mib = max(256, (frames + 20000) * 2560 // (1 << 20) + 128)
        self.machine.need_pages(mib)
        folder = os.path.join(self.machine.folder, self.name)
        os.makedirs(folder, exist_ok=True)
        cpus = f"0@{self.machine.control_cpu},1@{self.machine.worker_cpu}"
        log = os.path.join(folder, "log")
        open(log, "w", encoding="utf-8").close()
        self.process = self.machine.start(
            "stdbuf", "-oL", "dpdk-testpmd", "--lcores", cpus, "--in-memory", "--file-prefix", f"hperf{os.getpid()}", "-m", str(mib),
            "-a", "0000:00:00.0", "--vdev", f"net_vhost0,iface={feed},client=1" if feed else device("net_pcap0", capture), "--vdev",
            device("net_pcap1", sink=sink) if sink else device("net_null0"), "--", "-i", "--forward-mode=io",
            "--nb-cores=1", f"--total-num-mbufs={frames + 16384}", "--no-lsc-interrupt", log=log, stdin=subprocess.PIPE)
        wait_for(lambda: self.process.must_live() or "testpmd>" in self.process.log(), "testpmd's prompt")
        self._say("start")
        self.process.prefer()
        wait_for(lambda: self.packets() > 0, "frames from testpmd")

    def _say(self, line):
        self.process.popen.stdin.write((line + "\n").encode())
        self.process.popen.stdin.flush()

    def packets(self):
        size = os.path.getsize(self.process.log_path)
        self._say("show port stats 1")

        def answer():
            self.process.must_live()
            with open(self.process.log_path, encoding="utf-8", errors="replace") as file:
                file.seek(size)
                return re.search(r"TX-packets: (\d+).*testpmd>", file.read(), re.S)
        return int(wait_for(answer, "testpmd's counters").group(1))
