"""The records of a run: one JSON object a line, appended and flushed as verdicts are reached.

`records.jsonl` starts with a `header` line and ends with a `footer`; a file without a footer is an
incomplete run. Between them, in the order in which they happened:

`target`    one target that answered: implementation, version, device, mode, versions of its
            packages, python, environment, and the conventions it declares for a plain layer as
            `{field: {"option": ..., "source": ...}}`.
`case`      one case that was run: case (its id), reason, dtype, shape, channel_axis, epsilon,
            momentum, steps (one word each).
`verdict`   one verdict: case, target, implementation, version, device, mode, dtype, tensor, step,
            verdict, error_over_bound, max_ulp, convention, message, formula, conventions (the
            declared ones that the values depend on, with sources), worst (index, observed,
            expected, canonical, bound, each with its hex float).
            Where a case ended without tensors, tensor is "" and step is where it ended.
`measured`  one convention of one target as measured: field, option, declared, source, probe,
            evidence, excluded (`{option: error over bound}`).

A number that JSON lacks is written as the string "nan", "inf" or "-inf".
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

SCHEMA = 1
FILE_NAME = "records.jsonl"

VERDICTS = (
    "conforms",
    "differs",
    "violates",
    "raised",
    "declined",
    "crashed",
    "timed out",
    "broken adapter",
)


class RecordsError(Exception):
    """A records file cannot be read; the message is one line."""


class RecordWriter:
    """Appends records to `directory/records.jsonl`, each flushed as it is written."""

    def __init__(self, directory: Path, header: dict):
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE_NAME
        self._file = self.path.open("w", encoding="utf-8", errors="backslashreplace")
        self.write("header", schema=SCHEMA, **header)

    def write(self, kind: str, **fields) -> None:
        line = json.dumps(_jsonable({"kind": kind, **fields}), ensure_ascii=False, allow_nan=False)
        self._file.write(line + "\n")
        self._file.flush()

    def close(self, **footer) -> None:
        """Write the footer: the run is complete."""
        self.write("footer", **footer)
        self._file.close()


@dataclass
class Run:
    """The records of one run, sorted by kind."""

    header: dict
    targets: list[dict] = field(default_factory=list)
    cases: list[dict] = field(default_factory=list)
    verdicts: list[dict] = field(default_factory=list)
    measured: list[dict] = field(default_factory=list)
    footer: dict | None = None

    @property
    def complete(self) -> bool:
        return self.footer is not None


def read_run(directory: Path) -> Run:
    """Read `directory/records.jsonl`. Raises RecordsError with one line where it cannot."""
    path = Path(directory) / FILE_NAME
    lines = _lines(path)
    header = next(lines, None)
    if header is None or header.get("kind") != "header":
        raise RecordsError(f"{path}: the first line is no header")
    if header.get("schema") != SCHEMA:
        raise RecordsError(
            f"{path}: records of schema {header.get('schema')}; this version reads schema {SCHEMA}"
        )
    run = Run(header)
    lists = {
        "target": run.targets,
        "case": run.cases,
        "verdict": run.verdicts,
        "measured": run.measured,
    }
    for record in lines:
        kind = record.get("kind")
        if kind == "footer":
            run.footer = record
        elif kind in lists:
            lists[kind].append(record)
        else:
            raise RecordsError(f"{path}: a record of unknown kind {kind!r}")
    return run


def number(value: float | str | None) -> float | None:
    """Return a recorded number as a float: "inf" and "nan" are read back."""
    return None if value is None else float(value)


def _lines(path: Path) -> Iterator[dict]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from None
    lines = text.split("\n")
    for position, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = json.loads(line)
        except ValueError:
            if position == len(lines):  # a killed run can leave half a line at the end
                return
            raise RecordsError(f"{path}: line {position} is no JSON") from None
        yield record


def _jsonable(value):
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
