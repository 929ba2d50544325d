"""On what a worker runs: the processor's instructions, what limits them, and the threads it has.

Runs in the framework's own interpreter, and reads nothing but the system's own account.
"""

import os
import platform
import re

INSTRUCTIONS = re.compile(r"(sse4_|avx|amx|asimd|sve)\w*|fma|f16c|bf16|i8mm|sme2?")
"""What kernels choose themselves by, on x86-64 and on ARM."""

LEVELS = ("avx512f", "avx2", "avx", "sse4_2", "sve", "asimd")
"""The instruction sets that stand for a processor, the widest of each family first."""

LIMITS = {
    "ATEN_CPU_CAPABILITY": ("torch",),
    "DNNL_MAX_CPU_ISA": ("torch", "tensorflow", "mxnet", "paddlepaddle"),
    "MKL_CBWR": ("torch",),
    "MKL_ENABLE_INSTRUCTIONS": ("torch",),
    "MXNET_MKLDNN_ENABLED": ("mxnet",),
    "NPY_DISABLE_CPU_FEATURES": ("numpy",),
    "ONEDNN_MAX_CPU_ISA": ("torch", "tensorflow", "paddlepaddle"),  # MXNet's is too old for it
    "OPENBLAS_CORETYPE": ("numpy", "mxnet"),
    "TF_ENABLE_ONEDNN_OPTS": ("tensorflow",),
    "XLA_FLAGS": ("jax",),
}
"""The user's settings that choose other kernels than the processor's own, each with the packages
that heed it. They are passed on to the worker."""


def facts(threads, instructions):
    """Return the machine of this process, and what its framework says of it, "" for nothing.

    `threads` is the number that the harness gave it.
    """
    cpu, offered = processor()
    return {
        "cpu": cpu,
        "instructions": offered,
        "limits": limits(),
        "cores": _cores(),
        "threads": int(os.environ["OMP_NUM_THREADS"]),
        "threads_reported": str(threads),
        "instructions_reported": str(instructions),
    }


def limits():
    """Return the settings of `LIMITS` that this process has."""
    return {name: os.environ[name] for name in LIMITS if os.environ.get(name)}


def level(instructions):
    """Return the one instruction set that stands for a processor's; "" where none is known."""
    return next((name for name in LEVELS if name in instructions), "")


def _cores():
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def processor():
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
    offered = [name for name in flags.split() if INSTRUCTIONS.fullmatch(name)]
    return told.get("model name") or platform.processor() or platform.machine(), offered
