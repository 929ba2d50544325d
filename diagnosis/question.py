"""A case with its answer: what a hypothesis is held against."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from diagnosis import leftover
from diagnosis.judgement import Answered
from reference.conventions import Conventions
from reference.expected import OPTIONAL, TENSORS, StepExpectation, expect, relevant
from reference.float_formats import FORMATS
from reference.layer import Layer, Step
from reference.sums import OPERATIONS

GRADIENTS = ("dx", "dgamma", "dbeta")


def asked(step: Step) -> tuple[str, ...]:
    """Return the tensors that are asked for in a step."""
    return tuple(name for name in TENSORS if step.dy is not None or name not in GRADIENTS)


def partial_answer(answer: Mapping[str, np.ndarray]) -> Answered:
    """Return the answer to one step of which some tensors are told; all others are withheld."""
    return Answered([answer], withheld=frozenset(TENSORS) - answer.keys())


@dataclass(frozen=True)
class Call:
    """One step of a question: the layer as it stood before it, the step, and what it answered."""

    layer: Layer
    step: Step
    answer: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Question:
    """A layer, its calls, what it answered, and the conventions under which that is wrong.

    `steps` are those that were answered or refused. The tensors named in `exact` have no bound
    under the declared conventions, and a few roundings' where others give what must be rounded.
    Nothing is asked of what the answer withholds. `shared` gives what conventions expect of
    these steps, where the caller keeps that for several questions.
    """

    layer: Layer
    steps: Sequence[Step]
    answered: Answered
    declared: Conventions
    exact: Sequence[str] = ()
    shared: Callable[[Conventions], list[StepExpectation]] | None = field(
        default=None, compare=False, repr=False
    )
    _kept: dict[Conventions, list[StepExpectation]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    @classmethod
    def of(
        cls,
        layer: Layer,
        steps: Sequence[Step],
        answered: Answered,
        declared: Conventions,
        exact: Sequence[str] = (),
        shared: Callable[[Conventions], list[StepExpectation]] | None = None,
    ) -> "Question":
        """Return the question about the steps that were answered or refused."""
        told = len(answered.steps) + (answered.refusal is not None)
        whole = told >= len(steps)
        return cls(layer, steps[:told], answered, declared, exact, shared if whole else None)

    def expect(self, conventions: Conventions, layer: Layer | None = None) -> list[StepExpectation]:
        """Return what the layer should answer under other conventions, or with other numbers."""
        if layer is not None:
            return self._less_exact(expect(layer, self.steps, conventions, self.exact))
        own = relevant(conventions, self.layer, self.steps)
        if own not in self._kept:
            given = self.shared or self._expect
            as_declared = own == relevant(self.declared, self.layer, self.steps)
            found = given(own) if as_declared else self._less_exact(given(own))
            call = self.layer, self.steps, own, self.declared
            found = leftover.held(found, self.expect, *call)
            self._kept[own] = found
        return self._kept[own]

    def _expect(self, conventions: Conventions) -> list[StepExpectation]:
        return expect(self.layer, self.steps, conventions, self.exact)

    @cached_property
    def usual(self) -> list[StepExpectation]:
        """What the layer should answer under the declared conventions."""
        return self.expect(self.declared)

    def fits(self, expectations: Sequence[StepExpectation]) -> bool:
        """Say whether every tensor answered is within the bounds of the expectations."""
        if not expectations or len(expectations) < len(self.steps):
            return False
        for answer, expectation in zip(self.answered.steps, expectations, strict=False):
            if expectation.refused_by or self._malformed(answer, expectation):
                return False
            if not all(leftover.fits(*pair) for pair in _pairs(answer, expectation)):
                return False
        refused = expectations[-1].refused_by is not None
        return refused == (self.answered.refusal is not None)

    def errors(self, expectations: Sequence[StepExpectation]) -> Iterator[dict[str, np.ndarray]]:
        """Yield the errors of each step in bounds, up to one that is refused or malformed."""
        for answer, expectation in zip(self.answered.steps, expectations, strict=False):
            if expectation.refused_by or self._malformed(answer, expectation):
                return
            yield {
                name: leftover.errors_in_bounds(answer[name], expected)
                for name, expected in expectation.tensors.items()
                if name in answer
            }

    def call(self, number: int) -> Call:
        """Return one step, with the layer as it stood before it by its own answers."""
        layer = self.layer
        for answer in self.answered.steps[:number]:
            layer = replace(
                layer,
                running_mean=answer.get("running_mean", layer.running_mean),
                running_var=answer.get("running_var", layer.running_var),
            )
        return Call(layer, self.steps[number], self.answered.steps[number])

    def _malformed(self, answer: Mapping[str, np.ndarray], expectation: StepExpectation) -> bool:
        """Say whether an answer lacks a tensor that is asked for, or has it in another shape."""
        return any(
            name not in OPTIONAL and name not in self.answered.withheld
            if name not in answer
            else np.shape(answer[name]) != np.shape(expected.value)
            for name, expected in expectation.tensors.items()
        )

    def _less_exact(self, expectations: list[StepExpectation]) -> list[StepExpectation]:
        """Return expectations whose exact tensors may be a few roundings off where they must round.

        That is where a convention gives other values, farther from the usual ones than those
        roundings, and such as the layer's dtype does not hold: what it holds is met exactly.
        """
        if not self.exact:
            return expectations
        own = FORMATS[self.layer.dtype]
        unit = OPERATIONS * own.unit_roundoff
        result = []
        for one, usual in zip(expectations, self.usual, strict=False):
            near = {}
            for name in {*self.exact} & one.tensors.keys() & usual.tensors.keys():
                value = np.asarray(one.tensors[name].value, np.float64)
                bound = unit * np.abs(value)
                other = np.any(~(np.abs(value - usual.tensors[name].value) <= bound))
                if other and np.any(np.remainder(value, own.ulp(value))):
                    near[name] = replace(one.tensors[name], bound=bound)
            result.append(replace(one, tensors={**one.tensors, **near}))
        return result + expectations[len(result) :]


def _pairs(answer: Mapping[str, np.ndarray], expectation: StepExpectation):
    """Return what was answered beside what is expected, the smallest tensors first."""
    told = [(answer[name], one) for name, one in expectation.tensors.items() if name in answer]
    return sorted(told, key=lambda pair: pair[0].size)
