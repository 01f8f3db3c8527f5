#!/usr/bin/python3
"""Two pools: types choose them, a retype moves a volume between them while a server uses it, clones are flattened.

The volume has bytes, a snapshot, a clone and limits; it is written to in the new pool before all of it is there.
"""
import os
import sys
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from node import STATE, wait_for  # noqa: E402
from volume_api import Api  # noqa: E402

CONF = os.path.join(STATE, "ceph", "ceph.conf")
TAG = f"pools{os.getpid()}"
MIB = 1 << 20


def expect(what, got, wanted):
    if got != wanted:
        sys.exit(f"FAILED: {what}: {got!r}, expected {wanted!r}")


class Story:
    def __init__(self):
        self.api = Api()
        self.cluster = rados.Rados(conffile=CONF, rados_id="hanok")
        self.cluster.connect()
        self.io = {pool: self.cluster.open_ioctx(pool) for pool in ("volumes", "volumes-2")}

    def show(self, volume):
        return self.api.call("GET", f"/volumes/{volume}")["volume"]

    def settled(self, volume, seconds=120):
        def look():
            item = self.show(volume)
            return item if item["status"] in ("available", "in-use", "error") and "hanok:work" not in item else None
        return wait_for(look, lambda: f"volume {volume} is not settled: {self.show(volume)}", seconds)

    def volume(self, **fields):
        body = {"volume": {"name": TAG, "size": 1, **fields}}
        volume = self.api.call("POST", "/volumes", body)["volume"]["id"]
        expect("a new volume", self.settled(volume)["status"], "available")
        return volume

    def act(self, volume, name, **arguments):
        self.api.call("POST", f"/volumes/{volume}/action", {name: arguments})

    def refused(self, status, call, *arguments, **named):
        try:
            call(*arguments, **named)
        except RuntimeError as error:
            if f": {status} " in str(error):
                return str(error)
            raise
        sys.exit(f"FAILED: {arguments} {named} was accepted, expected {status}")

    def image(self, pool, volume, **how):
        return rbd.Image(self.io[pool], f"volume-{volume}", **how)

    def pool_of(self, volume):
        return self.show(volume)["os-vol-host-attr:host"].split("#")[1]

    def run(self):
        print("== types of two pools")
        types = {name: self.api.call("POST", "/types", {"volume_type": {"name": f"{TAG}-{name}", "extra_specs": {
            "pool_name": pool}}})["volume_type"]["id"]
            for name, pool in (("one", "volumes"), ("two", "volumes-2"), ("none", "nowhere"))}
        pools = {pool["name"]: pool["capabilities"]
                 for pool in self.api.call("GET", "/scheduler-stats/get_pools?detail=true")["pools"]}
        for pool in ("volumes", "volumes-2"):
            room = pools[f"hanok@rbd#{pool}"]
            print(f"   {pool}: {room['free_capacity_gb']} of {room['total_capacity_gb']} GiB free")
            if not 0 < room["free_capacity_gb"] <= room["total_capacity_gb"]:
                sys.exit(f"FAILED: capacity of {pool}: {room}")
        self.refused(400, self.volume, volume_type=types["none"])
        second = self.volume(volume_type=types["two"])
        expect("pool of a volume of the second type", self.pool_of(second), "volumes-2")

        print("== a volume with bytes, a snapshot and a clone is moved")
        volume = self.volume(volume_type=types["one"])
        blocks = [os.urandom(MIB) for _ in range(32)]
        with self.image("volumes", volume) as image:
            for number, block in enumerate(blocks):
                image.write(block, number * 8 * MIB)
        snapshot = self.api.call("POST", "/snapshots", {"snapshot": {"volume_id": volume, "name": TAG}})["snapshot"]["id"]
        wait_for(lambda: self.api.call("GET", f"/snapshots/{snapshot}")["snapshot"]["status"] == "available", "no snapshot")
        clone = self.volume(snapshot_id=snapshot)
        self.refused(400, self.act, volume, "os-retype", new_type=types["two"], migration_policy="never")
        with self.image("volumes", volume):  # somebody has it open: the move waits, nothing is lost
            self.act(volume, "os-retype", new_type=types["two"], migration_policy="on-demand")
            time.sleep(1)
            expect("a volume that is open", self.show(volume)["status"], "retyping")
        began = time.monotonic()
        wait_for(lambda: self.show(volume)["status"] == "available", "the volume is not usable in the new pool", 60)
        print(f"   usable after {time.monotonic() - began:.1f} s, {self.show(volume).get('hanok:work', 'all copied')}")
        expect("its pool", self.pool_of(volume), "volumes-2")
        with self.image("volumes-2", volume) as image:  # also while it is copied
            image.write(b"meanwhile", 3)
        expect("after the copy", self.settled(volume)["migration_status"], None)
        with self.image("volumes-2", volume) as image:
            expect("written meanwhile", image.read(3, 9), b"meanwhile")
            for number, block in enumerate(blocks[1:], 1):
                expect(f"block {number}", image.read(number * 8 * MIB, MIB) == block, True)
            expect("snapshots", [one["name"] for one in image.list_snaps()], [f"snapshot-{snapshot}"])
        with self.image("volumes-2", volume, snapshot=f"snapshot-{snapshot}", read_only=True) as image:
            expect("the snapshot", image.read(0, MIB) == blocks[0], True)
        with self.image("volumes", clone, read_only=True) as image:
            expect("the clone", image.read(0, MIB) == blocks[0], True)
            expect("its parent", image.parent_info()[0], "volumes-2")
        expect("left in the old pool", f"volume-{volume}" in rbd.RBD().list(self.io["volumes"]), False)

        print("== one in use stays")
        self.act(volume, "os-attach", instance_uuid="11111111-1111-4111-8111-111111111111", mountpoint="/dev/vdb")
        self.refused(400, self.act, volume, "os-retype", new_type=types["one"], migration_policy="on-demand")
        self.act(volume, "os-detach")

        print("== the clone is flattened, cancelled, and flattened when its parent goes")
        self.act(clone, "hanok:flatten")
        self.act(clone, "hanok:cancel_flatten")
        self.settled(clone)
        self.api.call("DELETE", f"/volumes/{volume}?cascade=true")
        wait_for(lambda: volume not in self.api.list("volumes"), "the parent does not go", 120)
        self.settled(clone)
        with self.image("volumes", clone, read_only=True) as image:
            expect("the clone", image.read(0, MIB) == blocks[0], True)
            try:
                sys.exit(f"FAILED: the clone still has a parent: {image.parent_info()}")
            except rbd.ImageNotFound:
                pass
        wait_for(lambda: f"volume-{volume}" not in [one["name"] for one in rbd.RBD().trash_list(self.io["volumes-2"])],
                 "the parent stays in the trash")

        print("== all goes")
        for one in (clone, second):
            self.api.call("DELETE", f"/volumes/{one}")
        wait_for(lambda: not {clone, second} & set(self.api.list("volumes")), "the volumes do not go", 120)
        for one in types.values():
            self.api.call("DELETE", f"/types/{one}")
        self.cluster.shutdown()
        print("\nVolumes move between pools.")


if __name__ == "__main__":
    Story().run()
