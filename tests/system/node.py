"""What the Python stories share: the node under test, its processes, waiting."""
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
