#!/usr/bin/python3 -B
"""Starts a node's processes again when they die, each with the command line, environment, namespaces and log that it had.

RUN/pid/NAME says what runs ("PID START", deploy/lib.sh). A process whose file is still there when it ends died; who stops
one on purpose (`./hanok up`, `./hanok down`) stops the keeper first. The end of a process is heard at once (pidfd), new
files are seen within a second. One that dies soon after its start waits ever longer, up to 10 s.
"""
import argparse
import contextlib
import os
import select
import signal
import subprocess
import sys
import time

LOOK_S = 1.0
SOON_S = 3.0  # who lived longer starts again at once
LONGEST_PAUSE_S = 10.0
OWN_NAME = "hanok-keeper"


def say(text):
    print(time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()), text, flush=True)


def start_time(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return file.read().rsplit(") ", 1)[1].split()[19]


def remembered(path):
    """(pid, start time) of a pid file; None while it is being written, or gone."""
    try:
        with open(path, encoding="ascii") as file:
            pid, started = file.read().split()
        return int(pid), started
    except (OSError, ValueError):
        return None


def zero_separated(path):
    with open(path, "rb") as file:
        return file.read().split(b"\0")[:-1]


class Process:
    def __init__(self, name, key):
        pid = key[0]
        self.name, self.child, self.early_deaths = name, None, 0
        self.watch(key)
        self.command = zero_separated(f"/proc/{pid}/cmdline")
        self.environment = dict(line.split(b"=", 1) for line in zero_separated(f"/proc/{pid}/environ") if b"=" in line)
        self.log = os.readlink(f"/proc/{pid}/fd/1")
        self.spaces = {}  # kept open: they outlive the process
        for kind in ("net", "mnt"):
            if os.stat(f"/proc/{pid}/ns/{kind}").st_ino != os.stat(f"/proc/self/ns/{kind}").st_ino:
                self.spaces[kind] = os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY)

    def watch(self, key):
        self.key, self.since = key, time.monotonic()
        self.pidfd = os.pidfd_open(key[0])
        if start_time(key[0]) != key[1]:
            os.close(self.pidfd)
            raise ProcessLookupError(self.name)

    def forget(self):
        for fd in (self.pidfd, *self.spaces.values()):
            with contextlib.suppress(OSError):
                os.close(fd)

    def ended(self):
        """Gives how long to wait before it is started again."""
        os.close(self.pidfd)
        how = "ended"
        if self.child:
            code = self.child.wait()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
        early = time.monotonic() - self.since < SOON_S
        self.early_deaths = self.early_deaths + 1 if early else 0
        pause = min(LONGEST_PAUSE_S, 0.1 * 2 ** self.early_deaths) if early else 0.0
        say(f"{self.name} (pid {self.key[0]}) {how}; is started again in {pause:.1f} s")
        return pause

    def start(self, path):
        enter = [f"--{'net' if kind == 'net' else 'mount'}=/proc/self/fd/{fd}" for kind, fd in self.spaces.items()]
        command = [*(["/usr/bin/nsenter", *enter, "--"] if enter else []), *self.command]
        with open(self.log, "ab") as log:
            self.child = subprocess.Popen(command, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                          start_new_session=True, pass_fds=tuple(self.spaces.values()))
        key = (self.child.pid, start_time(self.child.pid))
        with open(f"{path}.new", "w", encoding="ascii") as file:
            file.write(f"{key[0]} {key[1]}\n")
        os.rename(f"{path}.new", path)
        self.watch(key)


class Keeper:
    def __init__(self, folder):
        self.folder = folder
        self.alive, self.due = {}, {}  # by name: Process; (time, Process)
        self.poll = select.poll()

    def path(self, name):
        return os.path.join(self.folder, name)

    def look(self):
        """What was started, and by whom ever, since the last look."""
        for name in os.listdir(self.folder):
            key = remembered(self.path(name))
            if name == OWN_NAME or name.endswith(".new") or key is None or name in self.due:
                continue
            if name in self.alive and self.alive[name].key == key:
                continue
            with contextlib.suppress(OSError):  # ended before it was seen: its command is not known
                self.add(Process(name, key))

    def add(self, process):
        old = self.alive.pop(process.name, None)
        if old:
            self.poll.unregister(old.pidfd)
            old.forget()
        self.alive[process.name] = process
        self.poll.register(process.pidfd, select.POLLIN)
        say(f"{process.name}, pid {process.key[0]} is kept")

    def hear(self, pidfd):
        process = next(process for process in self.alive.values() if process.pidfd == pidfd)
        self.poll.unregister(pidfd)
        del self.alive[process.name]
        self.due[process.name] = (time.monotonic() + process.ended(), process)

    def start_due(self):
        for name, (when, process) in list(self.due.items()):
            if when > time.monotonic():
                continue
            del self.due[name]
            if remembered(self.path(name)) != process.key:  # stopped on purpose, or somebody was quicker
                process.forget()
                continue
            try:
                process.start(self.path(name))
                self.add(process)
            except OSError as error:
                say(f"{name} cannot be started: {error}")
                self.due[name] = (time.monotonic() + LONGEST_PAUSE_S, process)

    def run(self):
        looked = 0.0
        while True:
            if time.monotonic() - looked >= LOOK_S:
                self.look()
                looked = time.monotonic()
            self.start_due()
            soonest = min([when for when, _ in self.due.values()], default=looked + LOOK_S)
            wait = max(0.0, min(soonest, looked + LOOK_S) - time.monotonic())
            for pidfd, _ in self.poll.poll(wait * 1000 + 1):
                self.hear(pidfd)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="RUN/pid of the node")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    Keeper(parser.parse_args().folder).run()


if __name__ == "__main__":
    main()
