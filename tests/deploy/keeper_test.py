#!/usr/bin/python3 -B
"""deploy/keeper.py: who dies is started again as it was; who was stopped on purpose is not; who dies at once waits longer."""
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

KEEPER = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "deploy", "keeper.py")


def start_time(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rsplit(") ", 1)[1].split()[19]


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(") ", 1)[1][0] != "Z"
    except OSError:
        return False


class KeeperTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.run = os.path.join(self.folder.name, "pid")
        os.mkdir(self.run)
        self.said = open(os.path.join(self.folder.name, "keeper.log"), "w+", encoding="utf-8")
        self.pids = []
        self.keeper = subprocess.Popen(["/usr/bin/python3", "-B", KEEPER, self.run], stdout=self.said)

    def tearDown(self):
        self.keeper.terminate()
        self.assertEqual(self.keeper.wait(10), 0)
        for pid in self.pids:
            if lives(pid):
                os.kill(pid, signal.SIGKILL)
        self.said.close()
        self.folder.cleanup()

    def start(self, name, *command):
        with open(os.path.join(self.folder.name, f"{name}.log"), "ab") as log:
            child = subprocess.Popen(command, stdout=log, stderr=log, env={"MARK": "kept"})
        self.write(name, child.pid)
        return child

    def write(self, name, pid):
        with open(os.path.join(self.run, name), "w", encoding="ascii") as file:
            file.write(f"{pid} {start_time(pid)}\n")

    def pid_of(self, name):
        with open(os.path.join(self.run, name), encoding="ascii") as file:
            return int(file.read().split()[0])

    def log(self):
        with open(self.said.name, encoding="utf-8") as file:
            return file.read()

    def until(self, condition, what, seconds=30):
        deadline = time.monotonic() + seconds
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"{what}\n{self.log()}")
            time.sleep(0.02)

    def seen(self, pid):
        return f"pid {pid} is kept" in self.log()

    def kill_when_seen(self, child):
        self.until(lambda: self.seen(child.pid), "the keeper does not see it")
        child.kill()
        child.wait()

    def test_who_dies_is_started_again_as_it_was(self):
        child = self.start("one", "/bin/sleep", "1000")
        self.kill_when_seen(child)
        self.until(lambda: self.pid_of("one") != child.pid, "it is not started again")
        pid = self.pid_of("one")
        self.pids.append(pid)
        self.until(lambda: lives(pid) and self.seen(pid), "it does not live, or is not watched")
        with open(f"/proc/{pid}/environ", "rb") as file:
            self.assertIn(b"MARK=kept", file.read())
        os.kill(pid, signal.SIGKILL)  # the keeper's own child: reaped, and started again
        self.until(lambda: self.pid_of("one") != pid, "it is not started a second time")
        self.pids.append(self.pid_of("one"))
        self.assertIn("was ended by signal 9", self.log())

    def test_who_was_stopped_on_purpose_stays_so(self):
        child, other = self.start("one", "/bin/sleep", "1000"), self.start("two", "/bin/sleep", "1000")
        self.until(lambda: self.seen(child.pid), "the keeper does not see it")
        os.remove(os.path.join(self.run, "one"))
        child.kill()
        child.wait()
        self.kill_when_seen(other)  # ended later, and is back: the first one's turn is over
        self.until(lambda: self.pid_of("two") != other.pid, "the other is not started again")
        self.pids.append(self.pid_of("two"))
        self.assertFalse(os.path.exists(os.path.join(self.run, "one")))

    def test_who_dies_at_once_waits_longer_each_time(self):
        child = self.start("one", "/bin/sleep", "1000")
        self.kill_when_seen(child)
        pid = child.pid
        for pause in ("0.2 s", "0.4 s", "0.8 s"):
            self.until(lambda p=pid: self.pid_of("one") != p, "it is not started again")
            pid = self.pid_of("one")
            self.pids.append(pid)
            self.assertIn(f"again in {pause}", self.log())
            os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(unittest.main())
