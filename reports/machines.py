"""Implementations on machines of other kinds: which verdicts are not those of the usual run."""

import math
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from records.file import Run
from records.hypothesis import UNDETERMINED
from records.pieces import Kernels
from reports.text import count, option_name

ABSENT = "no answer"
MEASUREMENT = "measurement"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One verdict, or one measured convention, that is another under a setting.

    `tensor` is "" for a whole case that was not answered in one of the two; the gravest verdict of
    the other stands against that. A measurement has `MEASUREMENT` as its case and its convention,
    with the dtype, as its tensor. `usual` and `here` are the two in words, `reason` is what is
    documented of it, "" where nothing is.
    """

    case: str
    tensor: str
    step: int
    usual: str
    here: str
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One target under one setting, held against its usual run.

    Of its verdicts and measurements `compared` were held against each other. `moved` counts the
    error figures that are not bit for bit the usual ones: where it is 0, the setting did nothing
    that is seen. `farthest` is the largest move of a figure that is within its bound in both, in
    bounds. `instructions` are what the framework says that it computes with, "" where it says
    nothing.
    """

    setting: str
    target: str
    compared: int
    moved: int
    farthest: float
    instructions: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What a run of all settings found; `docs/machines.json` is one.

    `settings` say in words what each one sets, `left_out` why one was not run, and `stale` has a
    line for each documented reason that applies to nothing. `versions` are by target. `python` and
    `numpy` are the host's.
    """

    date: str
    system: str
    python: str
    numpy: str
    cpu: str
    instructions: tuple[str, ...]
    cores: int
    versions: dict[str, str]
    settings: dict[str, str]
    left_out: dict[str, str] = field(default_factory=dict)
    rows: tuple[Compared, ...] = ()
    stale: tuple[str, ...] = ()

    @property
    def unexplained(self) -> int:
        """How many verdicts differ without a documented reason."""
        return sum(not one.reason for row in self.rows for one in row.differences)


def machines_of(usual: Run, settings: dict[str, str]) -> Machines:
    """Return what is known before any setting has run."""
    kernels = next((one.kernels for one in usual.targets if one.kernels), None)
    kernels = kernels or Kernels(cpu=usual.header.machine.cpu, cores=0, threads=0)
    return Machines(
        date=usual.header.started[:10],
        system=f"{platform.system()} {platform.machine()}",  # and nothing of the kernel
        python=usual.header.machine.python,
        numpy=usual.header.machine.numpy,
        cpu=kernels.cpu,
        instructions=kernels.instructions,
        cores=kernels.cores,
        versions={
            one.target: " ".join(f"{name} {number}" for name, number in one.versions.items())
            for one in usual.targets
        },
        settings=settings,
    )


def compare(setting: str, usual: Run, here: Run) -> tuple[Compared, ...]:
    """Hold what the targets answered under a setting against their usual run."""
    before, after = _told(usual), _told(here)
    rows = []
    for target in here.targets:
        was, now = before.get(target.target, {}), after.get(target.target, {})
        moves = list(_moves(was, now))
        rows.append(
            Compared(
                setting=setting,
                target=target.target,
                compared=len(was | now),
                moved=len(moves),
                farthest=max(filter(math.isfinite, moves), default=0.0),
                instructions=target.kernels.instructions_reported if target.kernels else "",
                differences=tuple(_differences(was, now)),
            )
        )
    return tuple(rows)


Place = tuple[str, str, int]
Told = dict[Place, tuple[str, int, float | None]]
"""The word, its gravity and the error in bounds, by case, tensor and step."""


def _told(run: Run) -> dict[str, Told]:
    """Return what is said of each target; a violation that is known is another word than one that
    is not, since it decides the exit status."""
    found: dict[str, Told] = {one.target: {} for one in run.targets}
    for row in run.verdicts:
        word = f"{row.verdict}, known" if row.known else str(row.verdict)
        told = word, row.verdict.gravity, row.error_over_bound
        found.setdefault(row.target, {})[row.case, row.tensor, row.step] = told
    for one in run.measured:
        option = UNDETERMINED if one.option is None else option_name(one.option)
        word = option if one.agrees else f"{option}, against the declaration"
        word += ", known" if one.known else ""
        place = MEASUREMENT, f"{one.field} in {one.dtype}", 0  # whichever probe it was seen in
        found.setdefault(one.target, {})[place] = word, 0, None
    return found


def _moves(was: Told, now: Told) -> Iterator[float]:
    """Yield by how much each error figure moved; not a number where one is outside its bound."""
    for place in was.keys() & now.keys():
        before, after = was[place][2], now[place][2]
        if before != after:
            if before is None or after is None or max(before, after) > 1:
                yield math.nan
            else:
                yield abs(after - before)


def _differences(was: Told, now: Told) -> Iterator[Difference]:
    refused = {case for told in (was, now) for case, tensor, _ in told if not tensor}
    was, now = (_with_whole(told, refused) for told in (was, now))
    for place in dict.fromkeys([*was, *now]):
        usual, here = (told[place][0] if place in told else ABSENT for told in (was, now))
        if usual != here:
            case, tensor, step = place
            yield Difference(case=case, tensor=tensor, step=step, usual=usual, here=here)


def _with_whole(told: Told, cases: set[str]) -> Told:
    """Return what is told, with one word, the gravest, for all of each of these cases."""
    found: Told = {}
    for (case, tensor, step), one in told.items():
        place = (case, "", 0) if case in cases else (case, tensor, step)
        if place not in found or one[1] > found[place][1]:
            found[place] = one
    return found


def as_markdown(machines: Machines) -> str:
    """Return the table setting × target, and below it each verdict that differs."""
    targets = list(machines.versions)
    rows = {(row.setting, row.target): row for row in machines.rows}
    lines = [f"| setting | {' | '.join(targets)} |", f"|---|{'---|' * len(targets)}"]
    for name in machines.settings:
        cells = [_cell(rows.get((name, target))) for target in targets]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    lines += [""] + [f"- `{name}`: {what}" for name, what in machines.settings.items()]
    lines += [f"- `{name}` was not run: {why}" for name, why in machines.left_out.items()]
    lines += ["", *differences_of(machines.rows)]
    lines += [f"- stale: {line}" for line in machines.stale]
    return "\n".join(lines).rstrip() + "\n"


def differences_of(rows: Iterable[Compared]) -> list[str]:
    """Return a line for each verdict that differs, with its reason."""
    return [
        f"- `{row.setting}`, {row.target}, `{one.case}`, step {one.step}, "
        f"{one.tensor or 'all of it'}: {one.usual} → {one.here}: "
        f"{one.reason or 'no reason is documented'}"
        for row in rows
        for one in row.differences
    ]


def summary_of(row: Compared) -> str:
    """Return one comparison in words."""
    moved = f"{count(row.moved, 'error figure')} moved, by {row.farthest:.2g} of a bound at most"
    unlike = len(row.differences)
    return (
        f"{row.target}: {unlike:,} of {count(row.compared, 'verdict')} not the usual; "
        f"{moved if row.moved else 'no error figure moved'}"
    )


def _cell(row: Compared | None) -> str:
    if row is None:
        return ""
    unlike = len(row.differences)
    verdicts = f"**{unlike} of {row.compared:,} differ**" if unlike else f"{row.compared:,} same"
    moved = f"{row.moved:,} moved" + (f" ≤ {row.farthest:.2g}" if row.moved else "")
    return "; ".join(filter(None, [verdicts, moved, row.instructions]))
