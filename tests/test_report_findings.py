"""The findings of a report: grouped by cause, told in one sentence, worst first."""

import copy
import math

import pytest

from records.file import read_run
from reports.html import render
from reports.summary import summarize
from tests.sample_records import DDOF, FAR, KNOWN, LATE, SOURCE, write_sample


@pytest.fixture
def run(tmp_path):
    return read_run(write_sample(tmp_path).parent)


@pytest.fixture
def summary(run):
    return summarize(run)


def test_findings_come_worst_first(summary):
    """Broken, dead and late targets first, then violations by falling error, then the rest."""
    assert [(item.kind, item.target) for item in summary.findings] == [
        ("broken adapter", "gluon-cpu-hybridized"),
        ("crashed", "gluon-cpu-eager"),
        ("timed out", "flax-cpu-jit"),
        ("not run", "gluon-cpu-eager"),
        ("violates", "keras-cpu-eager"),
        ("violates", "flax-cpu-jit"),
        ("violates", "keras-cpu-eager"),
        ("violates", "flax-cpu-jit"),
        ("raised", "flax-cpu-jit"),
        ("mismatch", "keras-cpu-eager"),
    ]
    errors = [item.error for item in summary.findings if item.kind == "violates"]
    assert errors[:3] == [math.inf, 2.2e4, 310.0]
    assert math.isnan(errors[3])  # the gravest, but known and understood


def test_known_finding_says_what_is_known(summary):
    """What somebody has understood is told with its link, and counted apart in the lead."""
    (finding,) = [item for item in summary.findings if item.known]
    assert finding.known == "the variance is cast to float16 before it is kept"
    assert finding.upstream == "https://github.com/google/flax/issues/1491"
    assert finding.sentence == (
        "running_var leaves its bound in 1 case, with NaN as the error; "
        "known: the variance is cast to float16 before it is kept "
        "(https://github.com/google/flax/issues/1491)."
    )
    assert finding.quote.endswith("(error nan × bound)")  # that nothing explains it is not said
    assert summary.lead.endswith("9 findings are new: see below; 1 is known.")


def test_one_unjudgeable_answer_breaks_no_target(run):
    """A malformed answer is a finding of its cases; the target was judged otherwise."""
    record = run.verdicts[0] | {"verdict": "broken adapter", "tensor": "", "message": "no y"}
    run.verdicts.append(record)
    finding = summarize(run).findings[0]
    assert (finding.kind, finding.target) == ("broken adapter", "pytorch-cpu-eager")
    assert finding.sentence == "The adapter’s answer could not be judged in 1 case."


def test_missing_refusal_is_a_violation_without_a_tensor(run):
    """A step that was answered though the target declares a refusal."""
    record = run.verdicts[0] | {"verdict": "violates", "tensor": "", "error_over_bound": None}
    run.verdicts.append(record | {"message": "step 0 was answered", "worst": None})
    finding = next(item for item in summarize(run).findings if item.quote == "step 0 was answered")
    assert finding.sentence == (
        "The layer did not do what its target declares in 1 case; "
        "no convention, number or known fault explains it."
    )


def test_finding_is_one_sentence_with_its_cases(summary):
    """A violation says which tensor, how far, and what would explain it."""
    finding = summary.findings[6]
    assert finding.sentence == (
        "y and dx leave their bound in 1 case, at worst 310 × bound; "
        "explained by variance_algorithm=one_pass."
    )
    assert finding.cases == (FAR,)
    assert finding.quote == (
        "y[2] = 0x1.8000000000000p-1, should be 0x1.7000000000000p-1 (error 310.0 × bound)"
    )
    assert summary.findings[5].sentence == (
        "dx leaves its bound in 1 case, at worst 2.2 × 10⁴ × bound; "
        "no convention, number or known fault explains it."
    )


def violations(run, target):
    """Return (tensors, sentence's end) of the violations of a target, worst first."""
    return [
        ([row.tensor for row in item.rows], item.sentence.partition("; ")[2])
        for item in summarize(run).findings
        if (item.kind, item.target) == ("violates", target)
    ]


def test_violations_are_grouped_by_cause(run):
    """What is known comes before a diagnosis; without either, the tensor divides."""
    own = [record for record in run.verdicts if record["target"] == "pytorch-cpu-eager"]
    own = {record["tensor"]: record for record in own if record["case"] == DDOF}
    for error, (tensor, more) in enumerate(
        {
            "running_mean": {"known": KNOWN, "diagnosis": ["momentum=0.2"]},
            "running_var": {"known": KNOWN},
            "y": {"diagnosis": ["epsilon=0", "scale=absent"]},
            "dgamma": {"diagnosis": ["epsilon=0"]},
            "dx": {"diagnosis": []},
            "dbeta": {},
        }.items()
    ):
        own[tensor] |= {"verdict": "violates", "error_over_bound": 100.0 - error, **more}
    nothing = "no convention, number or known fault explains it."
    assert violations(run, "pytorch-cpu-eager") == [
        (["y", "dgamma"], "explained by epsilon=0."),
        (["dx", "dbeta"], nothing),
        (["running_mean", "running_var"], f"known: {KNOWN['what']} ({KNOWN['upstream']})."),
    ]


def test_a_number_is_the_same_in_all_cases_of_a_target(run):
    """A momentum that each case recovers a little differently is one cause, not many."""
    own = [record for record in run.verdicts if record["target"] == "pytorch-cpu-eager"]
    own = [record for record in own if record["tensor"] == "running_mean"]
    for number, record in enumerate(own):
        record |= {"verdict": "violates", "diagnosis": [f"momentum=0.1{number}"]}
    cases = [record["case"] for record in own]
    told = {"target": "pytorch-cpu-eager", "name": "momentum=0.105", "cases": cases}
    run.explanations.append(told | {"sentence": "a weight of the new batch of 0.105"})
    ((tensors, why),) = violations(run, "pytorch-cpu-eager")
    assert (tensors, why) == (["running_mean"] * 3, "explained by momentum=0.105.")
    line = "pytorch-cpu-eager: momentum=0.105 explains 3 violating cases"
    assert summarize(run).explanations[-1].line == line


def test_explanations_say_what_is_consistent_over_a_target(summary):
    """Each target has a line an explanation; what is known is not called unexplained."""
    nothing = "no convention, number or known fault explains 1 violating case"
    assert [item.line for item in summary.explanations] == [
        "keras-cpu-eager: variance_algorithm=one_pass explains 1 violating case",
        f"keras-cpu-eager: {nothing}",
        f"flax-cpu-jit: {nothing}",
        "flax-cpu-jit: 1 more known violating case",
    ]
    assert [[row.tensor for row in item.rows] for item in summary.explanations] == [
        ["y", "dx"],
        ["running_var"],
        ["dx"],
        ["running_var"],
    ]


def test_cases_that_were_not_run_are_a_finding(summary):
    """A target that was given up says so, with the reason."""
    finding = next(item for item in summary.findings if item.kind == "not run")
    assert finding.sentence == (
        "The target was given up before 1 case, so nothing is known of it there."
    )
    assert finding.quote == "it had died 3 times; the rest was not run"


def test_error_with_a_diagnosis_says_so(run):
    """An error that a convention would explain is told with it; any other is quoted only."""
    raised = next(item for item in run.verdicts if item["verdict"] == "raised")
    sentence = "An error was raised in 1 case where an answer was due"
    for diagnosis, end in ([], "."), (["layer_rank=raises"], "; explained by layer_rank=raises."):
        raised["diagnosis"] = diagnosis
        finding = next(item for item in summarize(run).findings if item.kind == "raised")
        assert finding.sentence == sentence + end


def test_raised_messages_that_differ_in_numbers_only_are_one_finding(run):
    """Two shapes, one cause."""
    again = copy.deepcopy(next(item for item in run.verdicts if item["verdict"] == "raised"))
    again["message"] = again["message"].replace("(0, 2)", "(0, 64)")
    run.verdicts.append(again)
    raised = [item for item in summarize(run).findings if item.kind == "raised"]
    assert [len(item.rows) for item in raised] == [2]


def test_differences_are_grouped_by_convention_with_their_source(summary):
    """Each explained difference has a count, its cases and where it is declared."""
    found = next(item for item in summary.differences if item.target == "keras-cpu-eager")
    assert (found.convention, len(found.rows)) == ("running_variance=biased", 2)
    assert set(found.cases) == {DDOF, LATE}
    assert found.meaning == "running variance gathers the batch variance that divides by n"
    assert found.sources == (SOURCE["keras"],)
    assert sum(len(item.rows) for item in summary.differences) == 10


def test_what_nobody_reported_is_said_once(run):
    """A known finding without a link does not say so in its own row."""
    for record in run.verdicts:
        if record.get("known"):
            record["known"] = KNOWN | {"upstream": "not reported upstream"}
    (finding,) = [item for item in summarize(run).findings if item.known]
    assert finding.unreported and finding.sentence.endswith(f"known: {KNOWN['what']}.")
    page = render(run).split("<script")[0]
    assert page.count("not reported upstream") == 1


def test_lead_says_what_is_new(run):
    """With everything known, nothing is unexplained; with nothing found, no more is said."""
    run.targets = [target for target in run.targets if not target.get("broken")]
    run.measured = []
    failing = ("conforms", "differs", "declined")
    known = [item | {"known": KNOWN} for item in run.verdicts if item["verdict"] == "violates"]
    run.verdicts = [item for item in run.verdicts if item["verdict"] in failing]
    assert summarize(run).lead.endswith(" Nothing found is unexplained.")
    run.verdicts += known
    assert " Nothing found is unexplained; 2 findings are known and" in summarize(run).lead


def test_an_unavailable_target_is_the_last_finding(run):
    """It is told with its reason, below everything that is somebody's fault."""
    reason = "No solution found: there is no version of torch==9.9"
    run.targets.append(
        {"target": "torch==9.9-cpu-eager", "broken": {"ended": "unavailable", "message": reason}}
    )
    record = {"target": "torch==9.9-cpu-eager", "tensor": "", "verdict": "unavailable"}
    run.verdicts.append(run.verdicts[0] | record)
    finding = summarize(run).findings[-1]
    assert (finding.kind, finding.quote) == ("unavailable", reason)
    assert "not to be had on the machine" in finding.sentence
