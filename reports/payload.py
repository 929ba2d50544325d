"""The evidence as compact JSON for the page's script, within a size that opens fast."""

import json
import shlex
from urllib.parse import quote

from records.file import FILE_NAME
from records.schema import VerdictRecord
from records.verdict import Verdict
from reports.evidence import error_key, worst_first
from reports.findings import Beside, known_text
from reports.matrix import MatrixRow
from reports.measured import MeasuredView
from reports.summary import Summary
from reports.text import fact, figure, option_name

LARGEST = 11_000_000
"""Characters of JSON that the page carries at most; details of the plainest verdicts go first."""

LONGEST_KEY = 120
GLYPHS = {word.value: word.glyph for word in (*Verdict, *Beside)}


class Links:
    """The addresses of evidence inside the page: names where they are short, else numbers."""

    def __init__(self, summary: Summary):
        cases = dict.fromkeys(page.case.id for page in summary.evidence)
        self.keys = {
            "case": _keys(cases),
            "target": _keys(target.name for target in summary.targets),
            "tensor": _keys(dict.fromkeys(row.tensor for row in summary.rows)),
            "verdict": _keys(Verdict),
            "field": _keys(row.field for row in summary.matrix.rows),
        }

    def __call__(self, view: str, **parts) -> str:
        """Return the address of a view, e.g. `link("case", case=…, target=…)`."""
        keys = (str(self.keys.get(kind, {}).get(name, name)) for kind, name in parts.items())
        return "#/" + "/".join([view, *(quote(key, safe="") for key in keys)])


def payload(summary: Summary, links: Links, largest: int = LARGEST) -> dict:
    """Return the data behind every view. Rows are sorted worst first; figures are typeset."""
    rows = worst_first(summary.rows)
    # Two lines may say the same: a verdict is told from the others by its identity.
    position = {id(row): at for at, row in enumerate(summary.rows)}
    place = {id(row): at for at, row in enumerate(rows)}
    index = {kind: {name: at for at, name in enumerate(keys)} for kind, keys in links.keys.items()}
    texts, used, choices = _Table(), _Table(), _Table()
    details, left_out = _details(rows, texts, largest)
    formulas, cases = summary.formulas, {page.case.id: page.case for page in summary.evidence}

    def places(some):
        return [place[id(row)] for row in some]

    return {
        "file": FILE_NAME,
        "glyphs": GLYPHS,
        "verdicts": [
            [links.keys["verdict"][verdict], verdict, verdict.sound, verdict is Verdict.CONFORMS]
            for verdict in Verdict
        ],
        "tensors": [[key, name] for name, key in links.keys["tensor"].items()],
        "targets": [
            {
                "key": links.keys["target"][target.name],
                "name": target.name,
                "facts": target.facts,
                "broken": target.broken,
                "ended": target.ended or "",
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
        "gravest": [
            [
                index["case"][page.case.id],
                index["target"][page.target],
                index["verdict"][page.verdict],
            ]
            for page in summary.evidence
        ],
        "rows": [
            [
                index["case"][row.case],
                index["target"][row.target],
                index["tensor"][row.tensor],
                row.step,
                index["verdict"][row.verdict],
                figure(row.error_over_bound),
                figure(row.max_ulp),
                used.place(
                    tuple(
                        (one.field, option_name(one.option), texts.place(one.source))
                        for one in row.conventions
                    )
                ),
                choices.place(tuple((field, str(option)) for field, option in row.differs_by)),
                texts.place(formulas.get(row.tensor, "")),
                position[id(row)],
                details.get(id(row), 0),
                figure(row.bound_over_scale),
            ]
            for row in rows
        ],
        "conventions": [_convention(row, links) for row in summary.matrix.rows],
        "explanations": [
            {"line": item.line, "sentence": item.sentence, "rows": places(item.rows)}
            for item in summary.explanations
        ],
        "findings": [
            {
                "kind": item.kind,
                "target": index["target"].get(item.target, -1),
                "sentence": item.sentence,
                "rows": places(item.rows),
            }
            for item in summary.findings
        ],
        "differences": [
            {
                "target": index["target"].get(item.target, -1),
                "convention": item.convention,
                "meaning": item.meaning,
                "rows": places(item.rows),
            }
            for item in summary.differences
        ],
        "used": used.items,
        "choices": choices.items,
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


def _details(rows: list[VerdictRecord], texts: _Table, largest: int) -> tuple[dict[int, list], int]:
    """Return the full details of all but the conforming rows, by the identity of each, and how many
    were left out: the gravest come first, while they fit."""
    wanted = sorted(
        (row for row in rows if row.verdict is not Verdict.CONFORMS), key=_rank, reverse=True
    )
    details: dict[int, list] = {}
    size = 0
    for at, row in enumerate(wanted):
        known = row.known
        told = (
            row.explained,
            known.what if known else "",
            known.upstream if known else "",
            row.log,
        )
        diagnosis = [one.name for one in row.diagnosis]
        detail: list = [texts.place(text) for text in told]
        detail.append([texts.place(text) for text in diagnosis])
        if row.worst:
            detail.append(fact(row.worst.index))
            for name in ("observed", "expected", "canonical", "bound"):
                detail += [fact(getattr(row.worst, name)), getattr(row.worst, f"{name}_hex")]
        size += sum(map(len, (*told, *diagnosis))) + sum(len(str(part)) + 4 for part in detail)
        if size > largest:
            return details, len(wanted) - at
        details[id(row)] = detail
    return details, 0


def _rank(row: VerdictRecord) -> tuple[int, tuple[int, float]]:
    return row.verdict.gravity, error_key(row.error_over_bound)


def _convention(row: MatrixRow, links: Links) -> dict:
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
                "assumed": cell.assumed,
                "outlier": cell.outlier,
                "mismatch": cell.mismatch,
                "reason": cell.reason,
                "measured": [_measurement(item) for item in cell.measured],
            }
            for cell in row.cells
        ],
    }


def _measurement(item: MeasuredView) -> dict:
    return {
        "dtype": item.dtype,
        "option": item.option,
        "declared": item.declared if item.mismatch else "",
        "assumed": item.assumed,
        "facts": [
            ("probe", item.record.probe),
            ("evidence", item.record.evidence),
            ("known", known_text(item.known)),
        ],
        "excluded": item.excluded,
    }
