"""The verdicts: every word for what became of a case, with all that follows from it."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class _Facts:
    glyph: str = ""
    meaning: str = ""
    judged: bool = False
    failing: bool = False
    diagnosed: bool = False
    finding: str = ""
    of_target: str = ""


class Verdict(StrEnum):
    """What became of one tensor, or of a case without tensors; the plainest first, gravest last.

    `glyph` stands for it in a table and `meaning` says it in a sentence. A `judged` one says
    something of the layer itself; a `failing` one fails its test unless it is known; a `diagnosed`
    one is held against hypotheses and known divergences. `gravity` is its place in the order.
    `finding` is the sentence of a report about the cases that it was reached in, which stand for
    `{where}`, and `of_target` the one about a target that was not judged for it; where there is
    none, a general sentence does.
    """

    glyph: str
    meaning: str
    judged: bool
    failing: bool
    diagnosed: bool
    finding: str
    of_target: str
    gravity: int

    def __new__(cls, word: str, facts: _Facts = _Facts()):
        self = str.__new__(cls, word)
        self._value_ = word
        self.__dict__.update(vars(facts))
        self.gravity = len(cls.__members__)
        return self

    CONFORMS = (
        "conforms",
        _Facts(
            "✓",
            "every element is within its rounding-error bound of what the paper defines",
            judged=True,
        ),
    )
    DIFFERS = (
        "differs",
        _Facts(
            "≠",
            "within the bound of a convention that the framework documents, and outside the "
            "paper's; the convention is named, with its source",
            judged=True,
        ),
    )
    DECLINED = "declined", _Facts("∅", "the framework offers no such layer")
    UNDECIDED = (
        "undecided",
        _Facts(
            "?",
            "within the bound, but the bound is wider than the value, so that nothing is proved",
        ),
    )
    UNAVAILABLE = (
        "unavailable",
        _Facts(
            "–",
            "there is no such version, Python or device here; the reason is told, and the exit "
            "status is 1",
            of_target="This target is not to be had on the machine of the run; it was not judged.",
        ),
    )
    RAISED = (
        "raised",
        _Facts(
            "!",
            "the layer refused what it should answer",
            judged=True,
            failing=True,
            diagnosed=True,
            finding="An error was raised in {where} where an answer was due",
        ),
    )
    VIOLATES = (
        "violates",
        _Facts(
            "✗",
            "outside the bound of everything that is declared: a bug, or something nobody wrote "
            "down",
            judged=True,
            failing=True,
            diagnosed=True,
            finding="The layer did not do what its target declares in {where}",
        ),
    )
    NOT_RUN = (
        "not run",
        _Facts(
            "□",
            "the process died too often, or the run was stopped",
            failing=True,
            finding="The target was given up before {where}, so nothing is known of it there",
        ),
    )
    TIMED_OUT = (
        "timed out",
        _Facts(
            "…",
            "no answer came in time; the other cases went on",
            failing=True,
            finding="No answer came in time in {where}",
        ),
    )
    CRASHED = (
        "crashed",
        _Facts(
            "†",
            "the process died; the other cases went on",
            failing=True,
            finding="The process died in {where}",
        ),
    )
    BROKEN_ADAPTER = (
        "broken adapter",
        _Facts(
            "⊘",
            "the adapter or its environment is at fault: nothing is said of the framework",
            failing=True,
            finding="The adapter’s answer could not be judged in {where}",
            of_target="The adapter does not work, so this target was not judged.",
        ),
    )

    @property
    def sound(self) -> bool:
        """Whether the layer did what its target promises."""
        return self.judged and not self.failing
