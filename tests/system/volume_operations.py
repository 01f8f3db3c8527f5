"""Operations on volumes for stories that kill something meanwhile: each makes what it needs, and gives what asks for it."""
import os
import sys

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import openstack  # noqa: E402
from node import wait_for  # noqa: E402
from keystoneauth1 import exceptions  # noqa: E402

TAG = f"vk{os.getpid()}"
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
        project = api.cloud.current_project_id
        self.api.call("PUT", f"/os-quota-sets/{project}", {"quota_set": {"groups": 1000}})  # 10 are fewer than the kills
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


# What an operation gives is called with the kill beside it, and gives what must be then.

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
