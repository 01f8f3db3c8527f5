"""What the Python stories share: the node under test, its processes, its Ceph, waiting."""
import contextlib
import json
import os
import signal
import sys
import time

RUN = os.environ.get("HANOK_RUN", "/run/hanok")
STATE = os.environ.get("HANOK_STATE", "/var/lib/hanok")


def wait_for(condition, what, seconds=60):
    """Until the condition is true; gives what it gave."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            sys.exit(f"FAILED: {what() if callable(what) else what} within {seconds} s")
        time.sleep(0.05)
    return value


# ---- processes: RUN/pid/NAME holds "PID START_TIME" (deploy/lib.sh) ---------------------------------------------------

def pid_file(name):
    return os.path.join(RUN, "pid", name)


def pid_of(name):
    return int(open(pid_file(name)).read().split()[0])


def lives(pid):
    try:
        return open(f"/proc/{pid}/stat").read().rsplit(") ", 1)[1][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def kill(name):
    """kill -9; back when hanok-keeper has started it again."""
    pid = pid_of(name)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: pid_of(name) != pid and lives(pid_of(name)), f"{name} is not started again", 20)


@contextlib.contextmanager
def paused(pids):
    """They stand still meanwhile: nothing that is sent to them is refused."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


# ---- Ceph -----------------------------------------------------------------------------------------------------------------

def ask_ceph(send, prefix, **arguments):
    """The answer to a command; `send` is the cluster's mon_command, mgr_command, or osd_command of an OSD."""
    code, answer, said = send(json.dumps({"prefix": prefix, "format": "json", **arguments}), b"", timeout=60)
    if code != 0:
        sys.exit(f"FAILED: {prefix}: {said}")
    return json.loads(answer)
