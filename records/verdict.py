"""The verdicts: every word for what became of a case, with all that follows from it."""

from enum import StrEnum


class Verdict(StrEnum):
    """What became of one tensor, or of a case without tensors; the plainest first, gravest last.

    `glyph` stands for it in a table and `meaning` says it in a sentence. A `failing` one fails its
    test unless it is known; a `judged` one says something of the layer itself; a `diagnosed` one
    is held against hypotheses.
    """

    glyph: str
    meaning: str
    failing: bool
    judged: bool
    diagnosed: bool

    def __new__(cls, word, glyph, meaning, failing=False, judged=False, diagnosed=False):
        self = str.__new__(cls, word)
        self._value_ = word
        self.glyph, self.meaning = glyph, meaning
        self.failing, self.judged, self.diagnosed = failing, judged, diagnosed
        return self

    CONFORMS = (
        "conforms",
        "✓",
        "every element is within its rounding-error bound of what the paper defines",
        False,
        True,
    )
    DIFFERS = (
        "differs",
        "≠",
        "within the bound of a convention that the framework documents, and outside the paper's; "
        "the convention is named, with its source",
        False,
        True,
    )
    DECLINED = "declined", "∅", "the framework offers no such layer"
    UNAVAILABLE = (
        "unavailable",
        "–",
        "there is no such version, Python or device here; the reason is told, and the exit "
        "status is 1",
    )
    RAISED = "raised", "!", "the layer refused what it should answer", True, True, True
    VIOLATES = (
        "violates",
        "✗",
        "outside the bound of everything that is declared: a bug, or something nobody wrote down",
        True,
        True,
        True,
    )
    NOT_RUN = "not run", "□", "the process died too often, or the run was stopped", True
    TIMED_OUT = "timed out", "…", "no answer came in time; the other cases went on", True
    CRASHED = "crashed", "†", "the process died; the other cases went on", True
    BROKEN_ADAPTER = (
        "broken adapter",
        "⊘",
        "the adapter or its environment is at fault: nothing is said of the framework",
        True,
    )

    @property
    def gravity(self) -> int:
        """The place in the order from the plainest to the gravest."""
        return list(Verdict).index(self)
