"""docs/reliability.md says what the trials say: their kinds, what they lose, what is told."""

import ast

import pytest

from docs.reliability_page import TRIALS, Trial, reliability_page, trials_of

FILE = '''
@lost("the case")
@pytest.mark.parametrize(("fault", "words"), [("a_first_kind", "x y"), (second_kind, 3), *others])
def test_that_it_holds(fault, words):
    """It is told
    in a line."""


def test_another():
    """Nothing is lost."""


def helper():
    pass
'''


def test_a_trial_is_read_from_its_test():
    """Name, kinds and docstring; the decorator says what is lost, and without it nothing is."""
    kinds = ("a first kind", "second kind")
    assert trials_of(ast.parse(FILE)) == [
        Trial("that it holds", kinds, "the case", "It is told in a line."),
        Trial("another", (), "nothing", "Nothing is lost."),
    ]


def test_a_trial_that_does_not_say_what_it_checks():
    """The page cannot be written."""
    with pytest.raises(ValueError, match="test_silent does not say what it checks"):
        trials_of(ast.parse("def test_silent():\n    pass\n"))


def test_every_trial_has_its_row():
    """Each test of tests/faults is a row of the page, whichever file it is in."""
    lines = [line for line in reliability_page().splitlines() if line.startswith("| ")]
    rows = [line.split("|")[1].partition(":")[0].strip() for line in lines]
    tests = [
        node.name
        for path in TRIALS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(tests) > 100
    for name in tests:
        assert name.removeprefix("test_").replace("_", " ") in rows
