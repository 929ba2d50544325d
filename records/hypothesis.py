"""What would explain a violation, typed: conventions changed, a number recovered, or a fault."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from records.codec import derived

Option = str | int | float
"""An option of a convention: its name, or the number or the axis that a default is."""

Choice = tuple[str, Option]
"""A convention and the option that is followed."""

UNDETERMINED = "undetermined"
"""What stands in place of an option where the probes cannot decide."""


class Kind(StrEnum):
    """What a hypothesis changes."""

    CONVENTIONS = "conventions"
    NUMBER = "number"
    FAULT = "fault"


@dataclass(frozen=True)
class Interval:
    """The numbers from `low` to `high` that all fit; `best` is the one to name."""

    low: float
    high: float
    best: float

    @property
    def told(self) -> str:
        """The best number with 8 digits, or with as many as keep it inside."""
        for digits in range(8, 17):
            text = f"{self.best:.{digits}g}"
            if self.low <= float(text) <= self.high:
                return text
        return repr(self.best)


@dataclass(frozen=True)
class Hypothesis:
    """One explanation, with a `sentence` that says what it means.

    `changes` are the conventions that are other than declared, one or two pairs of field and
    option, where `kind` is `conventions`. `subject` is what was recovered (`epsilon`, `momentum`,
    `default_epsilon`, `default_momentum`), with its `interval`, for a `number`; and the name of a
    `fault`.
    """

    kind: Kind
    sentence: str
    changes: tuple[Choice, ...] = ()
    subject: str = ""
    interval: Interval | None = None

    @derived
    def name(self) -> str:
        """Its name, such as `running_variance=biased`, `epsilon=0.001` or `dx_without_gamma`."""
        if self.interval is not None:
            return f"{self.subject}={self.interval.told}"
        return self.subject or named(self.changes)


def named(choices: Iterable[tuple[str, object]]) -> str:
    """Return choices in words: `running_variance=biased, default_epsilon=0.001`."""
    return ", ".join(f"{field}={option}" for field, option in choices)


def described(hypotheses: Sequence[Hypothesis]) -> str:
    """Say in one sentence what would explain a violation, the simplest hypothesis first."""
    if not hypotheses:
        return "no convention, number or known fault explains it, alone or in pairs"
    first, *others = hypotheses
    line = f"explained by {first.name}: {first.sentence}"
    return f"{line} (or by {', '.join(one.name for one in others)})" if others else line
