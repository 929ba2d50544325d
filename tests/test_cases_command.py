"""`python -m conformance cases`: which cases are there, and why?"""

import json

import pytest

from test_cases.cases import all_cases
from tests.front_door import conformance, one_line


def ids(done):
    return [line.split()[0] for line in done.stdout.splitlines()]


def test_every_case_has_a_line_with_its_reason():
    """The list is that of the suite, and each line ends in the case's reason."""
    done = conformance("cases")
    assert (done.returncode, done.stderr) == (0, "")
    assert ids(done) == list(all_cases())
    for line, case in zip(done.stdout.splitlines(), all_cases().values(), strict=True):
        assert line.endswith("  " + case.reason)


def test_all_words_must_be_there():
    """In the id or in the reason, in any order and case; one word more, fewer cases."""
    one, both = conformance("cases", "Gamma"), conformance("cases", "gamma", "negative")
    assert set(ids(both)) < set(ids(one)) < set(all_cases())
    assert "a-negative-gamma-flips-the-sign-float32" in ids(both)
    for name in ids(both):
        text = f"{name} {all_cases()[name].reason}".lower()
        assert "gamma" in text and "negative" in text
    assert ids(conformance("cases", "negative", "gamma")) == ids(both)


def test_only_some_dtypes():
    """Spelled as for pytest, and told in JSON."""
    told = json.loads(conformance("cases", "--json", "--dtype", "float16,bfloat16").stdout)
    wanted = [case for case in all_cases().values() if case.dtype in ("float16", "bfloat16")]
    assert told == [{"id": one.id, "dtype": one.dtype, "reason": one.reason} for one in wanted]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gama"], "no case has 'gama' (did you mean 'gamma'?)\n"),
        (["gamma", "batsh"], "no case has 'batsh' (did you mean 'batch'?)\n"),
        (["zzzzzz"], "no case has 'zzzzzz'\n"),
        (["one", "channel", "empty"], "no case has all of: one, channel, empty\n"),
    ],
)
def test_where_none_has_the_words_it_says_what_was_meant(words, said):
    """Status 1: the command was right, and the answer is none."""
    done = conformance("cases", *words)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", said)


def test_an_unknown_dtype_is_one_line():
    """With the valid ones; status 2."""
    line = one_line(conformance("cases", "--dtype", "int8"))
    assert "unknown dtype 'int8'; choose from: bfloat16, float16, float32, float64" in line
