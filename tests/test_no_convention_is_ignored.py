"""Whatever is registered as a convention is computed: by the reference, and by the exact oracle."""

import numpy as np
import pytest

from reference.conventions import CANONICAL, CONVENTIONS, PROBES
from reference.expected import TENSORS, expect
from test_cases.cases import all_cases
from test_cases.probes import PROBES as CASES_OF_PROBES
from tests.exact_oracle import ExactLayer
from tests.test_reference_is_exact import DEVIATIONS, draw_state, draw_steps

OPTIONS = [
    (name, option)
    for name, convention in CONVENTIONS.items()
    for option in convention.options
    if option != convention.canonical
] + [("default_epsilon", 1e-3), ("default_momentum", 0.5), ("default_channel_axis", -1)]

CASES = sorted(
    (*all_cases().values(), *CASES_OF_PROBES.values()),
    key=lambda case: np.prod(case.shape),
)


def moved(name, option, case, steps=None):
    """Return what an option changes: tensors by name, each with its part, and "refusal"."""
    layer, steps = case.layer(), steps or case.inputs()
    changed = CANONICAL.but(**{name: option})
    usual, other = (expect(layer, steps, one) for one in (CANONICAL, changed))
    found = set()
    for one, two in zip(usual, other, strict=False):
        if one.refused_by != two.refused_by:
            found.add(("refusal", ""))
        found |= {
            (tensor, part)
            for tensor in one.tensors.keys() & two.tensors.keys()
            for part in ("value", "bound")
            if not np.array_equal(
                getattr(one.tensors[tensor], part),
                getattr(two.tensors[tensor], part),
                equal_nan=True,
            )
        }
    return found


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_the_reference_consumes_every_option(name, option):
    """Some case of the catalogue, or a probe, is expected otherwise: a tensor, a bound, a refusal.

    A convention of value changes a tensor, and not only how exactly it must be met.
    """
    values = name in CONVENTIONS and CONVENTIONS[name].changes == "values"
    for case in CASES:
        parts = {part for _, part in moved(name, option, case)}
        if "value" in parts if values else parts:
            return
    pytest.fail(f"{name}={option} changes nothing of what is expected")


@pytest.mark.parametrize(("name", "option"), DEVIATIONS)
def test_the_oracle_consumes_every_option(name, option):
    """Every other option of a convention of value changes an exact tensor of some call."""
    answers = []
    for conventions in (CANONICAL, CANONICAL.but(**{name: option})):
        rng = np.random.default_rng(6)
        state, steps = draw_state(rng, 3), draw_steps(rng, (4, 3))
        options = {"epsilon": 0.1, "momentum": 0.3, "conventions": conventions}
        given, new = ExactLayer(state.values(), **options), ExactLayer.new(3, **options)
        calls = [(layer, step) for layer in (given, new) for step in steps]
        answers.append(
            [
                {key: np.asarray(one, object).tolist() for key, one in answer.items()}
                for answer in (layer.step(step.x, step.dy, step.training) for layer, step in calls)
            ]
        )
    assert answers[0] != answers[1], f"the oracle knows nothing of {name}={option}"


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_a_convention_touches_what_it_says(name, option):
    """Within the first step, an option moves no tensor but those that its entry names."""
    touches = CONVENTIONS[name].touches if name in CONVENTIONS else TENSORS
    for case in CASES[:60]:
        found = {tensor for tensor, _ in moved(name, option, case, case.inputs()[:1])}
        assert found <= {*touches}, case.id


def test_every_probe_that_a_convention_names_exists():
    """A convention's own probe is one of the probes, in float32."""
    own = {f"probe-{name}-float32" for name in PROBES.values() if name}
    assert own <= CASES_OF_PROBES.keys()
