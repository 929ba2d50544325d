"""What a run has reached: kept in memory for the summary, and written to its records at once."""

import contextlib
import datetime
import os
import platform
import time
import tomllib
from collections.abc import Iterable
from pathlib import Path

import numpy

from records.file import RecordsError, RecordWriter, Run, pair_of
from reports.html import PAGE_NAME
from suite.verdicts import vocabulary

ROOT = Path(__file__).parent.parent


class Recording:
    """The records of one run, a new one or one that goes on where `stopped` ended."""

    def __init__(self, directory: Path, command: list[str], stopped: Run | None = None):
        self.directory = directory
        self.verdicts: list[dict] = list(stopped.verdicts) if stopped else []
        self.broken: dict[str, dict] = {}
        self.trouble = ""
        self._command = command
        self._resumes = stopped is not None
        self._writer: RecordWriter | None = None
        self._versions: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()
        self._began = time.monotonic()
        if stopped:
            for record in [*stopped.targets, *stopped.cases]:
                self._tell(record)

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    @property
    def judged(self) -> set[tuple[str, str]]:
        """The pairs of case and target that have their verdicts."""
        return set(map(pair_of, self.verdicts))

    def open(self, planned: dict, selection: dict) -> None:
        """Begin the file, or go on with it. Raises RecordsError in one line."""
        now = {"started": _now(), "command": self._command}
        if self._resumes:
            self._writer = RecordWriter.resume(self.directory, **now)
        else:
            header = {"suite_version": _version(), "machine": _machine(), "planned": planned}
            header |= {"selection": selection, **vocabulary()}
            self._writer = RecordWriter(self.directory, {**now, **header})
            with contextlib.suppress(OSError):  # it speaks of another run
                (self.directory / PAGE_NAME).unlink()

    def keep(self, records: Iterable[dict]) -> None:
        """Append the records of one test; a target or a case is told once. Raises RecordsError."""
        assert self._writer, "the records are not open"
        fresh = [record for record in records if self._tell(record)]
        self.verdicts += [record for record in fresh if record["kind"] == "verdict"]
        self._writer.write_all(fresh)

    def _tell(self, record: dict) -> bool:
        """Say whether a record is to be told, and remember that it was."""
        kind = record["kind"]
        if kind not in ("target", "case"):
            return True
        if kind == "target":
            self._compare_version(record)
        key = kind, record[kind]
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def _compare_version(self, target: dict) -> None:
        name, version = target["target"], target.get("version", "")
        if "broken" in target:
            self.broken[name] = target["broken"]
        before = self._versions.setdefault(name, version)
        if version and before and before != version:
            raise RecordsError(
                f"{self.directory}: cannot go on: {name} had the version {before}, now {version}"
            )

    def close(self, exit_status: int, complete: bool) -> None:
        """End the file: with a footer, or, where the run was stopped, without."""
        if self._writer is None:
            return
        if not complete:
            self._writer.leave()
            return
        counts: dict[str, int] = {}
        for record in self.verdicts:
            counts[record["verdict"]] = counts.get(record["verdict"], 0) + 1
        self._writer.close(
            finished=_now(),
            seconds=round(time.monotonic() - self._began, 1),
            exit_status=exit_status,
            verdicts=counts,
        )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def _machine() -> dict:
    return {
        "platform": platform.platform(),
        "cpu": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": numpy.__version__,
    }
