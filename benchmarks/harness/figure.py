"""One measured number, with the goal that it is held against."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """What was measured, its value and unit, and at most what it should be (None: it just is)."""

    name: str
    value: float
    unit: str = ""
    goal: float | None = None

    @property
    def missed(self) -> bool:
        return self.goal is not None and self.value > self.goal

    def __str__(self) -> str:
        goal = f" (at most {said(self.goal, self.unit)})" if self.goal is not None else ""
        return f"{self.name}: {said(self.value, self.unit)}{goal}{' MISSED' * self.missed}"


def said(value: float, unit: str) -> str:
    """Return a number to three digits, with its unit."""
    digits = f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{digits} {unit}".rstrip()
