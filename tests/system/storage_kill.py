#!/usr/bin/python3
"""hanok-storage is killed (-9) and started again during verified writes: no acknowledged write is lost or corrupt.
A kill that falls into the recovery from the one before is part of the test: fewer reconnects than kills are right.
One split ring first, then three packed ones with a quarter of the kills. Then an OSD is killed (-9), of three, and started again
by hanok-keeper: I/O stalls until Ceph goes on without it, and nothing is lost either.
Environment: as for the other stories; KILLS (8); PACKED_KILLS (a quarter); OSD_KILLS (1).
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from node import STATE, kill, wait_for  # noqa: E402

BIN = os.environ.get("HANOK_BIN", "build/release/bin")
GUEST = os.path.join(BIN, "..", "tests", "blk_client")
CONF = os.path.join(STATE, "ceph", "ceph.conf")
CLIENT = "hanok"
POOL = "volumes"
KILLS = int(os.environ.get("KILLS", "8"))
PACKED_KILLS = int(os.environ.get("PACKED_KILLS", max(3, KILLS // 4)))
OSD_KILLS = int(os.environ.get("OSD_KILLS", "1"))
OSDS = 3
IMAGE = f"kill-loop-{os.getpid()}"
MIB = 1 << 20


def start(folder, log):
    process = subprocess.Popen(
        [f"{BIN}/hanok-storage", "--socket", f"{folder}/control.sock", "--state-dir", f"{folder}/state",
         "--ceph-conf", CONF, "--ceph-client", CLIENT], stdout=log, stderr=log)
    return process


def call(folder, method, arguments):
    return subprocess.run([f"{BIN}/hanok-dpctl", "--socket", f"{folder}/control.sock", method,
                           json.dumps(arguments)], capture_output=True, text=True, check=False)


class Storage:
    """hanok-storage, and its deaths."""

    def __init__(self, folder, log):
        self.folder, self.log = folder, log
        self.process = start(folder, log)

    def die(self, _):
        self.process.kill()
        self.process.wait()
        self.process = start(self.folder, self.log)
        wait_for(lambda: call(self.folder, "version", {}).returncode == 0, "hanok-storage does not come back")

    def answered(self):
        volumes = json.loads(call(self.folder, "volume.stats", {}).stdout)
        return sum(kind["librbd"]["count"] for volume in volumes.values() for kind in volume["types"].values())

    def without_an_osd(self, number):
        """Back when the OSD is up again and requests have gone on."""
        name, over, stalls = f"ceph-osd.{number % OSDS}", threading.Event(), [0.0]

        def watch():
            last, since = self.answered(), time.monotonic()
            while not over.is_set():
                now = self.answered()
                if now != last:
                    last, since = now, time.monotonic()
                stalls[0] = max(stalls[0], time.monotonic() - since)
                time.sleep(0.02)
        watcher = threading.Thread(target=watch)
        watcher.start()
        epoch = up_since(number % OSDS)
        kill(name)
        wait_for(lambda: up_since(number % OSDS) > epoch, "the OSD is not up again", 120)
        before = self.answered()
        wait_for(lambda: self.answered() > before + 100, "requests do not go on", 120)
        over.set()
        watcher.join()
        self.osd_stalls = [*getattr(self, "osd_stalls", []), stalls[0]]


def up_since(osd):
    """The epoch of Ceph's map in which this OSD came up; -1 while it is down."""
    dump = subprocess.run(["ceph", "-c", CONF, "-n", f"client.{CLIENT}", "osd", "dump", "-f", "json"], capture_output=True,
                          text=True, timeout=60, check=True).stdout
    state = next(one for one in json.loads(dump)["osds"] if one["osd"] == osd)
    return state["up_from"] if state["up"] else -1


def loop(folder, log, kills, ring, strike):
    volume = {"pool": POOL, "image": IMAGE, "queues": 3}
    server = Storage(folder, log)
    guest = None
    try:
        wait_for(lambda: call(folder, "version", {}).returncode == 0, "hanok-storage does not answer")
        absent = call(folder, "volume.attach", {"pool": POOL, "image": "absent", "socket": f"{folder}/absent.sock"})
        if absent.returncode == 0 or f"{POOL}/absent" not in absent.stdout + absent.stderr:
            sys.exit(f"FAILED: an absent volume was not refused by name: {absent}")
        with rados.Rados(conffile=CONF, rados_id=CLIENT) as other, other.open_ioctx(POOL) as pool, \
                rbd.Image(pool, IMAGE) as image:
            image.lock_acquire(rbd.RBD_LOCK_MODE_EXCLUSIVE)
            taken = call(folder, "volume.attach", {**volume, "socket": f"{folder}/volume.sock"})
            if taken.returncode == 0 or f"{POOL}/{IMAGE}: in use by" not in taken.stdout + taken.stderr:
                sys.exit(f"FAILED: a volume in use elsewhere was not refused by name: {taken}")
        attached = call(folder, "volume.attach", {**volume, "socket": f"{folder}/volume.sock"})
        if attached.returncode != 0:
            sys.exit(f"FAILED: attach: {attached.stdout}{attached.stderr}")
        guest = subprocess.Popen([GUEST, "verify", "--socket", f"{folder}/volume.sock", "--blocks",
                                  "2048", "--depth", "32", "--seconds", "100000", *ring], stdout=subprocess.PIPE, stderr=log)
        for number in range(kills):
            time.sleep(random.uniform(1, 3))  # not a wait: when the kill falls is what varies
            strike(server, number)
        time.sleep(2)
        guest.send_signal(signal.SIGTERM)
        out, _ = guest.communicate(timeout=120)
        if guest.returncode != 0:
            sys.exit(f"FAILED: the guest ended with {guest.returncode}")
        return json.loads(out), getattr(server, "osd_stalls", [])
    finally:
        for process in (guest, server.process):
            if process and process.poll() is None:
                process.kill()
                process.wait()


def remove(pool):
    with rbd.Image(pool, IMAGE) as image:
        for owner in image.lock_get_owners():
            image.lock_break(rbd.RBD_LOCK_MODE_EXCLUSIVE, owner["owner"])
    deadline = time.monotonic() + 60
    while True:
        try:
            rbd.RBD().remove(pool, IMAGE)
            return
        except rbd.ImageBusy:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def survive(name, kills, ring, strike=Storage.die):
    with rados.Rados(conffile=CONF, rados_id=CLIENT) as cluster, cluster.open_ioctx(POOL) as pool, \
            tempfile.TemporaryDirectory(prefix="hs") as folder:
        rbd.RBD().create(pool, IMAGE, 64 * MIB)
        try:
            with open(f"{folder}/log", "w+", encoding="utf-8") as log:
                try:
                    report, osd_stalls = loop(folder, log, kills, ring, strike)
                except SystemExit:
                    log.seek(0)
                    print(log.read()[-8000:])
                    raise
                log.seek(0)
                said = "".join(line for line in log if "info" not in line and "VHOST_CONFIG" not in line)
        finally:
            remove(pool)
    stalls = report.pop("stalls_ms") + [stall * 1000 for stall in osd_stalls]
    print(name, json.dumps(report), "stalls ms:", [round(one) for one in stalls],
          "median", round(statistics.median(stalls)) if stalls else None, flush=True)
    if report["lost_or_corrupt"] or report["errors"] or report["writes"] == 0:
        sys.exit(f"FAILED: {name}: lost, corrupt or failed\n{said[-8000:]}")
    if strike is Storage.die and report["reconnects"] == 0:
        sys.exit(f"FAILED: {name}: never reconnected")


if __name__ == "__main__":
    survive("split", KILLS, [])
    survive("packed", PACKED_KILLS, ["--packed", "--queues", "3"])
    survive("OSD", OSD_KILLS, [], Storage.without_an_osd)
