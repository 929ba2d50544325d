"""What a run has reached: kept in memory for the summary, and written to its records at once."""

import contextlib
import datetime
import os
import platform
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy

from records.file import RecordsError, RecordWriter, Run
from records.pieces import Broken, Machine, Planned, Selection
from records.schema import (
    SCHEMA,
    CaseRecord,
    FooterRecord,
    HeaderRecord,
    Record,
    ResumedRecord,
    TargetRecord,
    VerdictRecord,
)
from records.verdict import Verdict
from reference.expected import FORMULAS, TENSORS
from reports.html import PAGE_NAME
from suite.verdicts import meanings

ROOT = Path(__file__).parent.parent


class Recording:
    """The records of one run, a new one or one that goes on where `stopped` ended."""

    def __init__(self, directory: Path, command: tuple[str, ...], stopped: Run | None = None):
        self.directory = directory
        self.verdicts: list[VerdictRecord] = list(stopped.verdicts) if stopped else []
        self.broken: dict[str, Broken] = {}
        self._command = command
        self._resumes = stopped is not None
        self._writer: RecordWriter | None = None
        self._versions: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()
        self._began = time.monotonic()
        if stopped:
            told: list[Record] = [*stopped.targets, *stopped.cases]
            for record in told:
                self._tell(record)

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    @property
    def judged(self) -> set[tuple[str, str]]:
        """The pairs of case and target that have their verdicts."""
        return {(record.case, record.target) for record in self.verdicts}

    def open(self, planned: Planned, selection: Selection) -> None:
        """Begin the file, or go on with it. Raises RecordsError in one line."""
        if self._resumes:
            resumed = ResumedRecord(started=_now(), command=self._command)
            self._writer = RecordWriter.resume(self.directory, resumed)
        else:
            header = HeaderRecord(
                schema=SCHEMA,
                started=_now(),
                command=self._command,
                suite_version=_version(),
                machine=_machine(),
                planned=planned,
                selection=selection,
                conventions=meanings(),
                formulas=FORMULAS,
                tensors=tuple(TENSORS),
            )
            self._writer = RecordWriter(self.directory, header)
            with contextlib.suppress(OSError):  # it speaks of another run
                (self.directory / PAGE_NAME).unlink()

    def keep(self, records: Iterable[Record]) -> None:
        """Append the records of one test; a target or a case is told once. Raises RecordsError."""
        assert self._writer, "the records are not open"
        fresh = [record for record in records if self._tell(record)]
        self.verdicts += [record for record in fresh if isinstance(record, VerdictRecord)]
        self._writer.write(*fresh)

    def _tell(self, record: Record) -> bool:
        """Say whether a record is to be told, and remember that it was."""
        if isinstance(record, TargetRecord):
            self._compare_version(record)
            key = "target", record.target
        elif isinstance(record, CaseRecord):
            key = "case", record.case
        else:
            return True
        if key in self._told:
            return False
        self._told.add(key)
        return True

    def _compare_version(self, target: TargetRecord) -> None:
        name, version = target.target, target.version
        if target.broken:
            self.broken[name] = target.broken
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
        counts = Counter(record.verdict for record in self.verdicts)
        self._writer.close(
            FooterRecord(
                finished=_now(),
                seconds=round(time.monotonic() - self._began, 1),
                exit_status=exit_status,
                verdicts={verdict: counts[verdict] for verdict in Verdict if counts[verdict]},
            )
        )


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _version() -> str:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def _machine() -> Machine:
    return Machine(
        platform=platform.platform(),
        cpu=platform.processor() or platform.machine(),
        cores=os.cpu_count(),
        python=platform.python_version(),
        numpy=numpy.__version__,
    )
