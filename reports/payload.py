"""The evidence as compact JSON for the page's script, within a size that opens fast."""

import json
import math
import shlex
from urllib.parse import quote

from records.file import FILE_NAME
from reports.evidence import SEVERITY, Row, error_key, gravest, worst_first
from reports.findings import known_text
from reports.measured import Measured, assumed
from reports.summary import Summary
from reports.text import figure

LARGEST = 11_000_000
"""Characters of JSON that the page carries at most; details of the plainest verdicts go first."""

LONGEST_KEY = 120
GLYPHS = {
    "conforms": "✓",
    "differs": "≠",
    "violates": "✗",
    "raised": "!",
    "declined": "∅",
    "crashed": "†",
    "timed out": "…",
    "broken adapter": "⊘",
    "not run": "□",
    "unavailable": "–",
    "mismatch": "◯",
}


class Links:
    """The addresses of evidence inside the page: names where they are short, else numbers."""

    def __init__(self, summary: Summary):
        cases = dict.fromkeys(page.case.id for page in summary.evidence)
        self.keys = {
            "case": _keys(cases),
            "target": _keys(target.name for target in summary.targets),
            "tensor": _keys(dict.fromkeys(row.tensor for row in summary.rows)),
            "verdict": _keys(row.verdict for row in summary.strip),
            "field": _keys(row.field for row in summary.matrix.rows),
        }

    def __call__(self, view: str, **parts) -> str:
        """Return the address of a view, e.g. `link("case", case=…, target=…)`."""
        keys = (str(self.keys.get(kind, {}).get(name, name)) for kind, name in parts.items())
        return "#/" + "/".join([view, *(quote(key, safe="") for key in keys)])


def payload(summary: Summary, links: Links, largest: int = LARGEST) -> dict:
    """Return the data behind every view. Rows are sorted worst first; figures are typeset."""
    rows = worst_first(summary.rows)
    place = {row.position: at for at, row in enumerate(rows)}
    index = {kind: {name: at for at, name in enumerate(keys)} for kind, keys in links.keys.items()}
    texts, used = _Table(), _Table()
    details, left_out = _details(rows, texts, largest)
    cases = {page.case.id: page.case for page in summary.evidence}
    return {
        "file": FILE_NAME,
        "glyphs": GLYPHS,
        "verdicts": [[links.keys["verdict"][name], name] for name in index["verdict"]],
        "tensors": [[key, name] for name, key in links.keys["tensor"].items()],
        "targets": [
            {
                "key": links.keys["target"][target.name],
                "name": target.name,
                "facts": target.facts,
                "broken": target.broken,
                "ended": target.ended,
                "command": target.command,
            }
            for target in summary.targets
        ],
        "cases": [
            {
                "key": key,
                "id": name,
                "argument": shlex.quote(name),
                "reason": cases[name].reason,
                "facts": cases[name].facts,
            }
            for name, key in links.keys["case"].items()
        ],
        "gravest": _gravest(summary, index),
        "rows": [
            [
                index["case"][row.case],
                index["target"][row.target],
                index["tensor"][row.tensor],
                row.step,
                index["verdict"][row.verdict],
                figure(row.error),
                figure(row.max_ulp),
                used.place(tuple((u.field, u.option, texts.place(u.source)) for u in row.used)),
                texts.place(row.convention),
                texts.place(row.formula),
                row.position,
                details.get(row.position, 0),
            ]
            for row in rows
        ],
        "conventions": [_convention(row, links) for row in summary.matrix.rows],
        "explanations": [
            {
                "line": item.line,
                "sentence": item.sentence,
                "rows": [place[r.position] for r in item.rows],
            }
            for item in summary.explanations
        ],
        "findings": [
            {
                "kind": item.kind,
                "target": index["target"].get(item.target, -1),
                "sentence": item.sentence,
                "rows": [place[row.position] for row in item.rows],
            }
            for item in summary.findings
        ],
        "differences": [
            {
                "target": index["target"].get(item.target, -1),
                "convention": item.convention,
                "meaning": item.meaning,
                "rows": [place[row.position] for row in item.rows],
            }
            for item in summary.differences
        ],
        "used": used.items,
        "texts": texts.items,
        "leftOut": left_out,
    }


def embeddable(data) -> str:
    """Return JSON that no HTML parser and no old script engine can misread."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


class _Table:
    """Each distinct item once, addressed by its place."""

    def __init__(self):
        self._places = {}

    def place(self, item) -> int:
        return self._places.setdefault(item, len(self._places))

    @property
    def items(self) -> list:
        return list(self._places)


def _keys(names) -> dict[str, str]:
    return {
        name: name if 0 < len(name) <= LONGEST_KEY and name[0] != "~" else f"~{at}"
        for at, name in enumerate(names)
    }


def _details(rows: list[Row], texts: _Table, largest: int) -> tuple[dict[int, list], int]:
    """Return the full details of all but the conforming rows, the gravest first, while they fit."""
    wanted = sorted(
        (row for row in rows if row.verdict != "conforms"),
        key=lambda row: (row.verdict == "differs", [-part for part in _rank(row)]),
    )
    details: dict[int, list] = {}
    size = 0
    for at, row in enumerate(wanted):
        worst = row.worst
        told = (row.told, row.known, row.upstream, row.log)
        detail: list = [texts.place(text) for text in told]
        detail.append([texts.place(text) for text in row.diagnosis])
        if worst:
            values = (worst.observed, worst.expected, worst.canonical, worst.bound)
            detail += [
                worst.index,
                *(part for value in values for part in (value.decimal, value.hex)),
            ]
        size += sum(map(len, (*told, *row.diagnosis))) + sum(len(str(part)) + 4 for part in detail)
        if size > largest:
            return details, len(wanted) - at
        details[row.position] = detail
    return details, 0


def _rank(row: Row) -> tuple[float, float]:
    severity = SEVERITY.index(row.verdict) if row.verdict in SEVERITY else len(SEVERITY)
    kind, error = error_key(row.error)
    return severity, kind * 1e6 + (math.log10(error) if error else 0.0)


def _gravest(summary: Summary, index: dict) -> list[list[int]]:
    """Return [case, target, gravest verdict] of every pair that was judged."""
    return [
        [
            index["case"][page.case.id],
            index["target"][page.target],
            index["verdict"][gravest(row.verdict for row in page.rows)],
        ]
        for page in summary.evidence
    ]


def _convention(row, links: Links) -> dict:
    return {
        "key": links.keys["field"][row.field],
        "field": row.field,
        "question": row.question,
        "changes": row.changes,
        "canonical": row.canonical,
        "majority": row.majority,
        "options": row.options,
        "cells": [
            {
                "option": cell.option,
                "origin": cell.origin,
                "declared": cell.declared,
                "source": cell.source,
                "assumed": assumed(cell.source),
                "outlier": cell.outlier,
                "mismatch": cell.mismatch,
                "reason": cell.reason,
                "measured": [_measurement(item) for item in cell.measured],
            }
            for cell in row.cells
        ],
    }


def _measurement(item: Measured) -> dict:
    return {
        "dtype": item.dtype,
        "option": item.option,
        "declared": item.declared if item.mismatch else "",
        "assumed": assumed(item.source),
        "facts": [
            ("probe", item.probe),
            ("evidence", item.evidence),
            ("known", known_text(item.known, item.upstream)),
        ],
        "excluded": item.excluded,
    }
