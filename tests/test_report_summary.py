"""The view data of a report, held against exact values."""

import copy
import math

import pytest

from records.file import VERDICTS, Run, read_run
from reports.evidence import FAILING, SEVERITY, Used, Value, Worst, error_key, worst_first
from reports.figures import HeatCell, heat_level
from reports.findings import KINDS
from reports.payload import GLYPHS
from reports.summary import summarize
from tests.sample_records import DIAGNOSIS, HALF, LOG, PLACES, SOURCE, write_sample

TARGETS = (*PLACES, "gluon-cpu-hybridized")


@pytest.fixture
def run(tmp_path):
    return read_run(write_sample(tmp_path).parent)


@pytest.fixture
def summary(run):
    return summarize(run)


def test_title_says_what_ran(summary):
    """The title counts targets, cases, verdicts and judged pairs."""
    title = summary.title
    assert (title.targets, title.cases, title.verdicts) == (5, 8, 75)
    assert (title.judged, title.planned, title.complete, title.banner) == (28, 28, True, "")
    assert (title.date, title.machine) == ("2026-11-20", "x86-64, 2 cores")
    assert ("command", "pytest --targets all") in title.facts


def test_run_without_footer_is_incomplete(tmp_path):
    """Records without a footer lead to a banner with N of M pairs."""
    title = summarize(read_run(write_sample(tmp_path, complete=False).parent)).title
    assert title.complete is False
    assert title.banner.startswith("Incomplete run: 9 of 28 planned case × target pairs")


def test_finished_run_with_missing_pairs_says_so(run):
    """A footer does not hide that planned pairs were never judged."""
    run.header["planned"]["pairs"] = 30
    expected = "The run ended, but only 28 of 30 planned case × target pairs were judged."
    assert summarize(run).title.banner == expected


def test_summary_is_pure(run):
    """The records are not changed and give the same view data twice."""
    before = copy.deepcopy(run)
    first, second = summarize(run), summarize(run)
    assert repr(first) == repr(second)  # NaN differs from itself, its text does not
    assert run == before


def test_lead_counts_parted_and_agreed_conventions(summary):
    """The first sentence says on how many conventions the targets differ."""
    parted = [row for group in summary.matrix.parted for row in group.rows]
    assert [group.changes for group in summary.matrix.parted] == [
        "values",
        "defaults",
        "behaviour",
        "bound",
    ]
    every = len(parted) + len(summary.matrix.agreed)
    start = f"BatchNorm layers make {every} choices. These 5 targets "
    start += f"differ on {len(parted)} and agree on {every - len(parted)}. "
    assert summary.lead.startswith(start)
    assert all(row.parted for row in parted) and not any(r.parted for r in summary.matrix.agreed)


def test_conventions_of_a_verdict_may_be_a_list_or_an_object(run):
    """Both spellings of the used conventions are read alike."""
    before = summarize(run).rows
    for record in run.verdicts:
        record["conventions"] = {item["field"]: item for item in record["conventions"]}
    assert [row.used for row in summarize(run).rows] == [row.used for row in before]


def test_strip_counts_verdicts(summary):
    """Every verdict is counted once, under its target."""
    strip = {row.verdict: row.counts for row in summary.strip}
    assert strip["violates"] == (0, 3, 2, 0, 0)
    assert strip["timed out"] == (0, 0, 1, 0, 0)
    assert strip["broken adapter"] == (0, 0, 0, 0, 1)
    assert strip["not run"] == (0, 0, 0, 1, 0)
    assert set(VERDICTS) == set(SEVERITY) == {*GLYPHS} - {"mismatch"} == set(strip)
    assert set(KINDS) == {*FAILING, "mismatch", "unavailable"}
    assert sum(map(sum, strip.values())) == summary.title.verdicts


def test_heat_shows_worst_finite_error_and_counts_the_rest(summary):
    """Infinite and NaN errors are counted beside the worst finite one."""
    heat = {row.tensor: row.cells for row in summary.heat}
    assert list(heat) == ["y", "dx", "dgamma", "dbeta", "running_mean", "running_var", "x"]
    assert heat["dx"][2] == HeatCell("flax-cpu-jit", 2.2e4, "+4.3", 0, 0, 3, "above-3")
    assert heat["dbeta"][0].log == "exact"
    keras, flax, broken = heat["running_var"][1], heat["running_var"][2], heat["running_var"][4]
    assert (keras.worst, keras.infinite, keras.not_a_number, keras.level) == (0.3, 1, 0, "infinite")
    assert (flax.infinite, flax.not_a_number, flax.log) == (0, 1, "−0.7")
    assert broken == HeatCell("gluon-cpu-hybridized", None, "", 0, 0, 0, "none")


def test_input_after_the_call_has_a_row_where_it_is_reported(summary, run):
    """x is the last row, says what it is, and is not there where nobody reports it."""
    row = summary.heat[-1]
    assert (row.tensor, row.label, row.cells[0].log) == ("x", "x after the call", "exact")
    assert [cell.verdicts for cell in row.cells] == [1, 0, 0, 0, 0]
    assert all(not other.label for other in summary.heat[:-1])
    run.header["tensors"] = ["x", *run.header["tensors"]]
    assert summarize(run).heat[-1].tensor == "x"
    run.verdicts = [record for record in run.verdicts if record["tensor"] != "x"]
    assert [other.tensor for other in summarize(run).heat] == [
        other.tensor for other in summary.heat[:-1]
    ]


def test_log_and_diagnosis_belong_to_the_verdict(summary):
    """A crash keeps its stack, a violation its hypotheses, the simplest first."""
    crashed = next(row for row in summary.rows if row.verdict == "crashed")
    assert (crashed.log, crashed.diagnosis) == (LOG, ())
    violating = next(row for row in summary.rows if row.diagnosis)
    assert violating.diagnosis == tuple(DIAGNOSIS)


def test_several_runs_have_several_machines(run):
    """Machines that differ are counted in the title and listed one by one in the facts."""
    laptop, server = {"cpu": "arm64", "cores": 8}, {"cpu": "x86-64", "cores": 64}
    run.header["machines"] = {"laptop": laptop, "server": server, "night": server, "old": None}
    title = summarize(run).title
    assert (title.runs, title.machine) == (4, "3 kinds of machine")
    assert title.facts[-4:] == (
        ("machine of laptop", "cpu arm64, cores 8"),
        ("machine of server", "cpu x86-64, cores 64"),
        ("machine of night", "cpu x86-64, cores 64"),
        ("machine of old", "unknown"),
    )
    run.header["machines"] = {"monday": server, "tuesday": server}
    assert summarize(run).title.machine == "x86-64, 64 cores"


def test_target_says_how_to_run_it_alone(run):
    """The command has the words of the record; an adapter of one's own is named by its file."""
    commands = {target.name: target.command for target in summarize(run).targets}
    assert commands["flax-cpu-jit"] == "pytest --implementation flax --mode jit --device cpu"
    run.targets = run.targets[1:]  # what has no target line is known from its verdicts
    run.header["selection"] = {"adapter": ["/home/me/my layers/gluon.py"]}
    commands = {target.name: target.command for target in summarize(run).targets}
    assert commands["pytorch-cpu-eager"] == (
        "pytest --implementation pytorch --mode eager --device cpu"
    )
    assert commands["gluon-cpu-eager"] == (
        "pytest '--adapter=/home/me/my layers/gluon.py' --mode eager --device cpu"
    )


@pytest.mark.parametrize(
    "implementation, version, versions, packages",
    [
        ("gluon", "1.9.1", {"mxnet": "1.9.1", "numpy": "1.23.5"}, ("mxnet 1.9.1",)),
        ("flax", "0.12.8", {"flax": "0.12.8", "jax": "0.10.2"}, ("on jax 0.10.2",)),
        ("own", "", {"lib": "2", "numpy": "2.4.6"}, ("on lib 2",)),
        ("own", "1", None, ()),
    ],
)
def test_target_names_the_packages_behind_it(run, implementation, version, versions, packages):
    """Every package but numpy and the one whose name and version are shown."""
    told = {"implementation": implementation, "version": version, "versions": versions}
    run.targets[0] |= told
    assert summarize(run).targets[0].packages == packages


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
