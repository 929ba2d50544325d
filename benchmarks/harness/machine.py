"""The machine that the figures are of, as far as it decides them. Nothing that names a person."""

import datetime
import os
import platform
from importlib.metadata import version
from pathlib import Path

from adapters.harness import registry
from adapters.harness.memory import machine_memory

LIBRARIES = ("numpy", "ml_dtypes", "pytest")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "XLA_FLAGS")


def description() -> dict:
    """Return date, machine, threads and versions. A load beside the benchmark makes it slower."""
    return {
        "date": datetime.date.today().isoformat(),
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "memory": f"{machine_memory() / 1e9:.0f} GB",
            "system": f"{platform.system()} {platform.machine()}",
            "load before": round(os.getloadavg()[0], 1),
        },
        "threads": {name: os.environ.get(name, "not set") for name in THREADS},
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in LIBRARIES},
            **{
                one.name: f"{one.package} {one.pinned_version}"
                for one in registry.implementations().values()
            },
        },
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
