#!/usr/bin/python3
"""Clients of hanok-storage, right and wrong: every layout of rings; volumes that are refused, by name; front ends that
speak vhost-user wrongly are disconnected and counted while a right one goes on.
Environment: as storage_kill.py; HANOK_RANDOM_CLIENTS (150) of HANOK_CLIENTS_SEED.
"""

import array
import json
import os
import random
import signal
import socket
import struct
import sys
import tempfile

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import rados  # noqa: E402
import rbd  # noqa: E402
from hanok_storage import CLIENT, CONF, POOL, Storage  # noqa: E402
from node import wait_for  # noqa: E402

IMAGES = [f"clients-{os.getpid()}-{name}" for name in ("good", "wrong")]
QUEUES = 4
RESTARTS_S = "5"
RANDOM = int(os.environ.get("HANOK_RANDOM_CLIENTS", "150"))

SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_KICK = 2, 3, 5, 8, 9, 12
GET_CONFIG, SET_CONFIG, SET_INFLIGHT_FD = 24, 25, 32


def status(storage, image):
    for volume in storage.ask("volume.list"):
        if volume["image"] == image:
            return volume
    sys.exit(f"FAILED: {image} is not listed")


def writes(storage, image):
    return storage.stats(image)["types"]["write"]["requests"]


def guest(storage, *options, seconds="1"):
    return storage.guest(IMAGES[0], "--blocks", "512", "--seconds", seconds, *options)


def check(process, what):
    out, _ = process.communicate(timeout=120)
    report = json.loads(out) if process.returncode == 0 else sys.exit(f"FAILED: {what}: {process.returncode}")
    if report["lost_or_corrupt"] or report["errors"] or report["reconnects"] or not report["writes"]:
        sys.exit(f"FAILED: {what}: {report}")
    print(f"{what}: {report['writes']} writes, {report['blocks_checked']} blocks as they must be")


def layouts(storage):
    for layout in ((), ("--packed",)):
        for events in ((), ("--no-event-index",)):
            for queues in ("1", str(QUEUES)):
                options = (*layout, *events, "--queues", queues)
                running = guest(storage, *options)
                wait_for(lambda: running.poll() is not None or
                         status(storage, IMAGES[0])["rings_running"] == int(queues), f"{options}: not all rings run")
                check(running, " ".join(options))
                wait_for(lambda: not status(storage, IMAGES[0])["connected"], "the front end does not go")


def restarted_rings(storage):
    """A ring that starts is no matter of the others: they see the guest's memory all the while."""
    for layout in ([], ["--packed"]):
        running = guest(storage, "--queues", str(QUEUES), "--restart", *layout, seconds=RESTARTS_S)
        check(running, " ".join(["rings that start again beside others", *layout]))
        wait_for(lambda: not status(storage, IMAGES[0])["connected"], "the front end does not go")
    volume = storage.stats(IMAGES[0])
    if any((*volume["refusals"].values(), *volume["ring_faults"].values())):
        sys.exit(f"FAILED: {volume['refusals']}, {volume['ring_faults']}")


def message(request, payload=b"", size=None):
    return struct.pack("<III", request, 1, len(payload) if size is None else size) + payload


# Each is what a front end says after SET_OWNER and SET_FEATURES.
WRONG = {
    "a ring beyond the device's": message(SET_VRING_NUM, struct.pack("<II", QUEUES, 64)),
    "a ring far beyond": message(SET_VRING_ADDR, struct.pack("<IIQQQQ", 0xffffffff, 0, 0, 0, 0, 0)),
    "a field of the configuration that is not the guest's": message(SET_CONFIG, struct.pack("<III", 0, 8, 0) + bytes(256)),
    "a configuration message of a wrong size": message(GET_CONFIG, struct.pack("<III", 0, 300, 0)),
    "an inflight message of a wrong size": message(SET_INFLIGHT_FD, struct.pack("<QQHH", 4096, 0, 1, 64)),
    "an inflight record for too many rings": message(SET_INFLIGHT_FD, struct.pack("<QQHHI", 4096, 0, QUEUES + 1, 64, 0)),
    "an inflight record that is too small": message(SET_INFLIGHT_FD, struct.pack("<QQHHI", 64, 0, QUEUES, 64, 0)),
    "a request that is none": message(4711),
    "a size beyond every message": message(SET_MEM_TABLE, size=1 << 30),
    "half a message, then gone": message(SET_MEM_TABLE, bytes(8), size=64),
    "too many regions": message(SET_MEM_TABLE, struct.pack("<II", 200, 0) + bytes(256)),
    "a kick before the ring's addresses": message(SET_VRING_KICK, struct.pack("<Q", 0)),
}
# What the vhost library drops before it shows the message to anyone is not counted, but disconnected all the same.
UNCOUNTED = ("a ring far beyond", "a request that is none", "a size beyond every message",
             "half a message, then gone")


def say_wrong(path, words):
    """True when the other side ends the connection."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as front:
        front.settimeout(20)
        front.connect(path)
        front.sendall(message(SET_OWNER))
        front.sendall(message(SET_FEATURES, struct.pack("<Q", (1 << 32) | (1 << 30))))
        with tempfile.TemporaryFile() as file:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
            front.sendmsg([words], rights if struct.unpack_from("<I", words)[0] in (SET_VRING_KICK, SET_INFLIGHT_FD) else [])
        if len(words) - 12 < struct.unpack_from("<8xI", words)[0] < 4096:
            front.shutdown(socket.SHUT_WR)  # half a message: the rest is waited for until we are gone
        try:
            while front.recv(4096):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            return False
        return True


def wrong_clients(storage):
    earlier = writes(storage, IMAGES[0])
    good = guest(storage, "--packed", "--queues", str(QUEUES), seconds="1000")
    each_wrong_client(storage, earlier)
    good.send_signal(signal.SIGTERM)
    check(good, "the right one, all the while")


def random_words(dice):
    """A conversation of messages with likely numbers and random content."""
    words = b""
    for _ in range(dice.randint(1, 8)):
        request = dice.choice((dice.randint(0, 45), SET_VRING_NUM, SET_VRING_ADDR, SET_MEM_TABLE, GET_CONFIG, SET_CONFIG))
        size = dice.choice((0, 8, 20, 24, 40, 268, dice.randint(0, 400)))
        payload = bytes(dice.choice((0, 0, 1, 3, 255, dice.randint(0, 255))) for _ in range(size))
        words += message(request, payload, size if dice.random() < 0.9 else dice.randint(0, 400))
    return words


def random_clients(storage):
    seed = int(os.environ.get("HANOK_CLIENTS_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"random clients: {RANDOM} of seed {seed} (again: HANOK_CLIENTS_SEED={seed})", flush=True)
    dice = random.Random(seed)
    for number in range(RANDOM):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as front, tempfile.TemporaryFile() as file:
            front.settimeout(20)
            front.connect(storage.socket_of(IMAGES[1]))
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
            try:
                front.sendmsg([random_words(dice)], rights if dice.random() < 0.5 else [])
                front.shutdown(socket.SHUT_WR)
                while front.recv(4096):
                    pass
            except (BrokenPipeError, ConnectionResetError):
                pass
            except TimeoutError:
                sys.exit(f"FAILED: random client {number}: not disconnected")
        if storage.process.poll() is not None:
            sys.exit(f"FAILED: random client {number}: hanok-storage ended with {storage.process.returncode}")


def each_wrong_client(storage, earlier):
    wait_for(lambda: status(storage, IMAGES[0])["connected"] and writes(storage, IMAGES[0]) > earlier,
             "the right one does not write")
    for name, words in WRONG.items():
        before = status(storage, IMAGES[1])
        if not say_wrong(storage.socket_of(IMAGES[1]), words):
            sys.exit(f"FAILED: {name}: not disconnected")
        wait_for(lambda: not status(storage, IMAGES[1])["connected"], f"{name}: still connected")
        after = status(storage, IMAGES[1])
        if after["connections"] != before["connections"] + 1:
            sys.exit(f"FAILED: {name}: {before} {after}")
        if name not in UNCOUNTED and after["protocol_errors"] != before["protocol_errors"] + 1:
            sys.exit(f"FAILED: {name}: not counted: {before} {after}")
        print(f"wrong: {name}: disconnected, {after['protocol_errors']} counted")
    random_clients(storage)
    before = writes(storage, IMAGES[0])
    wait_for(lambda: writes(storage, IMAGES[0]) > before, "the right one does not go on")


def story(storage, cluster):
    fsid = cluster.get_fsid()
    storage.refuses(storage.try_attach("absent"), f"{POOL}/absent")
    other = fsid[:-4] + ("0000" if fsid[-4:] != "0000" else "1111")
    storage.refuses(storage.try_attach(IMAGES[0], cluster=other), f"{POOL}/{IMAGES[0]}: is of the cluster {other}, this is {fsid}")
    for image in IMAGES:
        storage.attach(image, queues=QUEUES, cluster=fsid)
    layouts(storage)
    restarted_rings(storage)
    wrong_clients(storage)


def main():
    with rados.Rados(conffile=CONF, rados_id=CLIENT) as cluster, cluster.open_ioctx(POOL) as pool:
        for image in IMAGES:
            rbd.RBD().create(pool, image, 16 << 20)
        try:
            with Storage() as storage:
                story(storage, cluster)
        finally:
            for image in IMAGES:
                rbd.RBD().remove(pool, image)


if __name__ == "__main__":
    main()
