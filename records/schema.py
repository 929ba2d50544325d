"""The records of a run: a class for each kind of line, with a field for each fact.

A run is a header, then records in the order in which they happened, then a footer; without a
footer it is incomplete. A target and a case are told before their first verdict. Writer, reader and
report share these classes; docs/records.md and docs/records.schema.json are generated from them.
"""

import dataclasses
import re
from dataclasses import dataclass

from records.codec import Mistake, derived
from records.hypothesis import UNDETERMINED, Choice, Hypothesis, Option, described
from records.pieces import (
    Broken,
    ConventionMeaning,
    Declared,
    Kernels,
    Known,
    Machine,
    Planned,
    Selection,
    WorstElement,
)
from records.verdict import Verdict

SCHEMA = 2

ASSUMED = "not declared: assumed by the suite"
"""What stands in place of a source where an adapter declares nothing."""


@dataclass(frozen=True, kw_only=True)
class OfTarget:
    """What says which target a record is of.

    `implementation` is its name with the version that was asked for, such as `pytorch==2.9.1`;
    `version` is that of the package under test, "" where it was not learnt.
    """

    target: str
    implementation: str
    version: str = ""
    device: str
    mode: str

    @property
    def name(self) -> str:
        """The name of the implementation alone."""
        return re.split(r"[^A-Za-z0-9_-]", self.implementation, maxsplit=1)[0]


@dataclass(frozen=True, kw_only=True)
class HeaderRecord:
    """The first line: what was started, when and where, and the words that the records use.

    `conventions`, `formulas` (the canonical ones) and `tensors` (in their order) are the vocabulary
    of the version that ran.
    """

    schema: int
    started: str
    command: tuple[str, ...]
    suite_version: str
    machine: Machine
    planned: Planned
    selection: Selection
    conventions: dict[str, ConventionMeaning]
    formulas: dict[str, str]
    tensors: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TargetRecord(OfTarget):
    """One target: the versions of its packages, its interpreter, its kernels, what it declares.

    `conventions` are those of a plain layer. One that was not judged is `broken`, and tells little
    else.
    """

    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    python: str = ""
    environment: str = ""
    kernels: Kernels | None = None
    conventions: tuple[Declared, ...] = ()
    broken: Broken | None = None


@dataclass(frozen=True, kw_only=True)
class CaseRecord:
    """One case that was run: its id, which is its claim, the reason for it, and its layer.

    `steps` has a word for each call. A number that is null was left to the layer's default, and so
    was the axis.
    """

    case: str
    reason: str
    dtype: str
    shape: tuple[int, ...]
    channel_axis: int | None
    epsilon: float | None
    momentum: float | None
    raw_momentum: float | None = None
    steps: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class VerdictRecord(OfTarget):
    """One verdict: on a tensor of a step, or on a case that ended without tensors.

    There `tensor` is "", and `step` is where it ended. `error_over_bound` is the largest error of
    an element in units of its bound, at most 1 where it is within it, and `max_ulp` the largest
    one in units in the last place. `bound_over_scale` is how wide the bound is beside the size of
    the values: the largest bound of a channel's elements, in the channel where it is widest. In the
    `open_channels` it is above a half, so that nothing is proved there. `differs_by` are the fewest
    declared conventions that explain why it differs, `conventions` all that are declared for the
    case. `relative_error` is the largest error in units of the size of the values, where it does
    not conform, and `hazard` the conventions that are documented and cost that much. `message` says
    what happened. `diagnosis` are the hypotheses under which the whole case would fit, the simplest
    first, and `known` is there where the divergence is known. `log` is the end of what the target's
    process wrote, with the Python stack of every thread past a deadline.
    """

    case: str
    dtype: str
    tensor: str
    step: int
    verdict: Verdict
    error_over_bound: float | None = None
    max_ulp: float | None = None
    bound_over_scale: float | None = None
    open_channels: tuple[int, ...] = ()
    differs_by: tuple[Choice, ...] = ()
    relative_error: float | None = None
    hazard: tuple[Choice, ...] = ()
    message: str
    conventions: tuple[Declared, ...] = ()
    worst: WorstElement | None = None
    diagnosis: tuple[Hypothesis, ...] = ()
    known: Known | None = None
    log: str = ""

    def __post_init__(self) -> None:
        for name in ("error_over_bound", "max_ulp"):
            if (getattr(self, name) or 0) < 0:
                raise Mistake("is less than 0", name)

    @property
    def fails(self) -> bool:
        """Whether it fails its test."""
        return self.verdict.failing and self.known is None

    @property
    def explained(self) -> str:
        """The message, with what would explain it; that nothing does is no news if it is known."""
        if not self.verdict.diagnosed or (self.known and not self.diagnosis):
            return self.message
        return f"{self.message}; {described(self.diagnosis)}"


@dataclass(frozen=True, kw_only=True)
class MeasuredRecord(OfTarget):
    """One convention of a target as its answers to a probe show it, beside what it declares.

    `option` is null where the probes cannot decide. `source` is who promises the `declared` option,
    null where the adapter declares nothing and the suite assumes the canonical one. `excluded` are
    the options that cannot be, each with the error in bounds that it would leave. `agrees` says
    whether the declaration may stand beside the measurement.
    """

    field: str
    dtype: str
    option: Option | None
    declared: Option
    source: str | None = None
    probe: str
    evidence: str
    excluded: dict[str, float] = dataclasses.field(default_factory=dict)
    agrees: bool
    known: Known | None = None

    @derived
    def message(self) -> str:
        """What the two say where they do not agree, else ""."""
        if self.agrees:
            return ""
        option = UNDETERMINED if self.option is None else self.option
        return (
            f"{self.target}: {self.field} is {option} in {self.dtype} as measured by "
            f"{self.probe}, declared is {self.declared} ({self.source or ASSUMED}): {self.evidence}"
        )

    @property
    def fails(self) -> bool:
        """Whether it fails its test."""
        return not self.agrees and self.known is None


@dataclass(frozen=True, kw_only=True)
class ExplanationRecord(OfTarget):
    """What is consistent over all violating cases of a target; null where nothing explains them.

    `sentence` says what the hypothesis means, and in which cases only it holds.
    """

    hypothesis: Hypothesis | None = None
    sentence: str
    cases: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ResumedRecord:
    """From here on another run went on where the one before was stopped."""

    started: str
    command: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class FooterRecord:
    """The last line of a complete run: when it finished, after how many seconds, and its sums."""

    finished: str
    seconds: float
    exit_status: int
    verdicts: dict[Verdict, int]


Record = (
    HeaderRecord
    | TargetRecord
    | CaseRecord
    | VerdictRecord
    | MeasuredRecord
    | ExplanationRecord
    | ResumedRecord
    | FooterRecord
)

RECORDS: dict[str, type[Record]] = {
    "header": HeaderRecord,
    "target": TargetRecord,
    "case": CaseRecord,
    "verdict": VerdictRecord,
    "measured": MeasuredRecord,
    "explanation": ExplanationRecord,
    "resumed": ResumedRecord,
    "footer": FooterRecord,
}
"""The class of a line, by the word that its `kind` is."""
