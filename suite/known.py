"""Known divergences: violations that are understood, each with its reason, condition and figure.

`known_divergences/` holds a file for each implementation, with one `[[known]]` table an entry:

implementation  its name; `version`, a PEP 440 specifier, `device` and `mode` narrow it down
cases           patterns of case ids, `*` for anything
tensors         the tensors concerned; "" is a step that was not answered, and the name of a
                convention its measurement, where that is known to contradict the declaration
up_to           the largest error / bound that this entry explains
what            what in the framework's arithmetic does it
upstream        a link, or "not reported upstream"

A violation that an entry explains does not fail. An entry whose cases all ran on its target
without a violation is unfit, and fails the run: a framework was mended, or the entry is wrong.
"""

import json
import math
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

EXPLAINABLE = ("violates", "raised")
UNTOLD = ("declined", "unavailable")
"""Verdicts that say nothing of a layer: a target that has no other leaves every entry fit."""
FOLDER = Path(__file__).parent.parent / "test_cases" / "known_divergences"


@dataclass(frozen=True)
class Known:
    """One entry of the file."""

    implementation: str
    cases: tuple[str, ...]
    tensors: tuple[str, ...]
    up_to: float
    what: str
    upstream: str
    version: str = ""
    device: str = "*"
    mode: str = "*"

    def concerns(self, record: dict) -> bool:
        """Say whether a verdict record is of this entry's target and cases."""
        return (
            name_of(record["implementation"]) == self.implementation
            and fnmatchcase(record["device"], self.device)
            and fnmatchcase(record["mode"], self.mode)
            and _fits(record["version"], self.version)
            and self.covers(record["case"])
        )

    def covers(self, case: str) -> bool:
        return any(fnmatchcase(case, pattern) for pattern in self.cases)

    def explains(self, record: dict) -> bool:
        """Say whether this entry explains a violation."""
        return (
            record["verdict"] in EXPLAINABLE
            and self.concerns(record)
            and record["tensor"] in self.tensors
            and float(record["error_over_bound"] or 0) <= self.up_to
        )


def read_known(path: Path = FOLDER) -> tuple[Known, ...]:
    """Read the entries of a file, or of every file of a folder.

    Raises ValueError for a key that is missing or unknown.
    """
    if path.is_dir():
        return tuple(one for file in sorted(path.glob("*.toml")) for one in read_known(file))
    known = []
    valid = {field.name for field in fields(Known)}
    for number, entry in enumerate(tomllib.loads(path.read_text("utf-8")).get("known", []), 1):
        if wrong := entry.keys() - valid:
            raise ValueError(f"{path.name}, entry {number}: unknown key {', '.join(wrong)}")
        try:
            SpecifierSet(entry.get("version", ""))
            for name in ("cases", "tensors"):
                if not isinstance(entry[name], list):
                    raise TypeError(f"{name} is no list")
            lists = {name: tuple(entry[name]) for name in ("cases", "tensors")}
            known.append(Known(**{**entry, **lists}))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name}, entry {number}: {error}") from None
    return tuple(known)


def mark_known(records: Iterable[dict], known: Iterable[Known]) -> None:
    """Add `known`, the reason and the link, to every verdict record that an entry explains."""
    for record in records:
        for entry in known:
            if record["kind"] in ("verdict", "measured") and entry.explains(record):
                record["known"] = {"what": entry.what, "upstream": entry.upstream}
                break


def unfit(
    known: Iterable[Known],
    verdicts: list[dict],
    all_cases: Iterable[str],
    implementations: Iterable[str],
    probes: Iterable[str] = (),
) -> list[str]:
    """Return a line for each entry that matches nothing, or explains nothing though it all ran.

    One that speaks of probes alone is about measurements, and never the latter.
    """
    all_cases, implementations = list(all_cases), list(implementations)
    lines = []
    for entry in known:
        concerned = [record for record in verdicts if entry.concerns(record)]
        expected = {case for case in all_cases if entry.covers(case)}
        name = f"known divergence of {entry.implementation}, {', '.join(entry.cases)}"
        if entry.implementation not in implementations:
            lines.append(f"{name}: matches no implementation")
        elif not expected:
            if not any(map(entry.covers, probes)):
                lines.append(f"{name}: matches no case")
        elif (
            {record["case"] for record in concerned} == expected
            and any(record["verdict"] not in UNTOLD for record in concerned)
            and not any(map(entry.explains, concerned))
        ):
            lines.append(f"{name}: nothing violates any more; remove the entry ({entry.what})")
    return lines


def write_known(path: Path, verdicts: Iterable[dict]) -> int:
    """Append an entry for each violation that is not known, ready to commit; return how many.

    Cases that violate in the same tensors share an entry. `what` is the convention that would
    explain the worst of them, or its message: whoever commits the entry says it better.
    """
    found: dict[tuple, dict[str, list[dict]]] = {}
    for record in verdicts:
        if record["verdict"] in EXPLAINABLE and "known" not in record:
            place = tuple(record[name] for name in ("implementation", "version", "device", "mode"))
            found.setdefault(place, {}).setdefault(record["case"], []).append(record)
    entries = []
    for (implementation, version, device, mode), cases in found.items():
        alike: dict[tuple[str, ...], list[str]] = {}
        for case, records in cases.items():
            tensors = tuple(dict.fromkeys(record["tensor"] for record in records))
            alike.setdefault(tensors, []).append(case)
        for tensors, names in alike.items():
            worst = max((record for name in names for record in cases[name]), key=_error)
            entries.append(
                {
                    "implementation": name_of(implementation),
                    "version": _exactly(version),
                    "device": device,
                    "mode": mode,
                    "cases": list(map(_literal, names)),
                    "tensors": list(tensors),
                    "up_to": _rounded_up(_error(worst)),
                    "what": ", ".join(worst.get("diagnosis", []))
                    or f"not understood yet: {worst['message']}",
                    "upstream": "not reported upstream",
                }
            )
    with path.open("a", encoding="utf-8") as file:
        for entry in entries:
            lines = (f"{key} = {_toml(value)}\n" for key, value in entry.items())
            file.write(f"\n[[known]]\n{''.join(lines)}")
    return len(entries)


def name_of(label: str) -> str:
    """Return the implementation's name from a label that may ask for a version."""
    return re.split(r"[^A-Za-z0-9_-]", label, maxsplit=1)[0]


def _error(record: dict) -> float:
    return float(record["error_over_bound"] or 0)


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
