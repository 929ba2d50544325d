"""The convention matrix: what each target does, measured or declared, and where they part."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from records.file import Run
from records.hypothesis import UNDETERMINED
from records.pieces import ConventionMeaning, Declared
from records.schema import TargetRecord, VerdictRecord
from reports.evidence import fields_of
from reports.measured import MeasuredView, differing, promise, shown_of, typeset
from reports.text import option_name, option_text

GROUPS = {
    "values": "what the tensors are",
    "defaults": "what a bare constructor means",
    "behaviour": "what happens at the edges",
    "bound": "how exact the numbers are",
}
LABELS = {"bound": "rounding"}
"""What a group is called on the page, where its own name says too little."""


@dataclass(frozen=True)
class Cell:
    """What one target does under one convention, and how that is known.

    `origin` is "measured", "undetermined" (the probes cannot decide; `reason` says why),
    "declared", "canonical" (nothing else declared) or "" (unknown). `differing` is what was
    measured otherwise in other dtypes. `side` counts the options of a row without a
    majority from 1, so that cells that agree look alike; it is 0 elsewhere. `confirmed` are the
    ids of the cases whose values depend on it and came out as it says.
    """

    target: str
    option: str
    text: str
    origin: str
    declared: str
    source: str
    assumed: bool = False
    outlier: bool = False
    mismatch: bool = False
    side: int = 0
    reason: str = ""
    measured: tuple[MeasuredView, ...] = ()
    differing: tuple[MeasuredView, ...] = ()
    confirmed: tuple[str, ...] = ()

    @property
    def vote(self) -> str:
        """The option that counts for a majority: none where the probes cannot decide."""
        return "" if self.origin == UNDETERMINED else self.option

    @property
    def promise(self) -> str:
        """The declared option, or the one that the suite assumes, in words."""
        if self.assumed:
            return promise(self.declared, assumed=True)
        return f"declared: {typeset(self.declared)}"

    @property
    def hover(self) -> str:
        """How it is known, in a few lines."""
        if self.measured:
            return "\n".join(item.line for item in self.measured)
        known = {"declared": "declared, not measured", "canonical": "not measured"}
        return ": ".join(filter(None, [known.get(self.origin, ""), self.source]))


@dataclass(frozen=True)
class MatrixRow:
    """One convention: its question, its options and a cell for each target."""

    field: str
    question: str
    changes: str
    canonical: str
    options: tuple[tuple[str, str], ...]
    majority: str
    cells: tuple[Cell, ...]

    @property
    def parted(self) -> bool:
        """Whether the targets differ here, or one differs from what it declares, in any dtype.

        One target alone is held against the canonical option.
        """
        options = {cell.vote for cell in self.cells if cell.vote}
        if len(self.cells) == 1:
            options.add(self.canonical)
        told = [[(item.dtype, item.option) for item in cell.differing] for cell in self.cells]
        wrong = any(item.mismatch for cell in self.cells for item in cell.measured)
        return len(options) > 1 or wrong or any(one != told[0] for one in told)

    @property
    def split(self) -> bool:
        """Whether three targets or more differ without a majority."""
        return any(cell.side for cell in self.cells)

    @property
    def agreed(self) -> tuple[Cell, ...]:
        """The cells that say something, those that are known first."""
        cells = [cell for cell in self.cells if cell.option]
        return tuple(sorted(cells, key=lambda cell: not cell.vote))


@dataclass(frozen=True)
class MatrixGroup:
    """The rows that change the same thing."""

    changes: str
    meaning: str
    rows: tuple[MatrixRow, ...]

    @property
    def label(self) -> str:
        return LABELS.get(self.changes, self.changes)


@dataclass(frozen=True)
class Matrix:
    """The conventions on which the targets part, by group, and those on which all agree."""

    parted: tuple[MatrixGroup, ...]
    agreed: tuple[MatrixRow, ...]

    @property
    def undetermined(self) -> bool:
        """Whether a shown cell is one that the probes cannot decide."""
        return any(cell.reason for group in self.parted for row in group.rows for cell in row.cells)

    @property
    def rows(self) -> tuple[MatrixRow, ...]:
        return (*(row for group in self.parted for row in group.rows), *self.agreed)


def matrix_of(run: Run) -> Matrix:
    """Return the convention matrix of a run."""
    measured: dict[tuple[str, str], list[MeasuredView]] = {}
    for record in run.measured:
        measured.setdefault((record.field, record.target), []).append(MeasuredView(record))
    declared = {
        (one.field, target.target): one for target in run.targets for one in target.conventions
    }
    known = run.header.conventions
    fields = dict.fromkeys([*known, *(name for name, _ in (*declared, *measured))])
    confirmed = _confirmed(run.verdicts)
    matrix = [
        _matrix_row(
            name,
            known.get(name) or ConventionMeaning(question=name, changes="", canonical=""),
            [
                _Facts(
                    target,
                    declared.get((name, target.target)),
                    tuple(measured.get((name, target.target), ())),
                    tuple(confirmed.get((name, target.target), ())),
                )
                for target in run.targets
            ],
        )
        for name in fields
    ]
    changes = dict.fromkeys([*GROUPS, *(row.changes for row in matrix)])
    parted = (
        MatrixGroup(
            name,
            GROUPS.get(name, ""),
            tuple(row for row in matrix if row.parted and row.changes == name),
        )
        for name in changes
    )
    return Matrix(
        tuple(group for group in parted if group.rows),
        tuple(row for row in matrix if not row.parted),
    )


def majority_of(options: list[str]) -> str:
    """Return the option that more than half of the targets share, "" where there is none."""
    option, votes = Counter(options).most_common(1)[0] if options else ("", 0)
    return option if votes > len(options) / 2 else ""


@dataclass(frozen=True)
class _Facts:
    """What is recorded of one convention of one target."""

    target: TargetRecord
    declared: Declared | None
    measured: tuple[MeasuredView, ...]
    confirmed: tuple[str, ...]


def _sides(votes: list[str]) -> dict[str, int]:
    """Number the options, the most shared first: the style tints four of them apart."""
    return {option: at for at, (option, _) in enumerate(Counter(votes).most_common(), 1)}


def _confirmed(rows: Iterable[VerdictRecord]) -> dict[tuple[str, str], dict[str, None]]:
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in rows:
        if row.verdict.sound:
            for name in fields_of(row):
                found.setdefault((name, row.target), {})[row.case] = None
    return found


def _matrix_row(name: str, about: ConventionMeaning, facts: list[_Facts]) -> MatrixRow:
    cells = [_cell(about, one) for one in facts]
    votes = [cell.vote for cell in cells if cell.vote]
    majority = majority_of(votes)
    sides = _sides(votes) if len(votes) > 2 and not majority else {}
    return MatrixRow(
        name,
        about.question,
        about.changes,
        option_name(about.canonical),
        tuple(about.options.items()),
        majority,
        tuple(
            replace(
                cell,
                outlier=bool(majority and cell.vote and cell.vote != majority),
                side=sides.get(cell.vote, 0),
            )
            for cell in cells
        ),
    )


def _cell(about: ConventionMeaning, facts: _Facts) -> Cell:
    shown = shown_of(facts.measured)
    reason = ""
    if shown:
        origin = "measured" if shown.decided else UNDETERMINED
        option, promised, source = shown.option, shown.declared, shown.source
        reason = "" if shown.decided else shown.record.evidence or "the record gives no reason"
    elif facts.declared:
        origin, source = "declared", facts.declared.source
        option = promised = option_name(facts.declared.option)
    elif facts.target.broken:
        origin = option = promised = source = ""
    else:
        option = promised = option_name(about.canonical)
        origin, source = "canonical" if option else "", "the adapter declares nothing else"
    return Cell(
        target=facts.target.target,
        option=option,
        text=option_text(about.options.get(option, "")) or typeset(option),
        origin=origin,
        declared=promised,
        source=source,
        assumed=bool(shown and shown.assumed),
        mismatch=bool(shown and shown.mismatch),
        reason=reason,
        measured=facts.measured,
        differing=differing(facts.measured, shown),
        confirmed=facts.confirmed,
    )
