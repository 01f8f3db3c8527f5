#!/usr/bin/python3
"""QEMU is killed (-9) while its guest writes to a volume of hanok-storage, and the server is started again: all that the guest
was told is written (fsync) is there.
It has two processors, and so two queues to the volume. It says on its console what it has written, slot by slot, by checksum; after each boot it says what it finds.
Environment: as for the other stories; KILLS (1).
"""
import base64
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
from node import lives, wait_for  # noqa: E402
from volume_kills import settle  # noqa: E402
from volume_operations import Api  # noqa: E402

KILLS = int(os.environ.get("KILLS", "1"))
TAG = f"gk{os.getpid()}"
SLOTS = 32
BOOT_S = 180
# Runs at every boot: it removes the mark that it has run. Bounded: the test is long over when it ends.
GUEST = f"""#!/bin/sh
rm -f /var/lib/hanok/instance; sync
say() {{ echo "guest-kill: $*"; }}
for i in $(seq 240); do [ -b /dev/vda ] && [ -b /dev/vdb ] && break; sleep 1; done
boot=$(cat /proc/sys/kernel/random/boot_id)
say "queues $(ls /sys/block/vdb/mq | wc -l) ."
for slot in $(seq 0 {SLOTS - 1}); do
  say "boot $boot finds $slot $(dd if=/dev/vdb bs=64k skip=$slot count=1 2>/dev/null | md5sum | cut -c1-32) ."
done
say "boot $boot found all ."
for round in $(seq 100000); do
  slot=$((round % {SLOTS}))
  dd if=/dev/urandom of=/tmp/data bs=64k count=1 2>/dev/null
  dd if=/tmp/data of=/dev/vdb bs=64k seek=$slot conv=fsync 2>/dev/null || say "write failed ."
  say "boot $boot wrote $slot $(md5sum </tmp/data | cut -c1-32) ."
done
"""
LINE = re.compile(r"guest-kill: boot (\S+) (finds|wrote) (\d+) ([0-9a-f]{32}) \.")


class Server:
    def __init__(self, api):
        self.api, cloud = api, api.cloud
        cloud.block_storage.create_type(name=TAG, extra_specs={"hanok:transport": "vhost-user"})
        flavor = cloud.compute.create_flavor(name=TAG, ram=192, vcpus=2, disk=1)
        self.volume = api.call("POST", "/volumes", {"volume": {"name": TAG, "size": 1, "volume_type": TAG}})["volume"]["id"]
        wait_for(lambda: api.list("volumes")[self.volume]["status"] == "available", "the volume is not made")
        image = next(image.id for image in cloud.image.images() if image.name == "cirros")
        disks = [{"uuid": image, "source_type": "image", "destination_type": "local", "boot_index": 0},
                 {"uuid": self.volume, "source_type": "volume", "destination_type": "volume", "boot_index": -1}]
        body = {"server": {"name": TAG, "imageRef": image, "flavorRef": flavor.id, "networks": "none", "config_drive": True,
                           "user_data": base64.b64encode(GUEST.encode()).decode(), "block_device_mapping_v2": disks}}
        self.id = api.call("POST", "/servers", body, "compute")["server"]["id"]
        self.is_active()

    def status(self):
        return self.api.call("GET", f"/servers/{self.id}", None, "compute")["server"]["status"]

    def is_active(self):
        wait_for(lambda: self.status() == "ACTIVE", lambda: f"the server is {self.status()}", 120)

    def says(self):
        return self.api.cloud.compute.get_server_console_output(self.id)["output"]

    def lines(self):
        """(boot, finds or wrote, slot, checksum), in order."""
        return [(boot, what, int(slot), checksum) for boot, what, slot, checksum in LINE.findall(self.says())]

    def boots(self):
        return re.findall(r"guest-kill: boot (\S+) found all \.", self.says())

    def qemu(self):
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    command = file.read()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"qemu-system" in command.split(b"\0")[0] and self.id.encode() in command:
                return int(pid)
        sys.exit("FAILED: there is no QEMU of the server")

    def remove(self):
        cloud = self.api.cloud
        self.api.call("DELETE", f"/servers/{self.id}", None, "compute")
        wait_for(lambda: cloud.compute.find_server(self.id) is None, "the server does not go", 120)
        self.api.call("DELETE", f"/volumes/{self.volume}")
        wait_for(lambda: self.volume not in self.api.list("volumes"), "the volume does not go", 120)
        cloud.compute.delete_flavor(cloud.compute.find_flavor(TAG))
        cloud.block_storage.delete_type(cloud.block_storage.find_type(TAG))


def written(lines):
    """Checksums of slots, as last acknowledged."""
    return {slot: checksum for _, what, slot, checksum in lines if what == "wrote"}


def one_kill(server, chance):
    boots = server.boots()
    wait_for(lambda: sum(what == "wrote" and boot == boots[-1] for boot, what, _, _ in server.lines()) > SLOTS + 8,
             "the guest does not write", BOOT_S)
    time.sleep(chance.uniform(0, 1))  # not a wait: when the kill falls is what varies
    pid = server.qemu()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not lives(pid), "QEMU does not die")
    wait_for(lambda: server.status() == "SHUTOFF", lambda: f"the server is {server.status()}, not SHUTOFF", 60)
    before = server.lines()
    server.api.call("POST", f"/servers/{server.id}/action", {"os-start": None}, "compute")
    server.is_active()
    wait_for(lambda: len(server.boots()) > len(boots), "the guest does not boot again", BOOT_S)
    found = {slot: checksum for boot, what, slot, checksum in server.lines()
             if what == "finds" and boot == server.boots()[-1]}
    promised = written(before)
    under_way = ([slot for _, what, slot, _ in before if what == "wrote"][-1] + 1) % SLOTS
    lost = [slot for slot, checksum in promised.items() if slot != under_way and found.get(slot) != checksum]
    return len(promised), lost


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"SEED={seed}", flush=True)
    chance, api = random.Random(seed), Api()
    server = Server(api)
    wait_for(server.boots, "the guest does not boot", BOOT_S)
    failures = []
    for number in range(KILLS):
        count, lost = one_kill(server, chance)
        print(f"kill {number + 1}: {count} slots were acknowledged, lost: {lost or 'none'}", flush=True)
        failures += lost
    if "write failed" in server.says():
        failures.append("the guest saw a write fail")
    if "guest-kill: queues 2 ." not in server.says():
        failures.append("the guest has not two queues")
    server.remove()
    settle(api)
    if failures:
        sys.exit(f"FAILED: {failures}")
    print(f"QEMU killed {KILLS} times while its guest wrote: nothing that was acknowledged was lost")


if __name__ == "__main__":
    main()
