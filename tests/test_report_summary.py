"""The view data of a report, held against the records that it is drawn from."""

import math
import shlex
from collections import Counter
from dataclasses import replace

import pytest

from records.file import Run
from records.pieces import Machine
from records.verdict import Verdict
from reports.evidence import error_key, worst_first
from reports.figures import INPUTS, HeatCell, heat_level
from reports.summary import summarize
from tests.gold import first, gold, varied

ODD = "an-odd-number-of-values-per-channel-float64"


@pytest.fixture(scope="module")
def summary():
    return summarize(gold())


def test_title_says_what_ran(summary):
    """The title counts targets, cases, verdicts and judged pairs."""
    run, title = gold(), summary.title
    pairs = len({(record.case, record.target) for record in run.verdicts})
    assert (title.targets, title.cases) == (len(run.targets), len(run.cases))
    assert title.verdicts == len(run.verdicts)
    assert (title.judged, title.planned, title.complete, title.banner) == (pairs, pairs, True, "")
    assert (title.date, title.machine) == (run.header.started[:10], "x86_64, 2 cores")
    assert ("command", shlex.join(run.header.command)) in title.facts
    assert ("exit status", "1") in title.facts


def test_run_without_footer_is_incomplete():
    """Records without a footer lead to a banner with N of M pairs."""
    run = replace(gold(), footer=None, verdicts=gold().verdicts[:100])
    judged = len({(record.case, record.target) for record in run.verdicts})
    planned = run.header.planned.pairs
    title = summarize(run).title
    assert title.complete is False
    expected = f"Incomplete run: {judged} of {planned} planned case × target pairs were judged"
    assert title.banner.startswith(expected)


def test_finished_run_with_missing_pairs_says_so():
    """A footer does not hide that planned pairs were never judged."""
    planned = gold().header.planned
    more = replace(planned, pairs=planned.pairs + 2)
    title = summarize(replace(gold(), header=replace(gold().header, planned=more))).title
    expected = f"only {planned.pairs} of {more.pairs} planned case × target pairs were judged."
    assert title.banner == f"The run ended, but {expected}"


def test_damaged_lines_are_told():
    """In the banner how many they are, and among the facts which."""
    title = summarize(replace(gold(), damaged=("line 7: no JSON object",))).title
    expected = "1 line of records.jsonl cannot be read, and what it said is missing."
    assert (title.banner, title.damaged) == (expected, 1)
    lines = tuple(f"line {at}: {word}" for at, word in enumerate("abcde", 1))
    title = summarize(replace(gold(), damaged=lines, footer=None)).title
    assert title.banner.startswith("Incomplete run: ")
    assert title.banner.endswith(" 5 lines of records.jsonl cannot be read, and what they said is "
                                 "missing.")  # fmt: skip
    assert ("damaged lines", "line 1: a; line 2: b; line 3: c; and 2 more") in title.facts


def test_summary_is_pure(summary):
    """The same records give the same view data twice."""
    assert repr(summarize(gold())) == repr(summary)  # NaN differs from itself, its text does not


def test_lead_counts_parted_and_agreed_conventions(summary):
    """The first sentence says on how many conventions the targets differ."""
    parted = [row for group in summary.matrix.parted for row in group.rows]
    assert [group.changes for group in summary.matrix.parted] == [
        "values",
        "defaults",
        "behaviour",
        "bound",
    ]
    every = len(gold().header.conventions)
    start = f"BatchNorm layers make {every} choices. These {len(gold().targets)} targets "
    start += f"differ on {len(parted)} and agree on {every - len(parted)}. "
    assert summary.lead.startswith(start)
    assert all(row.parted for row in parted) and not any(r.parted for r in summary.matrix.agreed)


def test_strip_counts_verdicts(summary):
    """Every verdict is counted once, under its target; the plainest come first."""
    counted = Counter((record.verdict, record.target) for record in gold().verdicts)
    assert [row.verdict for row in summary.strip] == list(Verdict)
    for row in summary.strip:
        expected = [counted[row.verdict, target.target] for target in gold().targets]
        assert list(row.counts) == expected, row.verdict


def test_heat_shows_worst_finite_error_and_counts_the_rest():
    """Infinite and NaN errors are counted beside the worst finite one."""
    worst = {"y": 2.2e4, "dx": math.inf, "dgamma": math.nan, "dbeta": 0.0}
    verdicts = gold().verdicts
    for tensor, error in worst.items():
        where = {"target": "keras-cpu-eager", "tensor": tensor}
        verdicts = varied(verdicts, where, error_over_bound=0.0)
        verdicts = varied(verdicts, {**where, "case": ODD}, error_over_bound=error)
    told = {one.tensor for one in verdicts if one.error_over_bound is not None}
    inputs = [name for name in INPUTS if name in told]
    assert "x" in inputs
    heat = {row.tensor: row.cells[1] for row in summarize(replace(gold(), verdicts=verdicts)).heat}
    assert list(heat) == ["y", "dx", "dgamma", "dbeta", "running_mean", "running_var", *inputs]
    count = {name: sum(one.target == "keras-cpu-eager" and one.tensor == name
                       and one.error_over_bound is not None for one in verdicts)
             for name in worst}  # fmt: skip
    keras = "keras-cpu-eager"
    assert heat["y"] == HeatCell(keras, 2.2e4, "+4.3", 0, 0, count["y"], "above-3")
    assert heat["dx"] == HeatCell(keras, 0.0, "exact", 1, 0, count["dx"], "infinite")
    assert heat["dgamma"] == HeatCell(keras, 0.0, "exact", 0, 1, count["dgamma"], "infinite")
    assert heat["dbeta"] == HeatCell(keras, 0.0, "exact", 0, 0, count["dbeta"], "exact")


def test_a_target_without_figures_has_an_empty_cell(summary):
    """What was not judged is neither exact nor far."""
    at = [target.name for target in summary.targets].index("pytorch-functional-cpu-eager")
    empty = HeatCell("pytorch-functional-cpu-eager", None, "", 0, 0, 0, "none")
    assert {row.cells[at] for row in summary.heat} == {empty}


def test_input_after_the_call_has_a_row_where_it_is_reported(summary):
    """x is the last row, says what it is, and is not there where nobody reports it."""
    row = summary.heat[-1]
    assert (row.tensor, row.label) == ("x", "x after the call")
    labelled = {other.tensor for other in summary.heat if other.label}
    assert labelled == {other.tensor for other in summary.heat} & set(INPUTS)
    tensors = gold().header.tensors
    first_of_all = replace(gold().header, tensors=("x", *(one for one in tensors if one != "x")))
    assert summarize(replace(gold(), header=first_of_all)).heat[-1].tensor == "x"
    without = tuple(record for record in gold().verdicts if record.tensor != "x")
    assert [other.tensor for other in summarize(replace(gold(), verdicts=without)).heat] == [
        other.tensor for other in summary.heat[:-1]
    ]


def test_several_runs_have_several_machines():
    """Machines that differ are counted in the title and listed one by one in the facts."""
    server = replace(gold().header.machine, cpu="x86-64", cores=64)
    laptop = Machine(platform="Darwin", cpu="", cores=None, python="3.12.1", numpy="2.4.6")
    machines = {"laptop": laptop, "server": server, "night": server}
    title = summarize(replace(gold(), machines=machines)).title
    assert (title.runs, title.machine) == (3, "2 kinds of machine")
    assert [label for label, _ in title.facts[-3:]] == [f"machine of {name}" for name in machines]
    assert title.facts[-3][1] == "platform Darwin, cpu , cores , python 3.12.1, numpy 2.4.6"
    title = summarize(replace(gold(), machines={"monday": server, "tuesday": server})).title
    assert title.machine == "x86-64, 64 cores"
    assert summarize(replace(gold(), machines={"laptop": laptop})).title.machine == "Darwin"


def commands(run: Run):
    return {target.name: target.command for target in summarize(run).targets}


def test_target_says_how_to_run_it_alone(summary):
    """The command has the words of the record; an adapter of one's own is named by its file."""
    told = {target.name: target.command for target in summary.targets}
    assert (
        told["flax-cpu-jit"] == "pytest --implementation flax --mode jit --device cpu --threads 2"
    )
    assert told["pytorch==0.0.7-cpu-eager"].startswith("pytest --implementation pytorch==0.0.7 ")
    assert told["wrong-layer-cpu-eager"] == (
        "pytest --adapter=./tests/gold/wrong_layer.py --mode eager --device cpu --threads 2"
    )
    mine = replace(gold().header.selection, adapter=("/home/me/my layers/gluon.py",))
    header = replace(gold().header, selection=mine)
    assert commands(replace(gold(), header=header))["gluon-cpu-eager"] == (
        "pytest '--adapter=/home/me/my layers/gluon.py' --mode eager --device cpu --threads 2"
    )


def test_a_target_whose_own_line_was_damaged_is_known_from_its_verdicts():
    """It has a column, with what every verdict says of it."""
    others = tuple(one for one in gold().targets if one.target != "flax-cpu-jit")
    column = summarize(replace(gold(), targets=others)).targets[-1]
    version = first(gold().targets, target="flax-cpu-jit").version
    assert (column.name, column.version, column.place) == ("flax-cpu-jit", version, "cpu · jit")
    assert column.command == "pytest --implementation flax --mode jit --device cpu"


@pytest.mark.parametrize(
    "implementation, version, versions, packages",
    [
        ("gluon", "1.9.1", {"mxnet": "1.9.1", "numpy": "1.23.5"}, ("mxnet 1.9.1",)),
        ("flax", "0.12.8", {"flax": "0.12.8", "jax": "0.10.2"}, ("on jax 0.10.2",)),
        ("own", "", {"lib": "2", "numpy": "2.4.6"}, ("on lib 2",)),
        ("own", "1", {}, ()),
    ],
)
def test_target_names_the_packages_behind_it(implementation, version, versions, packages):
    """Every package but numpy and the one whose name and version are shown."""
    told = {"implementation": implementation, "version": version, "versions": versions}
    target = replace(gold().targets[0], **told)
    assert summarize(replace(gold(), targets=(target,))).targets[0].packages == packages


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


def test_rows_are_sorted_worst_first():
    """NaN before infinity before finite errors before none."""
    rows = [replace(gold().verdicts[0], error_over_bound=error)
            for error in (0.5, None, math.inf, 0.0, math.nan, 2.2e4)]  # fmt: skip
    keys = [error_key(row.error_over_bound) for row in worst_first(rows)]
    assert keys == [(3, 0.0), (2, 0.0), (1, 2.2e4), (1, 0.5), (1, 0.0), (0, 0.0)]


def test_evidence_has_the_case_and_all_its_verdicts(summary):
    """A page has the claim, the reason, the configuration, and the gravest verdict of its rows."""
    (page,) = [
        item for item in summary.evidence if (item.case.id, item.target) == (ODD, "gluon-cpu-eager")
    ]
    case = first(gold().cases, case=ODD)
    assert (page.verdict, page.case.reason) == (Verdict.VIOLATES, case.reason)
    for fact in (("dtype", "float64"), ("shape", "7, 3"), ("epsilon", "1e-05"), ("steps", "train")):
        assert fact in page.case.facts
    assert "raw momentum" not in dict(page.case.facts)
    own = [one for one in gold().verdicts if (one.case, one.target) == (ODD, "gluon-cpu-eager")]
    assert list(page.rows) == own


def test_broken_target_keeps_its_log(summary):
    """The target of a broken adapter carries message, log and how to retry."""
    (target,) = [one for one in summary.targets if one.ended is Verdict.BROKEN_ADAPTER]
    assert [label for label, _ in target.broken] == ["message", "log", "retry"]
    told = dict(target.broken)
    assert told["message"] == "the package 'torch' is missing in bin/python"
    assert "ModuleNotFoundError: No module named 'torch'" in told["log"]
    assert told["retry"].startswith("bin/python -m adapters.harness.worker ./adapters/")


def test_empty_run_has_a_summary():
    """A run that died at once still renders its header."""
    summary = summarize(Run(gold().header))
    assert (summary.title.verdicts, summary.findings) == (0, ())
    planned = gold().header.planned.pairs
    assert summary.title.banner.startswith(f"Incomplete run: 0 of {planned}")
