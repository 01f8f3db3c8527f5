"""What the data plane does, for people and for Prometheus: dataplane_view.py SOCKET trace PORT KEY=VALUE... | metrics.

trace    what each stage decides about a described packet, and which object was the cause; nothing is changed
metrics  all counters in Prometheus' text format (version 0.0.4)
"""
import json
import socket
import sys


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


def main():
    path, what, *words = sys.argv[1:]
    if what == "trace":
        trace(path, words)
    else:
        metrics(path)


main()
