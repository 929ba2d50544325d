"""Each implementation in the suite, beside its own bare loop over the same cases.

The run judges every case, diagnoses what is outside its bound, and measures the conventions by
probes, which the loop does not run. It should take at most 1.3 times the loop, and 5 s.
"""

from collections.abc import Iterator
from tempfile import TemporaryDirectory

from adapters.harness import registry
from benchmarks.harness.figure import Figure
from benchmarks.harness.runs import ENDED, bare_loops, seconds, suite

FACTOR, START = 1.3, 5.0


def measure(implementation: str = "all") -> Iterator[Figure]:
    targets = registry.targets(registry.choose(implementation), None, None)
    with bare_loops(targets) as loops, TemporaryDirectory() as folder:
        for target in targets:
            label = target.implementation.label
            loop = seconds(loops[target.name])
            yield Figure(f"{label}, bare loop", loop, "s")
            whole = seconds(suite(folder, "--implementation", label), ends=ENDED)
            yield Figure(f"{label}, the suite", whole, "s", FACTOR * loop + START)
