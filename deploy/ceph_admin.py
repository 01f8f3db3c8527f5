"""Administration of the one-machine Ceph cluster over librados: one process and one connection for many commands.

    ceph_admin.py CONF create-osds UUID_FILE | create-pools POOL... | wait-clean SECONDS | health
"""
import json
import sys
import time

import rados
import rbd

# Warnings that a one-machine cluster may carry without being ill.
TOLERATED = {"POOL_NO_REDUNDANCY", "MON_DISK_LOW", "TOO_FEW_OSDS", "POOL_APP_NOT_ENABLED", "RECENT_CRASH", "MGR_MODULE_DEPENDENCY"}


def fail(text):
    print(f"ceph: {text}", file=sys.stderr)
    sys.exit(1)


def command(cluster, prefix, **arguments):
    """Runs a monitor command; gives its answer as parsed JSON (None where it prints nothing)."""
    text = json.dumps({"prefix": prefix, "format": "json", **arguments})
    code, out, err = cluster.mon_command(text, b"", timeout=60)
    if code != 0:
        fail(f"'{prefix}' failed ({code}): {err}")
    return json.loads(out) if out.strip() else None


def create_osds(cluster, uuid_file):
    with open(uuid_file, encoding="ascii") as lines:
        for number, uuid in enumerate(lines.read().split()):
            answer = command(cluster, "osd new", uuid=uuid, id=number)
            if answer["osdid"] != number:
                fail(f"OSD {uuid} got number {answer['osdid']}, not {number}")
    # clone v2 and snapshot removal with children need it
    command(cluster, "osd set-require-min-compat-client", version="mimic")


def create_pools(cluster, *names):
    existing = set(cluster.list_pools())
    for name in names:
        if name not in existing:
            command(cluster, "osd pool create", pool=name)
    # `rbd pool init` writes an object: it needs OSDs that are up
    wait(cluster, 120, lambda: command(cluster, "osd stat")["num_up_osds"] > 0, "an OSD to be up")
    for name in names:
        with cluster.open_ioctx(name) as pool:
            rbd.RBD().pool_init(pool, False)


def wait(cluster, seconds, condition, what):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            fail(f"waited {seconds} s for {what}; {summary(cluster)}")
        time.sleep(0.2)


def summary(cluster):
    status = command(cluster, "status")
    osd = status["osdmap"]
    groups = ", ".join(f"{s['count']} {s['state_name']}" for s in status["pgmap"].get("pgs_by_state", []))
    checks = " ".join(sorted(status["health"]["checks"]))
    return f"{status['health']['status']}, {osd['num_up_osds']}/{osd['num_osds']} OSDs up, PGs: {groups or 'none'} {checks}".strip()


def clean(cluster):
    status = command(cluster, "status")
    groups = status["pgmap"]
    states = groups.get("pgs_by_state", [])
    return (
        status["osdmap"]["num_up_osds"] == status["osdmap"]["num_osds"] > 0
        and groups["num_pgs"] > 0
        and all("active" in s["state_name"].split("+") and "clean" in s["state_name"].split("+") for s in states)
    )


def answers(cluster, osd):
    try:
        code, _, _ = cluster.osd_command(osd, json.dumps({"prefix": "version"}), b"", timeout=5)
    except rados.Error:
        return False
    return code == 0


def wait_clean(cluster, seconds):
    # After a kill the monitor remembers a healthy cluster that is gone: ask each OSD itself first.
    wait(cluster, int(seconds), lambda: all(answers(cluster, n) for n in command(cluster, "osd ls")), "all OSDs to answer")
    wait(cluster, int(seconds), lambda: clean(cluster), "all placement groups to be active and clean")


def health(cluster):
    status = command(cluster, "status")
    bad = set(status["health"]["checks"]) - TOLERATED
    print(f"  {'bad' if bad or not clean(cluster) else 'ok':8} ceph               {summary(cluster)}")
    if bad or not clean(cluster):
        sys.exit(1)


ACTIONS = {"create-osds": create_osds, "create-pools": create_pools, "wait-clean": wait_clean, "health": health}


def main():
    conf, action, *arguments = sys.argv[1:]
    cluster = rados.Rados(conffile=conf, name="client.admin")
    try:
        cluster.connect(timeout=30)
    except rados.Error as error:
        fail(f"cannot connect to the cluster of {conf}: {error}")
    try:
        ACTIONS[action](cluster, *arguments)
    except (rados.Error, rbd.Error) as error:
        fail(f"{action}: {error}")
    finally:
        cluster.shutdown()


main()
