"""The convention matrix of a report: what is measured, declared, undecided and who differs."""

from dataclasses import replace

import pytest

from records.pieces import Known
from records.schema import ASSUMED
from records.verdict import Verdict
from reports.findings import Beside
from reports.matrix import majority_of
from reports.summary import summarize
from tests.gold import first, gold, varied

CORE = ("pytorch-cpu-eager", "keras-cpu-eager", "flax-cpu-jit", "gluon-cpu-eager")
PYTORCH, KERAS, FLAX, GLUON = CORE
BROKEN, WRONG = "pytorch-functional-cpu-eager", "wrong-layer-cpu-eager"
KNOWN = Known(what="it adds one after the other", upstream="https://example.org/1")


def of(*targets):
    """Return the run of some targets alone."""
    parts = ("targets", "verdicts", "measured", "explanations")
    return replace(gold(), **{
        name: tuple(one for one in getattr(gold(), name) if one.target in targets)
        for name in parts
    })  # fmt: skip


def cell(run, field, target):
    """Return the matrix cell of a field and a target."""
    row = row_of(run, field)
    return next(one for one in row.cells if one.target == target)


def row_of(run, field):
    return next(row for row in summarize(run).matrix.rows if row.field == field)


def but(run, where, **changes):
    return replace(run, measured=varied(run.measured, where, **changes))


def test_outlier_differs_from_the_majority():
    """Three of four biased: the unbiased one is the outlier, the broken target has no vote."""
    row = row_of(of(*CORE, BROKEN), "running_variance")
    assert row.majority == "biased"
    assert [item.option for item in row.cells] == ["unbiased", "biased", "biased", "biased", ""]
    assert [item.outlier for item in row.cells] == [True, False, False, False, False]
    assert row.cells[0].text == "the batch variance times n / (n − 1)"


def test_split_row_has_sides_and_no_outlier():
    """Two against two: nobody is marked, and cells that agree are of one side."""
    row = row_of(of(*CORE, BROKEN), "default_momentum")
    assert row.majority == ""
    assert [item.option for item in row.cells] == ["0.1", "0.01", "0.01", "0.1", ""]
    assert not any(item.outlier for item in row.cells)
    assert row.split and [item.side for item in row.cells] == [1, 2, 2, 1, 0]
    assert not row_of(of(*CORE), "running_variance").split


@pytest.mark.parametrize(
    "options, expected",
    [([], ""), (["a"], "a"), (["a", "b"], ""), (["a", "a", "b"], "a"), (["a", "a", "b", "c"], "")],
)
def test_majority_is_more_than_half(options, expected):
    """A majority holds more than half of the votes."""
    assert majority_of(options) == expected


def test_measured_against_declared_is_a_mismatch():
    """The measured option is shown, the declared one kept, and the mismatch is a finding."""
    run = of(WRONG)
    found = cell(run, "empty_batch", WRONG)
    assert (found.option, found.declared, found.origin) == ("keeps", "raises", "measured")
    assert found.mismatch and found.source == "the word of its author"
    assert found.promise == "declared: raises"
    (finding,) = [one for one in summarize(run).findings if one.field == "empty_batch"]
    assert (finding.kind, finding.label) == (Beside.MISMATCH, "measured ≠ declared")
    assert finding.sentence == "empty_batch is declared raises and measured keeps in float32."


def test_assumed_option_is_not_called_declared():
    """What nobody declares is an assumption of the suite, in the cell and in the finding."""
    run = of(WRONG)
    found = cell(run, "single_value", WRONG)
    assert (found.mismatch, found.assumed, found.source) == (True, True, ASSUMED)
    assert found.promise == "not declared; the suite assumes beta"
    assert found.hover.startswith("float32: raises, not declared; the suite assumes beta –")
    (finding,) = [one for one in summarize(run).findings if one.field == "single_value"]
    assert finding.label == "measured ≠ assumed"
    assert finding.sentence == (
        "single_value is not declared; the suite assumes beta, measured raises in float32."
    )


def test_what_the_probes_exclude_is_a_mismatch_without_a_guess():
    """A declaration that cannot be, where no other option fits either."""
    run = of(WRONG)
    where = {"target": WRONG, "field": "variance_algorithm"}
    run = replace(run, measured=varied(run.measured, where, agrees=False))
    found = cell(run, "variance_algorithm", WRONG)
    assert (found.option, found.origin, found.mismatch) == ("undetermined", "undetermined", True)
    (finding,) = [one for one in summarize(run).findings if one.field == "variance_algorithm"]
    assert finding.sentence == (
        "variance_algorithm is not declared; the suite assumes two_pass, excluded by the probes in "
        "float32."
    )


def test_unmeasured_cell_says_where_it_is_from():
    """Without a measurement the declared option stands, or the canonical one."""
    run = replace(of(*CORE, BROKEN), measured=())
    assert cell(run, "zero_epsilon", PYTORCH).origin == "declared"
    assert cell(run, "zero_epsilon", FLAX).origin == "canonical"
    assert cell(run, "zero_epsilon", BROKEN).origin == ""
    source = next(
        one.source for one in gold().targets[0].conventions if one.field == "zero_epsilon"
    )
    assert cell(run, "zero_epsilon", PYTORCH).hover == f"declared, not measured: {source}"


def test_cell_names_the_cases_that_confirm_it():
    """Conforming and differing verdicts that depend on the convention confirm it."""
    run = of(*CORE)
    sound = [one for one in run.verdicts if one.verdict.sound]
    for field, target in (("running_variance", KERAS), ("running_update", GLUON)):
        cases = dict.fromkeys(
            one.case for one in sound
            if one.target == target and field in {used.field for used in one.conventions}
        )  # fmt: skip
        assert cell(run, field, target).confirmed == tuple(cases) != ()
    violating = [replace(one, verdict=Verdict.VIOLATES) for one in run.verdicts]
    assert cell(replace(run, verdicts=tuple(violating)), "running_variance", KERAS).confirmed == ()


def test_known_mismatch_says_so():
    """A mismatch that somebody has understood is told with its link."""
    run = but(of(WRONG), {"field": "empty_batch"}, known=KNOWN)
    (finding,) = [one for one in summarize(run).findings if one.field == "empty_batch"]
    assert finding.sentence.endswith(f"in float32; known: {KNOWN.what} ({KNOWN.upstream}).")
    assert finding.known == KNOWN


def test_undetermined_is_no_guess():
    """What the probes cannot decide says why, has no vote and is no mismatch."""
    told = {"option": None, "evidence": "both options give these numbers"}
    run = but(of(*CORE), {"target": FLAX, "field": "single_value"}, **told)
    row = row_of(run, "single_value")
    found = cell(run, "single_value", FLAX)
    assert (found.option, found.text, found.origin) == ("undetermined",) * 3
    assert found.reason == "both options give these numbers"
    assert (found.declared, found.vote) == ("beta", "")
    assert not (found.mismatch or found.outlier)
    assert row.majority == "beta"  # two of the three that are known
    assert not any(item.field == "single_value" for item in summarize(run).findings)


def test_undetermined_alone_parts_nobody():
    """A row on which all known cells agree stays with those, and names the undecided one."""
    run = but(of(*CORE), {"field": "running_update"}, option="on_forward", declared="on_forward")
    run = but(run, {"field": "running_update", "target": KERAS}, option=None, evidence="")
    row = next(r for r in summarize(run).matrix.agreed if r.field == "running_update")
    assert [item.vote for item in row.agreed] == ["on_forward"] * 3 + [""]
    assert row.cells[1].reason == "the record gives no reason"


def test_other_dtypes_show_where_they_differ():
    """float32 is shown, float16 where it is another option, and never what is undecided."""
    half = first(gold().measured, target=PYTORCH, field="statistics_dtype", dtype="float16")
    single = replace(half, dtype="float32", option="widened", declared="widened", agrees=True)

    def found(**changes):
        pair = (single, replace(half, option="input_dtype", agrees=True, **changes))
        return cell(replace(of(PYTORCH), measured=pair), "statistics_dtype", PYTORCH)

    assert (found().option, len(found().measured)) == ("widened", 2)
    assert [(one.dtype, one.option) for one in found().differing] == [("float16", "input_dtype")]
    assert found().hover.count("\n") == 1
    undecided = replace(half, option=None, agrees=True)
    run = replace(of(PYTORCH), measured=(single, undecided))
    assert cell(run, "statistics_dtype", PYTORCH).differing == ()
    wrong = replace(half, option="input_dtype", agrees=False)
    run = replace(of(PYTORCH), measured=(single, wrong))
    own = cell(run, "statistics_dtype", PYTORCH)
    assert [(one.option, one.mismatch) for one in own.differing] == [("input_dtype", True)]
    assert not own.mismatch  # the ring is on the float16 line


def test_dtypes_that_mismatch_alike_are_one_finding():
    """Two dtypes, one declaration that does not hold; a further one adds no line to the cell."""
    one = first(of(WRONG).measured, field="empty_batch")
    run = replace(of(WRONG), measured=(one, replace(one, dtype="float64")))
    found = cell(run, "empty_batch", WRONG)
    assert (found.mismatch, found.differing) == (True, ())
    assert [item.sentence for item in summarize(run).findings if item.field] == [
        "empty_batch is declared raises and measured keeps in float32 and float64."
    ]


def test_options_that_agree_are_no_mismatch():
    """A measured number that agrees with the declared one is not compared digit by digit."""
    run = but(of(*CORE), {"target": PYTORCH, "field": "default_momentum"}, option=0.1000001)
    assert not cell(run, "default_momentum", PYTORCH).mismatch


def test_hovering_says_how_it_is_known():
    """Probe, numbers and excluded alternatives, one line for each dtype."""
    told = {"evidence": "only one fits", "excluded": {"two_pass": 1000.0}}
    told |= {"option": "one_pass", "declared": "two_pass", "source": "its docs", "agrees": False}
    run = but(of(KERAS), {"field": "variance_algorithm"}, **told)
    assert cell(run, "variance_algorithm", KERAS).hover == (
        "float32: one_pass, but declared two_pass – probe-large-mean-float32; "
        "only one fits; excluded: two_pass (1.0 × 10³ × bound)"
    )


def test_one_target_is_held_against_the_canonical_layer():
    """With nobody to differ from, the first screen shows what is not canonical."""
    summary = summarize(of(PYTORCH))
    parted = [row.field for group in summary.matrix.parted for row in group.rows]
    assert {"single_value", "zero_epsilon"} <= set(parted)
    assert all(row.cells[0].option == row.canonical for row in summary.matrix.agreed
               if row.cells[0].vote)  # fmt: skip
    assert "This target departs from the paper on" in summary.lead


def test_a_convention_of_another_version_has_a_row_too():
    """What the header does not tell of is known by its name alone."""
    header = gold().header
    without = {name: one for name, one in header.conventions.items() if name != "scale"}
    row = row_of(replace(gold(), header=replace(header, conventions=without)), "scale")
    assert (row.question, row.canonical, row.options) == ("scale", "", ())
    assert row.cells[0].option == "gamma"
