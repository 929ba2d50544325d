"""How much memory a run of all implementations holds at its peak, in every process together.

Every implementation runs all cases in its first mode. Resident sets are added up, so what
processes share counts for each of them. Linux only.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.harness import registry
from adapters.harness.environments import interpreter
from adapters.harness.memory import resident
from benchmarks.harness.figure import Figure
from benchmarks.harness.runs import ENDED, ROOT, suite

LARGEST = 6000
EVERY = 0.2


def measure(implementation: str = "all") -> Iterator[Figure]:
    for one in registry.choose(implementation):
        interpreter(one)  # what building takes is not meant
    start, peak, most = time.perf_counter(), 0, 0
    largest: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        run = subprocess.Popen(
            suite(folder, "--implementation", implementation),
            cwd=ROOT,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while run.poll() is None:
            held = {pid: resident(pid) or 0 for pid in _family(run.pid)}
            for pid, size in held.items():
                name = _name(pid)
                largest[name] = max(largest.get(name, 0), size)
            peak, most = max(peak, sum(held.values())), max(most, len(held))
            time.sleep(EVERY)
    if run.returncode not in ENDED:
        raise RuntimeError(f"the run ended with status {run.returncode}")
    name = max(largest, key=lambda one: largest[one])
    yield Figure("time of the run", time.perf_counter() - start, "s")
    yield Figure("processes at once, at most", most)
    yield Figure(f"the largest process, {name}", largest[name] / 1e6, "MB")
    yield Figure("all processes together, at the peak", peak / 1e6, "MB", LARGEST)


def _family(root: int) -> set[int]:
    """Return a process and all that descend from it."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended in between
            continue
        parents[int(path.parent.name)] = int(words[1])
    family, grown = {root}, True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return family


def _name(pid: int) -> str:
    """Return which adapter a process runs, or `host`, or the program."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "ended"
    if "adapters.harness.worker" in words:
        return Path(words[words.index("adapters.harness.worker") + 1]).stem
    return "host" if "pytest" in words else Path(words[0]).name
