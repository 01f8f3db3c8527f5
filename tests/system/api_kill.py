#!/usr/bin/python3
"""kill -9 of hanok-api under load: no acknowledged request is lost, no half-made resource stays.

Several clients create networks with a subnet each and delete every third; the API is killed and started again in
between. A network that was answered with 201 must be there; one answered with 204 to its delete must be gone; one whose
answer never came may be either, but never a subnet without its network or a network that cannot be deleted.
"""
import os
import random
import sys
import threading
import time

sys.path.insert(0, "/usr/lib/python3/dist-packages")
import openstack  # noqa: E402
import requests  # noqa: E402
from node import kill, wait_for  # noqa: E402

KILLS = int(os.environ.get("KILLS", "5"))
CLIENTS = 4


class Client(threading.Thread):
    def __init__(self, number, url, token, stop):
        super().__init__()
        self.number, self.url, self.stop = number, url, stop
        self.headers = {"X-Auth-Token": token}
        self.made, self.deleted, self.unknown = {}, set(), set()
        self.unanswered = 0
        self.wrong = []

    def call(self, method, path, body=None):
        """None: no answer came."""
        try:
            return requests.request(method, self.url + path, json=body, headers=self.headers, timeout=10)
        except requests.RequestException:
            self.unanswered += 1
            time.sleep(0.05)
            return None

    def run(self):
        count = 0
        while not self.stop.is_set():
            count += 1
            name = f"kill{os.getpid()}-{self.number}-{count}"
            answer = self.call("POST", "/v2.0/networks", {"network": {"name": name}})
            if answer is None:
                continue
            if answer.status_code != 201:
                self.wrong.append(f"POST: {answer.status_code} {answer.text[:200]}")
                continue
            network = answer.json()["network"]["id"]
            self.made[network] = name
            subnet = {"subnet": {"network_id": network, "ip_version": 4, "cidr": "10.9.0.0/24"}}
            answer = self.call("POST", "/v2.0/subnets", subnet)
            if answer is not None and answer.status_code != 201:
                self.wrong.append(f"subnet: {answer.status_code} {answer.text[:200]}")
            if count % 3 == 0:
                answer = self.call("DELETE", f"/v2.0/networks/{network}")
                if answer is None:
                    self.unknown.add(network)
                elif answer.status_code == 204:
                    self.deleted.add(network)
                else:
                    self.wrong.append(f"DELETE: {answer.status_code} {answer.text[:200]}")


def answers(url):
    try:
        return requests.get(url, timeout=2)
    except requests.RequestException:
        return None


def main():
    cloud = openstack.connect(cloud=os.environ.get("OS_CLOUD", "hanok"))
    url = cloud.session.get_endpoint(service_type="network", interface="public").rstrip("/")
    url = url[: -len("/v2.0")] if url.endswith("/v2.0") else url
    project = cloud.current_project_id
    unlimited = {"quota": {"network": -1, "subnet": -1}}
    cloud.network.put(f"/quotas/{project}", json=unlimited).raise_for_status()
    try:
        failures = kill_under_load(cloud, url)
    finally:
        cloud.network.delete(f"/quotas/{project}")
    if failures:
        sys.exit("FAILED:\n" + "\n".join(failures[:20]))
    print("no acknowledged request was lost")


def kill_under_load(cloud, url):
    """Gives what was wrong, a line each."""
    stop = threading.Event()
    clients = [Client(number, url, cloud.auth_token, stop) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 0.8))  # the point of the kill
        kill("hanok-api")
        wait_for(lambda: answers(url) is not None, "the API does not come back", 30)
    time.sleep(0.3)
    stop.set()
    for client in clients:
        client.join()

    networks = {network.id: network for network in cloud.network.networks()}
    subnets = list(cloud.network.subnets())
    failures = [line for client in clients for line in client.wrong]
    made = deleted = 0
    for client in clients:
        made += len(client.made)
        deleted += len(client.deleted)
        for network, name in client.made.items():
            if network in client.deleted and network in networks:
                failures.append(f"{name}: its delete was acknowledged, but it is there")
            elif network not in client.deleted and network not in client.unknown and network not in networks:
                failures.append(f"{name}: its create was acknowledged, but it is not there")
    failures += [f"subnet {subnet.id} has no network" for subnet in subnets if subnet.network_id not in networks]
    for network in networks.values():
        if network.name.startswith(f"kill{os.getpid()}-"):
            cloud.network.delete_network(network, ignore_missing=False)
    unanswered = sum(client.unanswered for client in clients)
    print(f"{KILLS} kills, {made} creates and {deleted} deletes acknowledged, {unanswered} requests without an answer")
    if not unanswered:
        failures.append("no request was cut off: the kills hit nothing, the test showed nothing")
    if made < KILLS:
        failures.append("too few requests were acknowledged to show anything")
    return failures


if __name__ == "__main__":
    main()
