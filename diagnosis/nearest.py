"""The conventions nearest to what a layer answered: under which most tensors are within bounds.

Starting from the canonical ones, the change that brings most tensors within their bounds is made
until all are: one convention at a time or, where none helps, two, since some show only together.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from diagnosis.question import Question
from reference.conventions import CANONICAL, CONVENTIONS, Conventions


@dataclass(frozen=True)
class Miss:
    """How many tensors of some questions are outside their bounds, and the worst of all tensors."""

    ratio: float
    outside: int
    probe: str = ""
    numbers: str = ""


def miss(
    questions: Mapping[str, Question], conventions: Conventions, enough: float = np.inf
) -> Miss:
    """Return how far answers are from what conventions expect; a missed refusal is infinitely far.

    What is refused itself tells nothing. It stops where `enough` tensors are outside.
    """
    worst = Miss(0.0, 0)
    outside = 0
    for probe, question in questions.items():
        expectations = question.expect(conventions)
        steps = 0
        for steps, errors in enumerate(question.errors(expectations), 1):
            answer, expected = question.answered.steps[steps - 1], expectations[steps - 1].tensors
            for tensor, error in errors.items():
                outside += bool(np.any(error > 1))
                if error.max(initial=0) > worst.ratio:
                    at = np.unravel_index(np.argmax(error), error.shape)
                    numbers = (
                        f"step {steps - 1}: {tensor}{list(map(int, at))} = "
                        f"{float(answer[tensor][at]):.9g}, not "
                        f"{float(expected[tensor].value[at]):.9g}"
                    )
                    worst = Miss(float(error[at]), 0, probe, numbers)
            if outside >= enough:
                return Miss(worst.ratio, outside, worst.probe, worst.numbers)
        if steps < len(question.answered.steps):
            due = steps >= len(expectations) or expectations[steps].refused_by
            numbers = "a refusal is due" if due else f"step {steps}: a tensor has another shape"
            return Miss(np.inf, outside + 1, probe, numbers)
    return Miss(worst.ratio, outside, worst.probe, worst.numbers)


def nearest(questions: Mapping[str, Question]) -> Conventions:
    """Return the conventions of value that bring the most tensors within their bounds."""
    found = CANONICAL
    fewest = miss(questions, found).outside
    at_once = 1
    while fewest and at_once <= 2:
        best = found
        for changed in _changed(found, at_once):
            outside = miss(questions, changed, enough=fewest).outside
            if outside < fewest:
                best, fewest = changed, outside
        at_once = 1 if best != found else at_once + 1
        found = best
    return found


def _changed(found: Conventions, at_once: int) -> Iterator[Conventions]:
    """Yield all conventions that differ from those found in so many conventions of value."""
    names = [name for name, one in CONVENTIONS.items() if one.changes == "values"]
    for chosen in itertools.combinations(names, at_once):
        others = [
            [option for option in CONVENTIONS[name].options if option != getattr(found, name)]
            for name in chosen
        ]
        for options in itertools.product(*others):
            yield found.but(**dict(zip(chosen, options, strict=True)))
