"""Known divergences: what an entry explains, and when it is unfit."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from diagnosis.judgement import Answered
from diagnosis.mechanism import Mechanism
from diagnosis.question import Question
from records.pieces import Known
from records.schema import MeasuredRecord, VerdictRecord
from records.verdict import Verdict
from reference.conventions import CANONICAL
from reference.expected import expect
from reference.layer import Layer, Step
from suite.known import KnownDivergence, read_known, unfit, with_known
from test_cases.cases import all_cases

LAYER = Layer(
    gamma=np.array([1.5, -0.5], "float32"),
    beta=np.array([0.25, 1.0], "float32"),
    running_mean=np.zeros(2, "float32"),
    running_var=np.ones(2, "float32"),
)
STEP = Step(np.random.default_rng(5).normal(size=(6, 2)).astype("float32"))
BIASED = CANONICAL.but(running_variance="biased")
ENTRY = KnownDivergence(
    implementation="torch",
    cases=("far-*",),
    tensors=("running_var",),
    explained_by=(Mechanism.of({"running_variance": "biased"}),),
    what="it divides by n",
    upstream="not reported upstream",
    version="<3",
    device="cpu",
)
REFUSAL = replace(ENTRY, tensors=(), explained_by=(), refusal="epsilon must be")
FIGURE = replace(ENTRY, explained_by=(), up_to=10.0)
PLACE = {
    "target": "torch-cpu-eager",
    "implementation": "torch",
    "version": "2.13.0+cpu",
    "device": "cpu",
    "mode": "eager",
}
VIOLATION = VerdictRecord(
    **PLACE,
    case="far-float32",
    dtype="float32",
    tensor="running_var",
    step=0,
    verdict=Verdict.VIOLATES,
    error_over_bound=4.0,
    message="torch-cpu-eager far-float32: running_var[0] = 0x1p+0, should be 0x1p+1",
)
REFUSED = replace(
    VIOLATION,
    tensor="",
    verdict=Verdict.RAISED,
    error_over_bound=None,
    message="torch-cpu-eager far-float32: step 0 was refused: epsilon must be positive",
)
MISMATCH = MeasuredRecord(
    **PLACE,
    field="running_var",
    dtype="float32",
    option="biased",
    declared="unbiased",
    probe="far-probe-float32",
    evidence="",
    excluded={"unbiased": 4.0},
    agrees=False,
)


def question(conventions=BIASED, **changed):
    """Return a question whose layer claims to be the paper's and follows other conventions."""
    tensors = expect(LAYER, [STEP], conventions)[0].tensors
    answer = {name: np.asarray(one.value, "float32") for name, one in tensors.items()} | changed
    return Question(LAYER, [STEP], Answered([answer]), CANONICAL)


def verdict(**changes):
    return replace(VIOLATION, **changes)


def known_of(record, entry=ENTRY, asked=None):
    asked = question() if asked is None else asked
    (marked,) = with_known([record], [entry], lambda _: asked)
    return marked.known


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"implementation": "torch==2.12", "version": "2.12"},
        {"error_over_bound": 1e9},
        {"error_over_bound": math.inf},
        {"version": "2.14.0.dev1"},
    ],
)
def test_what_an_entry_explains(changes):
    """A violation of its cases, tensors, versions and devices, of any size that fits, is known."""
    assert known_of(verdict(**changes)) == Known(what=ENTRY.what, upstream=ENTRY.upstream)


@pytest.mark.parametrize(
    "changes",
    [
        {"case": "near-float32"},
        {"implementation": "pytorch"},
        {"version": "3.1"},
        {"version": "unknown"},
        {"device": "cuda"},
        {"tensor": "dx"},
        {"verdict": Verdict("crashed"), "tensor": ""},
        {"verdict": Verdict("raised"), "tensor": ""},
        {"verdict": Verdict("broken adapter"), "tensor": ""},
        {"verdict": Verdict("not run"), "tensor": ""},
    ],
)
def test_what_an_entry_does_not_explain(changes):
    """Anything else still fails; a crash, a broken adapter and an unrun case always do."""
    assert known_of(verdict(**changes)) is None


@pytest.mark.parametrize(
    "asked",
    [
        question(CANONICAL.but(running_variance="biased", scale="ones")),
        question(CANONICAL.but(running_variance="divided_by_n_minus_one_minus_epsilon")),
        question(y=np.zeros((6, 2), "float32")),
        question(running_var=np.array([1.0, np.nan], "float32")),
        question(CANONICAL),
    ],
)
def test_what_does_not_fit_the_mechanism_is_told(asked):
    """The same tensor of the same case, but the whole case is not what the mechanism makes it."""
    assert known_of(verdict(error_over_bound=1.1), asked=asked) is None


def test_one_mechanism_of_several_is_enough():
    """Each is tried alone: no entry holds because two mechanisms share its tensors."""
    other = Mechanism.of({"scale": "ones"})
    both = Mechanism.of({"running_variance": "biased", "scale": "ones"})
    asked = question(CANONICAL.but(running_variance="biased", scale="ones"))
    either = replace(ENTRY, explained_by=(*ENTRY.explained_by, other))
    assert known_of(verdict(), either) is not None
    assert known_of(verdict(), either, asked) is None
    assert known_of(verdict(), replace(ENTRY, explained_by=(both,)), asked) is not None


def test_a_fault_and_a_number_are_mechanisms():
    """As the diagnosis finds them, alone or upon a convention."""
    zeros = question(BIASED, y=np.zeros((6, 2), "float32"))
    for words, holds in [
        ({"running_variance": "biased", "fault": "zeros"}, True),
        ({"fault": "zeros"}, False),
        ({"running_variance": "biased"}, False),
    ]:
        assert Mechanism.of(words).holds(zeros) is holds
    other = replace(LAYER, epsilon=1e-3)
    tensors = expect(other, [STEP])[0].tensors
    answer = {name: np.asarray(one.value, "float32") for name, one in tensors.items()}
    asked = Question(LAYER, [STEP], Answered([answer]), CANONICAL)
    assert Mechanism.of({"epsilon": 1e-3}).holds(asked)
    assert not Mechanism.of({"epsilon": 2e-3}).holds(asked)
    assert not Mechanism.of({"epsilon": 1e-3, "fault": "zeros"}).holds(asked)


def test_a_bound_without_end_explains_nothing():
    """Where float16 squares overflow nothing is claimed of a variance that is too large."""
    case = all_cases()["values-of-300-overflow-no-statistics-float16"]
    (step,) = expect(case.layer(), case.inputs())
    answer = {name: one.value.astype("float16") for name, one in step.tensors.items()}
    answer["running_var"] = np.full_like(answer["running_var"], 6e4)
    asked = Question.of(case.layer(), case.inputs(), Answered([answer]), CANONICAL)
    rounded = Mechanism.of({"arithmetic": "rounded_steps"})
    assert asked.fits(rounded.expectations(asked))
    assert not rounded.holds(asked)


@pytest.mark.parametrize(
    ("record", "known"),
    [
        (REFUSED, True),
        (replace(REFUSED, message="step 0 was refused: out of memory"), False),
        (replace(REFUSED, verdict=Verdict.VIOLATES), False),
        (VIOLATION, False),
    ],
)
def test_a_refusal_is_known_by_its_words(record, known):
    """Another message is another refusal."""
    assert (known_of(record, REFUSAL) is not None) is known


@pytest.mark.parametrize(("error", "known"), [(10.0, True), (10.1, False), (math.nan, False)])
def test_without_a_mechanism_a_figure_is_the_limit(error, known):
    """What nobody understands is known up to its figure; NaN is above every figure."""
    assert (known_of(verdict(error_over_bound=error), FIGURE) is not None) is known


@pytest.mark.parametrize(
    ("changes", "known"),
    [
        ({}, True),
        ({"agrees": True}, False),
        ({"excluded": {}}, True),
        ({"field": "summation"}, False),
        ({"probe": "near-probe-float32"}, False),
    ],
)
def test_what_an_entry_explains_of_a_measurement(changes, known):
    """One against a declaration, by its convention, where its probe fits the mechanism."""
    assert (known_of(replace(MISMATCH, **changes)) is not None) is known
    assert known_of(replace(MISMATCH, **changes), asked=question(CANONICAL)) is None


@pytest.mark.parametrize(
    ("records", "cases", "implementations", "line"),
    [
        ([verdict()], ["far-float32"], ["torch"], None),
        (
            [verdict(verdict=Verdict("conforms"))],
            ["far-float32"],
            ["torch"],
            "nothing violates any more",
        ),
        ([verdict(tensor="dx")], ["far-float32"], ["torch"], "nothing violates any more"),
        ([verdict(verdict=Verdict("conforms"))], ["far-float32", "far-float64"], ["torch"], None),
        ([], ["far-float32"], ["torch"], None),
        ([], ["near-float32"], ["torch"], "matches no case"),
        ([], ["far-float32"], ["pytorch"], "matches no implementation"),
        ([verdict(verdict=Verdict("conforms"), version="3.1")], ["far-float32"], ["torch"], None),
    ],
)
def test_when_an_entry_is_unfit(records, cases, implementations, line):
    """It matches nothing, or all of its cases ran where it holds and it was about none."""
    lines = unfit([ENTRY], records, cases, implementations)
    assert (line is None) == (lines == [])
    assert all(line in told for told in lines)


@pytest.mark.parametrize("ended", [word for word in Verdict if not word.judged])
def test_a_target_that_tells_nothing_leaves_an_entry_fit(ended):
    """Where no case was judged, nothing was mended."""
    record = verdict(verdict=ended, tensor="", error_over_bound=None)
    assert unfit([ENTRY], [record], ["far-float32"], ["torch"]) == []
    answered = verdict(verdict=Verdict.CONFORMS)
    assert unfit([ENTRY], [record, answered], ["far-float32"], ["torch"])


def test_an_entry_of_a_probe_alone_is_fit():
    """It is about a measurement; where there is no such probe either, it matches nothing."""
    assert unfit([ENTRY], [], ["near-float32"], ["torch"], probes=["far-probe-float32"]) == []
    (line,) = unfit([ENTRY], [], ["near-float32"], ["torch"], probes=["near-probe-float32"])
    assert "matches no case" in line


KEYS = 'implementation = "t"\ncases = []\nwhat = ""\nupstream = ""\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('colour = "blue"\n', "entry 1: unknown key colour"),
        ('implementation = "torch"\n', "entry 1: 'cases'"),
        (f'{KEYS}refusal = "no"\nversion = "about 2"\n', "entry 1: Invalid specifier"),
        (f'{KEYS}tensors = ["y"]\n', "one of explained_by, refusal and up_to"),
        (f'{KEYS}tensors = ["y"]\nup_to = 1\nrefusal = "no"\n', "one of explained_by, refusal"),
        (f'{KEYS}tensors = ["y"]\nup_to = inf\n', "up_to = inf explains anything"),
        (f'{KEYS}tensors = ["y"]\nup_to = nan\n', "up_to = nan explains anything"),
        (f'{KEYS}tensors = ["y"]\nrefusal = "no"\n', "a refusal has none"),
        (f"{KEYS}up_to = 1\n", "it needs tensors"),
        (f'{KEYS}tensors = ["y"]\nexplained_by = [{{ fault = "f" }}]\n', "no fault 'f'; choose"),
        (f'{KEYS}tensors = ["y"]\nexplained_by = [{{ tilt = "f" }}]\n', "no convention tilt"),
        (f'{KEYS}tensors = ["y"]\nexplained_by = [{{ scale = "f" }}]\n', "choose one of: gamma"),
        (f'{KEYS}tensors = ["y"]\nexplained_by = [{{}}]\n', "a mechanism of nothing"),
        (f'{KEYS}tensors = ["y"]\nexplained_by = "scale"\n', "explained_by is no list"),
        (f'{KEYS}tensors = ["y"]\nexplained_by = ["scale"]\n', "entry 1"),
    ],
)
def test_an_entry_that_cannot_be_read_is_named(tmp_path, text, complaint):
    """An unknown key, a missing one, a version that is none, a mechanism that does not exist."""
    file = tmp_path / "known.toml"
    file.write_text(f"[[known]]\n{text}")
    with pytest.raises(ValueError, match=re.escape(complaint)):
        read_known(file)


def test_every_committed_entry_has_a_mechanism():
    """A figure belongs to a machine: what is committed is understood, or it is a refusal."""
    assert not [entry for entry in read_known() if entry.up_to is not None]
