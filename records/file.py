"""The records of a run: one JSON object a line, appended and flushed as verdicts are reached.

`records.jsonl` starts with a `header` line and ends with a `footer`; a file that ends otherwise is
an incomplete run. Between them, in the order in which they happened:

`target`    one target that answered: implementation, version, device, mode, versions of its
            packages, python, environment, and the conventions it declares for a plain layer as
            `{field: {"option": ..., "source": ...}}`.
`case`      one case that was run: case (its id), reason, dtype, shape, channel_axis, epsilon,
            momentum, steps (one word each).
`verdict`   one verdict: case, target, implementation, version, device, mode, dtype, tensor, step,
            verdict, error_over_bound, max_ulp, convention, message, formula, conventions (the
            declared ones that the values depend on, with sources), worst (index, observed,
            expected, canonical, bound, each with its hex float); for a violation diagnosis (what
            would explain it, the simplest first) and, where it is known, known (what, upstream).
            Where a case ended without tensors, tensor is "" and step is where it ended. `log`,
            where there is one, is the end of what the target's process wrote, with the Python
            stack of every thread past a deadline.
`measured`  one convention of one target as measured: field, dtype, option ("undetermined" where the
            probes cannot decide), declared, source, probe, evidence, excluded (`{option: error
            over bound}`), and `known` as for a verdict where the two differ and it is known.
`explanation`  what is consistent over all violating cases of one target: name (`field=option`, a
            number or a fault; "" where nothing explains them), sentence, cases.
`resumed`   from here on another run went on where the one before was stopped: started, command.

A number that JSON lacks is written as the string "nan", "inf" or "-inf".
"""

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

SCHEMA = 1
FILE_NAME = "records.jsonl"
NO_PAIR = ("", "")

VERDICTS = (
    "conforms",
    "differs",
    "violates",
    "raised",
    "declined",
    "crashed",
    "timed out",
    "broken adapter",
    "unavailable",
    "not run",
)


class RecordsError(Exception):
    """A records file cannot be read; the message is one line."""


class RecordWriter:
    """Appends records to `directory/records.jsonl`, each written out at once.

    Raises RecordsError in one line where the file cannot be opened or the disk is full.
    """

    def __init__(self, directory: Path, header: dict):
        self._open(directory, 0)
        self.write("header", schema=SCHEMA, **header)

    @classmethod
    def resume(cls, directory: Path, **fields) -> "RecordWriter":
        """Go on after the last whole pair of case and target of a run that was stopped."""
        _, end = read_stopped(directory)
        writer = cls.__new__(cls)
        writer._open(directory, end)
        writer.write("resumed", **fields)
        return writer

    def _open(self, directory: Path, end: int) -> None:
        self.path = directory / FILE_NAME
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            self._file.truncate(end)
        except OSError as error:
            raise RecordsError(f"{self.path}: cannot be written: {error.strerror}") from None

    def write(self, kind: str, **fields) -> None:
        self.write_all([{"kind": kind, **fields}])

    def write_all(self, records: Iterable[dict]) -> None:
        """Write records that belong together, so that a killed run has all of them or none."""
        lines = "".join(
            json.dumps(_jsonable(record), ensure_ascii=False, allow_nan=False) + "\n"
            for record in records
        )
        data = memoryview(lines.encode("utf-8", errors="backslashreplace"))
        try:
            while data:
                data = data[self._file.write(data) :]
        except OSError as error:
            raise RecordsError(f"{self.path}: cannot be written: {error.strerror}") from None

    def close(self, **footer) -> None:
        """Write the footer: the run is complete."""
        self.write("footer", **footer)
        self._file.close()

    def leave(self) -> None:
        """Close the file without a footer: the run was stopped."""
        self._file.close()


@dataclass
class Run:
    """The records of one run, sorted by kind."""

    header: dict
    targets: list[dict] = field(default_factory=list)
    cases: list[dict] = field(default_factory=list)
    verdicts: list[dict] = field(default_factory=list)
    measured: list[dict] = field(default_factory=list)
    explanations: list[dict] = field(default_factory=list)
    footer: dict | None = None
    resumed: list[dict] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return self.footer is not None


def read_run(directory: Path) -> Run:
    """Read `directory/records.jsonl`. Raises RecordsError with one line where it cannot."""
    path = Path(directory) / FILE_NAME
    records = (record for record, _ in _lines(path))
    header = next(records, None)
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
        "explanation": run.explanations,
        "resumed": run.resumed,
    }
    for record in records:
        kind = record.get("kind")
        if kind == "footer":
            run.footer = record
        elif kind in lists:
            run.footer = None  # it went on after all
            lists[kind].append(record)
        else:
            raise RecordsError(f"{path}: a record of unknown kind {kind!r}")
    return run


def read_stopped(directory: Path) -> tuple[Run, int]:
    """Return what can be kept of a run that is to be resumed, and the length of its lines in bytes.

    Without a footer the last pair of case and target may lack some of its verdicts; it is left
    out, and so is a footer. Raises RecordsError as `read_run` does.
    """
    run = read_run(directory)
    path = Path(directory) / FILE_NAME
    kept = [(record, end) for record, end in _lines(path) if record["kind"] != "footer"]
    if run.footer is None and run.verdicts:
        last = pair_of(run.verdicts[-1])
        while kept[-1][0]["kind"] != "header" and pair_of(kept[-1][0]) in (last, NO_PAIR):
            kept.pop()

    def all_of(kind: str) -> list[dict]:
        return [record for record, _ in kept if record["kind"] == kind]

    stopped = Run(
        run.header,
        targets=all_of("target"),
        cases=all_of("case"),
        verdicts=all_of("verdict"),
        measured=all_of("measured"),
        resumed=all_of("resumed"),
    )
    return stopped, kept[-1][1]


def read_runs(directories: Iterable[Path]) -> Run:
    """Read several runs, of one machine or of many, as one.

    A target that is in more than one of them bears the name of its folder as well. The header is
    the first one's, with every machine and with what all planned together; the whole is complete
    if each one is. Raises RecordsError.
    """
    runs = {Path(directory): read_run(directory) for directory in directories}
    if len(runs) == 1:
        return next(iter(runs.values()))
    if not runs:
        raise RecordsError("no folder of records was given")
    seen = Counter(target.get("target") for run in runs.values() for target in run.targets)
    together = Run(
        {**next(iter(runs.values())).header, "machines": {}, "planned": {"cases": 0, "pairs": 0}}
    )
    cases: dict[str, dict] = {}
    for label, run in zip(_labels(list(runs)), runs.values(), strict=True):
        for name in ("targets", "verdicts", "measured", "explanations"):
            for record in getattr(run, name):
                target = record.get("target")
                if seen[target] > 1:
                    record = {**record, "target": f"{target} @ {label}"}
                getattr(together, name).append(record)
        cases |= {str(case.get("case")): case for case in run.cases}
        together.resumed += run.resumed
        together.header["machines"][label] = run.header.get("machine")
        pairs = (run.header.get("planned") or {}).get("pairs")
        together.header["planned"]["pairs"] += pairs if isinstance(pairs, int) else 0
    together.cases = list(cases.values())
    together.header["planned"]["cases"] = len(cases)
    if all(run.complete for run in runs.values()):
        last = next(reversed(runs.values())).footer
        status = max(_exit_status(run) for run in runs.values())
        together.footer = {**(last or {}), "exit_status": status}
    return together


def pair_of(record: dict) -> tuple[str, str]:
    """Return the case and the target that a verdict is about; NO_PAIR for any other record."""
    if record["kind"] != "verdict":
        return NO_PAIR
    return record.get("case", ""), record.get("target", "")


def _exit_status(run: Run) -> int:
    status = (run.footer or {}).get("exit_status")
    return status if isinstance(status, int) else 0


def _labels(folders: list[Path]) -> list[str]:
    """Name each folder by as many of its last parts as tell it from the others."""
    folders = [folder.resolve() for folder in folders]
    for length in range(1, max(len(folder.parts) for folder in folders) + 1):
        labels = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(labels)) == len(labels):
            break
    return labels


def number(value: float | str | None) -> float | None:
    """Return a recorded number as a float: "inf" and "nan" are read back."""
    return None if value is None else float(value)


def _lines(path: Path) -> Iterator[tuple[dict, int]]:
    """Yield each record and the offset in bytes of its end; half a line at the end is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordsError(f"{path}: {error.strerror}") from None
    end = 0
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        end += len(line)
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            if end == len(data):  # a killed run can leave half a line, a full disk worse
                return
            raise RecordsError(f"{path}: line {number} is no JSON") from None
        if not isinstance(record, dict):
            raise RecordsError(f"{path}: line {number} is no record")
        if not line.endswith(b"\n"):
            return
        yield record, end


def _jsonable(value):
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
