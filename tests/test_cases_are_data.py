"""The cases: readable ids, one-line reasons, and the same numbers every time."""

import re

import numpy as np
import pytest

from reference.expected import expect
from test_cases.case import STEPS, distinct_state
from test_cases.cases import all_cases

CASES = all_cases()


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_a_case_says_what_it_claims_and_why(case):
    """An id reads as words, a reason is one line, and its steps are known words."""
    assert re.fullmatch(r"[a-z0-9+.-]+", case.id), case.id
    assert case.name.count("-") >= 1
    assert 20 <= len(case.reason) <= 120
    assert "\n" not in case.reason
    assert set(case.steps) <= set(STEPS)


def test_the_core_cases_cover_what_they_promise():
    """Every rank, layout, dtype, size, number and sequence of the list has its case."""
    cases = list(CASES.values())
    for rank in (2, 3, 4, 5):
        for axis in (1, -1):
            for dtype in ("float16", "float32", "float64"):
                assert any(
                    (len(c.shape), c.channel_axis, c.dtype) == (rank, axis, dtype) for c in cases
                ), (rank, axis, dtype)
    counts = {np.prod(c.shape) // c.shape[c.channel_axis or 1] for c in cases if 0 not in c.shape}
    assert {1, 2, 7} <= counts
    assert max(counts) >= 100_000
    assert {1, 3, 257} <= {c.shape[c.channel_axis] for c in cases if c.channel_axis}
    assert {c.epsilon for c in cases} >= {None, 0.0, 1e-3, 1e-5}
    assert {c.momentum for c in cases} >= {None, 0.0, 0.1, 1.0}
    assert {c.raw_momentum for c in cases} >= {0.1, 0.9}
    assert ("train",) * 5 + ("infer",) in {c.steps for c in cases}
    assert {word for c in cases for word in c.steps} == set(STEPS)
    assert any(c.layer_rank for c in cases)
    assert any(c.state is None for c in cases)


def test_inputs_are_the_same_every_time_and_differ_between_cases():
    """A case's name is its seed: two calls agree, two cases do not."""
    first, second = (CASES["one-channel-float32"].inputs() for _ in range(2))
    assert all(np.array_equal(a.x, b.x) for a, b in zip(first, second, strict=True))
    other = CASES["an-odd-image-size-float32"].inputs()[0].x.ravel()
    assert not np.array_equal(other[:100], first[0].x.ravel()[:100])


def test_an_upstream_gradient_is_never_constant():
    """A constant dy makes the true dx about 0 and tests nothing."""
    for case in CASES.values():
        for step in case.inputs():
            if step.dy is not None and step.dy.size > 1:
                assert np.ptp(step.dy.astype(np.float64)) > 0, case.id


def test_the_distinct_state_hides_no_swapped_argument():
    """The four vectors of the default state differ from each other in every channel."""
    vectors = list(distinct_state(257).values())
    for channel in range(3):
        values = [vector[channel] for vector in vectors]
        assert len(set(values)) == 4, values
    for vector in vectors:
        assert np.array_equal(vector, vector.astype(np.float16))


def test_exact_cases_have_exact_statistics():
    """Their running statistics are dyadic: the float32 value equals the long double one."""
    exact = [case for case in CASES.values() if case.exact]
    assert len(exact) >= 4
    for case in exact:
        for step in expect(case.layer(), case.inputs(), exact=case.exact):
            for name in case.exact:
                value = step.tensors[name].value
                assert np.array_equal(value, value.astype(np.float32)), (case.id, name)
                assert not step.tensors[name].bound.any()
