#!/usr/bin/python3
"""Where the time of a volume's requests goes, as hanok-storage tells it: a limit is seen in the part `throttle` and nowhere
else, an OSD that stands still in the OSDs' part and not in `throttle`; Prometheus gets the same figures.
Environment: as the other stories.
"""
import json
import os
import subprocess
import sys
import threading
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from hanok_storage import CLIENT, CONF, GUEST, POOL, Storage  # noqa: E402
from node import paused, pid_of, wait_for  # noqa: E402

IMAGE = f"latency-{os.getpid()}"
DEPTH = 16
LIMIT = 50  # requests per second
STILL_S = 2.0


def parts(storage):
    """Sums of microseconds by part, and how many writes."""
    volume = storage.stats(IMAGE)
    write, osd = volume["types"]["write"], volume["osd"]
    return {"writes": write["requests"], "throttle": write["throttle"]["sum_us"], "librbd": write["librbd"]["sum_us"],
            "osd": osd["busy_us"], "operations": osd["operations"], "out": osd["in_flight"]}


def during(storage, what, seconds, meanwhile=lambda: None):
    """Means per write (of the OSDs: per operation) in milliseconds, while a guest writes."""
    before = parts(storage)
    beside = threading.Thread(target=meanwhile)
    beside.start()
    bench = subprocess.run([GUEST, "bench", "--socket", storage.socket_of(IMAGE), "--depth", str(DEPTH),
                            "--seconds", str(seconds), "--read-percent", "0"], capture_output=True, text=True, check=False)
    beside.join()
    if bench.returncode != 0 or json.loads(bench.stdout)["errors"]:
        sys.exit(f"FAILED: {what}: {bench.stdout}{bench.stderr}")
    # The figures of the last answers come with the next sample. librbd may make one operation of several writes.
    def all_counted():
        now = parts(storage)
        few = now["operations"] - before["operations"] < (now["writes"] - before["writes"]) / 2
        return None if few or now["out"] else now
    after = wait_for(all_counted, lambda: f"the OSDs' operations are not counted: {before}, {parts(storage)}", 10)
    done = {key: after[key] - before[key] for key in after}
    out = {"throttle": done["throttle"] / done["writes"] / 1000, "librbd": done["librbd"] / done["writes"] / 1000,
           "osd": done["osd"] / done["operations"] / 1000}
    print(f"{what:14} {done['writes']:6} writes  " +
          "  ".join(f"{part} {mean:.2f} ms" for part, mean in out.items()), flush=True)
    return out


def stand_still(storage, seen):
    """An OSD stops for a while, and what was out when it did stays out: `seen` gets the figures of that time alone."""
    wait_for(lambda: storage.answered(IMAGE) > seen["answered"], "no write before the OSD stops", 10)
    with paused([pid_of("ceph-osd.1")]):
        looks = [parts(storage)]

        def all_wait():  # from one sample of what is out to the next nothing is answered
            before, now = looks[-1], parts(storage)
            if now["osd"] != before["osd"]:
                looks.append(now)
            return looks[-1] is now and now["out"] > 0 and now["writes"] == before["writes"]
        wait_for(all_wait, "writes go on without an OSD", 10)
        first, since = parts(storage), time.monotonic()
        time.sleep(STILL_S)
        last = parts(storage)
        seen.update(elapsed_us=(time.monotonic() - since) * 1e6, first=first, last=last)


def check(condition, what):
    if not condition:
        sys.exit(f"FAILED: {what}")


def story(storage):
    storage.attach(IMAGE)
    during(storage, "first", 1)  # makes the objects
    plain = during(storage, "plain", 3)
    check(plain["throttle"] < 0.1 * plain["librbd"], "throttled without a limit")
    # About one operation for one write of 4 KiB; sampled, so not to the percent.
    check(0.3 * plain["librbd"] < plain["osd"] < 1.2 * plain["librbd"], "the OSDs' part is not within librbd's")

    storage.ask("volume.limits", pool=POOL, image=IMAGE, requests_per_s=LIMIT)
    limited = during(storage, f"{LIMIT} writes/s", 3)
    # So many are out and so many a second are let through: what one takes in all is known.
    whole = DEPTH / LIMIT * 1000
    check(0.6 * whole < limited["throttle"] + limited["librbd"] < 1.3 * whole, f"not the {whole:.0f} ms that it must be")
    check(limited["throttle"] > limited["librbd"], "the limit is not seen in `throttle`")
    storage.ask("volume.limits", pool=POOL, image=IMAGE)

    seen = {"answered": storage.answered(IMAGE)}
    slow = during(storage, "an OSD stopped", STILL_S + 3, lambda: stand_still(storage, seen))
    check("last" in seen, "writes go on without an OSD")  # what the thread waited for did not come
    first, last, elapsed_us = seen["first"], seen["last"], seen["elapsed_us"]
    check(first["writes"] == last["writes"], f"not still: {seen}")
    # Each operation that is out waits all the time; a few may come to be out meanwhile.
    gained = (last["osd"] - first["osd"]) / elapsed_us
    print(f"while it stood {first['out']} to {last['out']} operations were out, {gained:.1f} by the time in the OSDs' part")
    check(0.8 * first["out"] < gained < 1.2 * last["out"], f"the OSD is not seen in its part: {seen}")
    check(slow["throttle"] < 0.1 * slow["librbd"], "the OSD is seen in `throttle`")

    text = storage.ask("metrics")
    for name in ("hanok_storage_osd_operations_total", "hanok_storage_osd_seconds_total", "hanok_storage_osd_in_flight"):
        line = next((line for line in text.splitlines() if line.startswith(f'{name}{{volume="volumes/{IMAGE}"}}')), None)
        check(line is not None, f"no {name}")
        check(name.endswith("in_flight") or float(line.split()[-1]) > 0, f"{line} is nothing")


def main():
    with rados.Rados(conffile=CONF, rados_id=CLIENT) as cluster, cluster.open_ioctx(POOL) as pool:
        rbd.RBD().create(pool, IMAGE, 16 << 20)
        try:
            with Storage() as storage:
                story(storage)
        finally:
            rbd.RBD().remove(pool, IMAGE)


if __name__ == "__main__":
    main()
