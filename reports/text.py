"""Text as the report shows it: nothing hidden, nothing endless, figures typeset."""

import math
import re

from records.file import FILE_NAME, number

LONGEST = 20_000

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F)  # can reorder a line
_CONTROLS = (*(code for code in range(32) if chr(code) not in "\n\t"), *range(0x7F, 0xA0))
_SHOWN = (
    {code: f"\\x{code:02x}" for code in _CONTROLS}
    | {code: f"\\u{code:04x}" for code in _BIDI}
    | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)  # lone surrogates are not encodable
)
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def visible(text: str, longest: int = LONGEST) -> str:
    """Return the text with control characters made visible, cut with a note where too long."""
    left_out = len(text) - longest
    if left_out > 0:
        text = text[:longest]
    text = text.replace("\r\n", "\n")
    if _HIDDEN.search(text):
        text = text.translate(_SHOWN)
    if left_out > 0:
        text += f" … [cut here: {left_out:,} more characters are in {FILE_NAME}]"
    return text


def clean(value):
    """Return a record with every string in it made visible, the keys too."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): clean(item) for key, item in value.items()}
    if isinstance(value, list):
        return [clean(item) for item in value]
    return value


def plain(value) -> str:
    """Return any recorded value as short text: lists with commas, nothing as ""."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(plain(item) for item in value)
    return str(value)


def mapping(value) -> dict:
    """Return the value where it is an object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def cut(text: str, longest: int) -> str:
    """Return the text on one line of at most `longest` characters."""
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def safe_number(value) -> float | None:
    """Return a recorded number as a float, None for what is no number."""
    try:
        return number(value)
    except (TypeError, ValueError, OverflowError):
        return None


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
