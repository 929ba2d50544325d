"""Known divergences: violations that are understood, each with its mechanism, condition and reason.

`test_cases/known_divergences/` has a file for each implementation, with one `[[known]]` table an
entry:

implementation  its name; `version`, a PEP 440 specifier, `device` and `mode` narrow it down
cases           patterns of ids of cases and probes, `*` for anything
tensors         the tensors concerned, and the name of a convention where its measurement is known
                to contradict the declaration
explained_by    the mechanism: a list of tables, each of conventions other than declared
                (`{ summation = "sequential" }`), of a fault (`{ fault = "zeros" }`) or of both
refusal         in place of these two: words of the message with which a step is refused
up_to           in place of explained_by: the largest error / bound, where nobody has found the
                mechanism yet. It is one machine's, and finite; none is in the files here
what            what in the framework's arithmetic does it
upstream        a link, or "not reported upstream"

An entry explains a violation where the whole case, or the probe of a measurement, is within its
bounds under one of its mechanisms. So there is no figure in an entry: what a mechanism may do
follows from the data, on every machine and with any number of threads, and a second fault beneath
it is outside and told. What is explained does not fail. An entry whose cases all ran on its target
without a violation is unfit, and fails the run: a framework was mended, or the entry is wrong.
"""

import functools
import math
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from diagnosis.mechanism import Mechanism
from diagnosis.question import Question
from records.pieces import Known
from records.schema import MeasuredRecord, OfTarget, VerdictRecord
from records.verdict import Verdict

FOLDER = Path(__file__).parent.parent / "test_cases" / "known_divergences"

Told = TypeVar("Told", VerdictRecord, MeasuredRecord)
Holds = Callable[[str, Mechanism], bool]
"""Says whether what was answered to a case or a probe, by its id, fits a mechanism."""


@dataclass(frozen=True)
class KnownDivergence:
    """One entry of a file."""

    implementation: str
    cases: tuple[str, ...]
    what: str
    upstream: str
    tensors: tuple[str, ...] = ()
    explained_by: tuple[Mechanism, ...] = ()
    refusal: str = ""
    up_to: float | None = None
    version: str = ""
    device: str = "*"
    mode: str = "*"

    def __post_init__(self):
        forms = bool(self.explained_by) + bool(self.refusal) + (self.up_to is not None)
        if forms != 1:
            raise ValueError("it needs one of explained_by, refusal and up_to")
        if bool(self.refusal) == bool(self.tensors):
            raise ValueError("it needs tensors, and a refusal has none")
        if self.up_to is not None and not math.isfinite(self.up_to):
            raise ValueError(f"up_to = {self.up_to} explains anything")
        SpecifierSet(self.version)

    def covers(self, case: str) -> bool:
        return any(fnmatchcase(case, pattern) for pattern in self.cases)

    def concerns(self, record: OfTarget, case: str) -> bool:
        """Say whether a case or a probe is this entry's, on the target of a record."""
        return (
            record.name == self.implementation
            and fnmatchcase(record.device, self.device)
            and fnmatchcase(record.mode, self.mode)
            and _fits(record.version, self.version)
            and self.covers(case)
        )

    def is_about(self, record: VerdictRecord | MeasuredRecord) -> bool:
        """Say whether a record is a violation, or a measurement against a declaration, of the kind
        that this entry is about, whatever its size."""
        if isinstance(record, MeasuredRecord):
            concerned = not record.agrees and record.field in self.tensors
            return concerned and self.concerns(record, record.probe)
        if not record.verdict.diagnosed or not self.concerns(record, record.case):
            return False
        if self.refusal:
            return record.verdict is Verdict.RAISED and self.refusal in record.message
        return record.tensor in self.tensors

    def explains(self, record: VerdictRecord | MeasuredRecord, holds: Holds) -> bool:
        """Say whether this entry explains a violation, or a measurement against a declaration."""
        if not self.is_about(record):
            return False
        if isinstance(record, MeasuredRecord):
            error, case = record.excluded.get(str(record.declared)), record.probe
        else:
            error, case = record.error_over_bound, record.case
        if self.up_to is not None:
            return error is not None and error <= self.up_to
        return bool(self.refusal) or any(holds(case, one) for one in self.explained_by)


def read_known(path: Path = FOLDER) -> tuple[KnownDivergence, ...]:
    """Read the entries of a file, or of every file of a folder.

    Raises ValueError for a key that is missing or unknown, and for a mechanism that does not exist.
    """
    if path.is_dir():
        return tuple(one for file in sorted(path.glob("*.toml")) for one in read_known(file))
    known = []
    valid = {field.name for field in fields(KnownDivergence)}
    for number, entry in enumerate(tomllib.loads(path.read_text("utf-8")).get("known", []), 1):
        if wrong := entry.keys() - valid:
            raise ValueError(f"{path.name}, entry {number}: unknown key {', '.join(wrong)}")
        try:
            lists = {"tensors": [], "explained_by": []} | entry
            for name in ("cases", "tensors", "explained_by"):
                if not isinstance(lists[name], list):
                    raise TypeError(f"{name} is no list")
            read = {name: tuple(lists[name]) for name in ("cases", "tensors")}
            read["explained_by"] = tuple(map(Mechanism.of, lists["explained_by"]))
            known.append(KnownDivergence(**{**entry, **read}))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name}, entry {number}: {error}") from None
    return tuple(known)


def with_known(
    records: Iterable[Told], known: Sequence[KnownDivergence], ask: Callable[[str], Question]
) -> list[Told]:
    """Return the records, each with the first known divergence that explains it.

    `ask` returns the question about a case or a probe, by its id.
    """
    ask = functools.cache(ask)
    holds = functools.cache(lambda case, mechanism: mechanism.holds(ask(case)))
    return [
        next(
            (
                replace(record, known=Known(what=entry.what, upstream=entry.upstream))
                for entry in known
                if entry.explains(record, holds)
            ),
            record,
        )
        for record in records
    ]


def unfit(
    known: Iterable[KnownDivergence],
    verdicts: Iterable[VerdictRecord],
    all_cases: Iterable[str],
    implementations: Iterable[str],
    probes: Iterable[str] = (),
) -> list[str]:
    """Return a line for each entry that matches nothing, or is about nothing though it all ran.

    One that speaks of probes alone is about measurements, and never the latter. Where nothing was
    judged, nothing was mended; and what is there but not explained fails by itself.
    """
    all_cases, implementations, probes = list(all_cases), list(implementations), list(probes)
    by_name: dict[str, list[VerdictRecord]] = {}
    for record in verdicts:
        by_name.setdefault(record.name, []).append(record)
    lines = []
    for entry in known:
        own = by_name.get(entry.implementation, ())
        concerned = [record for record in own if entry.concerns(record, record.case)]
        expected = {case for case in all_cases if entry.covers(case)}
        name = f"known divergence of {entry.implementation}, {', '.join(entry.cases)}"
        if entry.implementation not in implementations:
            lines.append(f"{name}: matches no implementation")
        elif not expected:
            if not any(map(entry.covers, probes)):
                lines.append(f"{name}: matches no case")
        elif (
            {record.case for record in concerned} == expected
            and any(record.verdict.judged for record in concerned)
            and not any(map(entry.is_about, concerned))
        ):
            lines.append(f"{name}: nothing violates any more; remove the entry ({entry.what})")
    return lines


def _fits(version: str, specifier: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not specifier
