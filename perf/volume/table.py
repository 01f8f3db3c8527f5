"""Medians, what is met and missed, and the table."""
import statistics

METRICS = ("iops", "mib_per_s", "p50_us", "p99_us", "p999_us", "cpu_us_per_io", "switches_per_io")


def measured(one):
    """An absent or void system has no figures."""
    return "void" not in one and "iops" in one


def medians(turns):
    """Of each metric the median of the rounds; of IOPS the spread as well."""
    entry = {metric: round(statistics.median(turn[metric] for turn in turns), 2) for metric in METRICS}
    iops = [turn["iops"] for turn in turns]
    return {**entry, "iops_min": round(min(iops), 2), "iops_max": round(max(iops), 2), "rounds": len(turns)}


def targets(scenario, systems):
    """What of the targets this scenario says; a system without figures says nothing."""
    good = {name: one for name, one in systems.items() if measured(one)}
    ours, fio, qemu = (good.get(name) for name in ("hanok", "fio-rbd", "qemu-storage-daemon"))
    out = []

    def say(what, value, met):
        out.append({"target": what, "value": round(value, 3), "met": met})
    if ours and fio:
        ratio = ours["iops"] / fio["iops"]
        say("IOPS >= 0.95 x fio-rbd", ratio, ratio >= 0.95)
    if ours and qemu:
        ratio = ours["iops"] / qemu["iops"]
        say("IOPS > qemu-storage-daemon", ratio, ratio > 1)
        ratio = ours["p99_us"] / qemu["p99_us"]
        say("p99 <= qemu-storage-daemon", ratio, ratio <= 1)
        if scenario.endswith("-qd32"):
            ratio = ours["cpu_us_per_io"] / qemu["cpu_us_per_io"]
            say("CPU per I/O <= 0.7 x qemu-storage-daemon", ratio, ratio <= 0.7)
    return out


def so_far(result):
    """Of a scenario that goes on: one line."""
    figures = (f"{name} {one['iops']:.0f}" if measured(one) else f"{name} VOID"
               for name, one in result["systems"].items())
    return f"{result['scenario']:<18} IOPS so far: {', '.join(figures)}"


HEAD = (f"{'scenario':<18} {'system':<20} {'IOPS':>8} {'spread':>15} {'MiB/s':>7} {'p50 us':>8} {'p99 us':>8} "
        f"{'p99.9 us':>9} {'CPU us/IO':>9} {'switches':>8}")


def rows(result):
    label = result["scenario"]
    for name, one in result["systems"].items():
        if not measured(one):
            yield f"{label:<18} {name:<20} VOID  {one.get('void', 'not measured').splitlines()[0][:120]}"
        else:
            spread = f"{one['iops_min']:.0f}..{one['iops_max']:.0f}"
            yield (f"{label:<18} {name:<20} {one['iops']:>8.0f} {spread:>15} {one['mib_per_s']:>7.1f} {one['p50_us']:>8.0f} "
                   f"{one['p99_us']:>8.0f} {one['p999_us']:>9.0f} {one['cpu_us_per_io']:>9.1f} {one['switches_per_io']:>8.2f}")
        label = ""
    for target in result.get("targets", ()):
        yield f"{'':<18} {target['target']}: {target['value']:g} x, {'met' if target['met'] else 'MISSED'}"
