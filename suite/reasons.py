"""Why a verdict is another on another machine: what is documented of it, entry by entry.

`test_cases/machines.toml` has a `[[reason]]` table for each:

implementation  its name
settings        patterns of names of `suite.machines.SETTINGS`, `*` for anything
cases           patterns of ids of cases; "measurement" is that of a convention
tensors         patterns of the tensors concerned; "" is a whole case that was not answered, and of
                a measurement it is the convention with its dtype, as in "arithmetic in float16"
here            the verdicts, or the options, that are reached there in place of the usual one
what            what in the framework's arithmetic does it

An entry that explains nothing in a run of everything is stale.
"""

import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path

from records.schema import TargetRecord
from reports.machines import Compared, Difference, Machines

LISTS = ("settings", "cases", "tensors", "here")
FILE = Path(__file__).parent.parent / "test_cases" / "machines.toml"


@dataclass(frozen=True)
class Reason:
    """One entry of the file."""

    implementation: str
    settings: tuple[str, ...]
    cases: tuple[str, ...]
    tensors: tuple[str, ...]
    here: tuple[str, ...]
    what: str

    def explains(self, implementation: str, setting: str, one: Difference) -> bool:
        return (
            implementation == self.implementation
            and _matches(setting, self.settings)
            and _matches(one.case, self.cases)
            and _matches(one.tensor, self.tensors)
            and one.here in self.here
        )

    @property
    def name(self) -> str:
        """How a message names the entry."""
        return f"{self.implementation}, {', '.join(self.settings)}, {', '.join(self.cases)}"


def read_reasons(path: Path = FILE) -> tuple[Reason, ...]:
    """Read the file. Raises ValueError for a key that is missing, unknown or of another form."""
    found = []
    valid = {one.name for one in fields(Reason)}
    for number, entry in enumerate(tomllib.loads(path.read_text("utf-8")).get("reason", []), 1):
        if entry.keys() != valid:
            wrong = ", ".join(sorted(entry.keys() ^ valid))
            raise ValueError(f"{path.name}, entry {number}: a missing or unknown key: {wrong}")
        for name in LISTS:
            if not isinstance(entry[name], list):
                raise ValueError(f"{path.name}, entry {number}: {name} is no list")
        lists = {name: tuple(entry[name]) for name in LISTS}
        found.append(Reason(**{**entry, **lists}))
    return tuple(found)


def with_reasons(
    rows: Iterable[Compared], targets: Iterable[TargetRecord], reasons: Sequence[Reason]
) -> tuple[Compared, ...]:
    """Return the comparisons, each difference with the first reason that explains it."""
    names = {one.target: one.name for one in targets}

    def reason(row: Compared, one: Difference) -> Difference:
        fit = (each for each in reasons if each.explains(names[row.target], row.setting, one))
        found = next(fit, None)
        return replace(one, reason=found.what) if found else one

    return tuple(
        replace(row, differences=tuple(reason(row, one) for one in row.differences)) for row in rows
    )


def stale(
    reasons: Iterable[Reason], machines: Machines, targets: Iterable[TargetRecord]
) -> tuple[str, ...]:
    """Return a line for each reason that explains no difference of a run of all settings and cases.

    One of an implementation or a setting that did not run says nothing.
    """
    ran = {one.name for one in targets}
    used = {each.reason for row in machines.rows for each in row.differences}
    return tuple(
        f"{one.name}: no verdict differs; remove the entry ({one.what})"
        for one in reasons
        if one.implementation in ran
        and one.what not in used
        and not any(_matches(name, one.settings) for name in machines.left_out)
    )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
