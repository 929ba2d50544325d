"""How much memory processes hold, and how much they may: the resident set, not address space.

A limit on address space would stop JAX and TensorFlow, which reserve far more than they touch.
"""

import os
from pathlib import Path

SHARE = 0.5
"""The share of the machine's memory that one target may hold unless told otherwise."""

CONTAINER_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def machine_memory() -> int:
    """Return the bytes of memory of this machine, or of the container that this process is in."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in CONTAINER_LIMITS:
        try:
            total = min(total, int(path.read_text()))
        except (OSError, ValueError):  # no such container; "max" is no limit
            continue
    return total


def resident(pid: int) -> int | None:
    """Return the bytes that a process holds in memory; None where it is gone or /proc is not."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it, the elder first; itself without /proc."""
    found = [pid]
    for one in found:
        try:
            threads = os.listdir(f"/proc/{one}/task")
            for thread in threads:
                found += map(int, Path(f"/proc/{one}/task/{thread}/children").read_text().split())
        except OSError:  # it has just ended
            continue
    return found


def held_by(pid: int, limit: int) -> int:
    """Return the bytes that a process and its descendants hold, exactly where it is over a limit.

    What they share, as forks do, counts once.
    """
    pids = family(pid)
    held = sum(resident(one) or 0 for one in pids)
    if held <= limit or len(pids) == 1:
        return held
    return sum(map(_proportional, pids))


def _proportional(pid: int) -> int:
    """Return a process's bytes, of what is shared its share; all that is resident if not told."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resident(pid) or 0
