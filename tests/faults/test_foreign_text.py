"""What a framework says is told as text: none of it acts on a terminal or is endless."""

import pytest

from adapters.harness import text
from tests.faults.driving import check_own_answer, request
from tests.faults.fuzzing import check_visible
from tests.faults.trial import lost

ESCAPED = r"\x1b]0;owned\x07\x1b[2J\u202e\udcff\x9b31m"


@pytest.mark.parametrize(
    ("fault", "ended", "beginning"),
    [
        ("escapes_in_an_exception", "raised", f"ValueError: {ESCAPED} the end{ESCAPED}"),
        ("escapes_in_the_log", "crashed", "the process ended with exit status 3"),
        ("escapes_in_a_name", "answered", ""),
        ("an_exception_without_words", "raised", "Mute: its text cannot be had: TypeError"),
    ],
)
def test_what_a_case_says(strike, fault, ended, beginning):
    """Messages, logs and names of tensors: visible, bounded, and one line where one is due."""
    struck = strike("malicious", fault).struck
    assert struck.ended == ended
    assert struck.message.startswith(beginning)
    check_visible(vars(struck))
    check_visible(struck.message, text.LONGEST_LINE)
    assert "\n" not in struck.message
    if ended == "crashed":
        assert ESCAPED.replace("udcff", "ufffd").rpartition("\\x9b")[0][:20] in struck.log
    if ended == "answered":
        assert f"y{ESCAPED} "[:60] in struck.steps[0]


def test_what_a_hello_says(strike):
    """Versions, devices, conventions with their sources, and what the machine is."""
    outcome = strike("malicious", "escapes_in_hello")
    check_visible(outcome.hello, text.LONGEST_LINE)
    assert outcome.hello["devices"] == ["cpu", f"gpu{ESCAPED} "]
    assert outcome.hello["machine"]["threads_reported"] == f"{ESCAPED} "
    check_own_answer(request("a"), outcome.observations["a"])
    check_visible(outcome.observations["a"].conventions, text.LONGEST_LINE)


@lost("every case of that adapter")
def test_what_an_import_says(strike):
    """An adapter that fails to import speaks through the same door."""
    outcome = strike("malicious", "escapes_at_import", others="broken adapter")
    assert outcome.hello.message.startswith(f"RuntimeError: {ESCAPED} {ESCAPED}")
    check_visible(vars(outcome.hello))
    assert len(outcome.hello.message) == text.LONGEST_LINE


def test_a_text_is_cut_where_it_may_be():
    """Of a line the beginning is kept, of a log the end; what fits stays as it is."""
    assert text.one_line("as it is\n  or\tso") == r"as it is or\tso"
    assert text.one_line("abcdef", 4) == "abc…"
    assert text.one_line("\x1b" * 4, 9) == r"\x1b\x1b…"
    assert text.log("one\n\ttwo\r\n") == "one\n\ttwo\\r\n"
    assert text.log("abcdef", 4) == "…def"
