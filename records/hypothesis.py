"""What would explain a violation, typed: conventions changed, a number recovered, or a fault."""

from dataclasses import dataclass
from enum import StrEnum


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
    """One explanation, with a sentence that says what it means.

    `changes` are the conventions that are other than declared, one or two pairs of field and
    option, for `Kind.CONVENTIONS`. `subject` is what was recovered (`epsilon`, `momentum`,
    `default_epsilon`, `default_momentum`), with its `interval`, for `Kind.NUMBER`; and the fault's
    name for `Kind.FAULT`.
    """

    kind: Kind
    sentence: str
    changes: tuple[tuple[str, str | int], ...] = ()
    subject: str = ""
    interval: Interval | None = None

    @property
    def name(self) -> str:
        """Its name, such as `running_variance=biased`, `epsilon=0.001` or `dx_without_gamma`."""
        if self.interval is not None:
            return f"{self.subject}={self.interval.told}"
        return self.subject or ", ".join(f"{field}={option}" for field, option in self.changes)
