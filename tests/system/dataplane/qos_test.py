#!/usr/bin/python3
"""Rate limits of ports and of a floating IP, both ways, and the DSCP mark, measured by iperf3 and tcpdump."""
from lab import Lab, expect, frames, routed_state, wait_for

MBPS = 10

with Lab() as lab:
    desired = routed_state("203.0.113.10")
    one = lab.guest("one", desired["port"]["p1"], "10.0.1.11/24")
    two = lab.guest("two", desired["port"]["p2"], "10.0.1.12/24")
    one.run("ip", "route", "add", "default", "via", "10.0.1.1")
    outside = lab.namespace("outside")
    desired["uplink"]["ext"] = {"device": lab.plug(outside, "02:00:00:00:00:fe"), "physical_network": "external"}
    outside.run("ip", "address", "add", "203.0.113.1/24", "dev", "eth0")
    plane = lab.dataplane(desired)

    def limit(qos):
        desired["port"]["p1"]["qos"] = qos
        plane.apply({"port": {"p1": desired["port"]["p1"]}})

    def udp_mbps(*options, server=two, address="10.0.1.12"):
        """What arrives of twice the limit, in Mbit/s of frames."""
        # In eight flows, so that several workers have them. The sender knows nothing of what is lost after the last arrival of a flow.
        end = one.iperf3(server, address, "-u", "-P", "8", "-b", f"{MBPS / 4}M", "-l", "1200", "-t", "4", *options)["sum_received"]
        return end["bytes"] * (1200 + 42) / 1200 * 8 / end["seconds"] / 1e6

    def tcp_mbps(*options):
        return one.iperf3(two, "10.0.1.12", "-t", "2", *options)["sum_received"]["bits_per_second"] / 1e6

    free = udp_mbps()
    expect(free > 1.5 * MBPS, f"{free:.1f} Mbit/s without a limit: this machine is too slow to tell")
    rate = {"kbps": MBPS * 1000, "burst_kbits": MBPS * 100}  # a tenth of a second
    for direction, options in (("egress", ()), ("ingress", ("-R",))):
        limit({direction: rate})
        got = udp_mbps(*options)
        # Over four seconds the burst adds 2.5 %.
        expect(0.8 * MBPS < got < 1.15 * MBPS, f"{direction}: {got:.1f} Mbit/s of UDP at a limit of {MBPS}")
        got_tcp = tcp_mbps(*options)
        # What is over is dropped, not queued: how much of the rate TCP gets is its own affair.
        expect(0.1 * MBPS < got_tcp < 1.15 * MBPS, f"{direction}: {got_tcp:.1f} Mbit/s of TCP at a limit of {MBPS}")
        print(f"{direction}: limit {MBPS}, UDP {got:.1f}, TCP {got_tcp:.1f} Mbit/s")
    expect(plane.drops("p1", "qos_limit") > 0 and plane.drops("p2", "qos_limit") > 0, "drops are not counted")

    # A floating IP's limit is for what goes by it, not for the port.
    limit(None)
    for direction, options in (("egress", ()), ("ingress", ("-R",))):
        plane.apply({"floating_ip": {"f": {"router": "r", "network": "x", "floating_ip": "203.0.113.20", "port": "p1",
                                           "fixed_ip": "10.0.1.11", "qos": {direction: rate}}}})
        got = udp_mbps(*options, server=outside, address="203.0.113.1")
        expect(0.5 * MBPS < got < 1.15 * MBPS, f"floating IP, {direction}: {got:.1f} Mbit/s of UDP at a limit of {MBPS}")
        print(f"floating IP, {direction}: limit {MBPS}, UDP {got:.1f} Mbit/s")
    expect(udp_mbps() > 1.5 * MBPS, "what does not go by the floating IP is limited too")

    limit({"dscp": 46})
    seen = lab.capture("eth0", "icmp[0] == 8", two)
    expect(one.ping("10.0.1.12") == 3, "no ping")
    marks = wait_for(lambda: {frame["IP"].tos for frame in frames(seen)}, "marked frames")
    expect(marks == {46 << 2}, f"marks: {marks}")
    limit(None)
    expect(tcp_mbps() > 2 * MBPS, "a limit that is gone limits")
