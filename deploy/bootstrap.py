"""What a node holds from the start, made over the public API in one process.

    bootstrap.py wait-host HOST SECONDS
    bootstrap.py resources --image FILE [--external-cidr CIDR --external-gateway ADDRESS]
    bootstrap.py health

Everything can be repeated: what exists is left as it is. Lines that begin with "= " are shown to the person who called.
"""
import argparse
import ipaddress
import os
import sys
import time

import openstack

# name, vCPUs, RAM in MiB, disk in GiB
FLAVORS = [("m1.nano", 1, 128, 1), ("m1.micro", 1, 192, 1), ("m1.tiny", 1, 512, 1), ("m1.small", 1, 2048, 20), ("m1.medium", 2, 4096, 40)]
IMAGE = "cirros"
EXTERNAL = "public"


def connect():
    return openstack.connect(cloud="hanok", app_name="hanok-bootstrap")


def hosts_up(cloud):
    return {h.name: h for h in cloud.compute.hypervisors(details=True) if h.state == "up"}


def wait_host(cloud, arguments):
    deadline = time.monotonic() + arguments.seconds
    while arguments.host not in hosts_up(cloud):
        if time.monotonic() > deadline:
            sys.exit(f"the API has not heard from the agent of '{arguments.host}' for {arguments.seconds} s")
        time.sleep(0.3)
    print(f"= host {arguments.host} is up")


def ensure_image(cloud, path):
    image = cloud.image.find_image(IMAGE)
    if image and image.status == "active":
        return
    if image:
        cloud.image.delete_image(image)  # an upload that was cut off
    # two plain calls: the SDK's create_image reads the file twice and adds properties of its own
    wanted = {"name": IMAGE, "disk_format": "raw", "container_format": "bare", "visibility": "public", "min_disk": 1, "min_ram": 64}
    created = cloud.image.post("/images", json=wanted)
    openstack.exceptions.raise_from_response(created)
    with open(path, "rb") as data:
        headers = {"Content-Type": "application/octet-stream"}
        sent = cloud.image.put(f"/images/{created.json()['id']}/file", data=data, headers=headers)
    openstack.exceptions.raise_from_response(sent)
    print(f"= image {IMAGE}, {os.path.getsize(path) >> 20} MiB")


def ensure_flavors(cloud):
    existing = {f.name for f in cloud.compute.flavors(details=False)}
    for name, vcpus, ram, disk in FLAVORS:
        if name not in existing:
            cloud.compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk)
    print(f"= flavors {', '.join(f[0] for f in FLAVORS)}")


def ensure_external(cloud, cidr, gateway):
    network = cloud.network.find_network(EXTERNAL)
    if not network:
        network = cloud.network.create_network(
            name=EXTERNAL, is_router_external=True, provider_network_type="flat", provider_physical_network="external"
        )
    if not list(cloud.network.subnets(network_id=network.id)):
        block = ipaddress.ip_network(cidr)
        first, last = block[10], block[min(block.num_addresses - 2, 250)]
        cloud.network.create_subnet(
            name=EXTERNAL, network_id=network.id, ip_version=block.version, cidr=cidr, gateway_ip=gateway, is_dhcp_enabled=False,
            allocation_pools=[{"start": str(first), "end": str(last)}],
        )
    print(f"= external network {EXTERNAL}, {cidr}")


def resources(cloud, arguments):
    ensure_flavors(cloud)
    ensure_image(cloud, arguments.image)
    if arguments.external_cidr:
        ensure_external(cloud, arguments.external_cidr, arguments.external_gateway)


def health(cloud, _):
    """One line per service and host; the exit status tells."""
    bad = False
    checks = [
        ("compute", lambda: len(list(cloud.compute.servers(all_projects=True, details=False))), "servers"),
        ("network", lambda: len(list(cloud.network.networks())), "networks"),
        ("volume", lambda: len(list(cloud.block_storage.volumes(all_projects=True, details=False))), "volumes"),
        ("image", lambda: len(list(cloud.image.images())), "images"),
    ]
    for name, count, what in checks:
        try:
            print(f"  {'ok':8} {name + ' API':18} {count()} {what}")
        except openstack.exceptions.SDKException as error:
            bad = True
            print(f"  {'bad':8} {name + ' API':18} {error}")
    for host in cloud.compute.hypervisors(details=True):
        up = host.state == "up"
        bad = bad or not up
        print(f"  {'ok' if up else 'bad':8} {'host ' + host.name:18} {host.state}, {host.status}")
    if bad:
        sys.exit(1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(required=True)
    action = actions.add_parser("wait-host")
    action.add_argument("host")
    action.add_argument("seconds", type=int)
    action.set_defaults(run=wait_host)
    action = actions.add_parser("resources")
    action.add_argument("--image", required=True)
    action.add_argument("--external-cidr")
    action.add_argument("--external-gateway")
    action.set_defaults(run=resources)
    action = actions.add_parser("health")
    action.set_defaults(run=health)
    arguments = parser.parse_args()
    try:
        arguments.run(connect(), arguments)
    except openstack.exceptions.SDKException as error:
        sys.exit(f"{error}")


main()
