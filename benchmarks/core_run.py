"""The core run beside the frameworks alone, and what the host takes for it.

Every framework first runs the core cases in a bare loop with nothing around it, alone; then all
four at once; then the suite runs, judges, measures and diagnoses them. The four at once are the
floor: where they fill the cores, nothing can be faster. The faster of two rounds counts.
"""

from collections.abc import Iterator

from adapters.harness import registry
from benchmarks.harness.figure import Figure
from benchmarks.harness.runs import bare_loops, host_of_core_run, seconds
from suite.run import IMPLEMENTATIONS

ROUNDS = 2


def measure() -> Iterator[Figure]:
    targets = registry.targets(registry.choose(IMPLEMENTATIONS), None, None)
    alone, floors, runs = {}, [], []
    with bare_loops(targets) as loops:
        for name, loop in loops.items():
            alone[name] = seconds(loop)
            yield Figure(f"{name} alone in a bare loop", alone[name], "s")
        for _ in range(ROUNDS):
            floors.append(seconds(*loops.values()))
            runs.append(host_of_core_run())
    floor, whole = min(floors), min(run["wall"] for run in runs)
    yield Figure("all four loops at once", floor, "s")
    yield Figure("core run", whole, "s")
    yield Figure("core run / slowest alone", whole / max(alone.values()))
    yield Figure("core run / all four loops at once", whole / floor, goal=1.15)
    yield Figure("processor time of the host", min(run["processor"] for run in runs), "s", 6.0)
    yield Figure("memory of the host", max(run["memory"] for run in runs), "MB", 500)
