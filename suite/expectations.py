"""What conventions expect of a case, kept for the other targets that are judged by it."""

from collections import OrderedDict

from reference.conventions import Conventions
from reference.expected import StepExpectation, expect, relevant
from test_cases.case import Case

LARGEST = 48 * 2**20
"""Bytes of expected values and bounds that are kept."""


class Expectations:
    """Expectations by case and conventions; those not used for longest are given up first."""

    def __init__(self):
        self._kept: OrderedDict[tuple[str, Conventions], list[StepExpectation]] = OrderedDict()
        self._bytes = 0

    def of(self, case: Case, conventions: Conventions) -> list[StepExpectation]:
        """Return what the conventions expect of a case."""
        layer, steps = case.layer(), case.inputs()
        key = case.id, relevant(conventions, layer, steps)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        expected = expect(layer, steps, key[1], case.exact)
        self._kept[key] = expected
        self._bytes += _size(expected)
        while self._bytes > LARGEST and len(self._kept) > 1:
            _, given_up = self._kept.popitem(last=False)
            self._bytes -= _size(given_up)
        return expected


def _size(expected: list[StepExpectation]) -> int:
    return sum(
        tensor.value.nbytes + tensor.bound.nbytes
        for step in expected
        for tensor in step.tensors.values()
    )
