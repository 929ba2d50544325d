"""The records of a run on the disk: one JSON object a line, written out as verdicts are reached.

What is read passes `records.lines`, where it is checked; texts are made visible. A line that is
damaged is left out and told.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

from records.codec import encode
from records.lines import Line, RecordsError, lines_of, record_in
from records.pieces import Machine
from records.schema import (
    RECORDS,
    CaseRecord,
    ExplanationRecord,
    FooterRecord,
    HeaderRecord,
    MeasuredRecord,
    OfTarget,
    Record,
    ResumedRecord,
    TargetRecord,
    VerdictRecord,
)
from records.text import visible
from records.verdict import Verdict

FILE_NAME = "records.jsonl"

_KINDS = {kind: word for word, kind in RECORDS.items()}


class RecordWriter:
    """Appends records to `directory/records.jsonl`, each written out at once.

    Raises RecordsError in one line where the file cannot be opened or the disk is full.
    """

    def __init__(self, directory: Path, header: HeaderRecord):
        make_folder(directory)
        self._open(directory, _bytes_of(header))

    @classmethod
    def resume(cls, directory: Path, resumed: ResumedRecord) -> "RecordWriter":
        """Go on with what `read_stopped` keeps of a run."""
        kept = b"".join(line.text for line in _kept(list(lines_of(directory / FILE_NAME, str))))
        writer = cls.__new__(cls)
        writer._open(directory, kept + _bytes_of(resumed))
        return writer

    def _open(self, directory: Path, begun: bytes) -> None:
        """Put a file that is begun in the place of the one that is there.

        Whoever is killed in between leaves the old one. What is there may be a symbolic link or a
        pipe: it is not followed, nor waited for.
        """
        self.path = directory / FILE_NAME
        new = directory / f".{FILE_NAME}"
        try:
            new.unlink(missing_ok=True)
            self._file = new.open("xb", buffering=0)
            self._write(begun)
            new.replace(self.path)
        except OSError as error:
            raise RecordsError(f"{self.path}: cannot be written: {error.strerror}") from None

    def write(self, *records: Record) -> None:
        """Write records that belong together, so that a killed run has all of them or none."""
        try:
            self._write(_bytes_of(*records))
        except OSError as error:
            raise RecordsError(f"{self.path}: cannot be written: {error.strerror}") from None

    def _write(self, text: bytes) -> None:
        data = memoryview(text)
        while data:
            data = data[self._file.write(data) :]

    def close(self, footer: FooterRecord) -> None:
        """Write the footer: the run is complete."""
        self.write(footer)
        self._file.close()

    def leave(self) -> None:
        """Close the file without a footer: the run was stopped."""
        self._file.close()


def make_folder(directory: Path) -> None:
    """Make the folder of a run. Raises RecordsError in one line."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        path = directory / FILE_NAME
        raise RecordsError(f"{path}: cannot be written: {error.strerror}") from None


def line_of(record: Record) -> str:
    """Return a record as a line of the file."""
    told = {"kind": _KINDS[type(record)], **encode(record)}
    return json.dumps(told, ensure_ascii=False, allow_nan=False) + "\n"


def _bytes_of(*records: Record) -> bytes:
    return "".join(map(line_of, records)).encode("utf-8", errors="backslashreplace")


def record_of(line: str | bytes) -> Record:
    """Return the record that `line_of` wrote, its texts as they were."""
    return record_in(json.loads(line), str)


@dataclass(frozen=True)
class Run:
    """The records of one run, sorted by kind; of several shown as one, with the `machines` of all.

    `damaged` says of each line that was left out which it is and what is wrong with it. `machines`
    are by the label of each run, and `labels` say of a target whose name bears one which it is.
    """

    header: HeaderRecord
    targets: tuple[TargetRecord, ...] = ()
    cases: tuple[CaseRecord, ...] = ()
    verdicts: tuple[VerdictRecord, ...] = ()
    measured: tuple[MeasuredRecord, ...] = ()
    explanations: tuple[ExplanationRecord, ...] = ()
    footer: FooterRecord | None = None
    resumed: tuple[ResumedRecord, ...] = ()
    damaged: tuple[str, ...] = ()
    machines: dict[str, Machine] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.footer is not None


class _Visible(dict):
    """Each text once, made visible when it is first asked for."""

    def __missing__(self, text: str) -> str:
        self[text] = shown = visible(text)
        return shown


def read_run(directory: Path) -> Run:
    """Read `directory/records.jsonl`. Raises RecordsError with one line where it cannot."""
    shown = _Visible()
    return _sorted(list(lines_of(Path(directory) / FILE_NAME, shown.__getitem__)))


def read_stopped(directory: Path) -> Run:
    """Return what is kept of a run that is to be resumed.

    Without a footer the records that were written last may lack some of those that belong to them:
    they are left out, and so is a footer, and whatever can be asked again as if nothing had been
    asked: what was not run, and all of a target that was not judged, and what stands beside a
    damaged line, which may have been of it. Texts are as they were written: an option may hold
    anything. Raises RecordsError as `read_run` does.
    """
    lines = list(lines_of(Path(directory) / FILE_NAME, str))
    return replace(_sorted(_kept(lines)), damaged=_sorted(lines).damaged)


def group_of(record: Record | None) -> tuple[str, ...] | None:
    """Return what a record is told with: those of one group are written together, and once.

    The verdicts on a case and a target, the measurements of a target, and its explanations are
    groups, and so is the record of a target and that of a case; the others are in none.
    """
    match record:
        case VerdictRecord():
            return "verdict", record.case, record.target
        case CaseRecord():
            return "case", record.case
        case TargetRecord() | MeasuredRecord() | ExplanationRecord():
            return _KINDS[type(record)], record.target
    return None


def _kept(lines: list[Line]) -> list[Line]:
    finished = isinstance(lines[-1].record, FooterRecord)
    kept = [line for line in lines if not isinstance(line.record, FooterRecord)]
    groups = [group for line in kept if (group := group_of(line.record))]
    if groups and not finished:
        while len(kept) > 1 and group_of(kept[-1].record) in (groups[-1], None):
            kept.pop()
    broken = {
        line.record.target
        for line in kept
        if isinstance(line.record, TargetRecord) and line.record.broken
    }
    doubtful = _beside_damage(lines)
    return [
        line
        for line in kept
        if line.record
        and group_of(line.record) not in doubtful
        and not _can_be_asked_again(line.record, broken)
    ]


def _beside_damage(lines: list[Line]) -> set[tuple[str, ...]]:
    """Return the groups that a damaged line may have been of: those before and after it."""
    found, before = set(), None
    damaged = False
    for line in lines:
        if line.record is None:
            damaged = True
            continue
        group = group_of(line.record)
        if damaged:
            found |= {one for one in (before, group) if one}
        before, damaged = group, False
    return found | ({before} if damaged and before else set())


def _can_be_asked_again(record: Record | None, broken: Collection[str]) -> bool:
    not_run = isinstance(record, VerdictRecord) and record.verdict is Verdict.NOT_RUN
    return not_run or (isinstance(record, OfTarget) and record.target in broken)


def _sorted(lines: list[Line]) -> Run:
    def all_of(kind: type) -> tuple:
        return tuple(line.record for line in lines if isinstance(line.record, kind))

    headers = all_of(HeaderRecord)
    last = lines[-1].record
    return Run(
        headers[0],
        targets=all_of(TargetRecord),
        cases=all_of(CaseRecord),
        verdicts=all_of(VerdictRecord),
        measured=all_of(MeasuredRecord),
        explanations=all_of(ExplanationRecord),
        footer=last if isinstance(last, FooterRecord) else None,  # else it went on after all
        resumed=all_of(ResumedRecord),
        damaged=tuple(f"line {one.number}: {one.mistake}" for one in lines if one.record is None),
    )
