"""Text as the report shows it: short, and figures typeset."""

import math
import re

from records.hypothesis import Option

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def fact(value: object) -> str:
    """Return what is recorded as short text: lists with commas, nothing as ""."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {fact(item)}" for key, item in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(fact, value))
    return "" if value is None else str(value)


def option_name(option: Option) -> str:
    """Return an option as text; numbers with six digits, so that 1 − 0.99 reads 0.01."""
    return option if isinstance(option, str) else f"{option:.6g}".replace("e-0", "e-")


def cut(text: str, longest: int) -> str:
    """Return the text on one line of at most `longest` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def figure(value: float | None) -> str:
    """Typeset a number to two significant digits: `0.67`, `310`, `2.2 × 10⁴`, `∞`, `NaN`."""
    if value is None:
        return "–"
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if 0.01 <= abs(value) < 1000:
        return f"{value:.{3 if abs(value) >= 100 else 2}g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    exponent = str(int(exponent)).translate(_SUPERSCRIPTS)
    return f"{mantissa} × 10{exponent}".replace("-", "−")


def log_figure(value: float) -> str:
    """Typeset log10 of a positive number with its sign: `−0.3`, `+4.2`, `0.0`."""
    rounded = round(math.log10(value), 1) + 0.0
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def count(items: int, noun: str, plural: str = "") -> str:
    """Return `1 case`, `2 cases`."""
    return f"{items:,} {noun if items == 1 else plural or noun + 's'}"


def listed(words: list[str]) -> str:
    """Return `a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def option_text(meaning: str) -> str:
    """Return the head of an option's meaning, which completes the convention's question."""
    depth = 0
    for position, letter in enumerate(meaning):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter in ":;," and meaning[position + 1 : position + 2] == " ":
            meaning = meaning[:position]
            break
    head = re.sub(r"\s\([^()]*\)$", "", meaning)  # a remark; a formula's bracket ends a product
    if head.endswith(("/", "+", "-", "*")):
        head = meaning
    return head.replace(" - ", " − ").replace("^2", "²").replace("sqrt(", "√(")
