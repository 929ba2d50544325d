"""How much memory a run of all implementations holds at its peak, in every process together.

`python -m benchmarks.memory_of_all`: every implementation in its first mode, all cases. Resident
sets are added up, so what processes share counts for each of them. Linux only.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from adapters.harness.memory import resident

ROOT = Path(__file__).parent.parent
LARGEST = 6000
EVERY = 0.2


def main() -> int:
    start, peak, most = time.perf_counter(), 0, 0
    largest: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        options = ["-p", "no:cacheprovider", f"--report={folder}", "--implementation", "all"]
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", *options, *sys.argv[1:]],
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
    for name, size in sorted(largest.items(), key=lambda item: -item[1]):
        print(f"{name:28} {size / 2**20:7.0f} MB")
    print(f"at most {most} processes at once, {time.perf_counter() - start:.0f} s")
    print(f"peak of all together: {peak / 2**20:.0f} MB (at most {LARGEST})")
    return int(peak > LARGEST * 2**20)


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


if __name__ == "__main__":
    sys.exit(main())
