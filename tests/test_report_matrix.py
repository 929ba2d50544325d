"""The convention matrix of a report: what is measured, declared, undecided and who differs."""

import pytest

from records.file import read_run
from reports.matrix import majority_of
from reports.summary import summarize
from tests.sample_records import DDOF, FLOW, KNOWN, LATE, PLACES, SOURCE, write_sample

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
    assert finding.sentence == (
        "variance_algorithm is declared two_pass and measured one_pass in float32."
    )


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


def test_known_mismatch_says_so(run):
    """A mismatch that somebody has understood is told with its link."""
    record = next(item for item in run.measured if item["declared"] != item["option"] == "one_pass")
    record["known"] = KNOWN
    finding = summarize(run).findings[-1]
    assert finding.sentence.endswith(f"in float32; known: {KNOWN['what']} ({KNOWN['upstream']}).")
    assert finding.known


def test_undetermined_is_no_guess(summary):
    """What the probes cannot decide says why, has no vote and is no mismatch."""
    row = next(row for row in summary.matrix.rows if row.field == "single_value")
    found = row.cells[TARGETS.index("flax-cpu-jit")]
    assert (found.option, found.text, found.origin) == ("undetermined",) * 3
    assert found.reason == "both options give these numbers"
    assert (found.declared, found.vote) == ("beta", "")
    assert not (found.mismatch or found.outlier)
    assert row.majority == "beta"  # two of the three that are known
    assert not any(item.field == "single_value" for item in summary.findings)


def test_undetermined_alone_parts_nobody(run):
    """A row on which all known cells agree stays with those, and names the undecided one."""
    record = next(item for item in run.measured if item["field"] == "running_update")
    for item in run.measured:
        if item["field"] == "running_update":
            item |= {"option": "on_forward", "declared": "on_forward"}
    record |= {"option": "undetermined", "evidence": ""}
    row = next(r for r in summarize(run).matrix.agreed if r.field == "running_update")
    assert [item.vote for item in row.agreed] == ["on_forward"] * 3 + [""]
    assert row.cells[0].reason == "the record gives no reason"


def test_other_dtypes_show_where_they_differ(summary, run):
    """float32 is shown, float16 where it is another option, and never what is undecided."""
    found = cell(summary, "statistics_dtype", "pytorch-cpu-eager")
    assert (found.option, len(found.measured)) == ("float32", 2)
    assert [(item.dtype, item.option) for item in found.differing] == [("float16", "input_dtype")]
    run.measured[-1]["option"] = "undetermined"
    found = cell(summarize(run), "statistics_dtype", "pytorch-cpu-eager")
    assert found.differing == ()
    run.measured[-1]["option"] = "float32"
    found = cell(summarize(run), "statistics_dtype", "pytorch-cpu-eager")
    assert [(item.option, item.mismatch) for item in found.differing] == [("float32", True)]
    assert not found.mismatch  # the ring is on the float16 line


def test_dtypes_that_mismatch_alike_are_one_finding(run):
    """Two dtypes, one declaration that does not hold; a further one adds no line to the cell."""
    for record in run.measured[-2:]:
        record |= {"option": "input_dtype", "declared": "float32"}
    summary = summarize(run)
    found = cell(summary, "statistics_dtype", "pytorch-cpu-eager")
    assert (found.mismatch, found.differing) == (True, ())
    assert [item.sentence for item in summary.findings if item.field == "statistics_dtype"] == [
        "statistics_dtype is declared float32 and measured input_dtype in float32 and float16."
    ]


def test_options_that_agree_are_no_mismatch(run):
    """A measured number that conforms to the declared one is not compared digit by digit."""
    record = next(item for item in run.measured if item["field"] == "default_momentum")
    record |= {"option": 0.1000001, "declared": 0.1, "verdict": "conforms"}
    assert not cell(summarize(run), "default_momentum", "pytorch-cpu-eager").mismatch


def test_hovering_says_how_it_is_known(summary):
    """Probe, numbers and excluded alternatives, one line for each dtype."""
    assert cell(summary, "variance_algorithm", "keras-cpu-eager").hover == (
        "float32: one_pass, but declared two_pass – probe of variance algorithm; "
        "only one_pass falls inside the bound; excluded: two_pass (1.0 × 10³ × bound)"
    )
    assert cell(summary, "statistics_dtype", "pytorch-cpu-eager").hover.count("\n") == 1
    assert cell(summary, "zero_epsilon", "pytorch-cpu-eager").hover == (
        f"declared, not measured: {SOURCE['pytorch']}"
    )


def test_one_target_is_held_against_the_canonical_layer(run):
    """With nobody to differ from, the first screen shows what is not canonical."""
    run.targets = [target for target in run.targets if target["target"] == "pytorch-cpu-eager"]
    for name in ("verdicts", "measured", "explanations"):
        records = getattr(run, name)
        setattr(run, name, [item for item in records if item["target"] == "pytorch-cpu-eager"])
    summary = summarize(run)
    parted = [row.field for group in summary.matrix.parted for row in group.rows]
    assert {"single_value", "zero_epsilon"} <= set(parted)
    assert all(row.cells[0].option == row.canonical for row in summary.matrix.agreed)
    assert "This target departs from the paper on" in summary.lead


def test_split_row_has_sides(summary):
    """Cells that agree are of one side; a row with a majority has none."""
    row = next(row for row in summary.matrix.rows if row.field == "default_momentum")
    assert row.split and [item.side for item in row.cells] == [1, 2, 2, 1, 0]
    row = next(row for row in summary.matrix.rows if row.field == "running_variance")
    assert not row.split and not any(item.side for item in row.cells)


def test_assumed_option_is_not_called_declared(run):
    """What nobody declares is an assumption of the suite, in the cell and in the finding."""
    for record in run.measured:
        if (record["target"], record["field"]) == ("keras-cpu-eager", "variance_algorithm"):
            record["source"] = "not declared: assumed by the suite"
    summary = summarize(run)
    found = cell(summary, "variance_algorithm", "keras-cpu-eager")
    assert found.promise == "not declared; the suite assumes two_pass"
    assert found.hover.startswith("float32: one_pass, not declared; the suite assumes two_pass –")
    assert summary.findings[-1].sentence == (
        "variance_algorithm is not declared; the suite assumes two_pass, "
        "measured one_pass in float32."
    )
