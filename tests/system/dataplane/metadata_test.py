#!/usr/bin/python3
"""The metadata service by curl: behind a router, behind a gateway that nobody is, and without any; a large answer, and
one guest's files never another's."""
import base64
import os

from lab import Lab, expect, network, port, routed_state, subnet, wait_for

URL = "http://169.254.169.254"
USER_DATA = os.urandom(60000)


SCRIPT = """#!/bin/sh
[ "$1" = bound ] || exit 0
ip address replace "$ip/$mask" dev eth0
set -- $staticroutes
while [ $# -ge 2 ]; do
  if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev eth0; else ip route replace "$1" via "$2"; fi
  shift 2
done
"""


def files(name):
    content = {"openstack/latest/meta_data.json": '{"name": "%s"}' % name, "latest/meta-data/hostname": name,
               "latest/meta-data/public-keys": "0=key", "latest/meta-data/public-keys/0/openssh-key": "ssh-rsa AAAA"}
    return {path: base64.b64encode(text.encode()).decode() for path, text in content.items()}


with Lab() as lab:
    desired = routed_state("203.0.113.10")
    # Network b has a gateway in its subnet that no router holds; network c has none at all.
    desired["network"]["b"] = network()
    desired["network"]["c"] = network()
    desired["subnet"]["sb"] = subnet("b", "10.0.1.0/24", gateway="10.0.1.1")
    desired["subnet"]["sc"] = subnet("c", "10.0.3.0/24")
    desired["port"]["p3"] = port("b", 3, "sb", "10.0.1.11")  # the same address as p1's, in another network
    desired["port"]["p4"] = port("c", 4, "sc", "10.0.3.11", groups=())
    desired["port"]["p1"]["metadata"] = files("one")
    desired["port"]["p3"]["metadata"] = files("three")
    desired["port"]["p3"]["metadata"]["latest/user-data"] = base64.b64encode(USER_DATA).decode()
    desired["port"]["p4"]["metadata"] = files("four")
    one = lab.guest("one", desired["port"]["p1"], "10.0.1.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.1.12/24")
    three = lab.guest("three", desired["port"]["p3"])
    four = lab.guest("four", desired["port"]["p4"])
    for guest in (one, two):
        guest.run("ip", "route", "add", "default", "via", "10.0.1.1")
    plane = lab.dataplane(desired)

    def get(guest, path, *options):
        return guest.run("curl", "-sS", "--max-time", "20", *options, URL + path).stdout

    # By the default route over the router, named as EC2 and as OpenStack do, with a dated version too.
    wait_for(lambda: get(one, "/latest/meta-data/hostname") == "one", "the router's guest is answered")
    expect(get(one, "/openstack/2018-08-27/meta_data.json") == '{"name": "one"}', "a dated version is the latest")
    expect(get(one, "/latest/meta-data/") == "hostname\npublic-keys/", get(one, "/latest/meta-data/"))
    expect(get(one, "/latest/meta-data/public-keys/") == "0=key", "a file that says what is below it")
    expect(get(one, "/nothing", "-o", "/dev/null", "-w", "%{http_code}") == "404", "what is not there")
    expect(get(one, "/latest", "-X", "DELETE", "-o", "/dev/null", "-w", "%{http_code}") == "405", "what is not offered")

    # Without metadata the address is one like any other: it is not on this router's networks.
    expect(two.run("curl", "-sS", "--max-time", "1", URL, check=False).returncode != 0, "a port without files")

    # DHCP gives the way to it on the link itself. (Two dhcpcd of one machine would meet in their pid file.)
    conf = os.path.join(lab.folder, "dhcpcd.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("noarp\nnohook resolv.conf, hostname\nipv4only\noption classless_static_routes\n")
    three.start("dhcpcd", "-B", "-4", "-f", conf, "eth0")
    script = os.path.join(lab.folder, "udhcpc")
    with open(script, "w", encoding="utf-8") as file:
        file.write(SCRIPT)
    os.chmod(script, 0o755)
    four.run("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-T", "1", "-s", script, "-O", "staticroutes", timeout=40)
    for guest, name in ((three, "three"), (four, "four")):
        wait_for(lambda g=guest: "169.254.169.254" in g.run("ip", "route").stdout, f"the route of {name}", 40)
        expect(get(guest, "/openstack/latest/meta_data.json") == '{"name": "%s"}' % name, f"{name} is answered")

    # More than a window. (What is lost on the way: the unit tests.)
    path = os.path.join(lab.folder, "user-data")
    three.run("curl", "-sS", "--max-time", "30", "-o", path, URL + "/latest/user-data", timeout=40)
    with open(path, "rb") as file:
        expect(file.read() == USER_DATA, "60 kB come whole")

    # A change is seen by the next request; files taken away end the service.
    plane.apply({"port": {"p4": {**desired["port"]["p4"], "metadata": files("renamed")}}})
    expect(get(four, "/latest/meta-data/hostname") == "renamed", "changed files")
    plane.apply({"port": {"p4": {**desired["port"]["p4"], "metadata": {}}}})
    expect(four.run("curl", "-sS", "--max-time", "1", URL, check=False).returncode != 0, "files taken away")

    # A state with files that are not base64 is refused with the path to them.
    refused = plane.ask("state.apply", base_generation=plane.call("state.generation")["generation"],
                        changes={"port": {"p4": {**desired["port"]["p4"], "metadata": {"latest/x": "?"}}}})
    expect(refused["error"]["data"]["path"] == "/changes/port/p4/metadata", refused)
