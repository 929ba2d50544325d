"""Known divergences: violations that are understood, each with its reason, condition and figure.

`test_cases/known_divergences/` has a file for each implementation, with one `[[known]]` table an
entry:

implementation  its name; `version`, a PEP 440 specifier, `device` and `mode` narrow it down
cases           patterns of ids of cases and probes, `*` for anything
tensors         the tensors concerned; "" is a step that was not answered, and the name of a
                convention its measurement, where that is known to contradict the declaration
up_to           the largest error / bound that this entry explains
what            what in the framework's arithmetic does it
upstream        a link, or "not reported upstream"

What an entry explains does not fail. An entry whose cases all ran on its target without a violation
is unfit, and fails the run: a framework was mended, or the entry is wrong.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TypeVar

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from records.pieces import Known
from records.schema import MeasuredRecord, OfTarget, VerdictRecord

FOLDER = Path(__file__).parent.parent / "test_cases" / "known_divergences"

Told = TypeVar("Told", VerdictRecord, MeasuredRecord)


@dataclass(frozen=True)
class KnownDivergence:
    """One entry of a file."""

    implementation: str
    cases: tuple[str, ...]
    tensors: tuple[str, ...]
    up_to: float
    what: str
    upstream: str
    version: str = ""
    device: str = "*"
    mode: str = "*"

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

    def explains(self, record: VerdictRecord | MeasuredRecord) -> bool:
        """Say whether this entry explains a violation, or a measurement against a declaration."""
        if isinstance(record, MeasuredRecord):
            wrong, case, tensor = not record.agrees, record.probe, record.field
            error = record.excluded.get(str(record.declared))
        else:
            wrong, case, tensor = record.verdict.diagnosed, record.case, record.tensor
            error = record.error_over_bound
        return (
            wrong
            and tensor in self.tensors
            and self.concerns(record, case)
            and (error or 0) <= self.up_to
        )


def read_known(path: Path = FOLDER) -> tuple[KnownDivergence, ...]:
    """Read the entries of a file, or of every file of a folder.

    Raises ValueError for a key that is missing or unknown.
    """
    if path.is_dir():
        return tuple(one for file in sorted(path.glob("*.toml")) for one in read_known(file))
    known = []
    valid = {field.name for field in fields(KnownDivergence)}
    for number, entry in enumerate(tomllib.loads(path.read_text("utf-8")).get("known", []), 1):
        if wrong := entry.keys() - valid:
            raise ValueError(f"{path.name}, entry {number}: unknown key {', '.join(wrong)}")
        try:
            SpecifierSet(entry.get("version", ""))
            for name in ("cases", "tensors"):
                if not isinstance(entry[name], list):
                    raise TypeError(f"{name} is no list")
            lists = {name: tuple(entry[name]) for name in ("cases", "tensors")}
            known.append(KnownDivergence(**{**entry, **lists}))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name}, entry {number}: {error}") from None
    return tuple(known)


def with_known(records: Iterable[Told], known: Sequence[KnownDivergence]) -> list[Told]:
    """Return the records, each with the first known divergence that explains it."""
    return [
        next(
            (
                replace(record, known=Known(what=entry.what, upstream=entry.upstream))
                for entry in known
                if entry.explains(record)
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
    """Return a line for each entry that matches nothing, or explains nothing though it all ran.

    One that speaks of probes alone is about measurements, and never the latter. Where nothing was
    judged, nothing was mended.
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
            and not any(map(entry.explains, concerned))
        ):
            lines.append(f"{name}: nothing violates any more; remove the entry ({entry.what})")
    return lines


def write_known(path: Path, verdicts: Iterable[VerdictRecord]) -> int:
    """Append an entry for each violation that is not known, ready to commit; return how many.

    Cases that violate in the same tensors share an entry. `what` is the hypothesis that would
    explain the worst of them, or its message: whoever commits the entry says it better.
    """
    found: dict[tuple, dict[str, list[VerdictRecord]]] = {}
    for record in verdicts:
        if record.verdict.diagnosed and not record.known:
            place = (record.name, record.version, record.device, record.mode)
            found.setdefault(place, {}).setdefault(record.case, []).append(record)
    entries = []
    for (implementation, version, device, mode), cases in found.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for case, records in cases.items():
            tensors = tuple(dict.fromkeys(record.tensor for record in records))
            alike.setdefault(tensors, []).append(case)
        for tensors, names in alike.items():
            worst = max((record for name in names for record in cases[name]), key=_error)
            entries.append(
                {
                    "implementation": implementation,
                    "version": _exactly(version),
                    "device": device,
                    "mode": mode,
                    "cases": list(map(_literal, names)),
                    "tensors": list(tensors),
                    "up_to": _rounded_up(_error(worst)),
                    "what": ", ".join(one.name for one in worst.diagnosis)
                    or f"not understood yet: {worst.message}",
                    "upstream": "not reported upstream",
                }
            )
    with path.open("a", encoding="utf-8") as file:
        for entry in entries:
            lines = (f"{key} = {_toml(value)}\n" for key, value in entry.items())
            file.write(f"\n[[known]]\n{''.join(lines)}")
    return len(entries)


def _error(record: VerdictRecord) -> float:
    return record.error_over_bound or 0.0


def _rounded_up(value: float) -> float:
    """Round up to two digits, so that another machine's last bit does not matter."""
    if not 0 < value < math.inf:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return max(float(f"{math.ceil(value / unit) * unit:.3g}"), value)


def _exactly(version: str) -> str:
    try:
        return f"=={Version(version).public}"
    except InvalidVersion:
        return ""


def _literal(case: str) -> str:
    """Return the pattern that matches this case id alone."""
    return re.sub(r"([*?\[])", r"[\1]", case)


def _toml(value) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, float):
        return repr(value)
    text = json.dumps(value.encode("utf-8", "replace").decode(), ensure_ascii=False)
    return text.replace("\x7f", "\\u007f")


def _fits(version: str, specifier: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not specifier
