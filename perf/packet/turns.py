"""Systems measured in turns: what all scenarios that are not frames forwarded have in common."""
from machine import Missing


def each_turn(systems, options, result, one):
    """`one(system, turns)` gives what the entry becomes, by all turns so far. What is void already gets no turn."""
    turns = {}
    for system in systems:
        result["systems"].setdefault(system.name, {})
    for _ in range(options.rounds):
        for system in systems:
            entry = result["systems"][system.name]
            if "void" in entry:
                continue
            try:
                known = turns.setdefault(system.name, [])
                entry.update(one(system, known), rounds=len(known))
            except (RuntimeError, Missing) as error:
                entry["void"] = str(error)
                system.stop()


def ratios(result, metric, less_is_better=False):
    good = {name: one[metric] for name, one in result["systems"].items() if "void" not in one and one.get(metric)}
    if "hanok" not in good:
        return {}
    return {f"hanok/{name}": round(other / good["hanok"] if less_is_better else good["hanok"] / other, 2)
            for name, other in good.items() if name != "hanok"}
