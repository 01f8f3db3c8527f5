"""DHCP transactions per second of the data plane's server: DISCOVER and REQUEST replayed at full rate, OFFER and ACK
counted, as many of each as there are of the other. No peer: Open vSwitch serves no DHCP."""
import os
import statistics

import captures
import scenarios
from machine import Missing, wait_for
from turns import each_turn, ratios

EXCHANGES = 512
SERVER, LEASE_S = "10.0.0.1", 86400
WANTED = (1, 3, 6, 26, 28, 51, 58, 59, 121)
NO_PEER = "no peer: Open vSwitch serves no DHCP (an agent's dnsmasq or a controller does)"


class Dhcp(scenarios.Scenario):
    """A guest's port that asks its subnet's server; the answers leave by the port that the questions came in by."""
    name = "dhcp"

    def hanok_state(self, guest_device, uplink_device):
        state = scenarios.base_state(guest_device, ("group",))
        scenarios.vtep_uplink(state, uplink_device)
        state["subnet"]["a4"].update({"dhcp": True, "dns": ["192.0.2.53"]})
        state["router"]["r"] = {"interfaces": [{"network": "a", "mac": scenarios.ROUTER_MAC,
                                                "addresses": [{"subnet": "a4", "ip": SERVER}]}]}
        return state


def questions(exchanges=EXCHANGES):
    """By scapy, as a client sends them (RFC 2131, table 5)."""
    from scapy.all import BOOTP, DHCP, Ether, IP, UDP
    client = bytes.fromhex(scenarios.GUEST_MAC.replace(":", ""))
    for xid in range(1, exchanges + 1):
        for kind, more in (("discover", []), ("request", [("server_id", SERVER), ("requested_addr", scenarios.GUEST)])):
            options = [("message-type", kind), *more, ("param_req_list", list(WANTED)), "end"]
            yield bytes(Ether(src=scenarios.GUEST_MAC, dst="ff:ff:ff:ff:ff:ff") / IP(src="0.0.0.0", dst="255.255.255.255") /
                        UDP(sport=68, dport=67) / BOOTP(chaddr=client, xid=xid) / DHCP(options=options))


def problem_of(frame):
    """What is wrong with an answer, field by field; (xid, kind) if nothing is."""
    from scapy.all import BOOTP, DHCP, Ether, IP, UDP
    answer = Ether(frame)
    if DHCP not in answer:
        return f"no DHCP: {answer.summary()}", None
    again = answer.copy()
    del again[IP].chksum, again[UDP].chksum, again[IP].len, again[UDP].len
    options = {one[0]: one[1] if len(one) == 2 else one[1:] for one in answer[DHCP].options if isinstance(one, tuple)}
    kind = options.pop("message-type", 0)
    # RFC 3442: width 0 and the router, which is the default route.
    wanted = {"server_id": SERVER, "lease_time": LEASE_S, "renewal_time": LEASE_S // 2,
              "rebinding_time": LEASE_S * 7 // 8, "subnet_mask": "255.255.255.0", "broadcast_address": "10.0.0.255",
              "router": SERVER, "name_server": "192.0.2.53", "interface-mtu": 1450}
    routes = options.pop("classless_static_routes", None)
    problems = [name for name, good in (
        ("MACs", (answer.src, answer.dst) == (scenarios.ROUTER_MAC, scenarios.GUEST_MAC)),
        ("addresses", (answer[IP].src, answer[IP].dst) == (SERVER, scenarios.GUEST)),
        ("ports", (answer[UDP].sport, answer[UDP].dport) == (67, 68)),
        ("lengths or checksums", bytes(again) == frame),
        ("BOOTP", (answer[BOOTP].op, answer[BOOTP].htype, answer[BOOTP].hlen, answer[BOOTP].yiaddr,
                   answer[BOOTP].chaddr[:6].hex(":")) == (2, 1, 6, scenarios.GUEST, scenarios.GUEST_MAC)),
        ("type", kind in (2, 5)), ("route", routes is not None and SERVER in str(routes)),
        ("options", options == wanted)) if not good]
    return ", ".join(problems), (answer[BOOTP].xid, kind)


def check_answers(frames, exchanges=EXCHANGES):
    """All wrong frames are found, and each exchange must have both answers. Gives how many answers were compared."""
    seen = set()
    for frame in frames:
        problem, identity = problem_of(frame)
        if problem:
            raise RuntimeError(f"answer: {problem} wrong: {frame.hex()}")
        seen.add(identity)
    missing = {(xid, kind) for xid in range(1, exchanges + 1) for kind in (2, 5)} - seen
    if missing:
        raise RuntimeError(f"{len(missing)} of {2 * exchanges} answers did not come; first: xid {min(missing)[0]}")
    return len(frames)


def transactions(machine, systems, options, result):
    """Fills `result`; `systems` are builds of ours."""
    result.update({"scenario": "dhcp", "flows": EXCHANGES, "frames": "-", "systems": {}, "no_peer": NO_PEER})
    asked = list(questions())
    path = os.path.join(machine.folder, "dhcp.pcap")
    captures.write(path, asked)
    for system in systems:
        entry = result["systems"].setdefault(system.name, {})
        try:
            entry["answers_compared"] = check_answers(answers_in_file(system, path, len(asked)))
        except (RuntimeError, Missing) as error:
            entry["void"] = str(error)

    def one(system, rates):
        try:
            system.start_answering(Dhcp(), path, len(asked))
            system.measure(0.1)  # caches warm up
            packets, cpu_ns, _ = system.measure(options.seconds)
            rates.append(packets / 2 * 1e9 / cpu_ns)
            lost = system.lost()
        finally:
            system.stop()
        figures = {"transactions_per_s": round(statistics.median(rates)),
                   "transactions_per_s_min": round(min(rates)), "transactions_per_s_max": round(max(rates)),
                   "cycles_per_transaction": round(machine.tsc_hz / statistics.median(rates))}
        return {**figures, "void": f"questions were refused: {lost}"} if lost else figures
    each_turn(systems, options, result, one)
    os.unlink(path)
    result["ratios"] = ratios(result, "transactions_per_s")


def answers_in_file(system, path, count):
    """The answers to one pass over the questions."""
    import verify
    sink = os.path.join(system.machine.folder, "dhcp-out.pcap")
    try:
        system.start_answering(Dhcp(), path, count, sink)
        wait_for(lambda: system.process.must_live() or system.packets() >= count, "an answer to each question")
        system.stop()  # closes the file, so that it is whole
        return verify.captures_of(sink)[:count]
    finally:
        system.stop()
        if os.path.exists(sink):
            os.unlink(sink)
