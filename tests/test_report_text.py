"""Text and figures as the report shows them."""

import math

import pytest

from records.text import visible
from reference.conventions import CONVENTIONS
from reports.text import fact, figure, log_figure, option_name, option_text


def test_control_characters_become_visible():
    """ANSI escapes, NUL, C1 controls and bidi overrides are shown, line ends stay."""
    assert visible("\x1b[31mred\x1b[0m\n\tx\0\x7f") == r"\x1b[31mred\x1b[0m" "\n\tx" r"\x00\u007f"
    assert visible("a\u202eb\x9bc") == "a\\u202eb\\u009bc"


def test_lone_surrogates_become_encodable():
    """What UTF-8 cannot carry is replaced."""
    assert visible("a\ud800b\udfff").encode() == "a\ufffdb\ufffd".encode()


def test_long_text_is_cut_with_a_note():
    """The note says how much is missing and where it is."""
    text = visible("x" * 20_500)
    assert text == "x" * 20_000 + " … [cut here: 500 more characters are in the records]"
    assert visible("x" * 20_000) == "x" * 20_000


@pytest.mark.parametrize(
    "value, text",
    [
        (None, ""),
        ((4, 3), "4, 3"),
        ({"torch": "2.1", "numpy": ()}, "torch 2.1, numpy "),
        (0.1, "0.1"),
    ],
)
def test_facts_are_short(value, text):
    """Lists with commas, nothing as nothing."""
    assert fact(value) == text


@pytest.mark.parametrize(
    "option, text",
    [(1 - 0.99, "0.01"), (1e-5, "1e-5"), (-1, "-1"), (0.001, "0.001"), ("nan", "nan")],
)
def test_a_number_as_an_option_has_six_digits(option, text):
    """So that 1 − 0.99 reads 0.01."""
    assert option_name(option) == text


@pytest.mark.parametrize(
    "value, text",
    [
        (None, "–"),
        (0.0, "0"),
        (0.666, "0.67"),
        (3.14, "3.1"),
        (310.2, "310"),
        (2.2e4, "2.2 × 10⁴"),
        (1e-7, "1.0 × 10⁻⁷"),
        (-2.5, "−2.5"),
        (math.inf, "∞"),
        (math.nan, "NaN"),
    ],
)
def test_figures_have_two_digits(value, text):
    """Two significant digits, powers of ten typeset."""
    assert figure(value) == text


@pytest.mark.parametrize(
    "value, text", [(0.5, "−0.3"), (2.2e4, "+4.3"), (1.0, "0.0"), (0.99, "0.0")]
)
def test_logarithms_carry_their_sign(value, text):
    """Zero is at the bound and has no sign."""
    assert log_figure(value) == text


def test_options_have_a_short_text():
    """Every option's meaning has a head that fits a cell and completes the question."""
    for convention in CONVENTIONS.values():
        for option, meaning in convention.options.items():
            short = option_text(meaning)
            assert 0 < len(short) <= 60, (convention.name, option, short)
            assert short.count("(") == short.count(")"), short
    momentum = CONVENTIONS["momentum_meaning"].options
    assert option_text(momentum["weight_of_history"]) == "the history"
