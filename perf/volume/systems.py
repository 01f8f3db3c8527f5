"""The systems of the data part: each serves an image, all of the same size and content, and is measured by the same jobs."""
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import time

BLOCK = 4096


class Missing(Exception):
    """A peer that is not installed."""


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


def usage(pid):
    """CPU microseconds and context switches of all threads that live."""
    cpu = switches = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                cpu += int(file.read().split()[0]) / 1000
            with open(f"/proc/{pid}/task/{task}/status", encoding="ascii") as file:
                switches += sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)
    return cpu, switches


def stamped(first_block, count):
    """Content of blocks as blk_client's --check wants it: place and generation at both ends."""
    out = bytearray(count * BLOCK)
    for index in range(count):
        mark = (first_block + index).to_bytes(8, "little") + (1).to_bytes(8, "little")
        out[index * BLOCK:index * BLOCK + 16] = mark
        out[(index + 1) * BLOCK - 16:(index + 1) * BLOCK] = mark
    return bytes(out)


def end(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Served:
    """A server with a vhost-user-blk socket, used by blk_client."""

    client_options = ()

    def __init__(self, options, folder, image):
        self.options, self.folder, self.image = options, folder, image
        self.socket, self.server = f"{folder}/{self.name}.sock", None

    def spawn(self, *command):
        with open(f"{self.folder}/{self.name}.log", "ab") as log:
            self.server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)

    def stop(self):
        if self.server:
            end(self.server)
            self.server = None

    def measure(self, job):
        command = [self.options.client, "bench", "--check", *self.client_options, "--socket", self.socket,
                   "--depth", str(job["depth"]), "--seconds", str(self.options.seconds),
                   "--block-bytes", str(job["bytes"]), "--read-percent", str(job["read"])]
        if job["sequential"]:
            command.append("--sequential")
        before = usage(self.server.pid)
        done = subprocess.run(command, capture_output=True, text=True, timeout=self.options.seconds + 60, check=False)
        after = usage(self.server.pid)
        if done.returncode != 0:
            raise RuntimeError(f"{self.name}: {done.stderr.strip()}")
        answer = json.loads(done.stdout)
        if answer["errors"] or answer["wrong"]:
            raise RuntimeError(f"{self.name}: {answer['errors']} failed, {answer['wrong']} blocks read wrong")
        if job["read"] and not answer["checked"]:
            raise RuntimeError(f"{self.name}: no read was checked")
        return {**{key: answer[key] for key in ("iops", "mib_per_s", "p50_us", "p99_us", "p999_us")},
                "cpu_us_per_io": (after[0] - before[0]) / answer["requests"],
                "switches_per_io": (after[1] - before[1]) / answer["requests"]}


class Hanok(Served):
    name = "hanok"

    def start(self):
        control = f"{self.folder}/control.sock"
        self.spawn(f"{self.options.bin}/hanok-storage", "--socket", control, "--state-dir", f"{self.folder}/state",
                   "--ceph-conf", self.options.conf, "--ceph-client", self.options.ceph_client)

        def call(method, arguments):
            return subprocess.run([f"{self.options.bin}/hanok-dpctl", "--socket", control, method, json.dumps(arguments)],
                                  capture_output=True, text=True, check=False)
        wait_for(lambda: call("version", {}).returncode == 0, "hanok-storage answers")
        done = call("volume.attach", {"pool": self.options.pool, "image": self.image, "socket": self.socket})
        if done.returncode != 0:
            raise RuntimeError(f"hanok: attach: {done.stdout}{done.stderr}")


class Qemu(Served):
    name = "qemu-storage-daemon"
    client_options = ("--no-inflight",)  # it keeps no record of requests in flight; hanok-storage does, as for guests

    def start(self):
        if not shutil.which("qemu-storage-daemon"):
            raise Missing("qemu-storage-daemon is not installed (qemu-system-common, qemu-block-extra)")
        self.spawn("qemu-storage-daemon", "--blockdev",
                   f"driver=rbd,node-name=disk,pool={self.options.pool},image={self.image},conf={self.options.conf},"
                   f"user={self.options.ceph_client},cache.direct=on",
                   "--export", f"type=vhost-user-blk,id=e,node-name=disk,writable=on,addr.type=unix,addr.path={self.socket}")
        wait_for(lambda: os.path.exists(self.socket) or self.server.poll() is not None, "qemu-storage-daemon listens")
        if self.server.poll() is not None:
            with open(f"{self.folder}/{self.name}.log", encoding="utf-8") as log:
                raise Missing(f"qemu-storage-daemon ended: {log.read().strip()[-300:]}")


class Fio:
    """The ceiling: librbd without virtio. Its reads are not checked: what it writes tells no place.
    Its CPU is the whole process's, with opening the image and making the requests."""

    name = "fio-rbd"

    def __init__(self, options, folder, image):
        self.options, self.folder, self.image = options, folder, image

    def start(self):
        if not shutil.which("fio") or "rbd" not in subprocess.run(["fio", "--enghelp"], capture_output=True, text=True,
                                                                  check=False).stdout.split():
            raise Missing("fio with the rbd engine is not installed")
        # As the others: a write that only reached librbd's cache is no ceiling for writes that reached the cluster.
        self.conf = f"{self.folder}/fio-ceph.conf"
        with open(self.options.conf, encoding="utf-8") as given, open(self.conf, "w", encoding="utf-8") as file:
            file.write(given.read() + "\n[client]\nrbd cache = false\n")

    def stop(self):
        pass

    def measure(self, job):
        kind = ("" if job["sequential"] else "rand") + {100: "read", 0: "write"}.get(job["read"], "rw")
        out = f"{self.folder}/fio.json"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            ["fio", "--name=j", "--ioengine=rbd", f"--pool={self.options.pool}", f"--rbdname={self.image}",
             f"--clientname={self.options.ceph_client}", f"--rw={kind}", f"--rwmixread={job['read']}",
             f"--bs={job['bytes']}", f"--iodepth={job['depth']}", "--time_based", f"--runtime={self.options.seconds}",
             "--unified_rw_reporting=1", "--output-format=json", f"--output={out}", "--thread"],
            env={**os.environ, "CEPH_CONF": self.conf}, cwd=self.folder, capture_output=True, text=True,
            timeout=self.options.seconds + 60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"fio: {done.stdout}{done.stderr}".strip())
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        with open(out, encoding="utf-8") as file:
            text = file.read()
        figures, count = fio_figures(json.loads(text[text.index("{"):])["jobs"][0])
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        switches = after.ru_nvcsw + after.ru_nivcsw - before.ru_nvcsw - before.ru_nivcsw
        return {**figures, "cpu_us_per_io": cpu * 1e6 / count, "switches_per_io": switches / count}


def fio_figures(job):
    mixed = job["mixed"]
    rank, count = mixed["clat_ns"]["percentile"], mixed["total_ios"]
    return {"iops": mixed["iops"], "mib_per_s": mixed["bw_bytes"] / (1 << 20), "p50_us": rank["50.000000"] / 1000,
            "p99_us": rank["99.000000"] / 1000, "p999_us": rank["99.900000"] / 1000}, count


ALL = (Fio, Hanok, Qemu)
