"""No known divergence hides another fault: what is injected into a known case is still told."""

import functools
from collections import defaultdict

import numpy as np
import pytest

from diagnosis.faults import FAULTS, PECULIAR
from diagnosis.judgement import judge
from diagnosis.mechanism import Mechanism
from diagnosis.question import Question
from reference.conventions import CANONICAL, CONVENTIONS
from suite.known import read_known
from test_cases.cases import all_cases
from tests.mutants import peculiar

LARGE = 2000
"""Elements of x above which a case costs much: it is taken only where an entry has no other, and
with every fifth fault."""

CASES = 2
"""How many of an entry's cases are taken."""

MANY, OF_EACH, OF_ALL = 1500, 0.5, 0.96
"""How many faults are injected at the least, and what share of them must still be told."""

NOTHING = Mechanism()

INJECTED = [
    *(
        f"{field}={option}"
        for field, convention in CONVENTIONS.items()
        for option in convention.options
        if convention.changes == "values" and option != convention.canonical
    ),
    *FAULTS,
]


def claims():
    """Return what the entries say: by mechanism, the tensors that it may violate and the cases."""
    tensors, cases = defaultdict(set), defaultdict(set)
    for entry in read_known():
        for mechanism in entry.explained_by:
            tensors[mechanism] |= {*entry.tensors} - CONVENTIONS.keys()
            cases[mechanism] |= {
                name
                for name, case in all_cases().items()
                if entry.covers(name) and np.prod(case.shape)
            }
    return {one: (tensors[one], few_of(sorted(cases[one]))) for one in cases if cases[one]}


def is_large(name):
    return np.prod(all_cases()[name].shape) > LARGE


def few_of(cases):
    """Return a few cases, from the first to the last."""
    cases = [name for name in cases if not is_large(name)] or cases[:1]
    places = np.linspace(0, len(cases) - 1, min(CASES, len(cases)))
    return [cases[round(place)] for place in places]


@functools.cache
def known_cases(mechanism):
    """Return the cases in which a layer that has the mechanism is known; others that the entry
    covers are there for another of its mechanisms."""
    _, cases = CLAIMS[mechanism]
    return [name for name in cases if mechanism.holds(stand_in(all_cases()[name], mechanism))]


def stand_in(case, mechanism, injected=""):
    """Return the question of a layer that has the mechanism, and an injected fault besides."""
    knobs = ",".join(filter(None, (*(f"{one}={two}" for one, two in mechanism.changes), injected)))
    answered = peculiar.answers_of(case, knobs or "correct", mechanism.fault)
    return Question.of(case.layer(), case.inputs(), answered, CANONICAL, case.exact)


def failing(question):
    """Return the tensors that violate the canonical conventions."""
    judged = judge(
        question.layer, question.steps, question.answered, question.declared, question.exact
    )
    return {one.tensor for one in judged if one.fails}


def same(one, other):
    """Say whether two questions have the same answer, bit for bit."""
    return one.answered.refusal == other.answered.refusal and all(
        first[name].tobytes() == second[name].tobytes()
        for first, second in zip(one.answered.steps, other.answered.steps, strict=True)
        for name in first
    )


@functools.cache
def visible(name):
    """Return the injected faults that a correct layer would be caught with in a case."""
    case = all_cases()[name]
    assert not failing(stand_in(case, NOTHING)), f"the correct layer violates {name}"
    injected = INJECTED[::5] if is_large(name) else INJECTED
    return [one for one in injected if failing(stand_in(case, NOTHING, one))]


@functools.cache
def injected(mechanism):
    """Return what is injected into the known cases of a mechanism, and what of it would be hidden.

    What the mechanism leaves nothing to do, or does itself, is not there: the answer is the same.
    """
    tensors, _ = CLAIMS[mechanism]
    faults, hidden = [], []
    for name in known_cases(mechanism):
        case = all_cases()[name]
        alone = stand_in(case, mechanism)
        for one in visible(name):
            question = stand_in(case, mechanism, one)
            if not same(question, alone):
                faults.append((name, one))
                if failing(question) <= tensors and mechanism.holds(question):
                    hidden.append((name, one))
    return faults, hidden


CLAIMS = claims()
MECHANISMS = [pytest.param(one, id=one.name) for one in CLAIMS]


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_layer_that_has_a_mechanism_is_known_by_it(mechanism):
    """There is a case in which it violates in a tensor of its entries, and is explained."""
    tensors, _ = CLAIMS[mechanism]
    asked = [stand_in(all_cases()[name], mechanism) for name in known_cases(mechanism)]
    assert any(failing(question) & tensors for question in asked)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_another_fault_is_told_in_a_known_case(mechanism):
    """Half of what is injected at the least, also where the mechanism leaves hardly a digit: a
    one-pass variance in float32 at a mean of 10^4 deviations."""
    faults, hidden = injected(mechanism)
    assert len(hidden) <= len(faults) * (1 - OF_EACH), hidden


def test_few_faults_hide_in_known_cases(record_property):
    """Over all mechanisms; the figure is told at the end of the tests."""
    counted = [injected(one) for one in CLAIMS]
    faults, hidden = (sum(map(len, column)) for column in zip(*counted, strict=True))
    record_property("injected", [faults, hidden])
    assert faults > MANY
    assert hidden <= faults * (1 - OF_ALL)


def test_every_peculiar_fault_is_some_entry_s():
    """One that no entry names is knowledge of nobody."""
    assert {one.fault for entry in read_known() for one in entry.explained_by} >= PECULIAR.keys()
