"""The search for what explains a violation, and what is consistent over a target's cases."""

from dataclasses import replace

import numpy as np
import pytest

from diagnosis.consistency import TargetDiagnosis
from diagnosis.fitting import Number
from diagnosis.hypotheses import holds, of_number
from diagnosis.judgement import Answered
from diagnosis.question import Question
from diagnosis.search import Search, diagnose
from records.hypothesis import Kind, described
from reference.conventions import CANONICAL
from reference.expected import expect
from reference.layer import Layer, Step
from test_cases.case import distinct_state

PAIR = {"running_variance": "biased", "scale": "ones"}


def question(
    shape=(6, 3), steps=1, dtype="float32", layer=None, change=None, withheld=(), **conventions
):
    """Return the question about a perfect layer under some conventions that declares none."""
    random = np.random.default_rng(int(np.prod(shape)))
    state = {name: one.astype(dtype) for name, one in distinct_state(shape[1]).items()}
    own = layer or Layer(dtype, **state)
    calls = [Step(*random.standard_normal((2, *shape)).astype(dtype)) for _ in range(steps)]
    answers = [
        {
            name: one.value.astype(dtype)
            for name, one in step.tensors.items()
            if name not in withheld
        }
        for step in expect(own, calls, CANONICAL.but(**conventions))
    ]
    for answer in answers:
        answer.update(change(answer) if change else {})
    layer = replace(own, epsilon=1e-5, momentum=0.1)
    return Question.of(layer, calls, Answered(answers, withheld=frozenset(withheld)), CANONICAL)


def noise(answer):
    """Return tensors that nothing explains."""
    return {"y": answer["y"] + np.float32(0.5) * np.sin(7 * answer["y"])}


def swapped(answer):
    return {"dgamma": answer["dbeta"], "dbeta": answer["dgamma"]}


@pytest.mark.parametrize("withheld", [("dx", "dgamma", "dbeta"), ("running_mean", "running_var")])
def test_a_tensor_that_is_withheld_is_not_asked_for(withheld):
    """A kernel that only goes forward, or tells no statistics, is diagnosed by what it gives."""
    one = question(withheld=withheld, epsilon_placement="outside_sqrt")
    assert [each.name for each in diagnose(one)] == ["epsilon_placement=outside_sqrt"]
    missing = replace(one, answered=replace(one.answered, withheld=frozenset()))
    assert diagnose(missing) == []


def test_a_forward_only_kernel_has_a_consistent_explanation():
    """Its cases are put together like any other's."""
    target = TargetDiagnosis()
    gradients = ("dx", "dgamma", "dbeta")
    for number in (4, 6, 8):
        shape = (number, 3)
        target.violates(str(number), question(shape, withheld=gradients, scale="absolute"))
    negative = Layer(**{"gamma": np.float32([-1, 2, 3]), "beta": np.float32([1, 2, 3])})
    for number in (4, 6, 8):
        one = question((number, 3), layer=negative, withheld=gradients, scale="absolute")
        target.violates(f"negative {number}", one)
    (explanation,) = [one for one in target.explanations() if one.hypothesis]
    assert explanation.hypothesis.changes == (("scale", "absolute"),)
    assert explanation.name == "scale=absolute"


def test_a_hypothesis_is_typed():
    """It says what it changes without a string to be parsed, and is held against other cases."""
    (pair,) = diagnose(question(**PAIR))
    assert (pair.kind, dict(pair.changes)) == (Kind.CONVENTIONS, PAIR)
    assert holds(pair, question((4, 3), **PAIR))
    assert not holds(pair, question((4, 3), scale="ones"))
    (number,) = diagnose(question(layer=Layer(epsilon=0.003), steps=1))[:1]
    assert (number.kind, number.subject) == (Kind.NUMBER, "epsilon")
    assert number.interval.low <= 0.003 <= number.interval.high
    assert holds(number, question((4, 3), layer=Layer(epsilon=0.003)))
    assert described([number, pair]).startswith(f"explained by {number.name}: ")
    (fault,) = diagnose(question(change=swapped))
    assert (fault.kind, fault.subject) == (Kind.FAULT, "dgamma_and_dbeta_swapped")


def test_a_number_keeps_the_digits_that_make_it():
    """A momentum held as a C float is not told as the round number that it is not."""
    held = 1 - float(np.float32(0.9))
    width = 1e-12
    number = Number.within(held - width / 2, held + width, "momentum")
    assert number.best == held
    hypothesis = of_number("momentum", number)
    assert float(hypothesis.name.partition("=")[2]) != 0.1
    assert number.low <= float(hypothesis.name.partition("=")[2]) <= number.high


def test_what_explains_one_case_of_a_cluster_is_held_against_the_others(monkeypatch):
    """Violations that look alike are searched for pairs once, whether that finds one or nothing."""
    searched = []
    pairs = Search.pairs
    monkeypatch.setattr(Search, "pairs", lambda self: searched.append(self) or pairs(self))
    target = TargetDiagnosis()
    found = [target.violates(str(n), question((n, 3), **PAIR)) for n in (4, 6, 8, 10)]
    assert len(searched) == 1
    assert all([dict(one.changes) for one in each] == [PAIR] for each in found)
    searched.clear()
    target = TargetDiagnosis()
    found = [target.violates(str(n), question((n, 3), change=noise)) for n in (4, 6, 8, 10)]
    assert found == [[], [], [], []]
    assert len(searched) == 1


def test_the_smallest_case_of_a_cluster_is_always_searched(monkeypatch):
    """So what is found does not rest on the order in which large and small cases come."""
    searched = []
    pairs = Search.pairs
    monkeypatch.setattr(Search, "pairs", lambda self: searched.append(self) or pairs(self))
    target = TargetDiagnosis()
    for n in (8, 10, 4, 6):
        target.violates(str(n), question((n, 3), change=noise))
    assert [len(one.whole.steps[0].x) for one in searched] == [8, 4]


def test_a_cluster_does_not_hide_what_is_simple():
    """A case that a sibling's pair does not explain is searched itself, in the cheap stages."""
    target = TargetDiagnosis()
    target.violates("pair", question((4, 3), **PAIR))
    found = target.violates("one", question((6, 3), scale="ones"))
    assert [one.name for one in found] == ["scale=ones"]


def test_pairs_are_refused_by_what_each_does_alone(monkeypatch):
    """Most pairs are refused before anything is expected of both."""
    held = []
    hold = Search._hold
    monkeypatch.setattr(
        Search, "_hold", lambda self, changes: held.append(changes) or hold(self, changes)
    )
    assert [dict(one.changes) for one in diagnose(question(**PAIR))] == [PAIR]
    pairs = [changes for changes in held if len(changes) == 2]
    assert 0 < len(pairs) < 40, "of more than 300"


def test_no_pair_is_refused_that_holds(monkeypatch):
    """What each does alone never speaks against a pair that explains everything."""
    monkeypatch.setattr(Search, "simple", lambda self: [])
    for changes in (
        {"epsilon_placement": "both", "running_statistic": "standard_deviation"},
        {"normalizer": "running", "running_statistic": "standard_deviation"},
        {"normalizer": "running", "statistics_gradient": "blocked"},
        {"normalizer": "per_sample", "scale": "absolute"},
        {"running_update": "never", "scale": "ones"},
        {"running_update": "cumulative", "running_variance": "biased"},
        {"normalizing_variance": "unbiased", "running_variance": "biased"},
    ):
        one = question((5, 3), steps=2, **changes)
        assert changes in [dict(each.changes) for each in diagnose(one)]


def test_exactness_is_not_loosened_for_what_changes_nothing():
    """An exact tensor that is a rounding off is not explained by a convention that leaves it."""
    one = question()
    answer = dict(one.answered.steps[0])
    answer["running_mean"] = np.nextafter(answer["running_mean"], np.float32(9))
    spoilt = replace(one, answered=Answered([answer]), exact=("running_mean",))
    assert Search(spoilt).violated == {"running_mean"}
    assert not [
        each for each in diagnose(spoilt) if ("running_update", "on_backward") in each.changes
    ]


def test_what_a_dtype_holds_is_met_exactly_whatever_changed():
    """A convention that gives other exact numbers does not excuse a rounding beside them."""
    x = np.float32([[1, 2], [3, 6], [1, 2], [3, 6]])  # variances 1 and 4, of four values
    state = {name: np.float32([4, 8]) for name in ("running_mean", "running_var")}
    layer = Layer(epsilon=1.0, momentum=0.25, gamma=np.float32([1, 1]), **state)
    exact = ("running_mean", "running_var")
    moving = expect(layer, [Step(x)], CANONICAL.but(running_variance="biased"))[0].tensors
    answer = {name: one.value.astype("float32") for name, one in moving.items()}
    declared = CANONICAL.but(running_variance="biased", running_update="never")
    right = Question.of(layer, [Step(x)], Answered([answer]), declared, exact)
    assert ("running_update", "on_forward") in [one.changes[0] for one in diagnose(right)]
    rounded = answer | {"running_var": np.nextafter(answer["running_var"], np.float32(9))}
    spoilt = replace(right, answered=Answered([rounded]))
    assert not [one for one in diagnose(spoilt) if ("running_update", "on_forward") in one.changes]


def test_what_stays_within_the_usual_bounds_explains_nothing():
    """An answer just outside them is not explained by what moves it by less than they are wide."""
    one = question((6, 3))
    bound = one.usual[0].tensors["y"].bound
    other = one.expect(CANONICAL.but(epsilon_placement="both"))[0].tensors["y"].value
    toward = np.sign(other - one.usual[0].tensors["y"].value)
    scale = np.abs(other - one.usual[0].tensors["y"].value).max() / bound.max()
    assert scale > 1, "the option moves y beyond its bound"
    tiny = replace(one.layer, epsilon=1e-9)  # of which it does not
    usual = expect(tiny, one.steps, CANONICAL)[0].tensors
    answer = {name: each.value.astype("float32") for name, each in usual.items()}
    outside = (usual["y"].value + 1.3 * toward * usual["y"].bound).astype("float32")
    spoilt = Question.of(tiny, one.steps, Answered([answer | {"y": outside}]), CANONICAL)
    assert Search(spoilt).violated == {"y"}
    search = Search(spoilt)
    nothing = spoilt.expect(CANONICAL.but(epsilon_placement="both"))
    assert search._moved(nothing) == {"refusal"}
    assert search._moved(spoilt.expect(CANONICAL.but(scale="ones"))) == {"refusal", "y"}
