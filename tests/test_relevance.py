"""Conventions that play no part in a case may be set to the canonical ones: nothing changes."""

import numpy as np
import pytest

from reference.conventions import CANONICAL, CONVENTIONS
from reference.expected import expect, relevant
from test_cases.cases import all_cases

OPTIONS = [(name, option) for name, one in CONVENTIONS.items() for option in one.options]
SMALL = {name: case for name, case in all_cases().items() if np.prod(case.shape) < 200}


@pytest.mark.parametrize("case", SMALL.values(), ids=SMALL)
def test_equal_relevant_conventions_expect_the_same(case):
    """Every option of every convention, and what is relevant of it, have one expectation."""
    layer, steps = case.layer(), case.inputs()
    for name, option in OPTIONS:
        conventions = CANONICAL.but(**{name: option})
        own = relevant(conventions, layer, steps)
        if own == conventions:
            continue
        expected, told = expect(layer, steps, conventions), expect(layer, steps, own)
        assert len(expected) == len(told), (name, option)
        for one, other in zip(expected, told, strict=True):
            assert one.refused_by == other.refused_by, (name, option)
            for tensor, wanted in one.tensors.items():
                for part in ("value", "bound"):
                    pair = getattr(wanted, part), getattr(other.tensors[tensor], part)
                    assert np.array_equal(*pair, equal_nan=True), (name, option, tensor, part)
