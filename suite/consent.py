"""What a resumed run may do: its records say it, and anybody can write records.

An adapter and an interpreter are code of the user's choice. Those that records name are started
only where the command line names them as well, or says that the records are trusted.
"""

from collections.abc import Sequence
from pathlib import Path

from records.pieces import Selection

PROGRAMS = ("adapter", "python")
"""The options whose values are started."""

TRUST = "--trust-records"
DEEPEST = 100
"""Brackets and negations of a keyword; pytest's own reader of it is recursive."""


def objection(selection: Selection, given: dict[str, Sequence[str]], trusted: bool) -> str:
    """Say in one line why a selection is not to be followed; "" where it is.

    `given` are the values of `PROGRAMS` on the command line, which must be those of the selection
    unless that is trusted.
    """
    keyword = selection.keyword
    if not keyword.isprintable() or keyword.count("(") + keyword.count("not") > DEEPEST:
        return f"its keyword is no expression that pytest reads: {keyword[:40]!r}"
    return "" if trusted else _unconfirmed(selection, given)


def _unconfirmed(selection: Selection, given: dict[str, Sequence[str]]) -> str:
    recorded = _options({name: getattr(selection, name) for name in PROGRAMS})
    confirmed = _options(given)
    if strange := [one for one in confirmed if one not in recorded]:
        return f"that run was started without {' '.join(strange)}"
    if missing := [one for one in recorded if one not in confirmed]:
        words = " ".join(missing)
        return f"its records would run files; give {words} as well, or {TRUST} if they are yours"
    return ""


def _options(values: dict[str, Sequence[str]]) -> list[str]:
    """Return options as they are written on the command line, their paths absolute."""
    adapters = [f"--adapter={Path(path).absolute()}" for path in values["adapter"]]
    parts = [value.partition("=") for value in values["python"]]
    return adapters + [f"--python={name}={Path(path).absolute()}" for name, _, path in parts]
