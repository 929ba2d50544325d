"""The runs that are timed: bare loops over the cases' requests, and the suite."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from adapters.harness import registry, wire
from adapters.harness.environments import interpreter
from test_cases.cases import all_cases

ROOT = Path(__file__).parent.parent.parent
ENDED = (0, 1)
"""pytest's statuses of a run that came to its end, whatever it found."""


@contextmanager
def bare_loops(targets: Iterable[registry.Target]) -> Iterator[dict[str, list]]:
    """Give the command of each target's bare loop by name; its requests last as long as this."""
    with tempfile.TemporaryDirectory() as folder:
        commands = {}
        for target in targets:
            frames = Path(folder, target.name)
            _write_requests(frames, target)
            one = target.implementation
            loop = [interpreter(one), "-m", "benchmarks.harness.bare_loop", one.path, frames]
            commands[target.name] = loop
        yield commands


def seconds(*commands: list, ends: tuple[int, ...] = (0,)) -> float:
    """Return how long commands take that are started together.

    Raises RuntimeError for one that ends with another status than those that are right.
    """
    start = time.perf_counter()
    running = [
        subprocess.Popen(
            list(map(str, command)),
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for command in commands
    ]
    ended = [process.wait() for process in running]
    whole = time.perf_counter() - start
    for command, end in zip(commands, ended, strict=True):
        if end not in ends:
            raise RuntimeError(f"status {end}: {' '.join(map(str, command))}")
    return whole


def suite(folder: str, *options: str) -> list[str]:
    """Return the command that runs the suite and leaves its report in a folder."""
    return [sys.executable, "-m", "pytest", *_options(folder), *options]


def host_of_core_run(*options: str) -> dict:
    """Run the core cases; return what the host took (see `benchmarks.harness.host`), and `wall`."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "host.json")
        host = [sys.executable, "-m", "benchmarks.harness.host", out, *options]
        wall = seconds([*host, *_options(folder)], ends=ENDED)
        return {**json.loads(out.read_text(encoding="utf-8")), "wall": wall}


def _options(folder: str) -> list[str]:
    return ["-p", "no:cacheprovider", f"--report={folder}"]


def _write_requests(path: Path, target: registry.Target) -> None:
    with path.open("wb") as frames:
        for case in all_cases().values():
            layer = {**vars(case.layer()), "device": target.device, "mode": target.mode}
            request = {"id": case.id, "layer": layer, "steps": [vars(s) for s in case.inputs()]}
            for buffer in wire.encode(request):
                frames.write(buffer)
