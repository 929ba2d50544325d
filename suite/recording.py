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

from records.file import RecordsError, RecordWriter, Run, group_of, make_folder, read_stopped
from records.pieces import Broken, Machine, Planned, Selection
from records.schema import (
    SCHEMA,
    FooterRecord,
    HeaderRecord,
    MeasuredRecord,
    Record,
    ResumedRecord,
    TargetRecord,
    VerdictRecord,
)
from records.verdict import Verdict
from reference.expected import FORMULAS, TENSORS
from reports.html import PAGE_NAME
from suite.folder import claim
from suite.reached import to_explain
from suite.verdicts import meanings

ROOT = Path(__file__).parent.parent
NAMED = 5
"""Tests without a record that are named before the others are counted."""


class Recording:
    """The records of one run: a new one, or one that goes on where the run in the folder ended.

    `stopped` is what was kept of that. The folder is this run's from here on, or, where it is a new
    one, from `open` on, until `release`. Raises RecordsError.
    """

    def __init__(self, directory: Path, command: tuple[str, ...], resumes: bool = False):
        self.directory = directory
        self._claim = claim(directory) if resumes else None
        self.stopped: Run | None = read_stopped(directory) if resumes else None
        self.verdicts: list[VerdictRecord] = []
        self.measured: list[MeasuredRecord] = []
        self.broken: dict[str, Broken] = {}
        self._planned = Planned(cases=0, pairs=0)
        self._due: dict[str, None] = {}
        self._names = 0
        self._command = command
        self._writer: RecordWriter | None = None
        self._versions: dict[str, str] = {}
        self._told: set[tuple[str, ...]] = set()
        self._began = time.monotonic()
        if stopped := self.stopped:
            self._planned = stopped.header.planned
            told = stopped.targets, stopped.cases, stopped.verdicts, stopped.measured
            kinds = *told, stopped.explanations
            self._take(record for kind in kinds for record in kind)

    @property
    def is_open(self) -> bool:
        return self._writer is not None

    @property
    def fails(self) -> bool:
        """Whether anything that was reached makes the run fail."""
        verdicts, measured = self.verdicts, self.measured
        return any(one.fails or one.verdict is Verdict.UNAVAILABLE for one in verdicts) or any(
            one.fails for one in measured
        )

    @property
    def lacking(self) -> str:
        """What was planned and has no record, in one line; "" for a complete run."""
        if self._due:
            names = [name.partition("[")[2].removesuffix("]") or name for name in self._due]
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            return (
                f"incomplete: {len(names)} of {self._names} tests that were to be run have no "
                f"record: {', '.join(names[:NAMED])}{more}"
            )
        pairs = len({(record.case, record.target) for record in self.verdicts})
        if pairs != self._planned.pairs:
            return (
                f"incomplete: {self._planned.pairs} pairs of case and target were planned, {pairs} "
                "have a verdict; a run is resumed with what it was started with"
            )
        explained = {group[1] for group in self._told if group[0] == "explanation"}
        unexplained = ", ".join(sorted(to_explain(self.verdicts) - explained))
        return unexplained and f"incomplete: nothing says yet what explains {unexplained}"

    def open(self, planned: Planned, selection: Selection, names: Iterable[str]) -> None:
        """Begin the file, or go on with it: each of these tests is to end with a record.

        Raises RecordsError in one line.
        """
        self._due = dict.fromkeys(names)
        self._names = len(self._due)
        if self.stopped:
            resumed = ResumedRecord(started=_now(), command=self._command)
            self._writer = RecordWriter.resume(self.directory, resumed)
            return
        self._planned = planned
        make_folder(self.directory)
        self._claim = claim(self.directory)
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

    def keep(self, name: str, records: Iterable[Record]) -> None:
        """Append the records of the test of this name; what was told is not told again.

        Raises RecordsError.
        """
        assert self._writer, "the records are not open"
        self._writer.write(*self._take(records))
        self._due.pop(name, None)

    def _take(self, records: Iterable[Record]) -> list[Record]:
        """Return the records whose groups were not told before, and remember that they are."""
        records = list(records)
        for record in records:
            if isinstance(record, TargetRecord):
                self._compare_version(record)
        fresh = [record for record in records if group_of(record) not in self._told]
        self._told |= {group for record in fresh if (group := group_of(record))}
        self.verdicts += [record for record in fresh if isinstance(record, VerdictRecord)]
        self.measured += [record for record in fresh if isinstance(record, MeasuredRecord)]
        return fresh

    def _compare_version(self, target: TargetRecord) -> None:
        name, version = target.target, target.version
        if target.broken:
            self.broken[name] = target.broken
        before = self._versions.setdefault(name, version)
        if version and before and before != version:
            raise RecordsError(
                f"{self.directory}: cannot go on: {name} had the version {before}, now {version}"
            )

    def close(self, exit_status: int) -> None:
        """End the file: with a footer where the run is complete."""
        if self._writer is None:
            return
        if self.lacking:
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

    def release(self) -> None:
        """Leave the folder to others."""
        if self._claim is not None:
            os.close(self._claim)
        self._claim = None


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
