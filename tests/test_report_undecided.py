"""What a report says of a bound that proves nothing, and of digits lost as documented."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import pytest

from records.pieces import Declared
from records.verdict import Verdict
from reports.findings import Beside
from reports.html import render
from reports.summary import summarize
from suite.terminal import summarise
from tests.gold import gold, varied

KERAS = "keras-cpu-eager"
FAR = "a-mean-of-1000-standard-deviations-float32"
ONE_PASS = (("variance_algorithm", "one_pass"),)
SOURCE = "https://example.org: use_fast_variance"
OPEN = {
    "verdict": Verdict.UNDECIDED,
    "error_over_bound": 0.99,
    "bound_over_scale": 40.2,
    "open_channels": (0, 1, 2),
    "differs_by": ONE_PASS,
    "conventions": (Declared(field="variance_algorithm", option="one_pass", source=SOURCE),),
}


@pytest.fixture(scope="module")
def run():
    """The run of Keras alone; y is undecided, and running_var lost its digits in a wide bound."""
    own = {
        name: tuple(one for one in getattr(gold(), name) if one.target == KERAS)
        for name in ("targets", "verdicts")
    }
    plain = replace(gold(), measured=(), explanations=(), **own)
    where = {"case": FAR, "step": 0}
    verdicts = varied(plain.verdicts, {**where, "tensor": "y"}, **OPEN)
    lost = OPEN | {"hazard": ONE_PASS}
    for tensor, error in (("dx", 22.0), ("running_var", 398.0)):
        told = {**lost, "relative_error": error, "message": f"{KERAS} {FAR}: {tensor} is 1849.93"}
        verdicts = varied(verdicts, {**where, "tensor": tensor}, **told)
    return replace(plain, verdicts=verdicts)


def test_what_is_undecided_is_counted(run):
    """In the lead, in the strip, and in the heat beside the figures of what is decided."""
    summary = summarize(run)
    assert summary.lead.endswith(" 3 verdicts are undecided: the bound is wider than the value.")
    (strip,) = [row for row in summary.strip if row.verdict is Verdict.UNDECIDED]
    assert strip.counts == (3,)
    heat = {row.tensor: row.cells[0] for row in summary.heat}
    assert {name for name, cell in heat.items() if cell.undecided} == {"y", "dx", "running_var"}
    rows = [row for row in run.verdicts if row.tensor == "y" and row.error_over_bound is not None]
    decided = max(row.error_over_bound for row in rows if not row.open_channels)
    assert (heat["y"].undecided, heat["y"].verdicts) == (1, len(rows))
    assert heat["y"].worst == decided < 0.99
    (row,) = [row for row in summary.matrix.rows if row.field == "variance_algorithm"]
    confirmed = [case for cell in row.cells for case in cell.confirmed]
    assert FAR not in confirmed, "an undecided verdict confirms nothing"


def test_the_bound_is_shown_beside_each_error(run):
    """Every row of the evidence has it, and the page says in which units."""
    page = render(run)
    data = json.loads(re.search(r'<script type="application/json" id="records">(.*?)</script>',
                                page, re.DOTALL)[1])  # fmt: skip
    tensors = [name for _, name in data["tensors"]]
    verdicts = [name for _, name, *_ in data["verdicts"]]
    widths = {tensors[row[2]]: row[12] for row in data["rows"] if verdicts[row[4]] == "undecided"}
    assert widths == dict.fromkeys(("y", "dx", "running_var"), "40")
    assert '<span class="open">? 1</span>' in page
    assert page.count('["bound / size", "number"]') == 2


def test_a_documented_hazard_is_a_finding_that_fails_nothing(run):
    """What it costs, where, by which convention, and who documents it; it is no new finding."""
    (finding,) = summarize(run).findings
    assert (finding.kind, finding.target, finding.error) == (Beside.HAZARD, KERAS, 398.0)
    assert finding.sentence == (
        "running_var and dx are wrong by up to 398 × the size of the values in 1 case, as "
        "variance_algorithm=one_pass allows: variance is computed as mean(x^2) - mean^2, which "
        f"cancels where |mean| is far above std; {SOURCE}."
    )
    assert finding.quote == "running_var is 1849.93"
    assert finding.cases == (FAR,)
    assert not any(row.fails for row in finding.rows)
    lead = summarize(run).lead
    assert "Nothing found is unexplained. 1 documented hazard is listed as well." in lead
    page = render(run)
    assert '<span class="kind documented-hazard"><b>▲</b>documented hazard</span>' in page
    assert '"documented hazard":"▲"' in page


def test_a_hazard_stands_below_what_fails(run):
    """A violation is graver, whatever the hazard cost."""
    worse = varied(run.verdicts, {"case": FAR, "tensor": "dbeta"}, verdict=Verdict.VIOLATES)
    kinds = [finding.kind for finding in summarize(replace(run, verdicts=worse)).findings]
    assert kinds == [Verdict.VIOLATES, Beside.HAZARD]


def test_the_terminal_tells_both(run):
    """A line for each target and convention with the worst message, and a count."""
    lines = []
    reporter = SimpleNamespace(section=lines.append, write_line=lines.append)
    recording = SimpleNamespace(broken={}, verdicts=run.verdicts, stopped=None)
    summarise(reporter, SimpleNamespace(recording=recording, unfit=[], trouble=[], report=None))
    assert lines[-2:] == [
        f"hazard: {KERAS}, 2 verdicts: variance_algorithm=one_pass: "
        f"{KERAS} {FAR}: running_var is 1849.93",
        f"undecided: 3 verdicts in 1 cases: {Verdict.UNDECIDED.meaning}",
    ]
    counts = next(line for line in lines if line.startswith(f"{KERAS}: "))
    assert ", 3 undecided" in counts
