"""How many threads a target computes with: as many on every machine, whatever cores it has.

A sum is split among threads, so their number is part of what is computed. The frameworks take it
from the variables below, from the number of cores where those are silent, and a user's own setting
of them belongs to another program. docs/decisions/011-threads-are-part-of-a-target.md
"""

THREADS = 2
"""The fewest that split a sum: so a one-core machine computes what a large one does."""
MOST = 1024
"""More than any machine's cores; each target starts as many threads as it is told."""

NUMBERS = (
    "OMP_NUM_THREADS",  # PyTorch, MXNet, Paddle, oneDNN, and whatever else is built on OpenMP
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
    "NPROC",  # XLA on the CPU: JAX and all that is built on it
    "MXNET_CPU_WORKER_NTHREADS",
)
FIXED = {
    "OMP_DYNAMIC": "FALSE",  # or fewer than asked for, where there are fewer cores
    "MKL_DYNAMIC": "FALSE",
}


def environment(number: int) -> dict[str, str]:
    """Return the variables that have the frameworks compute with so many threads."""
    return {**FIXED, **dict.fromkeys(NUMBERS, str(number))}
