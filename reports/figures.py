"""How often each verdict was reached, and how far each tensor is from its bound."""

import math
from dataclasses import dataclass

from records.file import Run
from records.schema import VerdictRecord
from records.verdict import Verdict
from reports.evidence import error_key, verdict_counts
from reports.text import log_figure

INPUTS = ("dy", "gamma", "beta", "previous_mean", "previous_var", "x")
LABELS = {name: f"{name} after the call" for name in INPUTS}
"""Tensors that an adapter may leave out, and what the figures call them."""


@dataclass(frozen=True)
class StripRow:
    """One verdict and how often each target reached it."""

    verdict: Verdict
    counts: tuple[int, ...]


@dataclass(frozen=True)
class HeatCell:
    """How far one tensor of one target is from its bound.

    `worst` is the largest finite error/bound, None where there is none; `log` is its log10 as
    text; `level` names the colour; `verdicts` counts the verdicts that have an error/bound. The
    `undecided` ones are among these and in no other figure.
    """

    target: str
    worst: float | None
    log: str
    infinite: int
    not_a_number: int
    verdicts: int
    level: str
    undecided: int = 0


@dataclass(frozen=True)
class HeatRow:
    """One tensor and its cells."""

    tensor: str
    cells: tuple[HeatCell, ...]

    @property
    def label(self) -> str:
        """What the row is called where the tensor's own name would mislead."""
        return LABELS.get(self.tensor, "")


def strip_of(run: Run) -> tuple[StripRow, ...]:
    """Count the verdicts of each target, the plainest first."""
    rows: dict[str, list[VerdictRecord]] = {target.target: [] for target in run.targets}
    for row in run.verdicts:
        rows[row.target].append(row)
    counts = [verdict_counts(own) for own in rows.values()]
    return tuple(StripRow(verdict, tuple(own[verdict] for own in counts)) for verdict in Verdict)


def heat_of(run: Run) -> tuple[HeatRow, ...]:
    """Return the worst error/bound of each tensor of each target.

    A tensor that adapters may leave out has a row where one reports it, the last.
    """
    told: dict[tuple[str, str], list[VerdictRecord]] = {}
    for row in run.verdicts:
        if row.error_over_bound is not None:
            told.setdefault((row.tensor, row.target), []).append(row)
    names = dict.fromkeys([*run.header.tensors, *(tensor for tensor, _ in told)])
    for name in [name for name in LABELS if name in names]:
        del names[name]
        if any(tensor == name for tensor, _ in told):
            names[name] = None
    targets = [target.target for target in run.targets]
    return tuple(
        HeatRow(name, tuple(_heat_cell(target, told.get((name, target), [])) for target in targets))
        for name in names
    )


def heat_level(error: float | None) -> str:
    """Name the colour of an error/bound: `exact`, `below-…`, `above-…`, `infinite` or `none`."""
    if error is None:
        return "none"
    if not math.isfinite(error):
        return "infinite"
    if error == 0:
        return "exact"
    if error <= 1:
        return "below-3" if error <= 0.01 else "below-2" if error <= 0.1 else "below-1"
    for level, limit in (("above-1", 10), ("above-2", 1e3), ("above-3", 1e6)):
        if error <= limit:
            return level
    return "above-4"


def _heat_cell(target: str, rows: list[VerdictRecord]) -> HeatCell:
    decided = [row for row in rows if row.verdict is not Verdict.UNDECIDED]
    errors = [row.error_over_bound for row in decided if row.error_over_bound is not None]
    finite = [error for error in errors if math.isfinite(error)]
    worst = max(finite, default=None)
    return HeatCell(
        target=target,
        worst=worst,
        log="" if worst is None else "exact" if worst == 0 else log_figure(worst),
        infinite=sum(map(math.isinf, errors)),
        not_a_number=sum(map(math.isnan, errors)),
        verdicts=len(rows),
        level=heat_level(max(errors, key=error_key, default=None)),
        undecided=len(rows) - len(decided),
    )
