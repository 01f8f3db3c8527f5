#!/usr/bin/python3
"""kill -9 of the API, the agent, an OSD and the monitor in the middle of every operation on volumes.

Each operation is asked for while one of them is killed and started again. It must end as done, or as an error whose cause
is told; nothing that was acknowledged is lost, and the pools hold what the database says: compared after every kill
(images, snapshots) and at the end, when all is deleted (trash too).
Environment: KILLS, kills of every process in every operation; 0, the default: every operation once, processes in turn.
SEED repeats a run's choices.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import openstack  # noqa: E402
import rados  # noqa: E402
import rbd  # noqa: E402
from node import STATE, kill, wait_for  # noqa: E402
from volume_operations import OPERATIONS, SETTLED, TAG, Api, Refused, Unanswered, World  # noqa: E402
from keystoneauth1 import exceptions  # noqa: E402

KILLS = int(os.environ.get("KILLS", "0"))
VICTIMS = ("hanok-agent", "hanok-api", "ceph-osd.1", "ceph-mon")
POOLS = ("volumes", "volumes-2", "backups", "images")
CONF = os.path.join(STATE, "ceph", "ceph.conf")
KINDS = ("backups", "group_snapshots", "groups", "snapshots", "volumes")  # in an order in which they may go


# ---- the pools and the database ------------------------------------------------------------------------------------------

class Pools:
    def __init__(self):
        self.cluster = rados.Rados(conffile=CONF, rados_id="hanok")
        self.cluster.connect()
        self.before, self.trash_before = self.look(), set(self.trash())

    def close(self):
        self.cluster.shutdown()

    def look(self):
        """(pool, image, snapshot or "") of all there is, but for hidden snapshots that clones live on."""
        out = set()
        for pool in POOLS:
            with self.cluster.open_ioctx(pool) as io:
                for name in rbd.RBD().list(io):
                    out.add((pool, name, ""))
                    try:
                        with rbd.Image(io, name, read_only=True) as image:
                            out |= {(pool, name, snap["name"]) for snap in image.list_snaps()
                                    if snap["namespace"] == rbd.RBD_SNAP_NAMESPACE_TYPE_USER}
                    except rbd.ImageNotFound:
                        pass
        return out

    def trash(self):
        out = []
        for pool in POOLS:
            with self.cluster.open_ioctx(pool) as io:
                out += [f"{pool}/{entry['name']}" for entry in rbd.RBD().trash_list(io)]
        return out


def differences(api, pools):
    """What is in the pools and not in the database, and the other way round. Errors may have left nothing or something
    that their delete takes away; what is settled well may not."""
    there = pools.look() - pools.before
    volumes, snapshots, backups = (api.list(kind) for kind in ("volumes", "snapshots", "backups"))
    sure, perhaps = set(), set()
    pool_of = {item["id"]: item["os-vol-host-attr:host"].split("#")[1] for item in volumes.values()}
    for item in volumes.values():
        (perhaps if item["status"] == "error" else sure).add((pool_of[item["id"]], f"volume-{item['id']}", ""))
    for item in snapshots.values():
        (perhaps if item["status"] == "error" else sure).add(
            (pool_of[item["volume_id"]], f"volume-{item['volume_id']}", f"snapshot-{item['id']}"))
    for item in backups.values():
        name = f"backup-{item['id']}"
        if item["status"] == "error":
            perhaps |= {entry for entry in there if entry[1].startswith(name) or entry[2] == name}
        else:
            sure.add(("backups", name, ""))
    for image in api.cloud.image.images():
        perhaps |= {("images", image.id, ""), ("images", image.id, "snap")}
    return [f"not in the database: {entry}" for entry in sorted(there - sure - perhaps)] + \
           [f"not in the pool: {entry}" for entry in sorted(sure - pools.before - there)]


def cause_of(api, kind, item):
    if kind == "backups":
        return item.get("fail_reason")
    told = api.call("GET", "/messages")["messages"]
    return next((message["user_message"] for message in told if message["resource_uuid"] == item["id"]), None)


# ---- a kill -----------------------------------------------------------------------------------------------------------------

def one_kill(world, pools, operation, victim, chance):
    """Gives how it ended, and what was wrong."""
    ask = operation(world)
    result = {}

    def run():
        try:
            result["asked"] = ask()
        except Unanswered:
            pass
        except Refused as error:
            result["refused"] = str(error)

    asker = threading.Thread(target=run)
    asker.start()
    time.sleep(chance.uniform(0, 0.12))  # the point of the kill
    kill(victim)
    asker.join()
    wrong = [result["refused"]] if "refused" in result else []
    settle(world.api)
    end = "without an answer"
    if "asked" in result:
        kind, item_id, there = result["asked"]
        item = world.api.settled(kind, item_id)
        end = item["status"] if item else "gone"
        if item and item["status"].startswith("error"):
            cause = cause_of(world.api, kind, item)
            wrong += [] if cause else [f"{kind} {item_id} is {end} without a cause"]
        elif bool(item) != there:
            wrong.append(f"{kind} {item_id}: acknowledged, and is {end}")
        killed = [image.id for image in world.api.cloud.image.images() if image.name == TAG and image.status == "killed"]
        if killed and not cause_of(world.api, kind, item):
            wrong.append(f"image {killed} is killed without a cause")
    wrong += differences(world.api, pools)
    return end, wrong


def settle(api):
    """Nothing is on its way any more."""
    def busy():
        return [f"{kind[:-1]} {item['id']} {item['status']}" for kind in KINDS
                for item in api.list(kind).values() if item["status"] not in SETTLED or "hanok:work" in item] + \
               [f"image {image.id} {image.status}" for image in api.cloud.image.images()
                if image.status not in ("active", "queued", "killed")]

    def quiet():
        try:
            return not busy()
        except (Unanswered, Refused, exceptions.ClientException, openstack.exceptions.SDKException):
            return False
    wait_for(quiet, lambda: f"still on its way: {busy()}", 180)


def clean(world):
    """All of ours away, in an order that is allowed."""
    api = world.api
    for image in api.cloud.image.images():
        if image.name == TAG:
            api.cloud.image.delete_image(image)
    for kind in KINDS:
        for item in api.list(kind).values():
            if item["name"] != TAG or item["status"] == "in-use":
                continue
            if kind == "snapshots" and item.get("group_snapshot_id"):
                continue  # goes with that
            if kind == "groups":
                api.call("POST", f"/groups/{item['id']}/action", {"delete": {"delete-volumes": True}})
            else:
                api.call("DELETE", f"/{kind}/{item['id']}")
        def left(kind=kind):
            return [f"{item['id']} {item['status']}" for item in api.list(kind).values()
                    if item["name"] == TAG and item["status"] != "in-use"]
        wait_for(lambda: not left(), lambda: f"the {kind} do not go: {left()}", 120)
    for kind in api.call("GET", "/types")["volume_types"]:
        if kind["name"] in (TAG, f"{TAG}-luks"):
            api.call("DELETE", f"/types/{kind['id']}")
    api.call("DELETE", f"/group_types/{world.group_type()}")


def tell_what_the_agent_did():
    with open(os.path.join(STATE, "log", "hanok-agent.log"), encoding="utf-8", errors="replace") as log:
        print("".join(log.readlines()[-40:]), file=sys.stderr)


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"SEED={seed}", flush=True)
    chance = random.Random(seed)
    api, pools = Api(), Pools()
    world = World(api)
    if KILLS:
        rounds = [(operation, victim) for _ in range(KILLS) for operation in OPERATIONS for victim in VICTIMS]
    else:  # an OSD is away for 15 s and more, so one of them is enough here
        quick = [victim for victim in VICTIMS if not victim.startswith("ceph-osd")]
        first, long = chance.randrange(len(quick)), chance.randrange(len(OPERATIONS))
        rounds = [(operation, "ceph-osd.1" if number == long else quick[(first + number) % len(quick)])
                  for number, operation in enumerate(OPERATIONS)]
    failures = []
    for operation, victim in rounds:
        began = time.monotonic()
        end, wrong = one_kill(world, pools, operation, victim, chance)
        print(f"{operation.__name__:22} {victim:12} {time.monotonic() - began:5.1f} s  {end}", flush=True)
        for line in wrong:
            print(f"    WRONG: {line}", flush=True)
        failures += [f"{operation.__name__}, {victim}: {line}" for line in wrong]
    world.end()
    settle(api)
    clean(world)
    kill("hanok-agent")  # which looks into the trash as it starts
    # Somebody else's clones may hold what was there before.
    def left_in_trash():
        return set(pools.trash()) - pools.trash_before
    wait_for(lambda: not left_in_trash(), lambda: f"in the trash stays {left_in_trash()}", 120)
    left = pools.look() - pools.before
    failures += [f"stays in a pool: {entry}" for entry in sorted(left)]
    pools.close()
    if failures:
        sys.exit("FAILED:\n" + "\n".join(failures[:40]))
    print(f"{len(rounds)} kills: every operation ended, nothing was lost, nothing leaked")


if __name__ == "__main__":
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            tell_what_the_agent_did()
        raise
