"""The view data of a report, held against exact values."""

import copy
import math

import pytest

from reports.evidence import Used, Value, Worst, error_key, worst_first
from reports.figures import HeatCell, heat_level
from reports.matrix import majority_of
from reports.records import Run, read_run
from reports.summary import summarize
from tests.sample_records import DDOF, FAR, FLOW, HALF, LATE, PLACES, SOURCE, write_sample

TARGETS = (*PLACES, "gluon-cpu-hybridized")


@pytest.fixture
def run(tmp_path):
    return read_run(write_sample(tmp_path).parent)


@pytest.fixture
def summary(run):
    return summarize(run)


def cell(summary, field, target):
    """Return the matrix cell of a field and a target."""
    row = next(row for row in summary.matrix.rows if row.field == field)
    return row.cells[TARGETS.index(target)]


def test_title_says_what_ran(summary):
    """The title counts targets, cases, verdicts and judged pairs."""
    title = summary.title
    assert (title.targets, title.cases, title.verdicts) == (5, 8, 73)
    assert (title.judged, title.planned, title.complete, title.banner) == (27, 27, True, "")
    assert (title.date, title.machine) == ("2026-11-20", "x86-64, 2 cores")
    assert ("command", "pytest --targets all") in title.facts


def test_run_without_footer_is_incomplete(tmp_path):
    """Records without a footer lead to a banner with N of M pairs."""
    title = summarize(read_run(write_sample(tmp_path, complete=False).parent)).title
    assert title.complete is False
    assert title.banner.startswith("Incomplete run: 9 of 27 planned case × target pairs")


def test_finished_run_with_missing_pairs_says_so(run):
    """A footer does not hide that planned pairs were never judged."""
    run.header["planned"]["pairs"] = 30
    expected = "The run ended, but only 27 of 30 planned case × target pairs were judged."
    assert summarize(run).title.banner == expected


def test_summary_is_pure(run):
    """The records are not changed and give the same view data twice."""
    before = copy.deepcopy(run)
    first, second = summarize(run), summarize(run)
    assert repr(first) == repr(second)  # NaN differs from itself, its text does not
    assert run == before


def test_lead_counts_parted_and_agreed_conventions(summary):
    """The first sentence says on how many conventions the targets part."""
    parted = [row for group in summary.matrix.parted for row in group.rows]
    assert [group.changes for group in summary.matrix.parted] == [
        "values",
        "defaults",
        "behaviour",
        "bound",
    ]
    every = len(parted) + len(summary.matrix.agreed)
    start = f"On {len(parted)} of {every} conventions the targets part; "
    assert summary.lead.startswith(start)
    assert all(row.parted for row in parted) and not any(r.parted for r in summary.matrix.agreed)


def test_outlier_differs_from_the_majority(summary):
    """Three of four biased: the unbiased one is the outlier, the broken target has no vote."""
    row = next(row for row in summary.matrix.rows if row.field == "running_variance")
    assert row.majority == "biased"
    assert [item.option for item in row.cells] == ["unbiased", "biased", "biased", "biased", ""]
    assert [item.outlier for item in row.cells] == [True, False, False, False, False]
    assert row.cells[0].text == "the batch variance times n / (n − 1)"


def test_no_outlier_without_a_majority(summary):
    """Two against two: nobody is marked."""
    row = next(row for row in summary.matrix.rows if row.field == "default_momentum")
    assert row.majority == ""
    assert [item.option for item in row.cells] == ["0.1", "0.01", "0.01", "0.1", ""]
    assert not any(item.outlier for item in row.cells)


@pytest.mark.parametrize(
    "options, expected",
    [([], ""), (["a"], "a"), (["a", "b"], ""), (["a", "a", "b"], "a"), (["a", "a", "b", "c"], "")],
)
def test_majority_is_more_than_half(options, expected):
    """A majority holds more than half of the votes."""
    assert majority_of(options) == expected


def test_measured_against_declared_is_a_mismatch(summary):
    """The measured option is shown, the declared one kept, and the mismatch is a finding."""
    found = cell(summary, "variance_algorithm", "keras-cpu-eager")
    assert (found.option, found.declared, found.origin) == ("one_pass", "two_pass", "measured")
    assert found.mismatch and found.source == SOURCE["keras"]
    assert found.measured[0].excluded == (("two_pass", "1.0 × 10³"),)
    marked = [(r.field, c.target) for r in summary.matrix.rows for c in r.cells if c.mismatch]
    assert marked == [("variance_algorithm", "keras-cpu-eager")]
    finding = summary.findings[-1]
    assert (finding.kind, finding.field) == ("mismatch", "variance_algorithm")
    assert finding.sentence == "variance_algorithm is declared two_pass and measured one_pass."


def test_unmeasured_cell_says_where_it_is_from(summary):
    """Without a measurement the declared option stands, or the canonical one."""
    assert cell(summary, "zero_epsilon", "pytorch-cpu-eager").origin == "declared"
    assert cell(summary, "zero_epsilon", "flax-cpu-jit").origin == "canonical"
    assert cell(summary, "zero_epsilon", "gluon-cpu-hybridized").origin == ""


def test_cell_names_the_cases_that_confirm_it(summary):
    """Conforming and differing verdicts that depend on the convention confirm it."""
    assert cell(summary, "running_variance", "keras-cpu-eager").confirmed == (DDOF, FLOW, LATE)
    assert cell(summary, "running_update", "gluon-cpu-eager").confirmed == (LATE,)
    # keras violates where variance_algorithm=one_pass would explain it: that confirms nothing.
    assert cell(summary, "variance_algorithm", "keras-cpu-eager").confirmed == ()


def test_findings_come_worst_first(summary):
    """Broken, dead and late targets first, then violations by falling error, then the rest."""
    assert [(item.kind, item.target) for item in summary.findings] == [
        ("broken adapter", "gluon-cpu-hybridized"),
        ("crashed", "gluon-cpu-eager"),
        ("timed out", "flax-cpu-jit"),
        ("violates", "keras-cpu-eager"),
        ("violates", "flax-cpu-jit"),
        ("violates", "keras-cpu-eager"),
        ("violates", "keras-cpu-eager"),
        ("violates", "flax-cpu-jit"),
        ("raised", "flax-cpu-jit"),
        ("mismatch", "keras-cpu-eager"),
    ]
    errors = [item.error for item in summary.findings if item.kind == "violates"]
    assert errors[:4] == [math.inf, 2.2e4, 310.0, 41.0]
    assert math.isnan(errors[4])  # the gravest, but known and understood


def test_known_finding_says_what_is_known(summary):
    """What somebody has understood is told with its link, and counted apart in the lead."""
    (finding,) = [item for item in summary.findings if item.known]
    assert finding.known == "the variance is cast to float16 before it is kept"
    assert finding.upstream == "https://github.com/google/flax/issues/1491"
    assert finding.sentence == "running_var leaves its bound in 1 case, with NaN as the error."
    assert summary.lead.endswith("9 findings are left to explain; 1 more is known and understood.")


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
    assert finding.sentence == "The layer did not do what its target declares in 1 case."


def test_conventions_of_a_verdict_may_be_a_list_or_an_object(run):
    """Both spellings of the used conventions are read alike."""
    before = summarize(run).rows
    for record in run.verdicts:
        record["conventions"] = {item["field"]: item for item in record["conventions"]}
    assert [row.used for row in summarize(run).rows] == [row.used for row in before]


def test_finding_is_one_sentence_with_its_cases(summary):
    """A violation says which tensor, how far, and what would explain it."""
    finding = summary.findings[5]
    assert finding.sentence == (
        "y leaves its bound in 1 case, at worst 310 × bound; "
        "explained by variance_algorithm=one_pass, which is not declared."
    )
    assert finding.cases == (FAR,)
    assert finding.quote.startswith("y[2] = 0x1.8")
    unexplained = summary.findings[4].sentence
    assert unexplained.endswith("at worst 2.2 × 10⁴ × bound; no convention explains it.")


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


def test_strip_counts_verdicts(summary):
    """Every verdict is counted once, under its target."""
    strip = {row.verdict: row.counts for row in summary.strip}
    assert strip["violates"] == (0, 3, 2, 0, 0)
    assert strip["timed out"] == (0, 0, 1, 0, 0)
    assert strip["broken adapter"] == (0, 0, 0, 0, 1)
    assert sum(map(sum, strip.values())) == summary.title.verdicts


def test_heat_shows_worst_finite_error_and_counts_the_rest(summary):
    """Infinite and NaN errors are counted beside the worst finite one."""
    heat = {row.tensor: row.cells for row in summary.heat}
    assert list(heat) == ["y", "dx", "dgamma", "dbeta", "running_mean", "running_var"]
    assert heat["dx"][2] == HeatCell("flax-cpu-jit", 2.2e4, "+4.3", 0, 0, 3, "above-3")
    assert heat["dbeta"][0].log == "exact"
    keras, flax, broken = heat["running_var"][1], heat["running_var"][2], heat["running_var"][4]
    assert (keras.worst, keras.infinite, keras.not_a_number, keras.level) == (0.3, 1, 0, "infinite")
    assert (flax.infinite, flax.not_a_number, flax.log) == (0, 1, "−0.7")
    assert broken == HeatCell("gluon-cpu-hybridized", None, "", 0, 0, 0, "none")


@pytest.mark.parametrize(
    "error, level",
    [
        (None, "none"),
        (0.0, "exact"),
        (0.01, "below-3"),
        (0.1, "below-2"),
        (1.0, "below-1"),
        (1.001, "above-1"),
        (1e3, "above-2"),
        (1e6, "above-3"),
        (1e7, "above-4"),
        (math.inf, "infinite"),
        (math.nan, "infinite"),
    ],
)
def test_heat_level_turns_at_the_bound(error, level):
    """An error of one bound is inside, anything above it is not."""
    assert heat_level(error) == level


def test_rows_are_sorted_worst_first(summary):
    """NaN before infinity before finite errors before none."""
    keys = [error_key(row.error) for row in worst_first(summary.rows)]
    assert keys == sorted(keys, reverse=True)
    assert (keys[0][0], keys[1][0], keys[2], keys[-1][0]) == (3, 2, (1, 2.2e4), 0)


def test_evidence_holds_every_figure_of_the_verdict(summary):
    """A page has the claim, the reason, the conventions with sources and the worst element."""
    page = next(
        item
        for item in summary.evidence
        if (item.case.id, item.target) == (HALF, "keras-cpu-eager")
    )
    assert (page.verdict, page.case.reason) == ("violates", "65504 is the largest float16")
    assert ("dtype", "float16") in page.case.facts
    (row,) = page.rows
    assert (row.tensor, row.step, row.error) == ("running_var", "1", math.inf)
    assert row.formula.startswith("running_var ←")
    assert Used("running_variance", "biased", SOURCE["keras"]) in row.used
    assert row.worst == Worst(
        "2",
        Value("0.75", "0x1.8000000000000p-1"),
        Value("0.71875", "0x1.7000000000000p-1"),
        Value("0.8125", "0x1.a000000000000p-1"),
        Value(repr(2.0**-22), "0x1.0000000000000p-22"),
    )


def test_broken_target_keeps_its_log(summary):
    """The target of a broken adapter carries message, log and how to retry."""
    assert [label for label, _ in summary.targets[4].broken] == ["message", "log", "retry"]
    assert summary.findings[0].quote == "gluon.py does not import: No module named 'mxnet'"


def test_empty_run_has_a_summary():
    """A run that died at once still renders its header."""
    summary = summarize(Run({"kind": "header", "schema": 1}))
    assert (summary.title.verdicts, summary.findings, summary.heat) == (0, (), ())
    assert summary.title.banner.startswith("Incomplete run: 0 of unknown")
