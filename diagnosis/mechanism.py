"""A mechanism: what is known to go on in a layer, as conventions, numbers and a fault.

A hypothesis is looked for; a mechanism is claimed, by somebody who has read the kernel. So it may
name more than the search looks at: any number of conventions, and a fault of `PECULIAR` on top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from diagnosis.faults import FAULTS, PECULIAR
from diagnosis.hypotheses import Change, numbered
from diagnosis.question import Question
from records.hypothesis import Hypothesis, Kind, Option, named
from reference.conventions import CANONICAL
from reference.expected import StepExpectation

KNOWN_FAULTS = FAULTS | PECULIAR
NUMBERS = ("epsilon", "momentum")


@dataclass(frozen=True)
class Mechanism:
    """Conventions other than declared, another epsilon or weight of the batch, and a fault on top.

    `fault` is the name of one; "" is none.
    """

    changes: tuple[Change, ...] = ()
    numbers: tuple[tuple[str, float], ...] = ()
    fault: str = ""

    @classmethod
    def of(cls, words: Mapping[str, Option]) -> "Mechanism":
        """Return the mechanism of `{convention: option, number: value, "fault": name}`.

        Raises ValueError, naming the valid ones, for an option or a fault that does not exist.
        """
        changes = dict(words)
        fault = changes.pop("fault", "")
        numbers = {name: float(changes.pop(name)) for name in NUMBERS if name in changes}
        if fault and fault not in KNOWN_FAULTS:
            raise ValueError(f"no fault {fault!r}; choose one of: {', '.join(KNOWN_FAULTS)}")
        if unknown := changes.keys() - vars(CANONICAL).keys():
            raise ValueError(f"no convention {', '.join(sorted(unknown))}")
        if not words:
            raise ValueError("a mechanism of nothing explains nothing")
        CANONICAL.but(**changes)  # which names the valid options
        return cls(tuple(changes.items()), tuple(numbers.items()), str(fault))

    @classmethod
    def claimed_by(cls, hypothesis: Hypothesis) -> "Mechanism":
        """Return the mechanism that a hypothesis of the search supposes."""
        if hypothesis.kind is Kind.FAULT:
            return cls(fault=hypothesis.subject)
        if hypothesis.interval is None:
            return cls(hypothesis.changes)
        number = hypothesis.subject, hypothesis.interval.best
        return cls(numbers=(number,)) if number[0] in NUMBERS else cls(changes=(number,))

    @property
    def words(self) -> dict[str, Option]:
        """What `of` makes this mechanism from."""
        return {**dict(self.changes), **dict(self.numbers)} | (
            {"fault": self.fault} if self.fault else {}
        )

    @property
    def name(self) -> str:
        """Its name, such as `summation=sequential, dx_without_gamma`."""
        return ", ".join(filter(None, (named((*self.changes, *self.numbers)), self.fault)))

    def holds(self, question: Question) -> bool:
        """Say whether every tensor of a question is within its bound under this mechanism.

        A bound without end claims nothing: what violates behind one is not explained by it.
        """
        expectations = self.expectations(question)
        return question.fits(expectations) and not _excused(question, expectations)

    def expectations(self, question: Question) -> list[StepExpectation]:
        """Return what the layer of a question should answer under this mechanism."""
        conventions = question.declared.but(**dict(self.changes))
        if not self.fault:
            layer = numbered(question.layer, **dict(self.numbers)) if self.numbers else None
            return question.expect(conventions, layer)
        layer = numbered(question.layer, **dict(self.numbers))
        shared = None if self.numbers else question.shared
        changed = replace(question, declared=conventions, layer=layer, shared=shared)
        with np.errstate(all="ignore"):  # a state can be anything, and a fault makes more of it
            return KNOWN_FAULTS[self.fault].expectations(changed)


def _excused(question: Question, expectations: Sequence[StepExpectation]) -> bool:
    """Say whether an element violates where these expectations claim nothing."""
    return any(
        bool(np.any((error > 1) & np.isinf(one.tensors[name].bound)))
        for errors, one in zip(question.errors(question.usual), expectations, strict=False)
        for name, error in errors.items()
        if name in one.tensors and np.shape(one.tensors[name].bound) == np.shape(error)
    )
