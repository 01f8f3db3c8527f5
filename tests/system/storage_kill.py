#!/usr/bin/python3
"""hanok-storage is killed (-9) and started again during verified writes: no acknowledged write is lost or corrupt.
A kill that falls into the recovery from the one before is part of the test: fewer reconnects than kills are right.
One split ring first, then three packed ones with a quarter of the kills.
Environment: HANOK_BIN and HANOK_STATE as for the other stories; KILLS (8); CEPH_CONF for another cluster.
"""

import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402

BIN = os.environ.get("HANOK_BIN", "build/release/bin")
GUEST = os.path.join(BIN, "..", "tests", "blk_client")
CONF = os.environ.get("CEPH_CONF") or os.path.join(os.environ.get("HANOK_STATE", "/var/lib/hanok"), "ceph", "ceph.conf")
CLIENT = "hanok"
POOL = "volumes"
KILLS = int(os.environ.get("KILLS", "8"))
IMAGE = f"kill-loop-{os.getpid()}"
MIB = 1 << 20


def wait_for(condition, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"FAILED: {what}")
        time.sleep(0.05)


def start(folder, log):
    process = subprocess.Popen(
        [f"{BIN}/hanok-storage", "--socket", f"{folder}/control.sock", "--state-dir", f"{folder}/state",
         "--ceph-conf", CONF, "--ceph-client", CLIENT], stdout=log, stderr=log)
    return process


def call(folder, method, arguments):
    return subprocess.run([f"{BIN}/hanok-dpctl", "--socket", f"{folder}/control.sock", method,
                           json.dumps(arguments)], capture_output=True, text=True, check=False)


def loop(folder, log, kills, ring):
    volume = {"pool": POOL, "image": IMAGE, "queues": 3}
    server = start(folder, log)
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
        for _ in range(kills):
            time.sleep(random.uniform(1, 3))  # not a wait: when the kill falls is what varies
            server.kill()
            server.wait()
            server = start(folder, log)
            wait_for(lambda: call(folder, "version", {}).returncode == 0, "hanok-storage does not come back")
        time.sleep(2)
        guest.send_signal(signal.SIGTERM)
        out, _ = guest.communicate(timeout=120)
        if guest.returncode != 0:
            sys.exit(f"FAILED: the guest ended with {guest.returncode}")
        return json.loads(out)
    finally:
        for process in (guest, server):
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


def survive(name, kills, ring):
    with rados.Rados(conffile=CONF, rados_id=CLIENT) as cluster, cluster.open_ioctx(POOL) as pool, \
            tempfile.TemporaryDirectory(prefix="hs") as folder:
        rbd.RBD().create(pool, IMAGE, 64 * MIB)
        try:
            with open(f"{folder}/log", "w+", encoding="utf-8") as log:
                try:
                    report = loop(folder, log, kills, ring)
                except SystemExit:
                    log.seek(0)
                    print(log.read()[-8000:])
                    raise
        finally:
            remove(pool)
    stalls = report.pop("stalls_ms")
    print(name, json.dumps(report), "stalls ms:", [round(one) for one in stalls],
          "median", round(statistics.median(stalls)) if stalls else None)
    if report["lost_or_corrupt"] or report["errors"] or report["reconnects"] == 0 or report["writes"] == 0:
        sys.exit(f"FAILED: {name}: lost, corrupt, failed or not reconnected")


survive("split", KILLS, [])
survive("packed", max(3, KILLS // 4), ["--packed", "--queues", "3"])
