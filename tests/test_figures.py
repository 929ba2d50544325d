"""The figures that the findings refer to: of a whole run, and told as the records have them."""

import pytest

from docs import figures
from records.verdict import Verdict
from tests.gold import FOLDER, gold
from tests.gold.__main__ import CASES


def test_a_run_of_some_cases_is_refused():
    """Its figures would be those of what was chosen."""
    with pytest.raises(ValueError, match="a whole run, with every case"):
        figures.kept([FOLDER])


def test_what_is_wrong_is_one_line(monkeypatch, capsys):
    """A run that cannot be kept ends the command with status 2, and the file stays as it is."""
    before = figures.FILE.read_bytes()
    monkeypatch.setattr("sys.argv", ["docs.figures", str(FOLDER)])
    with pytest.raises(SystemExit) as ended:
        figures.main()
    assert ended.value.code == 2
    assert "a whole run, with every case" in capsys.readouterr().err.splitlines()[-1]
    assert figures.FILE.read_bytes() == before


@pytest.fixture
def kept(monkeypatch):
    """What is kept of the gold run, as if its cases were all there are."""
    monkeypatch.setattr(figures, "all_cases", lambda: dict.fromkeys(CASES))
    return figures.kept([FOLDER])


def test_every_case_counts_once_by_its_gravest_verdict(kept):
    """A case that violates in one tensor violates, whatever the other tensors do."""
    for name, target in kept["targets"].items():
        own = [one for one in gold().verdicts if one.target == name]
        assert sum(target["cases"].values()) == len({one.case for one in own})
        violating = {one.case for one in own if one.verdict is Verdict.VIOLATES}
        graver = {one.case for one in own if one.verdict.gravity > Verdict.VIOLATES.gravity}
        assert target["cases"].get("violates", 0) == len(violating - graver), name


def test_the_largest_error_of_a_tensor_is_kept(kept):
    """No violation of a target, dtype and tensor is worse than the one that is told."""
    compared = 0
    for record in gold().verdicts:
        told = kept["targets"][record.target]["errors"].get(record.dtype, {}).get(record.tensor)
        if record.verdict is Verdict.VIOLATES and record.tensor in figures.TENSORS:
            error = float(told[0].replace(",", "").replace("∞", "inf"))
            assert record.error_over_bound <= error * 1.06  # two digits are told
            compared += 1
        elif told is None:
            assert record.tensor not in figures.TENSORS or record.verdict is not Verdict.VIOLATES
    assert compared > 10


@pytest.mark.parametrize(
    ("error", "told"),
    [(1.26, "1.3"), (9.96, "10"), (167.0, "170"), (4.74e6, "4,700,000"), (float("inf"), "∞")],
)
def test_two_digits_are_told(error, told):
    assert figures._two_digits(error) == told
