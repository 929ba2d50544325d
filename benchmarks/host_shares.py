"""What the host does with its processor time over the core run.

A clock's signal looks every two milliseconds of processor time which part the suite has called:
the reference (what should be answered, and its bounds), judging, diagnosis, measuring conventions
from probes, the wire (requests and answers, in a thread of its own), the cases' data, the records,
the page; the rest is pytest's, the suite's own and what starting takes.
"""

from collections.abc import Iterator

from benchmarks.harness.figure import Figure
from benchmarks.harness.runs import host_of_core_run


def measure() -> Iterator[Figure]:
    shares = host_of_core_run("--shares")["shares"]
    for name, seconds in shares.items():
        yield Figure(name, seconds, "s")
    yield Figure("all", sum(shares.values()), "s")
