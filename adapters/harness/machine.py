"""On what a worker runs: the processor's instructions, what limits them, and the threads it has.

Runs in the framework's own interpreter, and reads nothing but the system's own account.
"""

import os
import platform
import re

INSTRUCTIONS = re.compile(r"(sse4_|avx|amx|asimd|sve)\w*|fma|f16c|bf16|i8mm|sme2?")
"""What kernels choose themselves by, on x86-64 and on ARM."""

LIMITS = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
    "TF_ENABLE_ONEDNN_OPTS",
    "XLA_FLAGS",
)
"""The user's settings that choose other kernels than the processor's own; they are passed on."""


def facts(reported):
    """Return the machine of this process.

    `threads` is the number that the harness gave it; `reported`, what the framework says of it.
    """
    cpu, instructions = _processor()
    return {
        "cpu": cpu,
        "instructions": [name for name in instructions if INSTRUCTIONS.fullmatch(name)],
        "limits": {name: os.environ[name] for name in LIMITS if os.environ.get(name)},
        "cores": _cores(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "threads_reported": reported,
    }


def _cores():
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor():
    """Return the processor's name and its instruction sets; none where the system does not say."""
    told = {}
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                name, _, value = line.partition(":")
                told.setdefault(name.strip(), value.strip())
    except OSError:
        pass
    flags = told.get("flags") or told.get("Features") or ""
    return told.get("model name") or platform.processor() or platform.machine(), flags.split()
