#!/usr/bin/python3
"""Where the time of a volume's requests goes, as hanok-storage tells it: a limit is seen in the part `throttle` and nowhere
else, an OSD that stands still in the OSDs' part and not in `throttle`; Prometheus gets the same figures.
Environment: as the other stories.
"""
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from node import STATE, pid_of, wait_for  # noqa: E402

BIN = os.environ["HANOK_BIN"]
CONF = os.path.join(STATE, "ceph", "ceph.conf")
IMAGE = f"latency-{os.getpid()}"
DEPTH = 16
STILL_S = 2.0


class Storage:
    def __init__(self, folder, log):
        self.folder, self.socket = folder, f"{folder}/volume.sock"
        self.process = subprocess.Popen(
            [f"{BIN}/hanok-storage", "--socket", f"{folder}/control.sock", "--state-dir", f"{folder}/state",
             "--ceph-conf", CONF, "--ceph-client", "hanok"], stdout=log, stderr=log)
        wait_for(lambda: self.try_call("version").returncode == 0, "hanok-storage does not answer")

    def try_call(self, method, **arguments):
        return subprocess.run([f"{BIN}/hanok-dpctl", "--socket", f"{self.folder}/control.sock", method,
                               json.dumps(arguments)], capture_output=True, text=True, check=False)

    def call(self, method, **arguments):
        answer = self.try_call(method, **arguments)
        if answer.returncode != 0:
            sys.exit(f"FAILED: {method}: {answer.stdout}{answer.stderr}")
        return json.loads(answer.stdout)

    def parts(self):
        """Sums of microseconds by part, and how many writes."""
        volume = self.call("volume.stats", pool="volumes", image=IMAGE)[f"volumes/{IMAGE}"]
        write = volume["types"]["write"]
        return {"writes": write["requests"], "throttle": write["throttle"]["sum_us"], "librbd": write["librbd"]["sum_us"],
                "osd": volume["osd"]["busy_us"], "operations": volume["osd"]["operations"],
                "out": volume["osd"]["in_flight"]}


def during(storage, what, seconds, meanwhile=lambda: None):
    """Means per write (of the OSDs: per operation) in milliseconds, while a guest writes."""
    before = storage.parts()
    beside = threading.Thread(target=meanwhile)
    beside.start()
    bench = subprocess.run([f"{BIN}/../tests/blk_client", "bench", "--socket", storage.socket, "--depth", str(DEPTH),
                            "--seconds", str(seconds), "--read-percent", "0"], capture_output=True, text=True, check=False)
    beside.join()
    if bench.returncode != 0 or json.loads(bench.stdout)["errors"]:
        sys.exit(f"FAILED: {what}: {bench.stdout}{bench.stderr}")
    # The figures of the last answers come with the next sample. librbd may make one operation of several writes.
    def all_counted():
        now = storage.parts()
        few = now["operations"] - before["operations"] < (now["writes"] - before["writes"]) / 2
        return None if few or now["out"] else now
    after = wait_for(all_counted, lambda: f"the OSDs' operations are not counted: {before}, {storage.parts()}", 10)
    done = {key: after[key] - before[key] for key in after}
    out = {"throttle": done["throttle"] / done["writes"] / 1000, "librbd": done["librbd"] / done["writes"] / 1000,
           "osd": done["osd"] / done["operations"] / 1000}
    print(f"{what:14} {done['writes']:6} writes  " +
          "  ".join(f"{part} {mean:.2f} ms" for part, mean in out.items()), flush=True)
    return out


def stand_still():
    time.sleep(0.5)  # so that there is something before it
    pid = pid_of("ceph-osd.1")
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(STILL_S)
    finally:
        os.kill(pid, signal.SIGCONT)


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def story(storage):
    storage.call("volume.attach", pool="volumes", image=IMAGE, socket=storage.socket)
    during(storage, "first", 1)  # makes the objects
    plain = during(storage, "plain", 3)
    check(plain["throttle"] < 0.1 * plain["librbd"], "throttled without a limit")
    # About one operation for one write of 4 KiB; sampled, so not to the percent.
    check(0.3 * plain["librbd"] < plain["osd"] < 1.2 * plain["librbd"], "the OSDs' part is not within librbd's")

    storage.call("volume.limits", pool="volumes", image=IMAGE, requests_per_s=200)
    limited = during(storage, "200 writes/s", 3)
    # 16 are out and 200 a second are let through: each waits for some 80 ms.
    check(limited["throttle"] > 30, "the limit is not seen in `throttle`")
    check(limited["osd"] < 0.5 * limited["throttle"], "the limit is seen in the OSDs' part")
    storage.call("volume.limits", pool="volumes", image=IMAGE)

    slow = during(storage, "an OSD stopped", STILL_S + 2, stand_still)
    check(slow["osd"] > 2 * plain["osd"] and slow["osd"] > 0.3 * slow["librbd"], "the OSD is not seen in its part")
    check(slow["throttle"] < 0.1 * slow["librbd"], "the OSD is seen in `throttle`")

    text = storage.call("metrics")
    for name in ("hanok_storage_osd_operations_total", "hanok_storage_osd_seconds_total", "hanok_storage_osd_in_flight"):
        line = next((line for line in text.splitlines() if line.startswith(f'{name}{{volume="volumes/{IMAGE}"}}')), None)
        check(line is not None, f"no {name}")
        check(name.endswith("in_flight") or float(line.split()[-1]) > 0, f"{line} is nothing")


def main():
    with rados.Rados(conffile=CONF, rados_id="hanok") as cluster, cluster.open_ioctx("volumes") as pool, \
            tempfile.TemporaryDirectory(prefix="hl") as folder, open(f"{folder}/log", "w+", encoding="utf-8") as log:
        rbd.RBD().create(pool, IMAGE, 16 << 20)
        storage = Storage(folder, log)
        try:
            story(storage)
        except SystemExit:
            log.seek(0)
            print(log.read()[-4000:])
            raise
        finally:
            storage.process.terminate()
            storage.process.wait()
            rbd.RBD().remove(pool, IMAGE)


if __name__ == "__main__":
    main()
