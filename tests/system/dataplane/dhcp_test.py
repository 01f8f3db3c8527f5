#!/usr/bin/python3
"""DHCPv4 by two clients that others wrote: address, mask, gateway, MTU and DNS from the data plane."""
import os
import re

from lab import Lab, expect, network, port, state, subnet, wait_for

# Both clients call a script with what they were given in the environment; this one sets the address and writes it down
# last, in one move: a reader sees all of it or none.
SCRIPT = """#!/bin/sh
[ -n "$new_ip_address" ] && ip address replace "$new_ip_address/24" dev eth0
[ "$1" = bound ] && ip address replace "$ip/24" dev eth0
[ "$reason" = PREINIT ] && ip link set eth0 up
env > {out}.new && mv {out}.new {out}
exit 0
"""


def lease(path):
    with open(path, encoding="utf-8") as file:
        return dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line)


with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network(mtu=1450)
    desired["subnet"]["s"] = subnet("n", "10.0.0.0/24", gateway="10.0.0.1", dns=["9.9.9.9", "10.0.0.53"])
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12")
    one = lab.guest("one", desired["port"]["p1"])
    two = lab.guest("two", desired["port"]["p2"])
    plane = lab.dataplane(desired)

    def script(name):
        path = os.path.join(lab.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(SCRIPT.format(out=path + ".env"))
        os.chmod(path, 0o755)
        return path

    path = script("dhclient")
    conf = os.path.join(lab.folder, "dhclient.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("request subnet-mask, routers, domain-name-servers, interface-mtu, host-name;\ntimeout 15;\n")
    # In the foreground: a dhclient that leaves for the background still has its pid file to write when its parent ends.
    client = one.start("dhclient", "-1", "-d", "-4", "-sf", path, "-cf", conf, "-lf", path + ".lease",
                       "-pf", path + ".pid", "eth0")

    def bound():
        expect(client.poll() is None, f"dhclient ended with {client.poll()}")
        given = lease(path + ".env") if os.path.exists(path + ".env") else {}
        return given if given.get("reason") == "BOUND" else None

    got = wait_for(bound, "a lease for dhclient", 40)
    expect(got.get("new_ip_address") == "10.0.0.11", f"dhclient: {got}")
    expect(got.get("new_subnet_mask") == "255.255.255.0", f"mask: {got}")
    expect(got.get("new_routers") == "10.0.0.1", f"gateway: {got}")
    expect(got.get("new_interface_mtu") == "1450", f"MTU: {got}")
    expect(got.get("new_domain_name_servers") == "9.9.9.9 10.0.0.53", f"DNS: {got}")

    path = script("udhcpc")
    two.run("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-T", "1", "-s", path, "-O", "mtu", timeout=40)
    got = lease(path + ".env")
    expect(got.get("ip") == "10.0.0.12", f"udhcpc: {got}")
    expect(got.get("router") == "10.0.0.1", f"gateway: {got}")
    expect(got.get("mtu") == "1450", f"MTU: {got}")
    expect(re.split(r"\s+", got.get("dns", "").strip()) == ["9.9.9.9", "10.0.0.53"], f"DNS: {got}")

    expect(one.ping("10.0.0.12") == 3, "guests with addresses by DHCP do not reach each other")
