#!/usr/bin/python3
"""QEMU is killed (-9) while its guest writes to a volume of hanok-storage, and started again at once: all that the guest was told is
written is there, and nothing that nobody wrote. The guest is a kernel and one program (guest/slot_writer.cc), so that a boot takes
seconds; guest_kill.py does the same, less often, through the whole node. Some guests at a time, each with a volume of its own.
Environment: as for the other stories; KILLS (6), of all guests together; GUESTS (2).
"""
import glob
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from hanok_storage import BIN, CLIENT, CONF, POOL, Storage  # noqa: E402
from node import STATE, wait_for  # noqa: E402

KILLS = int(os.environ.get("KILLS", "6"))
GUESTS = int(os.environ.get("GUESTS", "2"))
TAG = f"qemu-kill-{os.getpid()}"
SLOTS = 32
WRITES_AT_LEAST = 8  # by each boot before it is killed
BOOT_S = 600
LINE = re.compile(rb"slot (\d+) (holds|has|failed|corrupt) (\d+) (\d+) \.")
INIT = """#!/bin/busybox sh
for kind in devtmpfs:/dev proc:/proc sysfs:/sys; do /bin/busybox mount -t ${kind%:*} none ${kind#*:}; done
/bin/busybox modprobe virtio_pci
/bin/busybox modprobe virtio_blk
exec /slot_writer
"""


def make_boot(folder):
    """The kernel of the node's guest image, and its first file system with our program added."""
    image = glob.glob(f"{STATE}/guest/cirros-*.img")[0]
    for name in ("vmlinuz", "initrd"):
        subprocess.run(["mcopy", "-n", "-i", f"{image}@@1M", f"::{name}", f"{folder}/{name}"], check=True)
    made = f"{folder}/more"
    os.mkdir(made)
    with open(f"{made}/guest", "w", encoding="ascii") as file:
        file.write(INIT)
    subprocess.run(["cp", os.path.join(BIN, "..", "tests", "slot_writer"), made], check=True)
    subprocess.run(["chmod", "0755", f"{made}/guest", f"{made}/slot_writer"], check=True)
    more = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "--owner=0:0"], input="guest\nslot_writer\n".encode(),
                          cwd=made, stdout=subprocess.PIPE, check=True).stdout
    with open(f"{folder}/initrd", "ab") as file:
        file.write(b"\0" * (-file.tell() % 4) + more)


class Guest:
    def __init__(self, storage, folder, number):
        self.storage, self.folder, self.image = storage, folder, f"{TAG}-{number}"
        self.console = f"{folder}/console-{number}"
        self.sure = [0] * SLOTS    # what each slot was last acknowledged with
        self.newest = [0] * SLOTS  # and the newest that it was seen with
        self.failures, self.stalls_s, self.acknowledged, self.qemu = [], [], 0, None

    def boot(self):
        open(self.console, "wb").close()
        accel = "tcg"
        if os.path.exists(f"{STATE}/guest/virt"):
            with open(f"{STATE}/guest/virt", encoding="ascii") as file:
                accel = file.read().strip()
        self.qemu = subprocess.Popen(
            ["qemu-system-x86_64", "-accel", accel, "-cpu", "max", "-nodefaults", "-display", "none", "-no-reboot", "-m", "96",
             "-object", "memory-backend-memfd,id=memory,size=96M,share=on", "-machine", "pc,memory-backend=memory",
             "-kernel", f"{self.folder}/vmlinuz", "-initrd", f"{self.folder}/initrd",
             "-append", "console=ttyS0 quiet loglevel=1 rdinit=/guest nokaslr mitigations=off",
             "-serial", f"file:{self.console}",
             "-chardev", f"socket,id=disk,path={self.storage.socket_of(self.image)},reconnect=1",
             "-device", "vhost-user-blk-pci,chardev=disk"], stdout=self.storage.log, stderr=self.storage.log)

    def lines(self):
        """(slot, what, low, high), in order, as far as they are whole."""
        with open(self.console, "rb") as file:
            return [(int(slot), what.decode(), int(low), int(high)) for slot, what, low, high in LINE.findall(file.read())]

    def writes(self):
        return sum(what == "has" for _, what, _, _ in self.lines())

    def stop(self):
        if self.qemu is not None:
            self.qemu.kill()
            self.qemu.wait()

    def judge(self):
        """All that this boot said."""
        found = set()
        for slot, what, low, high in self.lines():
            if what in ("failed", "corrupt"):
                self.failures.append(f"slot {slot}: {what}")
            elif what == "holds":
                found.add(slot)
                # One write more may have been under way, and landed in part.
                if low < self.sure[slot] or high > self.newest[slot] + 1:
                    self.failures.append(f"slot {slot} holds {low} to {high}, was last told of {self.sure[slot]}")
                self.newest[slot] = high
            else:
                self.sure[slot] = self.newest[slot] = low
                self.acknowledged += 1
        if len(found) != SLOTS:
            self.failures.append(f"only {len(found)} slots were looked at")

    def one_kill(self, chance):
        died = time.monotonic()
        self.boot()
        wait_for(lambda: self.writes() > 0, lambda: f"{self.image}: the guest does not write: {self.lines()[-3:]}", BOOT_S)
        self.stalls_s.append(time.monotonic() - died)
        wait_for(lambda: self.writes() >= WRITES_AT_LEAST, f"{self.image}: the guest does not go on", BOOT_S)
        time.sleep(chance.uniform(0, 0.3))  # not a wait: when the kill falls is what varies
        self.stop()
        self.judge()


def run(guest, kills, seed):
    chance = random.Random(seed)
    try:
        for number in range(kills):
            guest.one_kill(chance)
            print(f"{guest.image}: kill {number + 1}, {guest.acknowledged} writes so far, {guest.failures or 'nothing lost'}",
                  flush=True)
    except SystemExit as end:
        guest.failures.append(str(end))


def story(seed):
    with Storage() as storage:
        guests = [Guest(storage, storage.folder, number) for number in range(GUESTS)]
        make_boot(storage.folder)
        for guest in guests:
            storage.attach(guest.image)
        share = -(-KILLS // GUESTS)
        threads = [threading.Thread(target=run, args=(guest, share, seed + number)) for number, guest in enumerate(guests)]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            for guest in guests:
                guest.stop()
        failures = [failure for guest in guests for failure in guest.failures]
        if failures:
            sys.exit(f"FAILED: {failures}")
        boots = [stall for guest in guests for stall in guest.stalls_s]
        print(f"QEMU killed {share * GUESTS} times: {sum(guest.acknowledged for guest in guests)} writes of 64 KiB were acknowledged, none "
              f"lost; from a start to the first write {statistics.median(boots):.1f} s, at most {max(boots):.1f} s")


def main():
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print(f"SEED={seed}", flush=True)
    images = [f"{TAG}-{number}" for number in range(GUESTS)]
    with rados.Rados(conffile=CONF, rados_id=CLIENT) as cluster, cluster.open_ioctx(POOL) as pool:
        for image in images:
            rbd.RBD().create(pool, image, 16 << 20)
        try:
            story(seed)
        finally:
            for image in images:
                rbd.RBD().remove(pool, image)


if __name__ == "__main__":
    main()
