"""Hypotheses and what each expects: conventions changed, a number recovered, a known fault."""

from dataclasses import replace

from diagnosis.faults import FAULTS, Fault
from diagnosis.question import Question
from records.hypothesis import Choice, Hypothesis, Interval, Kind
from reference.conventions import CONVENTIONS, QUESTIONS
from reference.expected import StepExpectation
from reference.layer import Layer

Change = Choice
"""A convention and the option that it has in place of the declared one."""


def of_changes(*changes: Change) -> Hypothesis:
    """Return the hypothesis that conventions are other than declared."""
    return Hypothesis(Kind.CONVENTIONS, "; ".join(map(_meaning, changes)), changes)


def of_number(subject: str, number: Interval) -> Hypothesis:
    """Return the hypothesis that a number is one of an interval."""
    what = "an epsilon" if subject.endswith("epsilon") else "a weight of the new batch"
    sentence = f"{what} of {number} gives these numbers"
    interval = Interval(number.low, number.high, number.best)  # what the contract has of a number
    return Hypothesis(Kind.NUMBER, sentence, subject=subject, interval=interval)


def of_fault(fault: Fault) -> Hypothesis:
    """Return the hypothesis that a kernel has a known fault."""
    return Hypothesis(Kind.FAULT, fault.sentence, subject=fault.name)


def expected(hypothesis: Hypothesis, question: Question) -> list[StepExpectation]:
    """Return what a question's layer should answer under a hypothesis."""
    if hypothesis.kind is Kind.FAULT:
        return FAULTS[hypothesis.subject].expectations(question)
    if hypothesis.interval is not None:
        return with_number(question, hypothesis.subject, hypothesis.interval.best)
    return question.expect(question.declared.but(**dict(hypothesis.changes)))


def holds(hypothesis: Hypothesis, question: Question) -> bool:
    """Say whether every tensor of a question is within its bound under a hypothesis."""
    return question.fits(expected(hypothesis, question))


def with_number(question: Question, subject: str, number: float) -> list[StepExpectation]:
    """Return what a question's layer should answer with another epsilon or momentum."""
    layer = numbered(question.layer, **{subject.removeprefix("default_"): number})
    return question.expect(question.declared, layer)


def numbered(layer: Layer, *, epsilon: float | None = None, momentum: float | None = None) -> Layer:
    """Return a layer with another epsilon, or another weight of the batch as its momentum."""
    if epsilon is not None:
        layer = replace(layer, epsilon=epsilon)
    return layer if momentum is None else replace(layer, momentum=momentum, raw_momentum=None)


def loosens(hypothesis: Hypothesis) -> bool:
    """Say whether a hypothesis changes how exactly the values must be met."""
    kinds = [CONVENTIONS[name].changes for name, _ in hypothesis.changes if name in CONVENTIONS]
    return "bound" in kinds


def cause_of(hypothesis: Hypothesis) -> tuple:
    """Return what is the same for a cause in every case: all but the numbers that fit one."""
    return hypothesis.kind, hypothesis.changes, hypothesis.subject


def _meaning(change: Change) -> str:
    name, option = change
    if name in CONVENTIONS:
        return f"{QUESTIONS[name]} {CONVENTIONS[name].options[str(option)]}"
    return f"the {QUESTIONS[name]} is {option}"
