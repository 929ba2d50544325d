"""The findings of a report: grouped by cause, told in one sentence, worst first."""

import itertools
import math
from dataclasses import replace

import pytest

from records.file import Run
from records.hypothesis import Hypothesis, Kind
from records.pieces import Broken, Known
from records.schema import ExplanationRecord
from records.verdict import Verdict
from reports.evidence import error_key
from reports.findings import Beside
from reports.html import render
from reports.summary import summarize
from reports.text import figure
from tests.gold import first, gold, varied

KERAS, GLUON, WRONG = "keras-cpu-eager", "gluon-cpu-eager", "wrong-layer-cpu-eager"
LINK = "https://github.com/apache/mxnet/issues/8509"
KNOWN = Known(what="the variance is cast to float16 before it is kept.", upstream=LINK)
FAR = "a-mean-of-1000-standard-deviations-float32"
NOTHING = "no convention, number or known fault explains it."


def ones(field="scale", option="ones"):
    return Hypothesis(Kind.CONVENTIONS, "a sentence", changes=((field, option),))


@pytest.fixture(scope="module")
def summary():
    return summarize(gold())


@pytest.fixture
def quiet():
    """The run of Keras alone, in which nothing is wrong but what a test makes so."""
    own = {name: tuple(one for one in getattr(gold(), name) if one.target == KERAS)
           for name in ("targets", "verdicts")}  # fmt: skip
    assert all(record.verdict.sound for record in own["verdicts"])
    return replace(gold(), measured=(), explanations=(), **own)


def but(run: Run, where: dict, **changes) -> Run:
    return replace(run, verdicts=varied(run.verdicts, where, **changes))


def violations(run):
    """Return (tensors, sentence's end) of the violations of a run, worst first."""
    return [
        ([row.tensor for row in item.rows], item.sentence.partition("; ")[2])
        for item in summarize(run).findings
        if item.kind is Verdict.VIOLATES
    ]


def test_findings_come_worst_first(summary):
    """The gravest kind first, in it what is not known, in that the largest error."""
    kinds = [kind for kind, _ in itertools.groupby(item.kind for item in summary.findings)]
    assert kinds == [
        "broken adapter",
        "crashed",
        "timed out",
        "not run",
        "violates",
        "raised",
        "mismatch",
        "documented hazard",
        "unavailable",
    ]
    for _, group in itertools.groupby(summary.findings, lambda item: (item.kind, not item.known)):
        errors = [error_key(item.error) for item in group]
        assert errors == sorted(errors, reverse=True)


def test_known_finding_says_what_is_known(summary):
    """What somebody has understood is told with its link, and counted apart in the lead."""
    (finding,) = [one for one in summary.findings if one.known and one.known.upstream == LINK
                  if one.kind is not Beside.MISMATCH]  # fmt: skip
    row = first(gold().verdicts, known=finding.known)
    tensors = ["y", "dx", "dgamma", "running_var"]
    assert {one.tensor for one in finding.rows} <= set(tensors)
    at_worst = figure(max(one.error_over_bound for one in finding.rows))
    assert f"leave their bound in 1 case, at worst {at_worst} × bound; known: " in finding.sentence
    assert finding.sentence.endswith(f"; known: {row.known.what} ({LINK}).")
    known = sum(one.known is not None for one in summary.findings)
    new = sum(one.known is None and one.kind is not Beside.HAZARD for one in summary.findings)
    assert f"{new} findings are new: see below; {known} are known. " in summary.lead


def test_one_unjudgeable_answer_breaks_no_target(summary):
    """A malformed answer is a finding of its cases; the target was judged otherwise."""
    found = [one for one in summary.findings if one.kind is Verdict.BROKEN_ADAPTER]
    assert [(one.target, one.sentence) for one in found] == [
        (
            "pytorch-functional-cpu-eager",
            "The adapter does not work, so this target was not judged.",
        ),
        ("garbling-cpu-eager", "The adapter’s answer could not be judged in 6 cases."),
    ]
    assert found[0].quote == "the package 'torch' is missing in bin/python"
    assert "not a frame" in found[1].quote


def test_missing_refusal_is_a_violation_without_a_tensor(summary, quiet):
    """A step that was answered though the target declares a refusal."""
    (found,) = [one for one in summary.findings if one.quote.startswith("step 0 was answered")]
    assert found.target == WRONG
    start = "The layer did not do what its target declares in 1 case; "
    assert found.sentence.startswith(f"{start}explained by ")
    told = {"tensor": "", "error_over_bound": None, "message": "step 0 was answered"}
    run = but(quiet, {"case": FAR, "tensor": "y", "step": 0}, verdict=Verdict.VIOLATES, **told)
    (found,) = summarize(run).findings
    assert (found.sentence, found.quote) == (f"{start}{NOTHING}", "step 0 was answered")


def test_finding_is_one_sentence_with_its_cases(quiet):
    """A violation says which tensor, how far, and what would explain it."""
    told = {"verdict": Verdict.VIOLATES, "error_over_bound": 310.0, "diagnosis": (ones(),)}
    run = but(quiet, {"case": FAR, "tensor": "y", "step": 0}, **told)
    run = but(run, {"case": FAR, "tensor": "dx", "step": 0}, **told | {"error_over_bound": 41.0})
    (finding,) = summarize(run).findings
    assert finding.sentence == (
        "y and dx leave their bound in 1 case, at worst 310 × bound; explained by scale=ones."
    )
    assert finding.cases == (FAR,)
    message = first(run.verdicts, case=FAR, tensor="y").message
    assert finding.quote == message.removeprefix(f"{KERAS} {FAR}: ")
    told |= {"error_over_bound": math.nan, "diagnosis": ()}
    (finding,) = summarize(but(quiet, {"case": FAR, "tensor": "dx", "step": 0}, **told)).findings
    assert finding.sentence == f"dx leaves its bound in 1 case, with NaN as the error; {NOTHING}"


def test_violations_are_grouped_by_cause(quiet):
    """What is known comes before a diagnosis; without either, the tensor divides."""
    number = Hypothesis(Kind.FAULT, "", subject="zeros")
    causes = {
        "running_mean": {"known": KNOWN, "diagnosis": (number,)},
        "running_var": {"known": KNOWN},
        "y": {"diagnosis": (ones(), ones("scale", "absolute"))},
        "dgamma": {"diagnosis": (ones(),)},
        "dx": {"diagnosis": ()},
        "dbeta": {},
    }
    run = quiet
    for error, (tensor, more) in enumerate(causes.items()):
        told = {"verdict": Verdict.VIOLATES, "error_over_bound": 100.0 - error, **more}
        run = but(run, {"case": FAR, "tensor": tensor, "step": 0}, **told)
    assert violations(run) == [
        (["y", "dgamma"], "explained by scale=ones."),
        (["dx", "dbeta"], NOTHING),
        (["running_mean", "running_var"], f"known: {KNOWN.what.rstrip('.')} ({LINK})."),
    ]


def test_a_number_is_the_same_in_all_cases_of_a_target(summary):
    """A momentum that each case recovers a little differently is one cause, not many."""
    (told,) = [one for one in gold().explanations
               if one.hypothesis and one.hypothesis.kind is Kind.NUMBER]  # fmt: skip
    name = told.hypothesis.name
    run = replace(gold(), verdicts=tuple(replace(row, known=None) for row in gold().verdicts))
    run = but(run, {"case": told.cases[0], "target": told.target, "verdict": Verdict.VIOLATES},
              diagnosis=(replace(told.hypothesis, subject="another"),))  # fmt: skip
    (finding,) = [one for one in summarize(run).findings if name in one.sentence]
    assert set(finding.cases) == set(told.cases)
    assert finding.sentence.endswith(f"; explained by {name}.")
    line = f"{told.target}: {name} explains {len(told.cases)} violating cases"
    assert line in [one.line for one in summary.explanations]


def test_explanations_say_what_is_consistent_over_a_target(quiet):
    """Each target has a line an explanation; what is known is not called unexplained."""
    cases = list(dict.fromkeys(record.case for record in quiet.verdicts))[:4]
    run = quiet
    for case, known in zip(cases, (None, None, KNOWN, KNOWN), strict=True):
        where = {"case": case, "tensor": "y", "step": 0}
        run = but(run, where, verdict=Verdict.VIOLATES, known=known)
    place = {name: getattr(run.targets[0], name) for name in ("implementation", "device", "mode")}
    explained = ExplanationRecord(
        target=KERAS, **place, hypothesis=ones(), sentence="all are one", cases=(cases[0],)
    )
    nothing = replace(explained, hypothesis=None, sentence="nothing does", cases=tuple(cases[1:]))
    summary = summarize(replace(run, explanations=(explained, nothing)))
    assert [(one.line, one.sentence) for one in summary.explanations] == [
        (f"{KERAS}: scale=ones explains 1 violating case", "all are one"),
        (
            f"{KERAS}: no convention, number or known fault explains 1 violating case",
            "nothing does",
        ),
        (f"{KERAS}: 2 more known violating cases", ""),
    ]
    assert [{row.case for row in item.rows} for item in summary.explanations] == [
        {cases[0]},
        {cases[1]},
        set(cases[2:]),
    ]
    known = summarize(replace(run, explanations=(replace(nothing, cases=tuple(cases[2:])),)))
    assert [one.line for one in known.explanations] == [f"{KERAS}: 2 known violating cases"]


def test_cases_that_were_not_run_are_a_finding(summary):
    """A target that was given up says so, with the reason."""
    finding = next(item for item in summary.findings if item.kind is Verdict.NOT_RUN)
    assert finding.sentence == (
        "The target was given up before 1 case, so nothing is known of it there."
    )
    assert "the process died 6 times; at last " in finding.quote


def test_error_with_a_diagnosis_says_so(summary):
    """An error that a convention would explain is told with it; any other is quoted only."""
    raised = {one.target: one for one in summary.findings if one.kind is Verdict.RAISED}
    assert raised[WRONG].sentence == (
        "An error was raised in 1 case where an answer was due; explained by single_value=raises."
    )
    malforming = raised["malforming-cpu-eager"]
    assert malforming.sentence == "An error was raised in 7 cases where an answer was due."
    assert malforming.quote == "step 0 was refused: ValueError: this adapter has a mistake"


def test_raised_messages_that_differ_in_numbers_only_are_one_finding(quiet):
    """Two shapes, one cause."""
    run = quiet
    for tensor, size in (("y", 2), ("dx", 64)):
        told = {"verdict": Verdict.RAISED, "message": f"no such shape (0, {size})", "tensor": ""}
        run = but(run, {"case": FAR, "tensor": tensor, "step": 0}, **told)
    (finding,) = summarize(run).findings
    assert len(finding.rows) == 2


def test_differences_are_grouped_by_convention_with_their_source(summary):
    """Each explained difference has a count, its cases and where it is declared."""
    biased = (("running_variance", "biased"),)
    rows = [one for one in gold().verdicts if (one.target, one.differs_by) == (KERAS, biased)]
    (found,) = [one for one in summary.differences
                if (one.target, one.convention) == (KERAS, "running_variance=biased")]  # fmt: skip
    assert (len(found.rows), set(found.cases)) == (len(rows), {row.case for row in rows})
    assert found.meaning == "running variance gathers the batch variance that divides by n"
    (declared,) = [one for one in rows[0].conventions if one.field == "running_variance"]
    assert found.sources == (declared.source,)
    differs = sum(row.verdict is Verdict.DIFFERS for row in gold().verdicts)
    assert sum(len(item.rows) for item in summary.differences) == differs


def test_what_nobody_reported_is_said_once(quiet):
    """A known finding without a link does not say so in its own row."""
    known = replace(KNOWN, upstream="not reported upstream")
    run = but(quiet, {"case": FAR, "tensor": "y", "step": 0}, verdict=Verdict.VIOLATES, known=known)
    (finding,) = summarize(run).findings
    assert finding.unreported
    assert finding.sentence.endswith("known: the variance is cast to float16 before it is kept.")
    page = render(run).split("<script")[0]
    assert page.count("not reported upstream") == 1


def test_lead_says_what_is_new(quiet):
    """With everything known, nothing is unexplained; with nothing found, no more is said."""
    assert summarize(quiet).lead.endswith(" Nothing found is unexplained.")
    told = {"verdict": Verdict.VIOLATES, "known": KNOWN}
    run = but(quiet, {"case": FAR, "tensor": "y", "step": 0}, **told)
    assert " Nothing found is unexplained; 1 finding is known and" in summarize(run).lead


def test_an_unavailable_target_is_the_last_finding(summary):
    """It is told with its reason, below everything that is somebody's fault."""
    finding = summary.findings[-1]
    assert (finding.kind, finding.target) == (Verdict.UNAVAILABLE, "pytorch==0.0.7-cpu-eager")
    assert "there is no version of torch==0.0.7" in finding.quote
    assert "not to be had on the machine" in finding.sentence


def test_a_target_that_was_not_run_is_not_called_broken(quiet):
    """Whatever ended it is said in the words of its verdict."""
    broken = Broken(ended=Verdict.NOT_RUN, message="the run was stopped")
    target = replace(quiet.targets[0], broken=broken)
    (finding,) = summarize(replace(quiet, targets=(target,))).findings
    assert finding.sentence == f"This target was not judged: {Verdict.NOT_RUN.meaning}."
