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
from keystoneauth1 import exceptions  # noqa: E402

KILLS = int(os.environ.get("KILLS", "0"))
VICTIMS = ("hanok-agent", "hanok-api", "ceph-osd.1", "ceph-mon")
POOLS = ("volumes", "volumes-2", "backups", "images")
CONF = os.path.join(STATE, "ceph", "ceph.conf")
TAG = f"vk{os.getpid()}"
KINDS = ("backups", "group_snapshots", "groups", "snapshots", "volumes")  # in an order in which they may go
SETTLED = {"available", "in-use", "error", "error_extending", "error_deleting", "error_restoring", "error_backing-up",
           "awaiting-transfer"}


class Unanswered(Exception):
    """The API was away: the request may have been accepted or not."""


class Refused(Exception):
    pass


class Api:
    def __init__(self):
        self.cloud = openstack.connect(cloud=os.environ.get("OS_CLOUD", "hanok"))
        self.cloud.auth_token  # so that no kill falls into the login

    def call(self, method, path, body=None, service="block_storage"):
        version = {"block_storage": "3.60", "compute": "2.60"}[service]
        extra = {"json": body} if body is not None else {}
        try:
            answer = getattr(self.cloud, service).request(path, method, microversion=version, raise_exc=False,
                                                          connect_retries=0, **extra)
        except exceptions.ClientException as error:
            raise Unanswered(str(error)) from error
        if answer.status_code >= 400:
            raise Refused(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer.json() if answer.content else {}

    def list(self, kind):
        return {item["id"]: item for item in self.call("GET", f"/{kind}/detail")[kind]}

    def settled(self, kind, item_id, seconds=120):
        """The item once it is settled; None when it is gone."""
        def look():
            try:
                item = self.list(kind).get(item_id)
            except Unanswered:
                return None
            return [item] if item is None or item["status"] in SETTLED else None
        return wait_for(look, f"{kind} {item_id} is not settled", seconds)[0]


class World:
    """What operations need, made without kills."""

    def __init__(self, api):
        self.api = api
        self.base = self.volume(imageRef=self.image("cirros"))
        self.api.call("POST", "/types", {"volume_type": {"name": TAG, "extra_specs": {"pool_name": "volumes-2"}}})
        luks = self.api.call("POST", "/types", {"volume_type": {"name": f"{TAG}-luks"}})["volume_type"]["id"]
        self.api.call("POST", f"/types/{luks}/encryption", {"encryption": {"provider": "luks2"}})
        self.server = None

    def image(self, name):
        return next(image.id for image in self.api.cloud.image.images() if image.name == name)

    def volume(self, **fields):
        body = {"volume": {"name": TAG, "size": 1, **fields}}
        return self.good("volumes", self.api.call("POST", "/volumes", body)["volume"]["id"])

    def good(self, kind, item_id):
        item = self.api.settled(kind, item_id)
        if item is None or item["status"] != "available":
            sys.exit(f"FAILED: without a kill: {kind} {item}")
        return item_id

    def data(self):
        return self.volume(source_volid=self.base)

    def snapshot(self, volume):
        body = {"snapshot": {"name": TAG, "volume_id": volume}}
        return self.good("snapshots", self.api.call("POST", "/snapshots", body)["snapshot"]["id"])

    def backup(self, volume):
        body = {"backup": {"name": TAG, "volume_id": volume}}
        return self.good("backups", self.api.call("POST", "/backups", body)["backup"]["id"])

    def group(self):
        """Of two volumes with data."""
        fields = {"name": TAG, "group_type": self.group_type(), "volume_types": ["rbd"]}
        group = self.good("groups", self.api.call("POST", "/groups", {"group": fields})["group"]["id"])
        self.api.call("PUT", f"/groups/{group}", {"group": {"add_volumes": f"{self.data()},{self.data()}"}})
        return group

    def group_type(self):
        for known in self.api.call("GET", "/group_types")["group_types"]:
            if known["name"] == TAG:
                return known["id"]
        return self.api.call("POST", "/group_types", {"group_type": {"name": TAG}})["group_type"]["id"]

    def running_server(self):
        """One for all attachments; its guest must be up to give a disk back."""
        if self.server is None:
            cloud = self.api.cloud
            flavor = cloud.compute.create_flavor(name=TAG, ram=128, vcpus=1, disk=1)
            body = {"server": {"name": TAG, "imageRef": self.image("cirros"), "flavorRef": flavor.id, "networks": "none"}}
            self.server = self.api.call("POST", "/servers", body, "compute")["server"]["id"]
            cloud.compute.wait_for_server(cloud.compute.get_server(self.server), wait=120)
            wait_for(lambda: "guest: ready" in cloud.compute.get_server_console_output(self.server)["output"],
                     "the guest is not ready", 120)
        return self.server

    def end(self):
        cloud = self.api.cloud
        if self.server:
            cloud.compute.delete_server(self.server)
            wait_for(lambda: cloud.compute.find_server(self.server) is None, "the server does not go")
        for flavor in cloud.compute.flavors():
            if flavor.name == TAG:
                cloud.compute.delete_flavor(flavor)


# An operation makes what it needs, and gives what asks for it: called with the kill beside it, gives what must be then.

def present(kind, answer):
    return kind, answer[kind.rstrip("s")]["id"], True


def make(world, kind, **fields):
    return lambda: present(kind, world.api.call("POST", f"/{kind}", {kind.rstrip("s"): {"name": TAG, **fields}}))


def remove(world, kind, item):
    def ask():
        world.api.call("DELETE", f"/{kind}/{item}")
        return kind, item, False
    return ask


def act(world, volume, name, **arguments):
    def ask():
        world.api.call("POST", f"/volumes/{volume}/action", {name: arguments})
        return "volumes", volume, True
    return ask


def create(world):
    return make(world, "volumes", size=1)


def create_from_image(world):
    return make(world, "volumes", size=1, imageRef=world.image("cirros"))


def create_encrypted(world):
    return make(world, "volumes", size=1, volume_type=f"{TAG}-luks", imageRef=world.image("cirros"))


def create_from_snapshot(world):
    return make(world, "volumes", size=1, snapshot_id=world.snapshot(world.data()))


def create_from_volume(world):
    return make(world, "volumes", size=1, source_volid=world.base)


def extend(world):
    return act(world, world.data(), "os-extend", new_size=2)


def delete(world):
    return remove(world, "volumes", world.data())


def delete_with_clone(world):
    volume = world.data()
    world.volume(source_volid=volume)
    return remove(world, "volumes", volume)


def take_snapshot(world):
    return make(world, "snapshots", volume_id=world.data())


def delete_snapshot(world):
    return remove(world, "snapshots", world.snapshot(world.data()))


def revert(world):
    volume = world.data()
    return act(world, volume, "revert", snapshot_id=world.snapshot(volume))


def retype(world):
    """To another pool, with a snapshot and a clone."""
    volume = world.volume(imageRef=world.image("cirros"))
    world.volume(snapshot_id=world.snapshot(volume))
    return act(world, volume, "os-retype", new_type=TAG, migration_policy="on-demand")


def flatten(world):
    return act(world, world.data(), "hanok:flatten")


def upload(world):
    return act(world, world.data(), "os-volume_upload_image", image_name=TAG, disk_format="raw", container_format="bare")


def back_up(world):
    return make(world, "backups", volume_id=world.data())


def restore(world):
    volume = world.data()
    backup = world.backup(volume)

    def ask():
        world.api.call("POST", f"/backups/{backup}/restore", {"restore": {"volume_id": volume}})
        return "volumes", volume, True
    return ask


def delete_backup(world):
    return remove(world, "backups", world.backup(world.data()))


def group_snapshot(world, group):
    body = {"group_snapshot": {"name": TAG, "group_id": group}}
    return world.good("group_snapshots", world.api.call("POST", "/group_snapshots", body)["group_snapshot"]["id"])


def take_group_snapshot(world):
    return make(world, "group_snapshots", group_id=world.group())


def delete_group_snapshot(world):
    return remove(world, "group_snapshots", group_snapshot(world, world.group()))


def create_group_from_snapshot(world):
    source = group_snapshot(world, world.group())
    fields = {"name": TAG, "group_snapshot_id": source}
    return lambda: present("groups", world.api.call("POST", "/groups/action", {"create-from-src": fields}))


def delete_group(world):
    group = world.group()

    def ask():
        world.api.call("POST", f"/groups/{group}/action", {"delete": {"delete-volumes": True}})
        return "groups", group, False
    return ask


def plug(world, volume):
    path = f"/servers/{world.running_server()}/os-volume_attachments"

    def ask():
        world.api.call("POST", path, {"volumeAttachment": {"volumeId": volume}}, "compute")
        return "volumes", volume, True
    return ask


def attach(world):
    return plug(world, world.volume())


def detach(world):
    volume = world.volume()
    plug(world, volume)()
    wait_for(lambda: world.api.list("volumes")[volume]["status"] == "in-use", "the volume is not attached")

    def ask():
        world.api.call("DELETE", f"/servers/{world.server}/os-volume_attachments/{volume}", None, "compute")
        return "volumes", volume, True
    return ask


def hand_over(world):
    volume = world.data()

    def ask():
        transfer = world.api.call("POST", "/volume-transfers", {"transfer": {"volume_id": volume}})["transfer"]
        world.api.call("POST", f"/volume-transfers/{transfer['id']}/accept", {"accept": {"auth_key": transfer["auth_key"]}})
        return "volumes", volume, True
    return ask


OPERATIONS = (create, create_from_image, create_encrypted, create_from_snapshot, create_from_volume, extend, delete, delete_with_clone,
              take_snapshot, delete_snapshot, revert, retype, flatten, upload, back_up, restore, delete_backup,
              take_group_snapshot, delete_group_snapshot, create_group_from_snapshot, delete_group, attach, detach, hand_over)


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
    wrong += differences(world.api, pools)
    return end, wrong


def settle(api):
    """Nothing is on its way any more."""
    def busy():
        return [f"{kind[:-1]} {item['id']} {item['status']}" for kind in KINDS
                for item in api.list(kind).values() if item["status"] not in SETTLED or "hanok:work" in item] + \
               [f"image {image.id} {image.status}" for image in api.cloud.image.images()
                if image.status not in ("active", "queued")]

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
            if item["name"] != TAG or item["status"] == "in-use" or item.get("group_snapshot_id"):
                continue
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
