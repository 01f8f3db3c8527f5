"""Boots the first instance and proves that it works: address by DHCP, its gateway, the external network, a volume.

    first_instance.py --key FILE --external-gateway ADDRESS [--namespace NAME]

With --namespace the instance is reached from that network namespace, else from this machine. Can be repeated: what
exists is used and proved again. Lines that begin with "= " are shown to the person who called.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import time

import openstack

NAME = "first"
CIDR, GATEWAY = "10.0.0.0/24", "10.0.0.1"
BOOT_SECONDS, STEP_SECONDS = 180, 60

# In the guest: fill 8 MiB of the volume with random bytes, forget what is cached, read them back.
VOLUME_PROOF = """
set -e
disk=/dev/disk/by-id/virtio-{serial}
[ -b $disk ] || disk={device}
dd if=/dev/urandom of=/tmp/proof bs=1M count=8 2>/dev/null
dd if=/tmp/proof of=$disk bs=1M conv=fsync 2>/dev/null
echo 3 >/proc/sys/vm/drop_caches
wrote=$(sha256sum </tmp/proof)
read=$(dd if=$disk bs=1M count=8 2>/dev/null | sha256sum)
rm -f /tmp/proof
[ "$wrote" = "$read" ] && echo "same ${{wrote%% *}}"
"""


def shown(text):
    print(f"= {text}", flush=True)


def fail(text):
    sys.exit(f"first instance: {text}")


def wait(seconds, what, check):
    """Until check() gives something true, which is returned; it stops the program when the time is over."""
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        if time.monotonic() > deadline:
            fail(f"{what}: not within {seconds} s")
        time.sleep(0.2)


class Proof:
    def __init__(self, cloud, arguments):
        self.cloud = cloud
        self.key = arguments.key
        self.external_gateway = arguments.external_gateway
        self.inside = ["ip", "netns", "exec", arguments.namespace] if arguments.namespace else []

    # ---- resources ----

    def ensure_network(self):
        network = self.cloud.network
        self.net = network.find_network(NAME, project_id=self.project) or network.create_network(name=NAME)
        subnets = list(network.subnets(network_id=self.net.id))
        subnet = subnets[0] if subnets else network.create_subnet(
            name=NAME, network_id=self.net.id, ip_version=4, cidr=CIDR, gateway_ip=GATEWAY, dns_nameservers=[self.external_gateway])
        external = network.find_network("public", ignore_missing=False)
        router = network.find_router(NAME) or network.create_router(name=NAME, external_gateway_info={"network_id": external.id})
        if not list(network.ports(device_id=router.id, network_id=self.net.id)):
            network.add_interface_to_router(router, subnet_id=subnet.id)
        self.external = external

    def ensure_security_group(self):
        network = self.cloud.network
        group = network.find_security_group(NAME, project_id=self.project)
        if not group:
            group = network.create_security_group(name=NAME, description="ping and SSH from everywhere")
            for protocol, port in (("icmp", None), ("tcp", 22)):
                network.create_security_group_rule(
                    security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol=protocol,
                    port_range_min=port, port_range_max=port, remote_ip_prefix="0.0.0.0/0")
        self.group = group

    def ensure_keypair(self):
        if not self.cloud.compute.find_keypair(NAME):
            self.cloud.compute.create_keypair(name=NAME, public_key=pathlib.Path(f"{self.key}.pub").read_text())

    def ensure_floating_ip(self):
        network = self.cloud.network
        port = wait(STEP_SECONDS, "a port of the server", lambda: next(iter(network.ports(device_id=self.server.id)), None))
        existing = list(network.ips(port_id=port.id))
        address = existing[0] if existing else network.create_ip(floating_network_id=self.external.id, port_id=port.id)
        self.fixed_ip = port.fixed_ips[0]["ip_address"]
        self.address = address.floating_ip_address

    def ensure_server(self):
        compute = self.cloud.compute
        self.new = False
        server = compute.find_server(NAME)
        if server and server.status == "ERROR":
            compute.delete_server(server)
            compute.wait_for_delete(server, interval=0.5, wait=STEP_SECONDS)
            server = None
        self.began = time.monotonic()
        if server:
            server = compute.get_server(server.id)
            if server.status == "SHUTOFF":
                compute.start_server(server)
        else:
            self.new = True
            server = compute.create_server(
                name=NAME, image_id=self.cloud.image.find_image("cirros", ignore_missing=False).id,
                flavor_id=compute.find_flavor("m1.nano", ignore_missing=False).id, networks=[{"uuid": self.net.id}],
                key_name=NAME, security_groups=[{"name": self.group.name}])
        self.server = server

    def fault(self):
        """Why the server is in ERROR; this SDK has no attribute for it."""
        server = self.cloud.compute.get(f"/servers/{self.server.id}").json()["server"]
        return server.get("fault", {}).get("message")

    def wait_active(self):
        def active():
            """The server once it is ACTIVE."""
            server = self.cloud.compute.get_server(self.server.id)
            if server.status == "ERROR":
                fail(f"the server is in ERROR: {self.fault()}")
            return server if server.status == "ACTIVE" else None

        self.server = wait(BOOT_SECONDS, "the server to be ACTIVE", active)
        shown(f"server '{NAME}' is ACTIVE with {self.fixed_ip} and {self.address}: {self.since():.1f} s after the request")

    def ensure_volume(self):
        storage = self.cloud.block_storage
        found = [v for v in storage.volumes(details=True) if v.name == NAME]
        volume = found[0] if found else storage.create_volume(name=NAME, size=1)
        volume = storage.get_volume(volume.id)

        def settled():
            current = storage.get_volume(volume.id)
            if current.status.startswith("error"):
                fail(f"the volume is in status {current.status}")
            return current if current.status in ("available", "in-use") else None

        volume = wait(STEP_SECONDS, "the volume to be available", settled)
        if volume.status == "available":
            self.cloud.compute.create_volume_attachment(self.server, volume_id=volume.id)
        attached = lambda: (v := storage.get_volume(volume.id)).status == "in-use" and v.attachments and v
        return wait(STEP_SECONDS, "the volume to be attached", attached)

    # ---- proofs ----

    def since(self):
        return time.monotonic() - self.began

    def ping(self, address):
        return subprocess.run([*self.inside, "ping", "-c", "1", "-W", "1", address], capture_output=True, check=False).returncode == 0

    def ssh(self, script):
        command = [*self.inside, "ssh", "-i", self.key, "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "ConnectTimeout=5", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", f"cirros@{self.address}", "sh -s"]
        return subprocess.run(command, input=script, capture_output=True, text=True, check=False, timeout=STEP_SECONDS)

    def answers(self):
        if self.ping(self.address):
            return True
        # After `./hanok down` the guest is off; the API learns it a moment after the agent is back.
        if not self.new and self.cloud.compute.get_server(self.server.id).status == "SHUTOFF":
            self.cloud.compute.start_server(self.server)
            self.wait_active()
        return False

    def prove_ping(self):
        wait(BOOT_SECONDS, f"ping of {self.address}", self.answers)
        shown(f"{self.address} answers ping from the external network: {self.since():.1f} s after the request"
              if self.new else f"{self.address} answers ping from the external network")

    def prove_dhcp(self):
        def console_line():
            text = self.cloud.compute.get_server_console_output(self.server.id)["output"]
            found = re.findall(rf"eth0: address {re.escape(self.fixed_ip)}/\S+ gateway (\S+) dns (\S+) mtu (\S+)", text)
            return found[-1] if found else None

        gateway, dns, mtu = wait(STEP_SECONDS, "the DHCP line in the console log", console_line)
        if gateway != GATEWAY or dns != self.external_gateway:
            fail(f"DHCP gave gateway {gateway} and DNS {dns}, not {GATEWAY} and {self.external_gateway}")
        shown(f"DHCP gave {self.fixed_ip}, gateway {gateway}, DNS {dns}, MTU {mtu}")

    def prove_inside(self):
        wait(STEP_SECONDS, "SSH as cirros", lambda: self.ssh("true").returncode == 0)
        for address, what in ((GATEWAY, "its gateway"), (self.external_gateway, "the external network, through the router")):
            answer = self.ssh(f"ping -c 3 -W 2 {address}")
            if answer.returncode != 0:
                fail(f"the guest cannot ping {what} ({address}): {answer.stdout} {answer.stderr}")
            shown(f"the guest pings {what} ({address})")

    def prove_volume(self):
        volume = self.ensure_volume()
        device = volume.attachments[0].get("device") or "/dev/vdb"
        script = VOLUME_PROOF.format(serial=volume.id[:20], device=device)
        present = f"[ -b /dev/disk/by-id/virtio-{volume.id[:20]} ] || [ -b {device} ]"
        wait(STEP_SECONDS, "the volume to appear in the guest", lambda: self.ssh(present).returncode == 0)
        answer = self.ssh(script)
        if answer.returncode != 0 or not answer.stdout.startswith("same "):
            fail(f"what was written to the volume is not what is read: {answer.stdout} {answer.stderr}")
        shown(f"1 GiB volume as {device}: 8 MiB written and read back, sha256 {answer.stdout.split()[1][:16]}...")

    def run(self):
        self.project = self.cloud.current_project_id
        self.ensure_network()
        self.ensure_security_group()
        self.ensure_keypair()
        self.ensure_server()
        self.ensure_floating_ip()
        self.wait_active()
        self.prove_ping()
        self.prove_dhcp()
        self.prove_inside()
        self.prove_volume()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", required=True)
    parser.add_argument("--external-gateway", required=True)
    parser.add_argument("--namespace")
    arguments = parser.parse_args()
    try:
        Proof(openstack.connect(cloud="hanok", app_name="hanok-first-instance"), arguments).run()
    except openstack.exceptions.SDKException as error:
        fail(error)


main()
