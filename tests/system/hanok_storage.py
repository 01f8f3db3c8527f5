"""A hanok-storage of a story's own, on the Ceph of the node under test, and guests of it (blk_client)."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile

import rbd

from node import STATE, wait_for

BIN = os.environ.get("HANOK_BIN", "build/release/bin")
GUEST = os.path.join(BIN, "..", "tests", "blk_client")
CONF = os.path.join(STATE, "ceph", "ceph.conf")
CLIENT = "hanok"
POOL = "volumes"


def remove_image(pool, name):
    """Whoever had it."""
    def gone():
        try:
            with rbd.Image(pool, name) as image:
                for owner in image.lock_get_owners():
                    image.lock_break(rbd.RBD_LOCK_MODE_EXCLUSIVE, owner["owner"])
            rbd.RBD().remove(pool, name)
        except rbd.ImageBusy:  # for half a minute, by the watch of who was killed
            return False
        return True
    wait_for(gone, f"{name} does not go", 60)


class Storage:
    """Runs within a `with`; a story that fails there shows its log."""

    def __enter__(self):
        self.made = tempfile.TemporaryDirectory(prefix="hs")
        self.folder = self.made.name
        self.log = open(f"{self.folder}/log", "w+", encoding="utf-8")
        self.guests = []
        self.start()
        return self

    def __exit__(self, kind, *_):
        for process in (*self.guests, self.process):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if kind is not None:
            print(self.said()[-8000:], file=sys.stderr)
        self.log.close()
        self.made.cleanup()

    def start(self):
        self.process = subprocess.Popen(
            [f"{BIN}/hanok-storage", "--socket", f"{self.folder}/control.sock", "--state-dir", f"{self.folder}/state",
             "--ceph-conf", CONF, "--ceph-client", CLIENT], stdout=self.log, stderr=self.log)
        wait_for(lambda: self.call("version").returncode == 0, "hanok-storage does not answer")

    def die_and_start(self):
        """kill -9"""
        self.process.kill()
        self.process.wait()
        self.start()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def call(self, method, **arguments):
        return subprocess.run([f"{BIN}/hanok-dpctl", "--socket", f"{self.folder}/control.sock", method,
                               json.dumps(arguments)], capture_output=True, text=True, check=False)

    def ask(self, method, **arguments):
        """What it answers; a refusal ends the story."""
        answer = self.call(method, **arguments)
        if answer.returncode != 0:
            sys.exit(f"FAILED: {method}: {answer.stdout}{answer.stderr}")
        return json.loads(answer.stdout)

    def refuses(self, outcome, reason):
        said = outcome.stdout + outcome.stderr
        if outcome.returncode == 0 or reason not in said:
            sys.exit(f"FAILED: not refused with '{reason}': {said}")
        print("refused:", reason, flush=True)

    def socket_of(self, image):
        return f"{self.folder}/{image}.sock"

    def try_attach(self, image, **more):
        return self.call("volume.attach", pool=POOL, image=image, socket=self.socket_of(image), **more)

    def attach(self, image, **more):
        self.ask("volume.attach", pool=POOL, image=image, socket=self.socket_of(image), **more)

    def stats(self, image):
        return self.ask("volume.stats", pool=POOL, image=image)[f"{POOL}/{image}"]

    def answered(self, image):
        """Requests, so far. Asked often, so without a process of its own."""
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(60)
            peer.connect(f"{self.folder}/control.sock")
            question = {"jsonrpc": "2.0", "id": 1, "method": "volume.stats", "params": {"pool": POOL, "image": image}}
            peer.sendall(json.dumps(question).encode() + b"\n")
            volume = json.loads(peer.makefile("rb").readline())["result"][f"{POOL}/{image}"]
        return sum(kind["librbd"]["count"] for kind in volume["types"].values())

    def guest(self, image, *options):
        """Writes, reads and verifies until it is told to stop or its time is over."""
        guest = subprocess.Popen([GUEST, "verify", "--socket", self.socket_of(image), *options], stdout=subprocess.PIPE,
                                 stderr=self.log, text=True)
        self.guests.append(guest)
        return guest

    def report(self, guest):
        """Of a guest that is told to stop."""
        guest.send_signal(signal.SIGTERM)
        out, _ = guest.communicate(timeout=120)
        if guest.returncode != 0:
            sys.exit(f"FAILED: the guest ended with {guest.returncode}")
        return json.loads(out)
