"""From the records of a run to the frozen view data of its report: pure functions, no pictures."""

import math
import shlex
from dataclasses import dataclass

from reports.evidence import Evidence, Row, error_key, evidence_of, rows_of, verdict_counts
from reports.findings import Difference, Finding, differences_of, findings_of
from reports.matrix import Matrix, matrix_of
from reports.records import VERDICTS, Run
from reports.text import clean, count, log_figure, mapping, plain, safe_number

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Target:
    """One column of the report: what ran, where, and how its adapter broke if it did."""

    name: str
    implementation: str
    version: str
    place: str
    facts: Facts
    broken: Facts


@dataclass(frozen=True)
class Title:
    """What ran, how much of it, when and where. `planned` is None where the header is silent."""

    targets: int
    cases: int
    verdicts: int
    judged: int
    planned: int | None
    complete: bool
    date: str
    machine: str
    facts: Facts

    @property
    def banner(self) -> str:
        """One sentence that says what is missing, "" for a complete run."""
        judged, planned = f"{self.judged:,}", f"{self.planned:,}" if self.planned else "unknown"
        if not self.complete:
            return (
                f"Incomplete run: {judged} of {planned} planned case × target pairs were judged "
                "before the records end. Everything below speaks of those only."
            )
        if self.planned is not None and self.judged < self.planned:
            return (
                f"The run ended, but only {judged} of {planned} planned case × target pairs "
                "were judged."
            )
        return ""


@dataclass(frozen=True)
class StripRow:
    """One verdict and how often each target reached it."""

    verdict: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class HeatCell:
    """How far one tensor of one target is from its bound.

    `worst` is the largest finite error/bound, None where there is none; `log` is its log10 as
    text; `level` names the colour; `verdicts` counts the verdicts that have an error/bound.
    """

    target: str
    worst: float | None
    log: str
    infinite: int
    not_a_number: int
    verdicts: int
    level: str


@dataclass(frozen=True)
class HeatRow:
    """One tensor and its cells."""

    tensor: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class Summary:
    """The view data of one report."""

    title: Title
    lead: str
    targets: tuple[Target, ...]
    matrix: Matrix
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...]
    strip: tuple[StripRow, ...]
    heat: tuple[HeatRow, ...]
    evidence: tuple[Evidence, ...]
    rows: tuple[Row, ...]


def summarize(run: Run) -> Summary:
    """Return the view data of a run; every string in it is made visible first."""
    run = Run(
        clean(run.header),
        clean(run.targets),
        clean(run.cases),
        clean(run.verdicts),
        clean(run.measured),
        clean(run.footer),
    )
    rows = rows_of(run)
    run.targets = _with_unlisted(run.targets, rows)
    matrix = matrix_of(run, rows)
    evidence = evidence_of(run, rows)
    findings = findings_of(run, rows, matrix)
    differences = differences_of(rows, matrix)
    targets = tuple(map(_target, run.targets))
    return Summary(
        title=_title(run, rows, evidence),
        lead=_lead(matrix, findings, differences),
        targets=targets,
        matrix=matrix,
        findings=findings,
        differences=differences,
        strip=strip_of(rows, targets),
        heat=heat_of(rows, targets, run.header.get("tensors")),
        evidence=evidence,
        rows=rows,
    )


def strip_of(rows: tuple[Row, ...], targets: tuple[Target, ...]) -> tuple[StripRow, ...]:
    """Count the verdicts of each target."""
    per_target = {
        target.name: verdict_counts(row for row in rows if row.target == target.name)
        for target in targets
    }
    names = dict.fromkeys([*VERDICTS, *verdict_counts(rows)])
    return tuple(
        StripRow(name, tuple(per_target[target.name].get(name, 0) for target in targets))
        for name in names
    )


def heat_of(rows: tuple[Row, ...], targets: tuple[Target, ...], tensors) -> tuple[HeatRow, ...]:
    """Return the worst error/bound of each tensor of each target."""
    errors: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.error is not None:
            errors.setdefault((row.tensor, row.target), []).append(row.error)
    tensors = tensors if isinstance(tensors, list) else []
    names = dict.fromkeys([*map(plain, tensors), *(tensor for tensor, _ in errors)])
    return tuple(
        HeatRow(
            name,
            tuple(
                _heat_cell(target.name, errors.get((name, target.name), [])) for target in targets
            ),
        )
        for name in names
    )


def heat_level(error: float | None) -> str:
    """Name the colour of an error/bound: `exact`, `below-…`, `above-…`, `infinite` or `none`."""
    if error is None:
        return "none"
    if not math.isfinite(error):
        return "infinite"
    if error == 0:
        return "exact"
    if error <= 1:
        return "below-3" if error <= 0.01 else "below-2" if error <= 0.1 else "below-1"
    for level, limit in (("above-1", 10), ("above-2", 1e3), ("above-3", 1e6)):
        if error <= limit:
            return level
    return "above-4"


def _heat_cell(target: str, errors: list[float]) -> HeatCell:
    finite = [error for error in errors if math.isfinite(error)]
    worst = max(finite, default=None)
    return HeatCell(
        target=target,
        worst=worst,
        log="" if worst is None else "exact" if worst == 0 else log_figure(worst),
        infinite=sum(map(math.isinf, errors)),
        not_a_number=sum(map(math.isnan, errors)),
        verdicts=len(errors),
        level=heat_level(max(errors, key=error_key, default=None)),
    )


def _with_unlisted(targets: list[dict], rows: tuple[Row, ...]) -> list[dict]:
    """Give a target that has verdicts but no target line a column too."""
    listed = {plain(target.get("target")) for target in targets}
    missing = dict.fromkeys(row.target for row in rows if row.target not in listed)
    return [*targets, *({"target": name} for name in missing)]


def _target(record: dict) -> Target:
    name = plain(record.get("target"))
    broken = mapping(record.get("broken"))
    place = [plain(record.get("device")), plain(record.get("mode"))]
    facts = {
        "implementation": plain(record.get("implementation")),
        "version": plain(record.get("version")),
        "device": place[0],
        "mode": place[1],
        "packages": plain(record.get("versions")),
        "python": plain(record.get("python")),
        "environment": plain(record.get("environment")),
    }
    return Target(
        name=name,
        implementation=facts["implementation"] or name,
        version=facts["version"],
        place=" · ".join(filter(None, place)),
        facts=tuple((label, text) for label, text in facts.items() if text),
        broken=tuple((label, plain(text)) for label, text in broken.items()),
    )


def _title(run: Run, rows: tuple[Row, ...], evidence: tuple[Evidence, ...]) -> Title:
    header, footer = run.header, run.footer or {}
    machine = mapping(header.get("machine"))
    planned = safe_number(mapping(header.get("planned")).get("pairs"))
    cores = plain(machine.get("cores"))
    where = [machine.get("cpu") or machine.get("platform"), cores and f"{cores} cores"]
    command = header.get("command")
    command = shlex.join(map(plain, command)) if isinstance(command, list) else plain(command)
    facts = {
        "command": command,
        "suite": plain(header.get("suite_version")),
        "started": plain(header.get("started")),
        "finished": plain(footer.get("finished")),
        "duration": footer.get("seconds") is not None and f"{plain(footer['seconds'])} s",
        "exit status": plain(footer.get("exit_status")),
        **{name: plain(value) for name, value in machine.items()},
    }
    return Title(
        targets=len(run.targets),
        cases=len(
            {*(page.case.id for page in evidence), *(plain(c.get("case")) for c in run.cases)}
        ),
        verdicts=len(rows),
        judged=len(evidence),
        planned=int(planned) if planned is not None and math.isfinite(planned) else None,
        complete=run.complete,
        date=plain(header.get("started"))[:10],
        machine=", ".join(plain(item) for item in where if item),
        facts=tuple((label, text) for label, text in facts.items() if text),
    )


def _lead(matrix: Matrix, findings, differences) -> str:
    """Say in two sentences where the targets part and how much of that is unexplained."""
    parted = sum(len(group.rows) for group in matrix.parted)
    explained = sum(len(item.rows) for item in differences)
    known = sum(bool(item.known) for item in findings)
    left = len(findings) - known
    differ, are = "differs" if explained == 1 else "differ", "is" if left == 1 else "are"
    rest = f"; {known} more {'is' if known == 1 else 'are'} known and understood" if known else ""
    conventions = count(parted + len(matrix.agreed), "convention")
    return (
        f"On {parted} of {conventions} the targets part; on the other {len(matrix.agreed)} all "
        f"agree. {count(explained, 'verdict')} {differ} from the canonical layer by a declared "
        f"convention; {count(left, 'finding')} {are} left to explain{rest}."
    )
