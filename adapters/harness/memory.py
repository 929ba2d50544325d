"""How much memory a process holds, and how much one may: the resident set, not address space.

A limit on address space would stop JAX and TensorFlow, which reserve far more than they touch.
"""

import os
from pathlib import Path

SHARE = 0.5
"""The share of the machine's memory that one worker may hold unless told otherwise."""

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
