"""What the data plane does, for people and for Prometheus: dataplane_view.py SOCKET trace PORT KEY=VALUE... | metrics | capture PORT [...].

trace    what each stage decides about a described packet, and which object was the cause; nothing is changed
capture  frames that come in and go out by a port or an uplink, as a pcap file
metrics  all counters in Prometheus' text format (version 0.0.4)
"""
import argparse
import base64
import json
import os
import socket
import struct
import sys
import time


def call(path, method, **params):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(path)
            connection.sendall(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode() +
                               b"\n")
            line = connection.makefile("rb").readline()
        except OSError as error:
            sys.exit(f"{path}: {error}")
    answer = json.loads(line) if line else {"error": {"message": "no answer"}}
    if "error" in answer:
        where = (answer["error"].get("data") or {}).get("path", "")
        sys.exit(f"{method}: {where + ': ' if where else ''}{answer['error']['message']}")
    return answer["result"]


def trace(path, words):
    if not words:
        sys.exit("trace: of which port, and what packet? (src_mac=... dst_mac=... src_ip=... dst_ip=... protocol=tcp"
                 " src_port=... dst_port=..., or frame=HEX)")
    port, *fields = words
    packet = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            sys.exit(f"trace: {field}: not KEY=VALUE")
        packet[key] = int(value) if value.isdigit() else value
    steps = call(path, "trace", port=port, packet=packet.get("frame", packet))["steps"]
    widths = [max(len(step[key]) for step in steps) for key in ("stage", "verdict")]
    for step in steps:
        print(f"{step['stage']:{widths[0]}}  {step['verdict']:{widths[1]}}  {step['object']}".rstrip())


def label(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def metrics(path):
    counters, status = call(path, "counters"), call(path, "status")
    families = {}  # name: type, help, samples

    def add(name, type_, text, value, **labels):
        inside = ",".join(f'{key}="{label(str(one))}"' for key, one in labels.items())
        samples = families.setdefault(f"hanok_dataplane_{name}", (type_, text, []))[2]
        samples.append(f"{{{inside}}} {value}" if inside else f" {value}")

    for kind in ("ports", "uplinks"):
        for device, values in sorted(counters[kind].items()):
            labels = {"kind": kind[:-1], "device": device}
            for reason, count in sorted(values.pop("drops").items()):
                add("drops_total", "counter", "Frames dropped, by reason", count, **labels, reason=reason)
            for name, count in sorted(values.items()):
                add(f"{name}_total", "counter", f"{name.replace('_', ' ')} of a port or uplink", count, **labels)
        for device, values in sorted(status[kind].items()):
            add("up", "gauge", "Whether the device has a link", int(values["up"]), kind=kind[:-1], device=device)
    gauges = ("flow_records", "connections")
    for name, count in sorted(counters["engine"].items()):
        type_, end = ("gauge", "") if name in gauges else ("counter", "_total")
        add(f"{name}{end}", type_, name.replace("_", " "), count)
    for name, count in sorted(status["memory"].items()):
        add(name, "gauge", name.replace("_", " "), count)
    add("generation", "gauge", "Generation of the state in force", status["generation"])
    for name, (type_, text, samples) in sorted(families.items()):
        print(f"# HELP {name} {text}\n# TYPE {name} {type_}")
        for sample in samples:
            print(name + sample)


def capture(path, words):
    parser = argparse.ArgumentParser(prog="hanok capture", description="Frames of a port, as a pcap file.")
    parser.add_argument("port", help="a port's or uplink's id")
    parser.add_argument("--count", type=int, default=1000, help="ends after so many frames (default 1000)")
    parser.add_argument("--seconds", type=float, default=60, help="ends after so long (default 60)")
    parser.add_argument("--bytes", type=int, default=65535, help="of each frame at most (default: all)")
    parser.add_argument("--direction", choices=("in", "out"), help="only what comes from the device, or goes to it")
    parser.add_argument("--file", default="-", help="made anew, mode 0600 (default: standard output)")
    chosen = parser.parse_args(words)
    # Frames hold what guests say: the file is for its owner alone.
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        out = sys.stdout.buffer if chosen.file == "-" else os.fdopen(os.open(chosen.file, flags, 0o600), "wb")
        if chosen.file != "-":
            os.fchmod(out.fileno(), 0o600)
    except OSError as error:
        sys.exit(f"{chosen.file}: {error}")
    number = call(path, "capture.start", port=chosen.port, count=chosen.count, bytes=chosen.bytes)["capture"]
    written = missed = 0
    end = time.monotonic() + chosen.seconds
    try:
        out.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))  # Ethernet; microseconds
        out.flush()
        while True:
            last = time.monotonic() >= end
            read = call(path, "capture.read", capture=number)
            missed += read["missed"]
            for frame in read["frames"]:
                if chosen.direction not in (None, frame["direction"]):
                    continue
                data = base64.b64decode(frame["data"])
                out.write(struct.pack("<IIII", *divmod(frame["time_us"], 1000000), len(data), frame["length"]) + data)
                written += 1
            out.flush()
            if read["complete"] or last:
                break
            time.sleep(0.05)
    except (KeyboardInterrupt, BrokenPipeError):
        pass
    finally:
        call(path, "capture.stop", capture=number)
    print(f"{written} frames" + (f", {missed} missed" if missed else ""), file=sys.stderr)


def main():
    path, what, *words = sys.argv[1:]
    if what == "trace":
        trace(path, words)
    elif what == "capture":
        capture(path, words)
    else:
        metrics(path)


main()
