#!/usr/bin/python3
"""Ceph goes away (all its daemons stand still) and comes back: I/O waits and goes on, by hanok-storage and by QEMU's own
driver; the API answers; an agent that is asked to stop does; what was asked for meanwhile is done afterwards, or has failed with
its reason where its deadline came first.
Environment: as the other stories; GONE, seconds without Ceph (25; from 305 on deadlines come first).
"""
import contextlib
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from hanok_storage import Storage, remove_image  # noqa: E402
from node import RUN, lives, paused, pid_of, wait_for  # noqa: E402
from volume_kills import CONF, Pools, cause_of, clean, differences, settle  # noqa: E402
from volume_operations import TAG, Api, World  # noqa: E402

GONE = int(os.environ.get("GONE", "25"))
DEADLINE_S = 300  # of SHORT, all others have more
SHORT = ("create", "snapshot", "extend")
ANSWER_S = 1.0          # the API's longest answer while Ceph is away
STOP_S = 10.0           # an agent that was told to stop
MIB = 1 << 20


def ceph_pids():
    return [pid_of(name) for name in sorted(os.listdir(os.path.join(RUN, "pid"))) if name.startswith("ceph-")]


def qemu_writes(image):
    """QEMU's own driver. It ends well when all its writes were answered well."""
    return subprocess.Popen(["qemu-img", "bench", "-w", "-t", "none", "-f", "raw", "-c", "20000", "-d", "8", "-s", "4096",
                             f"rbd:volumes/{image}:id=hanok:conf={CONF}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def writes_to(image):
    """Somebody holds its lock, which comes with the first write."""
    with rados.Rados(conffile=CONF, rados_id="hanok") as cluster, cluster.open_ioctx("volumes") as pool, \
            rbd.Image(pool, image) as open_image:
        return list(open_image.lock_get_owners())


class Timed:
    """Calls of the API, none of which may take long."""

    def __init__(self, api):
        self.api, self.slowest, self.count = api, 0.0, 0

    def call(self, *arguments):
        begin = time.monotonic()
        answer = self.api.call(*arguments)
        self.slowest, self.count = max(self.slowest, time.monotonic() - begin), self.count + 1
        return answer

    def read_everything(self, volume):
        for path in ("/volumes/detail", f"/volumes/{volume}", "/snapshots/detail", "/backups/detail", "/types",
                     "/os-services", "/scheduler-stats/get_pools?detail=true", "/limits"):
            self.call("GET", path)
        self.call("GET", "/servers/detail", None, "compute")


def ask_for_changes(timed, world_volumes):
    """(what, kind, id, should it be there): accepted while Ceph is away."""
    plain, grown, going, shot = world_volumes
    volume = timed.call("POST", "/volumes", {"volume": {"name": TAG, "size": 1}})["volume"]["id"]
    clone = timed.call("POST", "/volumes", {"volume": {"name": TAG, "size": 1, "source_volid": plain}})["volume"]["id"]
    snapshot = timed.call("POST", "/snapshots", {"snapshot": {"name": TAG, "volume_id": shot}})["snapshot"]["id"]
    timed.call("POST", f"/volumes/{grown}/action", {"os-extend": {"new_size": 2}})
    timed.call("DELETE", f"/volumes/{going}")
    return [("create", "volumes", volume, True), ("clone", "volumes", clone, True),
            ("snapshot", "snapshots", snapshot, True), ("extend", "volumes", grown, True),
            ("delete", "volumes", going, False)]


def agent_stops():
    """Told to stop, it does, though Ceph holds what it does; hanok-keeper starts it again."""
    pid, begin = pid_of("hanok-agent"), time.monotonic()
    os.kill(pid, signal.SIGTERM)
    wait_for(lambda: not lives(pid), "the agent does not stop", STOP_S)
    took = time.monotonic() - begin
    wait_for(lambda: pid_of("hanok-agent") != pid and lives(pid_of("hanok-agent")), "the agent is not started again", 20)
    return took


def how_it_ended(api, asked, failed):
    """What is wrong with how it ended: all are to have failed with Ceph as the cause, or none."""
    wrong = []
    for what, kind, item_id, there in asked:
        item = api.settled(kind, item_id)
        status = item["status"] if item else "gone"
        cause = cause_of(api, kind, item) if item and status.startswith("error") else None
        print(f"  {what:9} {status} {cause or ''}", flush=True)
        good = bool(cause) and "Ceph" in cause if failed else status == ("available" if there else "gone")
        wrong += [] if good else [f"{what}: {status}, cause: {cause}"]
    return wrong


def main():
    api, pools = Api(), Pools()
    world, timed = World(api), Timed(api)
    volumes = [world.data() for _ in range(4)]
    image = f"gone-{os.getpid()}"
    with rados.Rados(conffile=CONF, rados_id="hanok") as cluster, cluster.open_ioctx("volumes") as pool:
        for name in (f"{image}-storage", f"{image}-qemu"):
            rbd.RBD().create(pool, name, 64 * MIB)
    failures = []
    try:
        with Storage() as storage:
            failures += without_ceph(api, timed, volumes, storage, image)
    finally:
        remove_images(image)
    failures += differences(api, pools)
    world.end()
    clean(world)
    wait_for(lambda: not set(pools.trash()) - pools.trash_before, "the trash is not emptied", 120)
    failures += [f"stays in a pool: {entry}" for entry in sorted(pools.look() - pools.before)]
    pools.close()
    if failures:
        sys.exit("FAILED:\n" + "\n".join(failures))
    print("Ceph was away and came back: nothing failed that need not, nothing was lost, nothing leaked")


def without_ceph(api, timed, volumes, storage, image):
    """What was wrong."""
    failures, by_storage, by_qemu = [], f"{image}-storage", f"{image}-qemu"
    storage.attach(by_storage)
    guest = storage.guest(by_storage, "--blocks", "2048", "--depth", "16", "--seconds", "100000")
    qemu = qemu_writes(by_qemu)
    wait_for(lambda: storage.answered(by_storage) > 100, "the guest does not write")
    wait_for(lambda: writes_to(by_qemu), "QEMU's driver does not write")
    with paused(ceph_pids()):  # the worst way to be away
        until = time.monotonic() + GONE
        asked = ask_for_changes(timed, volumes)
        timed.read_everything(volumes[0])
        stopped = agent_stops()
        during = storage.answered(by_storage)
        time.sleep(max(0.0, until - time.monotonic()))
        timed.read_everything(volumes[0])
        if storage.answered(by_storage) != during:
            failures.append("requests were answered without Ceph")
        if qemu.poll() is not None or guest.poll() is not None:
            failures.append("I/O did not wait")
        if GONE > DEADLINE_S:
            short = [one for one in asked if one[0] in SHORT]
            asked = [one for one in asked if one[0] not in SHORT]
            failures += how_it_ended(api, short, failed=True)
    back, before = time.monotonic(), storage.answered(by_storage)
    wait_for(lambda: storage.answered(by_storage) > before + 16, "no more requests are answered")
    print(f"{GONE} s without Ceph: I/O went on {time.monotonic() - back:.1f} s after it was back; "
          f"{timed.count} calls of the API, the slowest {timed.slowest * 1000:.0f} ms; "
          f"the agent stopped in {stopped:.1f} s", flush=True)
    said, _ = qemu.communicate(timeout=180)
    if qemu.returncode != 0:
        failures.append(f"QEMU's driver: {said.decode()}")
    settle(api)
    failures += how_it_ended(api, asked, failed=False)
    print(f"  all settled {time.monotonic() - back:.1f} s after Ceph was back", flush=True)
    report = storage.report(guest)
    print(f"  {json.dumps({key: report[key] for key in ('writes', 'reads', 'errors', 'lost_or_corrupt')})}", flush=True)
    if report["errors"] or report["lost_or_corrupt"] or not report["writes"]:
        failures.append(f"the guest of hanok-storage: {report}")
    if timed.slowest > ANSWER_S:
        failures.append(f"the API took {timed.slowest:.1f} s")
    return failures


def remove_images(image):
    with rados.Rados(conffile=CONF, rados_id="hanok") as cluster, cluster.open_ioctx("volumes") as pool:
        for name in (f"{image}-storage", f"{image}-qemu"):
            with contextlib.suppress(rbd.ImageNotFound):
                remove_image(pool, name)


if __name__ == "__main__":
    main()
