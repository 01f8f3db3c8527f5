"""The document and the table."""
import json
import os
import platform
import subprocess
import time


def machine_facts(machine):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    commit = subprocess.run(["git", "-C", os.path.dirname(__file__), "rev-parse", "HEAD"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False).stdout.strip()
    return {"cpu": model, "cpus": os.cpu_count(), "tsc_mhz": round(machine.tsc_hz / 1e6, 1), "kernel": platform.release(),
            "load_1min": os.getloadavg()[0], "commit": commit,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def write(path, document):
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    os.replace(path + ".new", path)


HEAD = f"{'scenario':<20} {'flows':>7} {'frames':>6} {'system':<14} {'Mpps':>7} {'spread':>15} {'cycles':>7}  against"


def rows(result):
    label = f"{result['scenario']:<20} {result['flows']:>7} {result['frames']:>6}"
    for name, one in result["systems"].items():
        if "mpps" in one and "void" not in one:
            spread = f"{one['mpps_min']:.2f}..{one['mpps_max']:.2f}"
            ratio = result.get("ratios", {}).get(f"hanok/{name}")
            note = f"hanok is {ratio:.2f} x as fast" if ratio else ""
            if ratio and name == "ovs-dpdk" and "target" in result:
                note += f" (target {result['target']:g}: {'met' if result['target_met'] else 'MISSED'})"
            yield f"{label} {name:<14} {one['mpps']:>7.2f} {spread:>15} {one['cycles_per_packet']:>7.0f}  {note}".rstrip()
        else:
            reason = one.get("void", "not measured").splitlines()[0]
            yield f"{label} {name:<14} {'VOID':>7}  {reason[:140]}"
        label = " " * len(label)
    if "unit" in result:
        yield f"{label} {result['unit']}"


# Metric, what it counts, and what else of an entry is shown.
METRICS = (("flows_per_s", "a second", ()), ("transactions_per_s", "a second", ("cycles_per_transaction",)),
           ("us", "us", ("us_p99", "us_p999", "us_one_port")), ("gbps", "Gbit/s", ("retransmits",)))


def figure(value):
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def metric_rows(result):
    """Scenarios that have figures of other kinds than packets forwarded."""
    label = f"{result['scenario']:<20} {result['flows'] or '':>7} {result['frames']:>6}"
    for name, one in result["systems"].items():
        if "void" in one:
            shown = f"{'VOID':>7}  {one['void'].splitlines()[0][:140]}"
        else:
            metric, unit, more = next(row for row in METRICS if row[0] in one)
            low, high = (one.get(f"{metric}_{end}", one.get(f"us_p50_{end}")) for end in ("min", "max"))
            spread = f"{figure(low)}..{figure(high)}"
            shown = f"{figure(one[metric]):>10} {unit:<8} {spread:>23}" + "".join(
                f"  {key} {figure(one[key])}" for key in more if key in one)
        ratio = result.get("ratios", {}).get(f"hanok/{name}")
        if ratio:
            shown += f"  hanok is {ratio:.2f} x as good"
            if name == "ovs-dpdk" and "target" in result:
                shown += f" (target {result['target']:g}: {'met' if result['target_met'] else 'MISSED'})"
        yield f"{label} {name:<14} {shown}".rstrip()
        label = " " * len(label)
    for key in ("unit", "no_peer"):
        if key in result:
            yield f"{label} {result[key]}"
