"""What `explain` prints: a table for people, a document for machines."""

from collections.abc import Sequence

import numpy as np

from explain.comparison import Comparison
from explain.explain import Explained, Finding
from explain.named_conventions import PAPER, named
from explain.reading import Dump
from records.text import one_line
from reference.conventions import CONVENTIONS, QUESTIONS

SCHEMA = 1
HEADER = ("what", "finding", "error/bound", "what else")


def text_of(one: Explained, label: str = "") -> str:
    """Return the table of one dump, and what follows from it in words."""
    dump = one.dump
    mode = "training" if dump.step.training else "inference"
    lines = [
        f"{label}{dump.name}: {dump.layer.dtype}, x {dump.step.x.shape}, "
        f"channels on axis {dump.channel_axis}, n = {dump.count} values per channel, {mode}"
    ]
    if dump.ignored:
        names = ", ".join(map(one_line, dump.ignored))
        lines.append(f"ignored, since explain knows no such name: {names}")
    lines += [f"note: {one_line(note)}" for note in dump.notes]
    rows = [HEADER, *(_row(finding) for finding in one.findings)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        lines.append("  ".join([*padded, row[3]]).rstrip())
    return "\n".join([*lines, "", *_verdict(one)])


def comparison_text(comparison: Comparison) -> str:
    """Return the comparison of two dumps in a few lines."""
    lines = [comparison.summary]
    lines += [f"note: {line}" for line in comparison.inputs]
    if comparison.settings:
        lines += [f"to make B answer as A, set {'; or '.join(comparison.settings)}"]
    lines += [f"no setting changes this: {line}" for line in comparison.unchangeable]
    if "not explained" not in comparison.summary and len(lines) == 1 + len(comparison.inputs):
        lines.append("no convention and no number separates them")
    return "\n".join(lines)


def document_of(explained: Sequence[Explained], comparison: Comparison | None) -> dict:
    """Return everything as plain data for JSON; what is infinite is null."""
    document = {"schema": SCHEMA, "dumps": [_dump_document(one) for one in explained]}
    if comparison is not None:
        document["comparison"] = {
            "summary": comparison.summary,
            "inputs": list(comparison.inputs),
            "settings": list(comparison.settings),
            "unchangeable": list(comparison.unchangeable),
        }
    return document


def _row(finding: Finding) -> tuple[str, str, str, str]:
    ratio = "" if finding.error_over_bound is None else _ratio(finding.error_over_bound)
    parts = []
    if finding.alternatives:
        parts.append(f"fits as well: {', '.join(finding.alternatives)}")
    if finding.less_likely:
        parts.append(f"less likely: {', '.join(finding.less_likely)}")
    if finding.note:
        parts.append(finding.note)
    if finding.excluded:
        parts.append(
            f"not {', '.join(f'{name} ({_ratio(far)})' for name, far in finding.excluded)}"
        )
    return finding.what, finding.text, ratio, "; ".join(parts)


def _ratio(number: float) -> str:
    return f"{number:.2g}" if np.isfinite(number) else "inf"


def _verdict(one: Explained) -> list[str]:
    if one.explained:
        lines = [f"not a clean fit: {line}" for line in one.reservations] + _follow(one)
        lines += [
            f"the data cannot decide {finding.what}: "
            f"{_or([str(finding.option), *finding.alternatives])}"
            f"{f' ({finding.note})' if finding.note else ''}"
            for finding in one.findings
            if finding.alternatives and finding.what in QUESTIONS
        ]
        number = one.fit.weight
        if number is not None and number.high > 0 and number.round:
            lines.append(_momentum(number.best, one.dump))
        return lines
    fit = one.fit
    changed = [f"{name}={getattr(fit.conventions, name)}" for name in fit.deviations]
    names = ", ".join(changed) or "the paper's"
    numbers = f"epsilon={fit.epsilon.best:.6g}"
    if fit.weight is not None:
        numbers += f", the batch weighing {fit.weight.best:.6g}"
    lines = [
        "nothing fits: no combination of conventions and numbers reproduces these arrays",
        f"nearest: {names}, {numbers}; error {_ratio(fit.worst)} × bound",
        f"diagnosis: {one.diagnosis}",
    ]
    return lines + ([f"hint: {one.hint}"] if one.hint else [])


def _follow(one: Explained) -> list[str]:
    if one.matches and one.matches[0].named is not PAPER:
        loosely = "loosely " if one.reservations else ""
        return [f"your numbers {loosely}follow {_or([str(match) for match in one.matches])}"]
    if one.matches:
        return ["your numbers follow the paper"]
    return [
        "your numbers follow no framework's documented conventions",
        *(
            f"{name}: {QUESTIONS[name]} "
            f"{CONVENTIONS[name].options[getattr(one.fit.conventions, name)]}"
            for name in one.fit.deviations
        ),
    ]


def _or(parts: Sequence[str]) -> str:
    return ", or ".join(parts)


def _momentum(weight: float, dump: Dump) -> str:
    """Say what to pass as momentum to whom."""
    takers: dict[str, list[str]] = {}
    for one in named(dump.step.x.ndim, dump.layer.dtype):
        momentum = float(f"{one.conventions.weight_of_batch(weight):.9g}")
        argument = f"{one.arguments.get('momentum', 'momentum')}={momentum:.9g}"
        takers.setdefault(argument, []).append(one.name)
    return "pass " + ", ".join(f"{one} to {_and(names)}" for one, names in takers.items())


def _and(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _dump_document(one: Explained) -> dict:
    dump = one.dump
    return {
        "file": dump.name,
        "explained": one.explained,
        **_call(dump),
        "epsilon": _number(one.fit.epsilon),
        "weight_of_batch": None if one.fit.weight is None else _number(one.fit.weight),
        "conventions": {name: getattr(one.fit.conventions, name) for name in one.fit.told},
        "error_over_bound": {name: _finite(ratio) for name, ratio in one.fit.ratios.items()},
        "findings": [
            {
                "what": finding.what,
                "finding": finding.option,
                "text": finding.text,
                "decided": finding.decided,
                "error_over_bound": _finite(finding.error_over_bound),
                "alternatives": list(finding.alternatives),
                "less_likely": list(finding.less_likely),
                "excluded": {name: _finite(far) for name, far in finding.excluded},
                "note": finding.note,
            }
            for finding in one.findings
        ],
        "follows": [
            {
                "name": match.named.name,
                "arguments": match.arguments,
                "source": match.named.source,
            }
            for match in one.matches
        ],
        "reservations": list(one.reservations),
        "diagnosis": one.diagnosis,
        "hint": one.hint,
    }


def _call(dump: Dump) -> dict:
    return {
        "dtype": dump.layer.dtype,
        "shape": list(dump.step.x.shape),
        "channel_axis": dump.channel_axis,
        "values_per_channel": dump.count,
        "mode": "training" if dump.step.training else "inference",
        "ignored": list(dump.ignored),
        "notes": list(dump.notes),
    }


def _number(number) -> dict:
    return {
        "value": number.best,
        "low": _finite(number.low),
        "high": _finite(number.high),
        "usual": list(number.usual),
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and np.isfinite(number) else None
