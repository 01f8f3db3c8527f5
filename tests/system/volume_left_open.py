#!/usr/bin/python3
"""Volumes that dead clients left in a state that Ceph does not take up again, and that must go all the same: one whose header an OSD
takes for watched for ever, since the client died before its watch was written everywhere; one that a removal had hidden in the trash
and was giving back. Environment: as the other stories.
"""
import functools
import json
import struct
import subprocess
import sys
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from node import ask_ceph, paused, pid_of, wait_for  # noqa: E402
from volume_kills import CONF, Pools, clean, settle  # noqa: E402
from volume_operations import Api, World  # noqa: E402

GONE_S = 120  # 40 until the agent looks, and 30 until Ceph takes the client for dead
WATCH = """
import sys
sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados
cluster = rados.Rados(conffile=sys.argv[1], rados_id="hanok")
cluster.connect()
cluster.open_ioctx("volumes").watch(sys.argv[2], lambda *_: None)
"""
REMOVING, RESTORING = 3, 3  # source and state of an entry of RBD's trash


def osd_pid(osd):
    return pid_of(f"ceph-osd.{osd}")


def image_of(pool, volume):
    with rbd.Image(pool, f"volume-{volume}", read_only=True) as image:
        return image.id(), list(image.watchers_list())


def connections(process):
    """(port here, port there) of a process' TCP connections."""
    lines = subprocess.run(["ss", "-Htnp"], check=True, capture_output=True, text=True).stdout.splitlines()
    ours = [line.split() for line in lines if f"pid={process}," in line]
    return {(here.rsplit(":", 1)[1], there.rsplit(":", 1)[1]) for _, _, _, here, there, *_ in ours}


def lose_watch(cluster, pool, volume):
    """A client dies while its watch is written: the first OSD has it, the others stand still."""
    image, _ = image_of(pool, volume)
    header = f"rbd_header.{image}"
    first, *others = ask_ceph(cluster.mon_command, "osd map", pool="volumes", object=header)["acting"]
    ask_first = functools.partial(ask_ceph, functools.partial(cluster.osd_command, first))
    with paused([osd_pid(osd) for osd in others]):
        client = subprocess.Popen([sys.executable, "-c", WATCH, CONF, header])

        def under_way():
            return [one for one in ask_first("dump_ops_in_flight")["ops"]
                    if header in one["description"] and "watch" in one["description"]]
        wait_for(under_way, "the client does not watch")
        ports = {here for here, _ in connections(client.pid)}

        def served():  # by the first OSD
            return {there for _, there in connections(osd_pid(first))} & ports
        if not served():
            sys.exit("FAILED: the client's connection is not found")
        client.kill()
        client.wait()
        wait_for(lambda: not served(), "the OSD does not see that the client is gone")
    wait_for(lambda: image_of(pool, volume)[1], "the watch is not written")
    if any(header in json.dumps(one) for one in ask_first("dump_watchers")):
        sys.exit("FAILED: the OSD has not lost the watch")


def hide(pool, volume):
    """As a removal that was cut off while it gave the image back."""
    def text(value):
        return struct.pack("<I", len(value)) + value.encode()
    image, _ = image_of(pool, volume)
    name, now = f"volume-{volume}", int(time.time())
    entry = struct.pack("<B", REMOVING) + text(name) + struct.pack("<IIII", now, 0, now, 0) + struct.pack("<B", RESTORING)
    pool.execute("rbd_trash", "rbd", "trash_add", text(image) + struct.pack("<BBI", 2, 1, len(entry)) + entry)
    pool.execute("rbd_directory", "rbd", "dir_remove_image", text(name) + text(image))
    pool.remove_object(f"rbd_id.{name}")
    try:
        rbd.RBD().remove(pool, name)
        sys.exit("FAILED: RBD takes it up by itself")
    except rbd.ImageBusy:
        pass


def main():
    api, pools = Api(), Pools()
    world = World(api)
    volumes = {"its removal was cut off": world.volume(), "its watch is lost": world.volume()}
    hidden, watched = volumes.values()
    with rados.Rados(conffile=CONF, rados_id="admin") as cluster, cluster.open_ioctx("volumes") as pool:
        lose_watch(cluster, pool, watched)
        hide(pool, hidden)
    began = time.monotonic()
    for volume in volumes.values():
        api.call("DELETE", f"/volumes/{volume}")
    for what, volume in volumes.items():
        wait_for(lambda volume=volume: volume not in api.list("volumes"), f"a volume does not go: {what}", GONE_S)
        print(f"a volume went {time.monotonic() - began:.0f} s after it was asked to: {what}", flush=True)
    world.end()
    settle(api)
    clean(world)
    wait_for(lambda: not set(pools.trash()) - pools.trash_before, "the trash is not emptied")
    left = pools.look() - pools.before
    pools.close()
    if left:
        sys.exit(f"FAILED: stays in a pool: {sorted(left)}")


if __name__ == "__main__":
    main()
