"""What plays a part in a call, and what numbers can stand in for: learnt from a specimen.

An option that moves nothing in a specimen of the same form is idle in a call, whatever it holds.
One that moves what another epsilon or another weight of the batch would move as well cannot be told
by a call whose numbers are unknown.
"""

import functools
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np

from diagnosis.fitting import FITS
from diagnosis.hypotheses import numbered
from diagnosis.judgement import RUNNING
from diagnosis.question import Call, Question, asked, partial_answer
from diagnosis.specimen import EPSILON, specimen
from reference.conventions import CANONICAL, CONVENTIONS, Conventions
from reference.expected import expect, relevant
from reference.layer import Layer, Step

AS_EXACT = {one.name: one.canonical for one in CONVENTIONS.values() if one.changes == "bound"}
"""How exactly values must be met moves none."""

TELLING = {"epsilon": {"y"}, "momentum": set(RUNNING)}
"""The tensors that tell each number."""


def structure_of(question: Question) -> "Structure":
    """Return the structure of calls that have the form of a question's first."""
    layer, step = question.layer, question.steps[0]
    known = frozenset(name for name in RUNNING if getattr(layer, name) is not None)
    dtype = "float64" if layer.dtype == "float64" else "float32"
    return _structure(step.training, step.dy is not None, known, dtype)


@functools.cache
def _structure(*form) -> "Structure":
    return Structure(*specimen(*form))


class Structure:
    """The structure of calls of one form; what is learnt of it is kept."""

    def __init__(self, layer: Layer, step: Step):
        self._layer, self._step = layer, step
        self._forward = replace(step, dy=None)
        self._tensors: dict[tuple, dict[str, bytes | None]] = {}
        self._options: dict[tuple[str, frozenset[str]], tuple[str, ...]] = {}
        self._told: dict[tuple, tuple[str, ...]] = {}
        self._telling: dict[tuple, bool] = {}
        self._combined: dict[tuple, tuple[Conventions, ...]] = {}

    def combinations(
        self, base: Conventions, tensors: Collection[str], settled: Collection[str] = ()
    ) -> tuple[Conventions, ...]:
        """Return the combinations of conventions that have a part in some tensors.

        Those that are `settled`, or idle beside the others, stay as they are in the base. What
        depends on a state that is not known cannot be held against anything, and is left out.
        """
        key = base, tuple(tensors), tuple(settled)
        if key not in self._combined:
            self._combined[key] = tuple(self._combinations(base, tensors, settled))
        return self._combined[key]

    def _combinations(
        self, base: Conventions, tensors: Collection[str], settled: Collection[str]
    ) -> Iterator[Conventions]:
        names = [
            name
            for name, convention in CONVENTIONS.items()
            if convention.changes == "values"
            and convention.touches & set(tensors)
            and name not in settled
        ]
        for options in itertools.product(*(self.options(name, tensors) for name in names)):
            conventions = base.but(**dict(zip(names, options, strict=True)))
            changed = [name for name in names if getattr(conventions, name) != getattr(base, name)]
            if None not in self.signature(conventions, tensors) and all(
                self._tells(conventions, tensors, name) for name in changed
            ):
                yield conventions

    def told(self, conventions: Conventions, tensors: Collection[str]) -> tuple[str, ...]:
        """Return the conventions of value of which another option would move some tensors."""
        key = conventions, tuple(tensors)
        if key not in self._told:
            self._told[key] = tuple(
                name
                for name, convention in CONVENTIONS.items()
                if convention.changes == "values" and self._tells(conventions, tensors, name)
            )
        return self._told[key]

    def _tells(self, conventions: Conventions, tensors: Collection[str], name: str) -> bool:
        key = conventions, tuple(tensors), name
        if key not in self._telling:
            own = self.signature(conventions, tensors)
            self._telling[key] = any(
                self.signature(conventions.but(**{name: option}), tensors) != own
                for option in self.options(name, tensors)
            )
        return self._telling[key]

    def options(self, name: str, tensors: Collection[str]) -> tuple[str, ...]:
        """Return the options of a convention that no number can stand in for."""
        key = name, frozenset(tensors)
        if key not in self._options:
            self._options[key] = tuple(
                option
                for option in CONVENTIONS[name].options
                if not self._is_a_number(CANONICAL.but(**{name: option}), tensors)
            )
        return self._options[key]

    def needs_epsilon(self, conventions: Conventions, tensors: Collection[str]) -> bool:
        """Say whether epsilon has a part in some tensors."""
        other = self.signature(conventions, tensors, epsilon=2 * EPSILON)
        return self.signature(conventions, tensors) != other

    def moves_statistics(self, conventions: Conventions) -> bool:
        """Say whether a call moves the running statistics, whatever the weight of the batch."""
        (expectation,) = expect(self._layer, [self._step], conventions)
        kept = [(expectation.tensors[name].value, getattr(self._layer, name)) for name in RUNNING]
        return not all(np.array_equal(*pair, equal_nan=True) for pair in kept)

    def signature(
        self, conventions: Conventions, tensors: Collection[str], epsilon: float = EPSILON
    ) -> tuple[bytes | None, ...]:
        """Return what is equal where tensors are; None for one of a state that is not known."""
        step = self._forward if tuple(tensors) == ("y",) else self._step
        conventions = conventions.but(**AS_EXACT)
        key = conventions, epsilon, step.dy is None
        if key not in self._tensors:
            layer = replace(self._layer, epsilon=epsilon)
            own = relevant(conventions, layer, [step])
            if own != conventions:
                return self.signature(own, tensors, epsilon)
            (expectation,) = expect(layer, [step], own)
            self._tensors[key] = {
                name: None if np.isnan(one.value).any() else one.value.astype(np.float64).tobytes()
                for name, one in expectation.tensors.items()
            }
        return tuple(self._tensors[key][name] for name in tensors)

    def _is_a_number(self, conventions: Conventions, tensors: Collection[str]) -> bool:
        """Say whether the canonical conventions with other numbers give the same tensors."""
        if self.signature(conventions, tensors) == self.signature(CANONICAL, tensors):
            return False
        (expectation,) = expect(self._layer, [self._step], conventions)
        names = {*tensors, "y"}  # which tells the epsilon of the gradients
        answer = {name: expectation.tensors[name].value.astype(self._layer.dtype) for name in names}
        layer = self._layer
        for subject, fit in FITS.items():
            if names & TELLING[subject]:
                number, _ = fit(Call(layer, self._step, answer), CANONICAL)
                if number is None:
                    return False
                layer = numbered(layer, **{subject: number.best})
        question = Question(layer, [self._step], partial_answer(answer), CANONICAL)
        return question.fits(question.usual)


def tellable(dtype: str) -> Sequence[str]:
    """Return the conventions that one training call with a backward pass can tell."""
    layer, step = specimen(dtype=dtype)
    question = Question(layer, [step], partial_answer({}), CANONICAL)
    return structure_of(question).told(CANONICAL, asked(step))
