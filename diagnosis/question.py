"""A case with its answer: what a hypothesis is held against."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from diagnosis.judgement import Answered, error_over_bound
from reference.conventions import Conventions
from reference.expected import OPTIONAL, StepExpectation, expect
from reference.float_formats import FORMATS
from reference.layer import Layer, Step
from reference.sums import OPERATIONS

PART_SIZE = 8192
"""About how many elements the worst channels together may have; one channel is always taken."""


@dataclass(frozen=True)
class Question:
    """A layer, its calls, what it answered, and the conventions under which that is wrong.

    `steps` are those that were answered or refused. The tensors named in `exact` have no bound
    under the declared conventions, and a few roundings' under others, which need not be exact.
    """

    layer: Layer
    steps: Sequence[Step]
    answered: Answered
    declared: Conventions
    exact: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        layer: Layer,
        steps: Sequence[Step],
        answered: Answered,
        declared: Conventions,
        exact: Sequence[str] = (),
    ) -> "Question":
        told = len(answered.steps) + (answered.refusal is not None)
        return cls(layer, steps[:told], answered, declared, exact)

    def expect(self, conventions: Conventions, layer: Layer | None = None) -> list[StepExpectation]:
        """Return what the layer should answer under other conventions, or with other numbers."""
        expectations = expect(layer or self.layer, self.steps, conventions, self.exact)
        if conventions == self.declared and layer is None:
            return expectations
        unit = FORMATS[self.layer.dtype].unit_roundoff
        return [_nearly_exact(one, self.exact, OPERATIONS * unit) for one in expectations]

    @cached_property
    def usual(self) -> list[StepExpectation]:
        """What the layer should answer under the declared conventions."""
        return self.expect(self.declared)

    def fits(self, expectations: Sequence[StepExpectation]) -> bool:
        """Say whether every tensor answered is within the bounds of the expectations."""
        if not expectations or len(expectations) < len(self.steps):
            return False
        for answer, expectation in zip(self.answered.steps, expectations, strict=False):
            if expectation.refused_by or _malformed(answer, expectation):
                return False
            for name, expected in expectation.tensors.items():
                if name in answer and np.any(error_over_bound(answer[name], expected) > 1):
                    return False
        refused = expectations[-1].refused_by is not None
        return refused == (self.answered.refusal is not None)

    def ratios(self) -> Iterator[dict[str, np.ndarray]]:
        """Yield the errors of every step in bounds, under the declared conventions."""
        for answer, expectation in zip(self.answered.steps, self.usual, strict=False):
            if expectation.refused_by or _malformed(answer, expectation):
                return
            yield {
                name: error_over_bound(answer[name], expected)
                for name, expected in expectation.tensors.items()
                if name in answer
            }

    def first_violated(self) -> set[str]:
        """Return the tensors outside their bounds in the first step that has any."""
        for ratios in self.ratios():
            violated = {name for name, ratio in ratios.items() if np.any(ratio > 1)}
            if violated:
                return violated
        return {"refusal"}

    def first_training_step(self) -> tuple[Layer, Step, Mapping[str, np.ndarray]] | None:
        """Return the layer as it stood before its first training step, the step and its answer."""
        layer = self.layer
        for step, answer in zip(self.steps, self.answered.steps, strict=False):
            if step.training is not False:
                return layer, step, answer
            layer = replace(
                layer,
                running_mean=answer.get("running_mean"),
                running_var=answer.get("running_var"),
            )
        return None

    def worst_part(self) -> "Question":
        """Return the question about the channels that are farthest outside."""
        axis = self.layer.channel_axis
        if axis is None:
            return self
        worst: dict[int, float] = {}
        for ratios in self.ratios():
            for ratio in ratios.values():
                ratio = np.moveaxis(ratio, axis, 0) if ratio.ndim > 1 else ratio
                ratio = ratio.reshape(ratio.shape[0], -1).max(axis=1, initial=0)
                if ratio.max(initial=0) > 1:
                    channel = int(ratio.argmax())
                    worst[channel] = max(worst.get(channel, 0), float(ratio[channel]))
        x = self.steps[0].x
        share = max(1, PART_SIZE * x.shape[axis] // max(x.size, 1))
        return self._of_channels(sorted(worst, key=lambda one: -worst[one])[:share] or [0])

    def _of_channels(self, channels: Sequence[int]) -> "Question":
        axis = self.layer.channel_axis

        def pick(array):
            return (
                None if array is None else np.take(array, channels, axis if array.ndim > 1 else 0)
            )

        layer = replace(
            self.layer,
            gamma=pick(self.layer.gamma),
            beta=pick(self.layer.beta),
            running_mean=pick(self.layer.running_mean),
            running_var=pick(self.layer.running_var),
        )
        steps = [replace(step, x=pick(step.x), dy=pick(step.dy)) for step in self.steps]
        answers = [
            {name: pick(array) for name, array in answer.items() if name in expectation.tensors}
            for answer, expectation in zip(self.answered.steps, self.usual, strict=False)
        ]
        return replace(
            self, layer=layer, steps=steps, answered=Answered(answers, self.answered.refusal)
        )


def _nearly_exact(one: StepExpectation, names: Sequence[str], unit: float) -> StepExpectation:
    """Return an expectation whose exact tensors may be a few roundings off."""
    near = {
        name: replace(one.tensors[name], bound=unit * np.abs(one.tensors[name].value))
        for name in names
        if name in one.tensors
    }
    return replace(one, tensors={**one.tensors, **near})


def _malformed(answer: Mapping[str, np.ndarray], expectation: StepExpectation) -> bool:
    """Say whether an answer lacks a tensor that is expected, or has it in another shape."""
    return any(
        name not in OPTIONAL
        if name not in answer
        else np.shape(answer[name]) != np.shape(expected.value)
        for name, expected in expectation.tensors.items()
    )
