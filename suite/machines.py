"""Machines of other kinds, as far as this one can play them: their threads, cores and kernels.

Each is a setting of the number of threads, of the cores that may be used, or of a variable that
holds a library to another instruction set. A run under it is a run of the suite like any other.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from adapters.harness import machine
from adapters.harness.header import Implementation
from adapters.harness.threads import THREADS
from records.file import RecordsError, Run, read_run
from suite.targets import heeds

ROOT = Path(__file__).parent.parent
LOG = "pytest.log"
ENDED = (0, 1)
"""pytest's statuses of a run that came to its end, whatever it found."""


class RunFailed(Exception):
    """A run came to no end; the message is one line."""


@dataclass(frozen=True)
class Setting:
    """A machine of another kind. One that `needs` an instruction set is not played without it."""

    name: str
    variables: dict[str, str] = field(default_factory=dict)
    threads: int = THREADS
    cores: int | None = None
    needs: str = ""

    @property
    def words(self) -> str:
        """What is set; of the usual run it is nothing."""
        told = [f"{self.threads} threads" if self.threads > 1 else "one thread"]
        told = told if self.threads != THREADS else []
        told += ["one core" if self.cores == 1 else f"{self.cores} cores"] if self.cores else []
        told += [f"{name}={value}" for name, value in self.variables.items()]
        return ", ".join(told) or "the usual run again: what differs differs from run to run"

    @property
    def lacks(self) -> str:
        """Why this machine cannot play it; "" where it can."""
        if self.cores and not hasattr(os, "sched_setaffinity"):
            return "this system gives a process all cores"
        if self.needs and self.needs not in machine.processor()[1]:
            return f"the processor has no {self.needs}"
        return ""

    def touches(self, one: Implementation) -> bool:
        """Say whether an implementation can answer otherwise under it."""
        for_all = self.threads != THREADS or self.cores or not self.variables
        return bool(for_all) or any(heeds(one, name) for name in self.variables)


USUAL = Setting("usual")


def _onednn(isa: str) -> dict[str, str]:
    """Hold oneDNN to an instruction set; before its third version it knew the older name only."""
    return {"ONEDNN_MAX_CPU_ISA": isa, "DNNL_MAX_CPU_ISA": isa}


SETTINGS = (
    Setting("again"),
    Setting("threads-1", threads=1),
    Setting("threads-3", threads=3),
    Setting("threads-8", threads=8),
    Setting("one-core", cores=1),
    Setting("aten-default", {"ATEN_CPU_CAPABILITY": "default"}),
    Setting("aten-avx2", {"ATEN_CPU_CAPABILITY": "avx2"}, needs="avx2"),
    Setting("onednn-sse41", _onednn("SSE41")),
    Setting("onednn-avx2", _onednn("AVX2")),
    Setting("mxnet-without-onednn", {"MXNET_MKLDNN_ENABLED": "0"}),
    Setting("tensorflow-without-onednn", {"TF_ENABLE_ONEDNN_OPTS": "0"}),
    Setting("tensorflow-with-onednn", {"TF_ENABLE_ONEDNN_OPTS": "1"}),
    Setting("xla-sse4_2", {"XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2"}),
    Setting("xla-avx2", {"XLA_FLAGS": "--xla_cpu_max_isa=AVX2"}),
    Setting(
        "old-and-small",
        {
            "ATEN_CPU_CAPABILITY": "default",
            **_onednn("SSE41"),
            "MXNET_MKLDNN_ENABLED": "0",
            "TF_ENABLE_ONEDNN_OPTS": "0",
            "XLA_FLAGS": "--xla_cpu_max_isa=SSE4_2",
        },
        threads=1,
        cores=1,
    ),
)
"""The matrix. The first one changes nothing, so it tells what a run repeats of itself."""


def run(setting: Setting, options: Sequence[str], folder: Path) -> Run:
    """Run the suite under a setting; return its records, which stay in the folder with its output.

    What the user's own shell sets of the kernels is left aside, so that the setting is all of it.
    Raises RunFailed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", f"--report={folder}"]
    environment = {key: value for key, value in os.environ.items() if key not in machine.LIMITS}
    with (folder / LOG).open("w", encoding="utf-8") as log:
        done = subprocess.run(
            [*command, f"--threads={setting.threads}", *options],
            cwd=ROOT,
            env=environment | setting.variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: _keep_to(setting.cores),
            check=False,
        )
    if done.returncode not in ENDED:
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        raise RunFailed(f"pytest ended with {done.returncode}: {last or 'without a word'}")
    try:
        return read_run(folder)
    except RecordsError as error:
        raise RunFailed(str(error)) from None


def _keep_to(cores: int | None) -> None:
    """Let this process use the first cores that it has, and no others."""
    if cores:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
