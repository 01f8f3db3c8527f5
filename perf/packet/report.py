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


def metric_rows(result):
    """Scenarios that have figures of other kinds than packets forwarded."""
    label = f"{result['scenario']:<20}"
    for name, one in result["systems"].items():
        shown = ", ".join(f"{key} {value}" for key, value in one.items() if key != "void") if "void" not in one else \
            "VOID: " + one["void"].splitlines()[0][:140]
        yield f"{label} {name:<14} {shown}"
        label = " " * len(label)
    for name, ratio in result.get("ratios", {}).items():
        target = f" (target {result['target']:g}: {'met' if result['target_met'] else 'MISSED'})" \
            if "target" in result else ""
        yield f"{label} {name}: {ratio:.2f}{target}"
