"""Foreign text made visible: what a framework, an adapter or uv says cannot act on a terminal.

A character that does not print is written as Python escapes it: escape sequences, what changes the
direction of writing, lone surrogates.
"""

import re

LONGEST_LINE = 2000
LONGEST_LOG = 8000
ELLIPSIS = "…"


def one_line(text: object, longest: int = LONGEST_LINE) -> str:
    """Return a text in one visible line; of a longer one the beginning."""
    begun = str(text)[: 2 * longest]
    shown = _escaped(re.sub(r"\s*[\r\n]\s*", " ", begun))
    whole = len(shown) <= longest and len(begun) == len(str(text))
    return shown if whole else shown[: longest - 1] + ELLIPSIS


def log(text: object, longest: int = LONGEST_LOG) -> str:
    """Return a text of several lines, visible; of a longer one the end."""
    ending = str(text)[-2 * longest :]
    shown = re.sub(r"[^\n\t]+", lambda line: _escaped(line[0]), ending)
    whole = len(shown) <= longest and len(ending) == len(str(text))
    return shown if whole else ELLIPSIS + shown[1 - longest :]


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
