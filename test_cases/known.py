"""Known divergences: violations that are understood, each with its reason, condition and figure.

`known_divergences.toml` holds one `[[known]]` table an entry:

implementation  its name; `version`, a PEP 440 specifier, and `device` narrow it down
cases           patterns of case ids, `*` for anything
tensors         the tensors concerned; "" is a step that was not answered
up_to           the largest error / bound that this entry explains
what            what in the framework's arithmetic does it
upstream        a link, or "not reported upstream"

A violation that an entry explains does not fail. An entry whose cases all ran on its target
without a violation is unfit, and fails the run: a framework was mended, or the entry is wrong.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase
from pathlib import Path

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

FILE = Path(__file__).parent / "known_divergences.toml"


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

    def concerns(self, record: dict) -> bool:
        """Say whether a verdict record is of this entry's target and cases."""
        return (
            record["implementation"].partition("==")[0] == self.implementation
            and fnmatchcase(record["device"], self.device)
            and _fits(record["version"], self.version)
            and self.covers(record["case"])
        )

    def covers(self, case: str) -> bool:
        return any(fnmatchcase(case, pattern) for pattern in self.cases)

    def explains(self, record: dict) -> bool:
        """Say whether this entry explains a violation."""
        return (
            record["verdict"] in ("violates", "raised")
            and self.concerns(record)
            and record["tensor"] in self.tensors
            and float(record["error_over_bound"] or 0) <= self.up_to
        )


def read_known(path: Path = FILE) -> tuple[Known, ...]:
    """Read the entries. Raises ValueError for a key that is missing or unknown."""
    known = []
    valid = {field.name for field in fields(Known)}
    for number, entry in enumerate(tomllib.loads(path.read_text("utf-8")).get("known", []), 1):
        if wrong := entry.keys() - valid:
            raise ValueError(f"{path.name}, entry {number}: unknown key {', '.join(wrong)}")
        try:
            SpecifierSet(entry.get("version", ""))
            lists = {name: tuple(entry[name]) for name in ("cases", "tensors")}
            known.append(Known(**{**entry, **lists}))
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path.name}, entry {number}: {error}") from None
    return tuple(known)


def mark_known(records: Iterable[dict], known: Iterable[Known]) -> None:
    """Add `known`, the reason and the link, to every verdict record that an entry explains."""
    for record in records:
        for entry in known:
            if record["kind"] == "verdict" and entry.explains(record):
                record["known"] = {"what": entry.what, "upstream": entry.upstream}
                break


def unfit(known: Iterable[Known], verdicts: list[dict], all_cases: Iterable[str]) -> list[str]:
    """Return a line for each entry that explained nothing though all of its cases ran."""
    all_cases = list(all_cases)
    lines = []
    for entry in known:
        concerned = [record for record in verdicts if entry.concerns(record)]
        expected = {case for case in all_cases if entry.covers(case)}
        name = f"known divergence of {entry.implementation}, {', '.join(entry.cases)}"
        if not expected:
            lines.append(f"{name}: matches no case")
        elif {record["case"] for record in concerned} == expected and not any(
            map(entry.explains, concerned)
        ):
            lines.append(f"{name}: nothing violates any more; remove the entry ({entry.what})")
    return lines


def _fits(version: str, specifier: str) -> bool:
    try:
        return SpecifierSet(specifier).contains(Version(version), prereleases=True)
    except InvalidVersion:
        return not specifier
