"""The verdict: what conforms, differs, violates, was raised, or is malformed."""

from dataclasses import replace

import numpy as np
import pytest

from diagnosis.judgement import Answered, error_over_bound, judge
from diagnosis.question import Question
from diagnosis.search import diagnose
from reference.conventions import CANONICAL, Conventions
from reference.expected import Expected, expect
from reference.layer import Layer, Step

RNG = np.random.default_rng(5)
LAYER = Layer(
    gamma=np.float32([0.5, -1.5, 2.0]),
    beta=np.float32([1.0, 0.25, -0.5]),
    running_mean=np.float32([0.5, 0.0, -1.0]),
    running_var=np.float32([2.0, 0.5, 1.5]),
)
STEPS = [
    Step(*RNG.standard_normal((2, 6, 3)).astype(np.float32)),
    Step(RNG.standard_normal((6, 3)).astype(np.float32), None, False),
]


def answer_of(conventions, steps=STEPS):
    """Return what a perfect layer under the conventions answers, rounded to float32."""
    return [
        {name: expected.value.astype(np.float32) for name, expected in step.tensors.items()}
        for step in expect(LAYER, steps, conventions)
    ]


def verdicts(answer, declared=CANONICAL, refusal=None):
    judged = judge(LAYER, STEPS, Answered(answer, refusal), declared)
    return {f"{one.tensor}{one.step}": one for one in judged}


def test_a_perfect_layer_conforms():
    """Every tensor of every step conforms, and errors stay below one bound."""
    judged = verdicts(answer_of(CANONICAL))
    assert {one.verdict for one in judged.values()} == {"conforms"}
    assert len(judged) == 9 + 11  # six tensors, three in inference, and the inputs after each call


def test_a_declared_convention_differs_and_is_named():
    """Only the running variance differs, and only where it is made, not where it is used."""
    biased = CANONICAL.but(running_variance="biased")
    judged = verdicts(answer_of(biased), biased)
    differing = {name for name, one in judged.items() if one.verdict == "differs"}
    assert differing == {"running_var0"}
    assert judged["running_var0"].differs_by == (("running_variance", "biased"),)
    message = judged["running_var0"].message("target case")
    assert message.startswith("target case: running_var[")
    assert message.endswith("differs from the paper by running_variance=biased")


def test_only_the_conventions_that_are_needed_are_named():
    """A declared convention that plays no part in a case is not its explanation."""
    declared = CANONICAL.but(running_variance="biased", default_epsilon=1e-3, bare_call="infers")
    judged = verdicts(answer_of(declared), declared)
    assert judged["running_var0"].differs_by == (("running_variance", "biased"),)


def test_an_undeclared_convention_violates():
    """The same answer without the declaration is a violation."""
    judged = verdicts(answer_of(CANONICAL.but(running_variance="biased")))
    assert judged["running_var0"].verdict == "violates"
    assert judged["running_var0"].error_over_bound > 1
    assert "should be 0x1." in judged["running_var0"].message("target case")


def test_a_declaration_that_is_not_kept_violates():
    """A layer that declares the biased variance and keeps the paper's is wrong too."""
    judged = verdicts(answer_of(CANONICAL), CANONICAL.but(running_variance="biased"))
    assert judged["running_var0"].verdict == "violates"


def test_one_fault_is_told_once():
    """Inference after a wrong update is judged from the target's own statistics."""
    judged = verdicts(answer_of(CANONICAL.but(running_variance="biased")))
    assert judged["y1"].verdict == "conforms"
    assert judged["running_var1"].verdict == "conforms"


def test_a_refusal_is_declared_or_raised():
    """The same error differs where a convention announces it, and is `raised` where none does."""
    single = [Step(STEPS[0].x[:1], STEPS[0].dy[:1])]
    answered = Answered([], "ValueError: one value")
    declared = judge(LAYER, single, answered, CANONICAL.but(single_value="raises"))
    assert [(one.verdict, one.differs_by) for one in declared] == [
        ("differs", (("single_value", "raises"),))
    ]
    undeclared = judge(LAYER, single, answered, CANONICAL)
    assert [one.verdict for one in undeclared] == ["raised"]
    assert "ValueError: one value" in undeclared[0].message("target case")


def test_an_answer_where_a_refusal_was_promised_violates():
    """A declared refusal that does not come is a broken promise."""
    single = [Step(STEPS[0].x[:1], STEPS[0].dy[:1])]
    answer = answer_of(CANONICAL, single)
    judged = judge(LAYER, single, Answered(answer), CANONICAL.but(single_value="raises"))
    assert [one.verdict for one in judged] == ["violates"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda answer: answer.pop("dgamma"), "has no dgamma"),
        (lambda answer: answer.update(y=answer["y"][:3]), "y has the shape (3, 3)"),
        (lambda answer: answer.update(y=answer["y"].astype(np.float64)), "y has the dtype float64"),
        (lambda answer: answer.update(dbeta=answer["dbeta"].astype(np.float16)), "dbeta has the"),
    ],
)
def test_a_malformed_answer_is_a_broken_adapter(change, complaint):
    """A missing tensor, a wrong shape and a wrong dtype are never divergences."""
    answer = answer_of(CANONICAL)
    change(answer[0])
    judged = judge(LAYER, STEPS, Answered(answer), CANONICAL)
    assert [one.verdict for one in judged] == ["broken adapter"]
    assert complaint in judged[0].detail


@pytest.mark.parametrize(
    ("observed", "value", "bound", "ratio"),
    [
        (1.0, 1.0, 0.0, 0.0),
        (1.5, 1.0, 0.25, 2.0),
        (1.5, 1.0, 0.0, np.inf),
        (np.nan, np.nan, 1.0, 0.0),
        (np.nan, 1.0, 1.0, np.inf),
        (1.0, np.nan, 1.0, np.inf),
        (np.inf, 1e6, 1.0, 0.0),
        (-np.inf, 1e6, 1.0, np.inf),
        (np.inf, 6e4, 1.0, np.inf),
        (5.0, 1.0, np.inf, 0.0),
    ],
)
def test_errors_are_measured_in_bounds(observed, value, bound, ratio):
    """Equal values, NaN, overflow to the right infinity, exact bounds and no claim at all."""
    expected = Expected(np.array([value], np.longdouble), np.array([bound]))
    assert error_over_bound(np.array([observed], np.float16), expected).tolist() == [ratio]


def test_an_option_that_does_not_exist_is_refused_with_the_valid_ones():
    """A misspelt convention is told in one line."""
    with pytest.raises(ValueError, match="choose one of: unbiased, biased"):
        Conventions(running_variance="bessel")


def test_an_error_after_the_last_step_is_told():
    """Right tensors do not hide that the layer raised once it had answered."""
    judged = judge(LAYER, STEPS, Answered(answer_of(CANONICAL), "RuntimeError: boom"), CANONICAL)
    assert judged[-1].verdict == "raised"
    assert "boom" in judged[-1].message("target case")


def test_a_weight_above_one_has_a_bound_as_well():
    """An extrapolating momentum makes no negative bound, which everything would be within."""
    layer = replace(LAYER, momentum=1.5)
    expected = expect(layer, STEPS[:1])[0].tensors
    answer = {name: one.value.astype(np.float32) for name, one in expected.items()}
    judged = judge(layer, STEPS[:1], Answered([answer]), CANONICAL)
    assert not [one for one in judged if one.fails]
    answer["running_mean"] = answer["running_mean"] + 777
    judged = judge(layer, STEPS[:1], Answered([answer]), CANONICAL)
    assert [one.tensor for one in judged if one.fails] == ["running_mean"]


def test_without_epsilon_a_variance_of_zero_makes_no_claim():
    """x - mean of a constant channel is a rounding error, and 1/std has no bound."""
    layer = replace(LAYER, epsilon=0.0)
    x = np.full((7, 3), 0.1, np.float32)
    steps = [Step(x, STEPS[0].dy[:1].repeat(7, 0))]
    usual = expect(layer, steps)[0].tensors
    answer = {name: one.value.astype(np.float32) for name, one in usual.items()}
    answer |= {name: np.full_like(answer[name], -1.0) for name in ("y", "dx", "dgamma")}
    assert not [one for one in judge(layer, steps, Answered([answer]), CANONICAL) if one.fails]


def test_a_state_that_is_kept_in_half_is_compared_where_it_is_kept():
    """A given float16 state is expected in the reference's dtype, not in the layer's."""
    layer = Layer(dtype="float16", running_mean=np.float16([0.5, 0.25, 1.0]))
    steps = [Step(STEPS[0].x.astype(np.float16))]
    declared = CANONICAL.but(running_update="on_backward")
    expected = expect(layer, steps, declared)[0].tensors["running_mean"]
    observed = np.float32([0.5001, 0.25, 1.0])
    assert error_over_bound(observed, expected)[0] == np.inf


def test_a_nan_is_told_once():
    """A running variance that became NaN violates where it became so, not in every later step."""
    answer = answer_of(CANONICAL)
    answer[0]["running_var"][1] = np.nan
    answer[1]["running_var"][1] = np.nan
    answer[1]["y"][:, 1] = np.nan
    failing = [f"{one.tensor}{one.step}" for one in verdicts(answer).values() if one.fails]
    assert failing == ["running_var0"]


@pytest.mark.parametrize("numbers", [{"default_epsilon": "abc"}, {"default_channel_axis": 7}])
def test_a_default_that_is_no_number_is_refused(numbers):
    """An adapter's declaration of a default is checked like that of an option."""
    with pytest.raises(ValueError, match=next(iter(numbers))):
        Conventions(**numbers)


def test_a_tensor_that_nobody_asked_for_does_not_stop_the_diagnosis():
    """An extra tensor of an odd shape is left out of account."""
    step = Step(STEPS[0].x)
    answer = answer_of(CANONICAL.but(scale="ones"), [step])
    answer[0]["dx"] = np.float32([1.0])
    question = Question.of(LAYER, [step], Answered(answer), CANONICAL)
    assert [one.name for one in diagnose(question)] == ["scale=ones"]
