"""`explain` and the diagnosis are one engine: neither says what the other denies."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from diagnosis.faults import FAULTS
from diagnosis.question import Question, partial_answer
from diagnosis.specimen import specimen
from diagnosis.structure import Structure, tellable
from explain.explain import explain
from explain.reading import Dump
from explain.text import text_of
from records.hypothesis import Kind
from reference.conventions import CANONICAL, CONVENTIONS
from reference.expected import expect

DEVIATIONS = [
    (name, option)
    for name, convention in CONVENTIONS.items()
    if convention.changes == "values"
    for option in convention.options
    if option != convention.canonical
]
PAIRS = [dict(pair) for pair in combinations(DEVIATIONS, 2) if len(dict(pair)) == 2]


def dump_of(expectations, dtype="float32"):
    """Return the dump of one call that answered what is expected of it."""
    layer, step = specimen(dtype=dtype)
    tensors = expectations[0].tensors
    answer = {name: tensors[name].value.astype(dtype) for name in tensors if name != "x"}
    unknown = replace(layer, epsilon=None, momentum=None)
    question = Question(unknown, [step], partial_answer(answer), CANONICAL)
    return Dump("specimen", question)


@pytest.mark.parametrize("changes", PAIRS[::5], ids=lambda one: "-".join(one.values()))
def test_every_pair_of_conventions_is_explained(changes):
    """What two conventions make is explained, by themselves where one call can tell them."""
    layer, step = specimen(dtype="float32")
    one = explain(dump_of(expect(layer, [step], CANONICAL.but(**changes))))
    assert one.explained, text_of(one)
    found = {finding.what: {finding.option, *finding.alternatives} for finding in one.findings}
    for name in changes.keys() & set(one.fit.told):
        assert changes[name] in found[name]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_what_nothing_fits_no_convention_explains(fault):
    """Where nothing fits, the diagnosis of all tensors is a fault, and no convention or number."""
    layer, step = specimen(dtype="float32")
    usual = Question(layer, [step], partial_answer({}), CANONICAL)
    one = explain(dump_of(fault.expectations(usual)))
    kinds = {hypothesis.kind for hypothesis in one.hypotheses}
    assert one.explained or one.alone or kinds <= {Kind.FAULT}
    assert one.explained != ("nothing fits" in text_of(one))


@pytest.mark.parametrize(
    "changes", [{"statistics_gradient": "blocked"}, {"running_variance": "biased"}]
)
def test_what_the_diagnosis_finds_is_the_explanation(changes, monkeypatch):
    """Were the search over all combinations to miss one, the diagnosis would not contradict it."""
    layer, step = specimen(dtype="float32")
    dump = dump_of(expect(layer, [step], CANONICAL.but(**changes)))
    overlooked = changes.items()
    combinations_of = Structure.combinations

    def without(self, *arguments):
        for one in combinations_of(self, *arguments):
            if not overlooked <= vars(one).items():
                yield one

    monkeypatch.setattr(Structure, "combinations", without)
    one = explain(dump)
    assert one.explained
    assert "nothing fits" not in text_of(one)
    assert overlooked <= vars(one.fit.conventions).items()


def test_the_table_has_a_line_for_every_convention_that_a_call_can_tell():
    """Which those are is learnt from a call, and a number can stand in for the others."""
    told = set(tellable("float32"))
    assert told == {name for name, _ in DEVIATIONS} - {
        *("running_update", "momentum_meaning", "initial_running_var"),
        "numbers",  # of a float64 layer
    }
    layer, step = specimen(dtype="float32")
    one = explain(dump_of(expect(layer, [step], CANONICAL)))
    assert told <= {finding.what for finding in one.findings}


def test_a_state_that_is_not_known_is_no_evidence():
    """Without running statistics in the file, no layer that normalises by them is supposed."""
    layer, step = specimen(dtype="float32")
    dump = dump_of(expect(layer, [step], CANONICAL.but(normalizer="running")))
    unknown = replace(dump.layer, running_mean=None, running_var=None)
    answer = {name: dump.answer[name] for name in ("y", "dx", "dgamma", "dbeta")}
    question = replace(dump.question, layer=unknown, answered=partial_answer(answer))
    assert not explain(replace(dump, question=question)).explained
    assert np.all(np.isfinite(answer["y"]))
