"""Measured conventions: what a layer does is read from its answers, never from its claims."""

import pytest

from adapters.harness import protocol
from diagnosis.judgement import Answered
from diagnosis.measurement import measure
from diagnosis.question import Question
from records.hypothesis import UNDETERMINED
from reference.conventions import CANONICAL, CONVENTIONS
from reference.expected import relevant
from test_cases.probes import PROBES
from tests.mutants.catalogue import DEVIATIONS
from tests.mutants.layer import run


def measured(mode, left_out=(), spoilt=()):
    """Return what is measured of a mutant, {(convention, dtype): measurement}.

    Probes that are `spoilt` are answered with twice the right y.
    """
    questions = {}
    for name, probe in PROBES.items():
        if name in left_out:
            continue
        steps, refusal = [], None
        layer = protocol.Layer(**vars(probe.layer()), mode=mode)
        try:
            steps += run(layer, [protocol.Step(**vars(step)) for step in probe.inputs()])
        except ValueError as error:
            refusal = str(error)
        if name in spoilt:
            steps = [{**step, "y": 2 * step["y"]} for step in steps]
        answered = Answered(steps, refusal)
        questions[name] = Question.of(probe.layer(), probe.inputs(), answered, CANONICAL)
    return {(one.field, one.dtype): one for one in measure(questions)}


def plays_a_part(field, option, dtype):
    """Say whether an option of a convention means anything in a dtype that the probes have."""
    conventions = CANONICAL.but(**{field: option})
    probes = [one for name, one in PROBES.items() if name.endswith(f"-{dtype}")]
    return any(
        relevant(conventions, one.layer(), one.inputs())
        != relevant(CANONICAL, one.layer(), one.inputs())
        for one in probes
    )


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_a_deviation_is_measured_as_itself(deviation):
    """The one convention that is different is found, and no other is mistaken."""
    field, _, option = deviation.partition("=")
    found = measured(deviation)
    mattered = False
    for (name, dtype), one in found.items():
        if name == field:
            matters = plays_a_part(field, option, dtype)
            mattered = mattered or matters
            if matters or name != "statistics_dtype":  # which says what it sees
                expected = option if matters else getattr(CANONICAL, name)
                assert one.option == expected, (dtype, one.evidence)
        elif name in CONVENTIONS and CONVENTIONS[name].changes == "values":
            assert one.option in (getattr(CANONICAL, name), UNDETERMINED), (name, one.evidence)
    assert mattered, "no probe is of a dtype in which the option means anything"


@pytest.mark.parametrize(
    ("mode", "field", "number"),
    [
        ("default_epsilon=0.001", "default_epsilon", 1e-3),
        ("default_momentum=0.01", "default_momentum", 0.01),
        ("default_channel_axis=-1", "default_channel_axis", -1),
    ],
)
def test_a_default_is_measured_as_a_number(mode, field, number):
    """The numbers of a bare constructor are recovered, within an interval that contains them."""
    one = measured(mode)[field, "float32"]
    assert one.option == number
    assert one.agrees_with(number)
    assert not one.agrees_with(getattr(CANONICAL, field))


def test_the_evidence_excludes_every_other_option():
    """Each convention of value comes with the error of every option that it is not."""
    for (name, _), one in measured("correct").items():
        if name in CONVENTIONS and CONVENTIONS[name].changes == "values":
            others = set(CONVENTIONS[name].options) - {one.option}
            assert one.excluded.keys() == others, name
            assert all(ratio > 1 for ratio in one.excluded.values()), name
            assert one.probe in PROBES, name


def test_a_probe_that_is_missing_leaves_its_convention_undetermined():
    """Without the probe that separates them, two options are told as undecided, not guessed."""
    found = measured("correct", left_out=["probe-negative-gamma-float32"])
    one = found["scale", "float32"]
    assert one.option == UNDETERMINED
    assert "absolute" in one.evidence
    assert one.agrees_with("gamma")
    behaviour = measured("correct", left_out=["probe-single-value-float32"])
    assert behaviour["single_value", "float32"].option == UNDETERMINED


def test_what_nothing_fits_in_one_probe_is_undetermined():
    """What would show in the tensor that nothing fits is not said; with two, nothing is."""
    found = measured("correct", spoilt=["probe-new-layer-float32"])
    for name in ("scale", "variance_algorithm"):
        one = found[name, "float32"]
        assert one.option == UNDETERMINED
        assert "nothing fits y of probe-new-layer-float32" in one.evidence
    assert found["running_variance", "float32"].option == "unbiased"
    assert found["initial_running_var", "float32"].option == UNDETERMINED
    both = measured("correct", spoilt=["probe-new-layer-float32", "probe-far-history-float32"])
    assert both["scale", "float32"].option == UNDETERMINED
    assert "nothing fits" in both["scale", "float32"].evidence


@pytest.mark.parametrize(
    "fault", ["dx_without_mean_term", "dx_without_variance_term", "dx_without_gamma", "zeros"]
)
def test_a_fault_is_not_measured_as_a_loose_bound(fault):
    """A wide bound holds what a fault makes: where that is wrong, exactness is undetermined."""
    found = measured(fault)
    for name in ("variance_algorithm", "summation", "moving_average"):
        one = found[name, "float32"]
        assert one.option in (UNDETERMINED, CONVENTIONS[name].canonical), one.evidence
