"""Where the tensors of a call are outside their bounds, and what the diagnosis makes of it.

A call that is too large to be held in the wide dtype is looked at some channels at a time; what
explains the worst of them is then held against all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnosis import blocks, hypotheses, parts
from diagnosis.judgement import error_over_bound
from diagnosis.question import Question, partial_answer
from diagnosis.search import diagnose
from records.hypothesis import Hypothesis
from reference.layer import axis_of


@dataclass(frozen=True)
class Miss:
    """How many elements of a tensor are outside their bounds, and the farthest of them."""

    outside: int
    size: int
    ratio: float
    place: tuple[int, ...]
    observed: float
    expected: float

    def __str__(self) -> str:
        where = ", ".join(map(str, self.place))
        return (
            f"{self.outside} of {self.size} elements are outside their bounds; the worst is "
            f"[{where}] = {self.observed:.8g}, should be {self.expected:.8g}"
        )


def missed(question: Question, names: Sequence[str]) -> dict[str, Miss]:
    """Return where some tensors of one call are outside what its layer should answer."""
    found: dict[str, list[Miss]] = {name: [] for name in names}
    for first, block in _blocks(question):
        for name in names:
            found[name].append(_miss(block, name, first))
    return {name: _together(each) for name, each in found.items()}


def _blocks(question: Question) -> Iterator[tuple[int, Question]]:
    """Yield the blocks of a question, each with the number of its first channel."""
    first = 0
    for block in blocks.of_question(question, question.declared):
        yield first, block
        first += block.steps[0].x.shape[axis_of(block.layer, block.declared)]


@np.errstate(all="ignore")
def _miss(block: Question, name: str, first: int) -> Miss:
    observed, expected = block.answered.steps[0][name], block.usual[0].tensors[name]
    ratio = error_over_bound(observed, expected)
    at = np.unravel_index(np.argmax(ratio), ratio.shape)
    axis = axis_of(block.layer, block.declared) if name in parts.LIKE_X else 0
    place = [int(one) + (first if number == axis else 0) for number, one in enumerate(at)]
    numbers = float(observed[at]), float(expected.value[at])
    return Miss(int((ratio > 1).sum()), ratio.size, float(ratio[at]), tuple(place), *numbers)


def _together(each: Sequence[Miss]) -> Miss:
    worst = max(each, key=lambda one: one.ratio)
    outside, size = sum(one.outside for one in each), sum(one.size for one in each)
    return Miss(outside, size, worst.ratio, worst.place, worst.observed, worst.expected)


def diagnosed(question: Question, missing: Sequence[str]) -> tuple[list[Hypothesis], bool]:
    """Return what explains a call with these tensors outside their bounds, and whether it explains
    those alone: all its tensors are asked first."""
    with np.errstate(all="ignore"):  # a wrong layer's numbers may well overflow
        found = _diagnose(question)
        answer = question.answered.steps[0]
        if found or len(missing) == len(answer):
            return found, False
        alone = partial_answer({name: answer[name] for name in dict.fromkeys(("y", *missing))})
        return _diagnose(replace(question, answered=alone)), True


def _diagnose(question: Question) -> list[Hypothesis]:
    def badness(block: Question) -> float:
        return max(_miss(block, name, 0).ratio for name in block.answered.steps[0])

    # One block after the other, and twice: each keeps what is expected of it as long as it lives.
    worst = max((block for _, block in _blocks(question)), key=badness)
    if worst is question:
        return diagnose(question)
    found = diagnose(worst)
    return [
        one for one in found if all(hypotheses.holds(one, block) for _, block in _blocks(question))
    ]
