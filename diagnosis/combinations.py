"""Every combination of conventions that one call may follow, where its numbers are unknown.

The search has three stages, y, the gradients and the running statistics, since a convention and a
number show in few of them. A combination fits where every element of every tensor is inside its
a-priori bound. It is held against a few telling channels first, where most fail, and what is left
against the whole call.
"""

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from diagnosis import blocks, parts
from diagnosis.blocks import mixes_channels
from diagnosis.fitting import Number
from diagnosis.hypotheses import expected
from diagnosis.judgement import RUNNING
from diagnosis.question import GRADIENTS, Question
from diagnosis.stages import (
    STAYS,
    Ratios,
    best_epsilon,
    best_weight,
    settled_epsilon,
    usual_epsilon,
)
from diagnosis.stages import ratios as stage_ratios
from diagnosis.structure import structure_of
from records.hypothesis import Hypothesis, Kind
from reference.conventions import CONVENTIONS, Conventions
from reference.expected import relevant
from reference.layer import epsilon_of, weight_of_batch

FAR = 10.0
"""Misfits up to so many times the least are as near as that; the simplest of them is named."""


@dataclass(frozen=True)
class Fit:
    """Conventions with their numbers, and the largest error/bound of every tensor of their stages.

    `weight` is that of the batch, None where the call does not tell it. `told` names the
    conventions that its stages depend on.
    """

    conventions: Conventions
    epsilon: Number
    weight: Number | None = None
    ratios: dict[str, float] = field(default_factory=dict)
    told: tuple[str, ...] = ()

    @property
    def worst(self) -> float:
        return max(self.ratios.values(), default=0.0)

    @property
    def fits(self) -> bool:
        return self.worst <= 1

    @property
    def missed(self) -> list[str]:
        """The tensors that are outside their bounds."""
        return [name for name, ratio in self.ratios.items() if ratio > 1]

    @property
    def deviations(self) -> list[str]:
        """The told conventions that are not the paper's."""
        return [name for name in self.conventions.deviations() if name in self.told]


@dataclass(frozen=True)
class Branch:
    """What may be said of y, and under it of the gradients and of the running statistics."""

    y: Fit
    gradients: tuple[Fit, ...] = ()
    running: tuple[Fit, ...] = ()

    @property
    def stages(self) -> tuple[tuple[Fit, ...], ...]:
        return self.gradients, self.running

    @property
    def fits(self) -> bool:
        return self.y.fits and all(any(fit.fits for fit in stage) for stage in self.stages)

    def whole(self) -> list[Fit]:
        """Return every combination of the stages, as one about all tensors."""
        return [_joined(self.y, *pair) for pair in itertools.product(*self.stages)]


class Combinations:
    """The combinations under one set of bounds: those `left` by the whole call, and all `judged`.

    `left` holds the branches that fit, or else the nearest one; `judged` are all, as a part of the
    call judged them.
    """

    def __init__(self, question: Question, base: Conventions):
        self._question = question
        self._structure = structure_of(question)
        self._kept: dict[tuple, tuple[Number, Ratios]] = {}
        self._parts = parts.of_telling_channels(question), parts.of_first_samples(question)
        part, few = self._parts
        self.judged: list[Branch] = []
        for conventions in self._structure.combinations(base, ("y",)):
            y = self._fit_y(few if mixes_channels(conventions) else part, conventions)
            mixed = question if mixes_channels(conventions) else part
            self.judged.append(self._branch(mixed, y) if y.fits else Branch(y))
        fitting = [branch for branch in self.judged if branch.fits]
        if part is not question:
            fitting = [one for branch in fitting if (one := self._again(branch)).fits]
        self.left = fitting or [self._nearest()]

    @property
    def fits(self) -> list[Fit]:
        """The combinations that fit the whole call, the simplest first."""
        return sorted((one for each in self.left for one in each.whole() if one.fits), key=_rank)

    @property
    def nearest(self) -> Fit:
        """The simplest of the combinations that miss the fewest tensors by the least."""
        fits = [one for each in self.left for one in each.whole()]
        fewest = min(len(one.missed) for one in fits)
        close = [one for one in fits if len(one.missed) == fewest]
        least = min(one.worst for one in close)
        close = [one for one in close if one.worst <= FAR * least]
        return min(close, key=lambda one: len(one.deviations))

    def _nearest(self) -> Branch:
        """Return the branch that explains most of the whole call, though not all."""
        explaining = [branch for branch in self.judged if branch.y.fits]
        if explaining:
            conventions = min(explaining, key=_misfits).y.conventions
        else:
            least = min(branch.y.worst for branch in self.judged)
            close = [branch.y for branch in self.judged if branch.y.worst <= FAR * least]
            conventions = min(close, key=lambda one: len(one.deviations)).conventions
        y = self._fit_y(self._question, conventions)
        if not y.fits:
            epsilon, ratios = usual_epsilon(self._question, conventions)
            y = replace(y, epsilon=epsilon, ratios=ratios)
        return self._branch(self._question, y)

    def _again(self, branch: Branch) -> Branch:
        """Hold what fits a part against the whole."""
        y = self._fit_y(self._question, branch.y.conventions)
        stages = [[fit.conventions for fit in stage if fit.fits] for stage in branch.stages]
        return self._branch(self._question, y, *stages) if y.fits else Branch(y)

    def _fit_y(self, question: Question, conventions: Conventions) -> Fit:
        epsilon, ratios = self._once(
            lambda: best_epsilon(question, conventions), question, conventions, ("y",)
        )
        return Fit(conventions, epsilon, None, ratios, self._structure.told(conventions, ("y",)))

    def _branch(
        self,
        question: Question,
        y: Fit,
        gradients: Sequence[Conventions] | None = None,
        running: Sequence[Conventions] | None = None,
    ) -> Branch:
        """Return the stages under one combination about y, or under those that are left of them."""
        of_gradients = self._gradient_stage(question, y, gradients)
        settled = replace(y, epsilon=of_gradients[0].epsilon) if of_gradients[0].fits else y
        of_running = self._running_stage(question, settled, running)
        return Branch(y, tuple(of_gradients), tuple(of_running))

    def _gradient_stage(self, question: Question, y: Fit, left) -> list[Fit]:
        """Return the combinations about the gradients under one about y, those that fit first."""
        names = _held(question, GRADIENTS)
        if not names:
            return [Fit(y.conventions, y.epsilon)]
        fits = []
        for conventions in left or self._structure.combinations(y.conventions, names, y.told):
            epsilon, ratios = self._once(
                lambda: settled_epsilon(question, conventions, y.epsilon, names),  # noqa: B023
                *(question, conventions, names, y.epsilon),
            )
            told = self._newly_told(conventions, names, y)
            fits.append(Fit(conventions, epsilon, None, ratios, told))
        return sorted(fits, key=lambda fit: not fit.fits)

    def _running_stage(self, question: Question, y: Fit, left) -> list[Fit]:
        """Return the combinations about the running statistics, those that fit first."""
        names = _held(question, RUNNING)
        if not names:
            return [Fit(y.conventions, y.epsilon)]
        if question.steps[0].training is False:
            found = stage_ratios(question, y.conventions, y.epsilon.best, 0.0, names)
            return [Fit(y.conventions, y.epsilon, STAYS, found)]
        fits = []
        for conventions in left or self._structure.combinations(y.conventions, names, y.told):
            needed = self._structure.needs_epsilon(conventions, names)
            weight, ratios = self._once(
                lambda: best_weight(question, conventions, y.epsilon.best, names),  # noqa: B023
                *(question, conventions, names, y.epsilon.best if needed else None),
            )
            told = self._newly_told(conventions, names, y)
            fits.append(Fit(conventions, y.epsilon, weight, ratios, told))
        stay = [replace(fit, told=()) for fit in fits if fit.weight == STAYS]
        return stay[:1] or sorted(fits, key=lambda fit: not fit.fits)

    def _newly_told(self, conventions: Conventions, names, y: Fit) -> tuple[str, ...]:
        told = self._structure.told(conventions, names)
        return tuple(name for name in told if name not in y.told)

    def _once(
        self,
        compute: Callable[[], tuple[Number, Ratios]],
        question: Question,
        conventions: Conventions,
        names: tuple[str, ...],
        *numbers: object,
    ) -> tuple[Number, Ratios]:
        """Return what was computed for conventions that are the same to these tensors, or do."""
        key = id(question), names, self._structure.signature(conventions, names), numbers
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]


def same_numbers(one: Fit, other: Fit) -> bool:
    """Say whether a combination fits with another's numbers, or with others as odd as those."""
    pairs = [(one.epsilon, other.epsilon)]
    if one.weight is not None and other.weight is not None:
        pairs.append((one.weight, other.weight))
    return all(
        own.holds(number.best) or (not own.round and not number.round) for own, number in pairs
    )


def _misfits(branch: Branch) -> tuple:
    worst = [min((fit.worst for fit in stage), default=np.inf) for stage in branch.stages]
    return sum(one > 1 for one in worst), not branch.y.epsilon.round, max(worst)


def _rank(fit: Fit) -> tuple:
    """Sort simple combinations first: usual numbers, then few deviations from the paper."""
    usual = 1e-5, 1e-3, 1e-6
    number = fit.epsilon.best
    odd = (not fit.epsilon.round) + (fit.weight is not None and not fit.weight.round)
    place = usual.index(number) if number in usual else len(usual)
    return odd, len(fit.deviations), place


def _held(question: Question, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if name in question.answered.steps[0])


def _joined(y: Fit, gradients: Fit, running: Fit) -> Fit:
    told_here = {
        name: getattr(fit.conventions, name) for fit in (gradients, running) for name in fit.told
    }
    ratios = y.ratios | gradients.ratios | running.ratios
    told = tuple(dict.fromkeys(y.told + gradients.told + running.told))
    conventions = y.conventions.but(**told_here)
    return Fit(conventions, running.epsilon, running.weight, ratios, told)


def fit_of(question: Question, hypothesis: Hypothesis) -> Fit | None:
    """Return a hypothesis about a call as a combination, where it is one: a fault is none."""
    if hypothesis.kind is Kind.FAULT:
        return None
    conventions = question.declared.but(**dict(hypothesis.changes))
    numbers = {
        "epsilon": Number.exactly(epsilon_of(question.layer, conventions)),
        "momentum": Number.exactly(weight_of_batch(question.layer, conventions)),
    }
    if hypothesis.interval is not None:
        numbers[hypothesis.subject] = Number.exactly(hypothesis.interval.best)
    names = tuple(question.answered.steps[0])
    ratios = dict.fromkeys(names, 0.0)
    for block in blocks.of_question(question, conventions):
        (errors,) = block.errors(expected(hypothesis, block))
        ratios = {name: max(ratios[name], float(errors[name].max(initial=0.0))) for name in names}
    told = structure_of(question).told(conventions, names)
    return Fit(conventions, numbers["epsilon"], numbers["momentum"], ratios, told)


def looser_bounds(question: Question, seen: Collection[str]) -> Iterator[Conventions]:
    """Yield the declared conventions with looser bounds, one changed or two, if any suffices.

    What is `seen` is not asked. Where nothing fits under all of them at once, none is yielded.
    """
    declared, call = question.declared, (question.layer, question.steps)
    looser = [
        (name, option)
        for name, convention in CONVENTIONS.items()
        if convention.changes == "bound" and name not in seen
        for option in convention.options
        if relevant(declared.but(**{name: option}), *call) != relevant(declared, *call)
    ]
    if not looser or not Combinations(question, declared.but(**dict(looser))).fits:
        return
    for size in (1, 2):
        for chosen in itertools.combinations(looser, size):
            if len(dict(chosen)) == size:
                yield declared.but(**dict(chosen))
