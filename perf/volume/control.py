"""The control part: how long the volume API takes until it has accepted, and until the thing is there.

One client, beside the node; times are of whole HTTP requests. What is called done is looked at in the pool.
"""
import concurrent.futures
import statistics
import time
import uuid

import openstack
import requests

DEADLINE = 120
GIB = 1 << 30

# Debian's Cinder with its RBD driver on a machine like this, in seconds: measured once, by itself, on an idle machine.
CINDER = {"accepted": 0.069, "available": 0.224, "create-50": 6.2, "snapshot": 1.0}


class Api:
    def __init__(self, clouds, cloud="hanok"):
        self.cloud = openstack.connection.Connection(
            config=openstack.config.OpenStackConfig(config_files=[clouds]).get_one(cloud))
        self.urls = {service: self.cloud.session.get_endpoint(service_type=kind, interface="public").rstrip("/")
                     for service, kind in (("volume", "volumev3"), ("compute", "compute"))}
        self.project = self.cloud.current_project_id
        self.headers = {"X-Auth-Token": self.cloud.auth_token, "OpenStack-API-Version": "volume 3.60"}
        self.connect()

    def connect(self):
        """New connections: one that was idle too long could be closed by the server just as it is used again."""
        self.session = requests.Session()
        self.session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=256))

    def call(self, method, path, body=None, service="volume"):
        headers = self.headers if service == "volume" else {**self.headers, "OpenStack-API-Version": "compute 2.60"}
        answer = self.session.request(method, self.urls[service] + path, json=body, headers=headers, timeout=DEADLINE)
        if answer.status_code >= 400 and not (method == "GET" and answer.status_code == 404):
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
        return answer.json() if answer.content and answer.status_code < 400 else {}

    def make(self, kind, **fields):
        return self.call("POST", f"/{kind}", {kind[:-1]: {"name": "perf", **fields}})[kind[:-1]]["id"]

    def until(self, kind, item, wanted, pause=0.002):
        """wanted None: until it is gone."""
        deadline = time.monotonic() + DEADLINE
        while True:
            found = self.call("GET", f"/{kind}/{item}").get(kind[:-1])
            status = found["status"] if found else None
            if status == wanted:
                return
            if status is None or status.startswith("error") or time.monotonic() > deadline:
                raise RuntimeError(f"{kind} {item} is {status}, not {wanted}")
            time.sleep(pause)

    def remove(self, kind, item):
        self.call("DELETE", f"/{kind}/{item}")
        self.until(kind, item, None, 0.01)


class Control:
    """Each method is a scenario: it gives the seconds of one turn, and leaves nothing."""

    def __init__(self, api, pool, rbd):
        self.api, self.pool, self.rbd = api, pool, rbd
        self.server = None

    def check(self, volume, gib):
        with self.rbd.Image(self.pool, f"volume-{volume}", read_only=True) as image:
            if image.size() != gib * GIB:
                raise RuntimeError(f"volume {volume}: {image.size()} bytes in the pool")

    def gone(self, volumes):
        left = set(self.rbd.RBD().list(self.pool)) & {f"volume-{volume}" for volume in volumes}
        if left:
            raise RuntimeError(f"deleted, and in the pool: {left}")

    def timed_create(self, until_there, **fields):
        began = time.monotonic()
        volume = self.api.make("volumes", **fields)
        accepted = time.monotonic() - began
        self.api.until("volumes", volume, "available")
        there = time.monotonic() - began
        self.check(volume, fields["size"])
        self.api.remove("volumes", volume)
        self.gone([volume])
        return there if until_there else accepted

    def accepted(self):
        return self.timed_create(False, size=1)

    def available(self):
        return self.timed_create(True, size=1)

    def at_once(self, count, work):
        self.api.connect()
        with concurrent.futures.ThreadPoolExecutor(count) as workers:
            began = time.monotonic()
            done = list(workers.map(work, range(count)))
            return time.monotonic() - began, done

    def create_50(self):
        def work(_):
            volume = self.api.make("volumes", size=1)
            self.api.until("volumes", volume, "available", 0.02)
            return volume
        seconds, volumes = self.at_once(50, work)
        for volume in volumes:
            self.check(volume, 1)
        self.at_once(50, lambda index: self.api.remove("volumes", volumes[index]))
        self.gone(volumes)
        return seconds

    def churn_200(self):
        def work(_):
            volume = self.api.make("volumes", size=1)
            self.api.until("volumes", volume, "available", 0.1)
            self.api.call("DELETE", f"/volumes/{volume}")
            self.api.until("volumes", volume, None, 0.1)
            return volume
        seconds, volumes = self.at_once(200, work)
        self.gone(volumes)
        return seconds

    def snapshot(self):
        volume = self.api.make("volumes", size=1)
        self.api.until("volumes", volume, "available")
        began = time.monotonic()
        snapshot = self.api.make("snapshots", volume_id=volume)
        self.api.until("snapshots", snapshot, "available")
        seconds = time.monotonic() - began
        with self.rbd.Image(self.pool, f"volume-{volume}", read_only=True) as image:
            if f"snapshot-{snapshot}" not in [snap["name"] for snap in image.list_snaps()]:
                raise RuntimeError(f"snapshot {snapshot} is not in the pool")
        self.api.remove("snapshots", snapshot)
        self.api.remove("volumes", volume)
        return seconds

    def clone_100g(self):
        parent = self.api.make("volumes", size=100)
        self.api.until("volumes", parent, "available")
        seconds = self.timed_create(True, size=100, source_volid=parent)
        self.api.remove("volumes", parent)
        return seconds

    def attach(self):
        """To a running server; its guest must be up to give the disk back."""
        server = self.running_server()
        volume = self.api.make("volumes", size=1)
        self.api.until("volumes", volume, "available")
        path = f"/servers/{server}/os-volume_attachments"
        began = time.monotonic()
        self.api.call("POST", path, {"volumeAttachment": {"volumeId": volume}}, "compute")
        self.api.until("volumes", volume, "in-use")
        seconds = time.monotonic() - began
        self.api.call("DELETE", f"{path}/{volume}", None, "compute")
        self.api.until("volumes", volume, "available", 0.05)
        self.api.remove("volumes", volume)
        return seconds

    def running_server(self):
        if self.server is None:
            compute, name = self.api.cloud.compute, f"perf-{uuid.uuid4()}"
            image = next((image for image in self.api.cloud.image.images() if image.name == "cirros"), None)
            if image is None:
                raise RuntimeError("the node has no image cirros; ./hanok up makes it")
            self.flavor = compute.create_flavor(name=name, ram=128, vcpus=1, disk=1).id
            body = {"server": {"name": name, "imageRef": image.id, "flavorRef": self.flavor, "networks": "none"}}
            self.server = self.api.call("POST", "/servers", body, "compute")["server"]["id"]
            compute.wait_for_server(compute.get_server(self.server), wait=DEADLINE)
            deadline = time.monotonic() + DEADLINE
            while "guest: ready" not in compute.get_server_console_output(self.server)["output"]:
                if time.monotonic() > deadline:
                    raise RuntimeError("the guest is not ready")
                time.sleep(0.2)
        return self.server

    def end(self):
        if self.server is not None:
            compute = self.api.cloud.compute
            server = compute.get_server(self.server)
            compute.delete_server(server)
            compute.wait_for_delete(server, wait=DEADLINE)
            compute.delete_flavor(self.flavor)


# scenario: the method, turns (quick, whole), the target in seconds or None for "finishes"
SCENARIOS = {
    "accepted": (Control.accepted, 10, 50, 0.005),
    "available": (Control.available, 10, 50, 0.1),
    "snapshot": (Control.snapshot, 5, 20, 0.1),
    "clone-100g": (Control.clone_100g, 3, 10, 0.5),
    "attach": (Control.attach, 2, 5, 1.0),
    "create-50": (Control.create_50, 1, 3, 2.0),
    "churn-200": (Control.churn_200, 1, 3, None),
}
HEAD = f"{'control':<12} {'turns':>5} {'median':>10} {'least':>10} {'most':>10} {'target':>8}   {'Cinder':>7}"


def measure(api, pool, rbd, quick, wanted):
    """Gives a result per scenario as it is measured."""
    quota = f"/os-quota-sets/{api.project}"
    before = api.call("GET", quota)["quota_set"]
    api.call("PUT", quota, {"quota_set": {"volumes": -1, "gigabytes": -1, "snapshots": -1}})
    control = Control(api, pool, rbd)
    try:
        for name, (method, few, many, target) in SCENARIOS.items():
            if wanted and name not in wanted:
                continue
            result = {"scenario": name}
            try:
                turns = [method(control) for _ in range(few if quick else many)]
                result.update(median_s=statistics.median(turns), min_s=min(turns), max_s=max(turns), turns=len(turns))
                result.update(target_s=target, met=target is None or result["median_s"] < target)
            except (RuntimeError, OSError, openstack.exceptions.SDKException) as error:
                result["void"] = str(error)
            yield result
    finally:
        control.end()
        kept = {key: before[key] for key in ("volumes", "gigabytes", "snapshots")}
        api.call("PUT", quota, {"quota_set": kept})


def row(result):
    name = result["scenario"]
    if "void" in result:
        return f"{name:<12} VOID  {result['void'].splitlines()[0][:140]}"
    target = "finishes" if result["target_s"] is None else f"{result['target_s'] * 1000:.0f} ms"
    cinder = f"{CINDER[name] * 1000:.0f} ms" if name in CINDER else "-"
    times = " ".join(f"{result[key] * 1000:>7.1f} ms" for key in ("median_s", "min_s", "max_s"))
    return f"{name:<12} {result['turns']:>5} {times} {target:>8}   {cinder:>7}  {'met' if result['met'] else 'MISSED'}"
