#!/usr/bin/python3
"""DHCPv4 by three clients that others wrote, and message by message."""
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


# What each message is answered, by scapy: its type and the address given.
MESSAGES = """
def ask(kind, source="0.0.0.0", target="255.255.255.255", ciaddr="0.0.0.0", answered=True, **more):
    options = [("message-type", kind), *more.items(), ("param_req_list", [1, 3, 6, 121]), "end"]
    frame = (Ether(src="fa:16:3e:00:00:04", dst="ff:ff:ff:ff:ff:ff") / IP(src=source, dst=target) / UDP(sport=68, dport=67)
             / BOOTP(chaddr=bytes.fromhex("fa163e000004"), ciaddr=ciaddr, xid=7) / DHCP(options=options))
    if not answered:
        sendp(frame, iface="eth0")
        print(kind)
        return
    sniffer = AsyncSniffer(iface="eth0", filter="udp dst port 68", count=1, timeout=10,
                           started_callback=lambda: sendp(frame, iface="eth0"))
    sniffer.start()
    sniffer.join()
    got = sniffer.results[0]
    answer = next(option[1] for option in got[DHCP].options if option[0] == "message-type")
    print(kind, answer, got[BOOTP].yiaddr, got[IP].dst)
ask("discover")
ask("request", server_id="10.0.0.1", requested_addr="10.0.0.14")
ask("request", source="10.0.0.14", target="10.0.0.1", ciaddr="10.0.0.14")
ask("request", source="10.0.0.14", ciaddr="10.0.0.14")
ask("request", requested_addr="10.0.0.99")
ask("inform", source="10.0.0.14", ciaddr="10.0.0.14")
ask("request", server_id="10.0.0.7", requested_addr="10.0.0.14", answered=False)
ask("decline", answered=False, server_id="10.0.0.1", requested_addr="10.0.0.14")
ask("release", source="10.0.0.14", target="10.0.0.1", ciaddr="10.0.0.14", answered=False, server_id="10.0.0.1")
"""
ANSWERS = ["discover 2 10.0.0.14 10.0.0.14", "request 5 10.0.0.14 10.0.0.14", "request 5 10.0.0.14 10.0.0.14",
           "request 5 10.0.0.14 10.0.0.14", "request 6 0.0.0.0 255.255.255.255", "inform 5 0.0.0.0 10.0.0.14", "request",
           "decline", "release"]


def lease(path):
    with open(path, encoding="utf-8") as file:
        return dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line)


with Lab() as lab:
    desired = state()
    desired["network"]["n"] = network(mtu=1450)
    desired["network"]["n"]["dns_domain"] = "example.org"
    desired["subnet"]["s"] = {**subnet("n", "10.0.0.0/24", gateway="10.0.0.1", dns=["9.9.9.9", "10.0.0.53"]),
                              "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]}
    desired["port"]["p1"] = port("n", 1, "s", "10.0.0.11")
    desired["port"]["p2"] = port("n", 2, "s", "10.0.0.12")
    desired["port"]["p3"] = port("n", 3, "s", "10.0.0.13")
    desired["port"]["p3"]["dhcp_options"] = [{"code": 67, "data": b"boot.img".hex()}, {"code": 42, "data": "0a000035"}]
    desired["port"]["p4"] = port("n", 4, "s", "10.0.0.14")
    one = lab.guest("one", desired["port"]["p1"])
    two = lab.guest("two", desired["port"]["p2"])
    three = lab.guest("three", desired["port"]["p3"])
    four = lab.guest("four", desired["port"]["p4"])
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

    # dhcpcd sets address and routes itself: the classless ones, among them the default.
    conf = os.path.join(lab.folder, "dhcpcd.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("noarp\nnohook resolv.conf, hostname\nipv4only\noption classless_static_routes, interface_mtu\n")
    three.start("dhcpcd", "-B", "-4", "-f", conf, "eth0")
    routes = wait_for(lambda: (lambda text: text if "default via 10.0.0.1" in text else None)(three.run("ip", "route").stdout),
                      "a default route by dhcpcd", 40)
    expect("10.9.0.0/16 via 10.0.0.9" in routes, f"classless routes: {routes}")
    expect("10.0.0.0/24 dev eth0" in routes and "src 10.0.0.13" in routes, f"address: {routes}")

    # Message by message: renewing, rebinding, asking for what is another's, asking without a lease, giving back.
    asked = four.python(MESSAGES)
    expect(asked.split("\n")[:-1] == ANSWERS, "messages:\n" + asked)
    expect(plane.drops("p4", "dhcp_ignored") == 1, "a request of another server is answered")
    expect(plane.drops("p4", "dhcp_released") == 1 and plane.drops("p4", "dhcp_declined") == 1, f"{plane.counters('p4')}")
    path = script("options")
    three.run("udhcpc", "-i", "eth0", "-f", "-q", "-n", "-t", "10", "-T", "1", "-s", path, "-O", "bootfile", "-O", "ntpsrv",
              "-O", "domain", timeout=40)
    got = lease(path + ".env")
    expect(got.get("boot_file", got.get("bootfile")) == "boot.img", f"boot file: {got}")
    expect(got.get("ntpsrv") == "10.0.0.53" and got.get("domain") == "example.org", f"options: {got}")

    expect(one.ping("10.0.0.12") == 3, "guests with addresses by DHCP do not reach each other")
