"""What is said of one tensor: the verdict, its figures, and the line that a reader sees."""

from dataclasses import dataclass

from records.hypothesis import named
from records.verdict import Verdict

TOLD = 4
"""Channels that a line names."""


@dataclass(frozen=True)
class Worst:
    """The element farthest from its expected value, measured in bounds."""

    index: tuple[int, ...]
    observed: float
    expected: float
    canonical: float | None
    bound: float


@dataclass(frozen=True)
class Judgement:
    """The verdict on one tensor of one step (tensor "" for a step without tensors).

    `differs_by` are the conventions that explain a difference, as pairs of field and option, and
    `hazard` those of them that cost the tensor its digits, most in the element `lost`.
    `bound_over_scale` says how much the bound proves (`diagnosis.sharpness`); in the
    `open_channels` it proves nothing.
    """

    verdict: Verdict
    tensor: str
    step: int
    differs_by: tuple[tuple[str, object], ...] = ()
    error_over_bound: float | None = None
    max_ulp: float | None = None
    bound_over_scale: float | None = None
    open_channels: tuple[int, ...] = ()
    relative_error: float | None = None
    hazard: tuple[tuple[str, object], ...] = ()
    lost: Worst | None = None
    worst: Worst | None = None
    detail: str = ""

    @property
    def fails(self) -> bool:
        return self.verdict.failing

    def message(self, subject: str) -> str:
        """Say the verdict in one line about `subject`, a target and a case."""
        if self.worst is None:
            return f"{subject}: {self.detail}"
        place = ", ".join(map(str, self.worst.index))
        observed, expected = self.worst.observed.hex(), self.worst.expected.hex()
        line = (
            f"{subject}: {self.tensor}[{place}] = {observed}, should be {expected} "
            f"(error {self.error_over_bound:.3g} × bound)"
        )
        if self.open_channels:
            told, more = self.open_channels[:TOLD], len(self.open_channels) - TOLD
            channels = ", ".join(map(str, told)) + (f" and {more} more" if more > 0 else "")
            line += (
                f"; the bound is {self.bound_over_scale:.3g} × the size of the values, "
                f"and says nothing in channel {channels}"
            )
        if self.differs_by:
            line += f"; differs from the paper by {named(self.differs_by)}"
        if self.lost:
            place = ", ".join(map(str, self.lost.index))
            line += (
                f", by which {self.tensor}[{place}] = {self.lost.observed:.6g} for "
                f"{self.lost.expected:.6g} ({self.relative_error:.3g} × the size of the values)"
            )
        return line
