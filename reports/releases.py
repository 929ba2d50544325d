"""What changed from one version of an implementation to the next: conventions, and verdicts."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from packaging.version import InvalidVersion, Version

from records.file import Run
from records.schema import MeasuredRecord, TargetRecord, VerdictRecord
from records.verdict import Verdict
from reports.evidence import gravest
from reports.targets import place_of
from reports.text import count, option_name

ABSENT = "no answer"


@dataclass(frozen=True)
class Change:
    """One thing that is another in the newer version: what it was, what it is, and where.

    `what` is a convention with its dtype, or tensors ("" for all of a case that one of the two did
    not answer). `cases` are those whose verdict changed, none for a convention, and `how` says of
    a convention whether it was measured or declared.
    """

    what: str
    before: str
    after: str
    how: str
    cases: tuple[str, ...] = ()
    field: str = ""

    @property
    def sentence(self) -> str:
        """The change in words."""
        what = self.what or "all of it"
        where = f" in {count(len(self.cases), 'case')}" if self.cases else f", {self.how}"
        return f"{what}: {self.before} → {self.after}{where}"


@dataclass(frozen=True)
class Release:
    """Two neighbouring versions of one implementation, on one device in one mode.

    `older` and `newer` are the names of their targets. Only what both answered is compared.
    """

    implementation: str
    place: str
    before: str
    after: str
    older: str
    newer: str
    conventions: tuple[Change, ...]
    verdicts: tuple[Change, ...]

    @property
    def heading(self) -> str:
        return f"{self.implementation} {self.before} → {self.after} ({self.place})"


def releases_of(run: Run) -> tuple[Release, ...]:
    """Return every step from a version to the next that the run has, oldest first.

    A version that two targets have is told of the first.
    """
    series: dict[tuple[str, str], dict[str, TargetRecord]] = {}
    for target in run.targets:
        if target.version and not target.broken:
            versions = series.setdefault((target.name, place_of(target)), {})
            versions.setdefault(target.version, target)
    verdicts = _verdicts(run.verdicts)
    measured = _measured(run.measured)
    found = []
    for (name, place), versions in series.items():
        for before, after in itertools.pairwise(sorted(versions, key=_order)):
            was, now = versions[before], versions[after]
            older, newer = was.target, now.target
            conventions = _conventions(measured.get(older, {}), measured.get(newer, {}), "measured")
            told = {change.field for change in conventions}
            declared = _conventions(_options(was), _options(now), "declared")
            conventions += [change for change in declared if change.field not in told]
            changed = _changed(verdicts.get(older, {}), verdicts.get(newer, {}))
            ends = (name, place, before, after, older, newer)
            found.append(Release(*ends, tuple(conventions), tuple(changed)))
    return tuple(found)


def as_markdown(releases: Iterable[Release]) -> str:
    """Return the releases as a Markdown list under a heading each, without the unchanged ones."""
    lines = []
    for release in releases:
        changes = [*release.conventions, *release.verdicts]
        lines += ["", f"## {release.heading}", ""]
        for change in changes:
            lines.append(f"- {change.sentence}")
            lines += [f"  - `{case}`" for case in change.cases]
        if not changes:
            lines.append("Nothing changed.")
    return "\n".join(lines[1:]) + "\n" if lines else ""


def _order(version: str) -> tuple:
    try:
        return (1, Version(version))
    except InvalidVersion:
        return (0, version)


def _verdicts(rows: Iterable[VerdictRecord]) -> dict[str, dict[str, dict[str, Verdict]]]:
    """Return the gravest verdict over its steps by target, case and tensor."""
    found: dict[str, dict[str, dict[str, Verdict]]] = {}
    for row in rows:
        own = found.setdefault(row.target, {}).setdefault(row.case, {})
        own[row.tensor] = gravest([own.get(row.tensor, row.verdict), row.verdict])
    return found


def _changed(before: dict, after: dict) -> list[Change]:
    """Compare verdicts, as far as both versions ran the case.

    Cases that changed in the same way are told together, with all tensors concerned. Where one
    version refused the case, its word stands against the gravest of what the other answered.
    """
    groups: dict[tuple[str, str, bool], dict[str, list[str]]] = {}
    for case in before:
        was, now = before[case], after.get(case)
        if now is None:
            continue
        whole = "" in was or "" in now
        if whole:
            was, now = ({"": own.get("") or gravest(own.values())} for own in (was, now))
        for tensor in dict.fromkeys([*was, *now]):
            ends = was.get(tensor, ABSENT), now.get(tensor, ABSENT)
            if ends[0] != ends[1]:
                groups.setdefault((*ends, whole), {}).setdefault(case, []).append(tensor)
    return [
        Change(_union(cases.values()), was, now, "judged", tuple(cases))
        for (was, now, _), cases in groups.items()
    ]


def _union(tensors: Iterable[list[str]]) -> str:
    return ", ".join(dict.fromkeys(itertools.chain.from_iterable(tensors)))


def _measured(records: Iterable[MeasuredRecord]) -> dict[str, dict[tuple[str, str], str]]:
    """Return what was measured and decided, by target, field and dtype."""
    found: dict[str, dict[tuple[str, str], str]] = {}
    for record in records:
        if record.option is not None:
            own = found.setdefault(record.target, {})
            own[record.field, record.dtype] = option_name(record.option)
    return found


def _options(target: TargetRecord) -> dict[tuple[str, str], str]:
    return {(one.field, ""): option_name(one.option) for one in target.conventions}


def _conventions(before: dict, after: dict, how: str) -> list[Change]:
    """Compare conventions; what only one version declares was canonical in the other."""
    changes = []
    for name, dtype in dict.fromkeys([*before, *after]):
        was, now = (side.get((name, dtype), "") for side in (before, after))
        if was == now or (how == "measured" and not (was and now)):
            continue
        what = f"{name} in {dtype}" if dtype else name
        changes.append(Change(what, was or "nothing", now or "nothing", how, field=name))
    return changes
