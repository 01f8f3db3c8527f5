#!/usr/bin/python3
"""IPv6 addresses as guests get them: SLAAC by the kernel, DHCPv6 by dhclient and dhcpcd, stateful and stateless."""
import os

from lab import Lab, expect, network, port, state, stop, subnet, wait_for

SCRIPT = """#!/bin/sh
env > {out}.tmp && mv {out}.tmp {out}.$reason
exit 0
"""

ADVERTISED = """
ask = (Ether(src="fa:16:3e:00:00:0NUMBER", dst="33:33:00:00:00:02") /
       IPv6(src="fe80::f816:3eff:fe00:NUMBER", dst="ff02::2", hlim=255) / ICMPv6ND_RS())
sniffer = AsyncSniffer(iface="eth0", lfilter=lambda one: ICMPv6ND_RA in one, count=1, timeout=10,
                       started_callback=lambda: sendp(ask, iface="eth0"))
sniffer.start()
sniffer.join()
got = sniffer.results[0]
print(got[ICMPv6ND_RA].M, got[ICMPv6ND_RA].O, got[ICMPv6NDOptPrefixInfo].A, got[ICMPv6NDOptRDNSS].dns,
      [name.decode() if isinstance(name, bytes) else name for name in got[ICMPv6NDOptDNSSL].searchlist])
"""


def mode(cidr, name, network_id):
    made = subnet(network_id, cidr, gateway=cidr.replace("::/64", "::1"), dns=["2001:db8::53"])
    return {**made, "ipv6_ra_mode": name, "ipv6_address_mode": name}


def environment(path):
    with open(path, encoding="utf-8") as file:
        return dict(line.split("=", 1) for line in file.read().splitlines() if "=" in line)


with Lab() as lab:
    desired = state()
    interfaces = []
    for number, name in enumerate(("slaac", "dhcpv6-stateful", "dhcpv6-stateless"), 1):
        desired["network"][name] = {**network(mtu=1450), "dns_domain": "example.org"}
        desired["subnet"][name] = mode(f"2001:db8:{number}::/64", name, name)
        interfaces.append({"port": f"r{number}", "network": name, "mac": f"fa:16:3e:00:01:0{number}",
                           "addresses": [{"subnet": name, "ip": f"2001:db8:{number}::1"}]})
    desired["router"]["r"] = {"admin_up": True, "interfaces": interfaces, "gateway": None, "routes": []}
    # Where hosts make their addresses themselves, the port's is the one that its MAC makes.
    desired["port"]["p1"] = port("slaac", 1, "slaac", "2001:db8:1:0:f816:3eff:fe00:1")
    desired["port"]["p2"] = port("dhcpv6-stateful", 2, "dhcpv6-stateful", "2001:db8:2::42")
    desired["port"]["p3"] = port("dhcpv6-stateful", 3, "dhcpv6-stateful", "2001:db8:2::43")
    desired["port"]["p4"] = port("dhcpv6-stateless", 4, "dhcpv6-stateless", "2001:db8:3:0:f816:3eff:fe00:4")
    guests = [lab.guest(f"g{number}", desired["port"][f"p{number}"]) for number in (1, 2, 3, 4)]
    slaac, stateful, other, stateless = guests
    plane = lab.dataplane(desired)

    def addresses(guest):
        return [line.split()[3] for line in guest.run("ip", "-6", "-o", "address", "show", "dev", "eth0").stdout.splitlines()
                if "tentative" not in line]

    for guest in guests:
        guest.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=1", "net.ipv6.conf.eth0.addr_gen_mode=0")
        guest.enable_ipv6()
    for guest in guests:
        wait_for(lambda: any(one.startswith("fe80") for one in addresses(guest)), "a link-local address", 20)

    # SLAAC: address, MTU and default route by the kernel alone.
    wait_for(lambda: "2001:db8:1:0:f816:3eff:fe00:1/64" in addresses(slaac), f"SLAAC: {addresses(slaac)}", 20)
    route = slaac.run("ip", "-6", "route", "show", "default").stdout
    expect("via fe80::f816:3eff:fe00:101" in route, f"default route: {route}")
    expect(slaac.run("sysctl", "-n", "net.ipv6.conf.eth0.mtu").stdout.strip() == "1450", "MTU")
    expect(slaac.ping("2001:db8:2::1") == 3, "the address by SLAAC does not reach beyond its router")
    out = slaac.run("ping", "-n", "-c", "1", "-W", "5", "2001:db8:99::1", check=False).stdout
    expect("No route" in out, "the router has no word for what it has no route to:\n" + out)

    # What the modes ask of an advertisement: flags M and O, and of the prefix A; DNS servers and search list for all.
    def advertised(guest, number):
        return guest.python(ADVERTISED.replace("NUMBER", str(number))).strip()
    for guest, number, flags in ((slaac, 1, "0 0 1"), (stateful, 2, "1 0 0"), (stateless, 4, "0 1 1")):
        told = advertised(guest, number)
        expect(told == f"{flags} ['2001:db8::53'] ['example.org.']", f"the advertisement to p{number}: {told}")
    # Stateful: on link, a default route, but no address of one's own making.
    wait_for(lambda: "via fe80" in stateful.run("ip", "-6", "route", "show", "default").stdout, "default route", 20)
    expect(not any(one.startswith("2001") for one in addresses(stateful)), f"stateful: {addresses(stateful)}")
    wait_for(lambda: any(one.startswith("2001:db8:3:0:f816") for one in addresses(stateless)), "stateless SLAAC", 20)

    def dhclient(guest, name, *arguments):
        path = os.path.join(lab.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(SCRIPT.format(out=path + ".env"))
        os.chmod(path, 0o755)
        # In the foreground (-d): its end is ours to make, and no pid file is looked for that a child writes later.
        return path, guest.start("dhclient", "-6", "-1", "-d", "-v", "-D", "LL", "-sf", path, "-cf", "/dev/null", "-lf",
                                 path + ".lease", "-pf", path + ".pid", *arguments, "eth0")

    path, client = dhclient(stateful, "stateful")
    wait_for(lambda: os.path.exists(path + ".env.BOUND6"), "what dhclient was given", 30)
    got = environment(path + ".env.BOUND6")
    expect(got.get("new_ip6_address") == "2001:db8:2::42", f"dhclient: {got}")
    expect(got.get("new_dhcp6_name_servers") == "2001:db8::53", f"DNS: {got}")
    expect(got.get("new_dhcp6_domain_search", "").rstrip(".") == "example.org", f"domain: {got}")
    stop(client)
    _, client = dhclient(stateful, "stateful", "-r")
    wait_for(lambda: client.poll() is not None, "dhclient has given its address back", 30)
    expect(plane.drops("p2", "dhcp_ignored") == 0, f"{plane.counters('p2')}")

    dhclient(stateless, "stateless", "-S")

    def told():
        names = [name for name in os.listdir(lab.folder) if name.startswith("stateless.env.") and not name.endswith(".tmp")]
        return any(environment(os.path.join(lab.folder, name)).get("new_dhcp6_name_servers") == "2001:db8::53" for name in names)
    wait_for(told, "dhclient was told no DNS server", 30)

    # dhcpcd goes by the router advertisement's flags, and sets the address itself.
    conf = os.path.join(lab.folder, "dhcpcd.conf")
    with open(conf, "w", encoding="utf-8") as file:
        file.write("duid LL\nnohook resolv.conf, hostname\nipv6only\nslaac hwaddr\n")
    other.run("sysctl", "-qw", "net.ipv6.conf.eth0.accept_ra=0")
    process = other.start("dhcpcd", "-B", "-6", "-f", conf, "eth0")
    wait_for(lambda: any(one.startswith("2001:db8:2::43/") for one in addresses(other)), "an address by dhcpcd", 40)
    expect(process.poll() is None, "dhcpcd ended")
    expect(other.ping("2001:db8:1::1") >= 2, "the address by DHCPv6 does not reach beyond its router")
