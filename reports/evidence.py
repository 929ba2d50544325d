"""Evidence: what one target answered in one case, and the records behind each figure."""

import math
import re
from collections import Counter
from dataclasses import dataclass

from records.file import Run
from reports.text import mapping, plain, safe_number

SEVERITY = (
    "conforms",
    "differs",
    "declined",
    "unavailable",
    "raised",
    "violates",
    "not run",
    "timed out",
    "crashed",
    "broken adapter",
)
"""The verdicts from the plainest to the gravest: where only one can be shown, the gravest is."""

FAILING = SEVERITY[SEVERITY.index("raised") :]
"""The verdicts that are findings."""

_ASSIGNMENT = re.compile(r"(\w+)\s*=\s*([^\s,;]+)")
_UNEXPLAINED = re.compile(r"; no [^;]* explains it[^;]*$")
_TAIL = re.compile(r"; (?:explained by |no [^;]* explains it).*$", re.DOTALL)
_FACTS = ("dtype", "shape", "channel_axis", "epsilon", "momentum", "raw_momentum", "steps")


@dataclass(frozen=True)
class Value:
    """A recorded number in decimal and as a hex float."""

    decimal: str
    hex: str


@dataclass(frozen=True)
class Worst:
    """The element furthest from its expected value, in units of its bound."""

    index: str
    observed: Value
    expected: Value
    canonical: Value
    bound: Value


@dataclass(frozen=True)
class Used:
    """A declared convention that a verdict's values depend on."""

    field: str
    option: str
    source: str


@dataclass(frozen=True)
class Row:
    """One verdict line. `position` counts the verdict lines of the file from 0.

    `known` says why a violation is expected and `upstream` where it is reported, "" for others.
    `diagnosis` are the hypotheses that would explain it, the simplest first, and `log` is what the
    target's process wrote, with its stack or traceback.
    """

    position: int
    case: str
    target: str
    tensor: str
    step: str
    verdict: str
    error: float | None
    max_ulp: float | None
    convention: str
    message: str
    formula: str
    used: tuple[Used, ...]
    worst: Worst | None
    known: str = ""
    upstream: str = ""
    diagnosis: tuple[str, ...] = ()
    log: str = ""

    @property
    def told(self) -> str:
        """The message, which was written before anybody looked up whether this is known."""
        return _UNEXPLAINED.sub("", self.message) if self.known else self.message

    @property
    def happened(self) -> str:
        """The message without what would explain it, which `known` and `diagnosis` say."""
        return _TAIL.sub("", self.message)

    @property
    def fields(self) -> set[str]:
        """The convention fields that this verdict speaks of."""
        return {item.field for item in self.used} | {name for name, _ in assigned(self.convention)}


@dataclass(frozen=True)
class CaseFacts:
    """A case: its id, which is its claim, the reason for it, and its configuration as text."""

    id: str
    reason: str
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Evidence:
    """Everything recorded of one case on one target; `verdict` is the gravest one."""

    case: CaseFacts
    target: str
    verdict: str
    rows: tuple[Row, ...]


def assigned(text: str) -> list[tuple[str, str]]:
    """Return the `field=option` pairs named in a convention or diagnosis text."""
    return _ASSIGNMENT.findall(text)


def declared(entry) -> tuple[str, str]:
    """Return option and source of a declared convention."""
    if isinstance(entry, dict):
        return option_name(entry.get("option")), plain(entry.get("source"))
    if isinstance(entry, list) and len(entry) == 2:
        return option_name(entry[0]), plain(entry[1])
    return option_name(entry), ""


def option_name(option) -> str:
    """Return an option as text; numbers with six digits, so that 1 − 0.99 reads 0.01."""
    if isinstance(option, (int, float)) and not isinstance(option, bool):
        value = safe_number(option)
        return plain(option) if value is None else f"{value:.6g}".replace("e-0", "e-")
    return plain(option)


def error_key(error: float | None) -> tuple[int, float]:
    """Sort key of an error/bound: none < finite < inf < NaN."""
    if error is None:
        return 0, 0.0
    if math.isnan(error):
        return 3, 0.0
    return (2, 0.0) if math.isinf(error) else (1, error)


def worst_first(rows: tuple[Row, ...] | list[Row]) -> list[Row]:
    """Return the rows by falling error/bound; rows without one come last, in recorded order."""
    return sorted(rows, key=lambda row: error_key(row.error), reverse=True)


def gravest(verdicts) -> str:
    """Return the gravest of some verdicts; one this version does not know counts as gravest."""
    return max(verdicts, key=lambda name: SEVERITY.index(name) if name in SEVERITY else 99)


def rows_of(run: Run) -> tuple[Row, ...]:
    """Return the verdict lines as rows, in recorded order."""
    formulas = mapping(run.header.get("formulas"))
    return tuple(_row(at, record, formulas) for at, record in enumerate(run.verdicts))


def evidence_of(run: Run, rows: tuple[Row, ...]) -> tuple[Evidence, ...]:
    """Return one evidence page for each case × target, in the order of their first verdict."""
    cases = {case.id: case for case in map(_case, run.cases)}
    pairs: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        pairs.setdefault((row.case, row.target), []).append(row)
    return tuple(
        Evidence(
            cases.get(case) or CaseFacts(case, "", ()),
            target,
            gravest(row.verdict for row in found),
            tuple(found),
        )
        for (case, target), found in pairs.items()
    )


def verdict_counts(rows) -> dict[str, int]:
    """Count the verdicts, in the order of SEVERITY; unknown ones follow."""
    counts = Counter(row.verdict for row in rows)
    names = [*SEVERITY, *sorted(set(counts) - set(SEVERITY))]
    return {name: counts[name] for name in names if counts[name]}


def _row(position: int, record: dict, formulas: dict) -> Row:
    tensor, known = plain(record.get("tensor")), mapping(record.get("known"))
    diagnosis = record.get("diagnosis")
    return Row(
        position=position,
        case=plain(record.get("case")),
        target=plain(record.get("target")),
        tensor=tensor,
        step=plain(record.get("step")),
        verdict=plain(record.get("verdict")),
        error=safe_number(record.get("error_over_bound")),
        max_ulp=safe_number(record.get("max_ulp")),
        convention=plain(record.get("convention")),
        message=plain(record.get("message")),
        formula=plain(record.get("formula")) or plain(formulas.get(tensor)),
        used=_used(record.get("conventions")),
        worst=_worst(record.get("worst")),
        known=plain(known.get("what")),
        upstream=plain(known.get("upstream")),
        diagnosis=tuple(filter(None, map(plain, diagnosis))) if isinstance(diagnosis, list) else (),
        log=plain(record.get("log")),
    )


def _used(conventions) -> tuple[Used, ...]:
    """Read the conventions of a verdict: a list of objects, or an object by field."""
    if isinstance(conventions, list):
        items = [(plain(item.get("field")), item) for item in conventions if mapping(item)]
    else:
        items = list(mapping(conventions).items())
    return tuple(Used(field, *declared(entry)) for field, entry in items)


def _worst(worst) -> Worst | None:
    if not isinstance(worst, dict):
        return None
    names = ("observed", "expected", "canonical", "bound")
    values = {name: _value(worst.get(name), worst.get(f"{name}_hex")) for name in names}
    return Worst(plain(worst.get("index")), **values)


def _value(value, written_hex) -> Value:
    if isinstance(value, dict):
        value, written_hex = value.get("value", value.get("decimal")), value.get("hex")
    elif isinstance(value, list) and len(value) == 2:
        value, written_hex = value
    if written_hex is None and isinstance(value, (int, float)):
        number = safe_number(value)
        written_hex = None if number is None else number.hex()
    return Value(plain(value), plain(written_hex))


def _case(record: dict) -> CaseFacts:
    facts = ((name.replace("_", " "), plain(record.get(name))) for name in _FACTS)
    return CaseFacts(
        plain(record.get("case")),
        plain(record.get("reason")),
        tuple((label, text) for label, text in facts if text),
    )
