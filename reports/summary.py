"""From the records of a run to the frozen view data of its report: pure functions, no pictures."""

from dataclasses import dataclass

from reports.evidence import Evidence, Row, evidence_of, rows_of
from reports.explanations import Explanation, explanations_of
from reports.figures import HeatRow, StripRow, heat_of, strip_of
from reports.findings import Difference, Finding, differences_of, findings_of
from reports.matrix import Matrix, matrix_of
from reports.records import Run
from reports.targets import Target, target_of, with_unlisted
from reports.text import clean, count
from reports.title import Title, title_of


@dataclass(frozen=True)
class Summary:
    """The view data of one report."""

    title: Title
    lead: str
    targets: tuple[Target, ...]
    matrix: Matrix
    explanations: tuple[Explanation, ...]
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
        targets=clean(run.targets),
        cases=clean(run.cases),
        verdicts=clean(run.verdicts),
        measured=clean(run.measured),
        explanations=clean(run.explanations),
        footer=clean(run.footer),
    )
    rows = rows_of(run)
    run.targets = with_unlisted(run)
    matrix = matrix_of(run, rows)
    evidence = evidence_of(run, rows)
    findings = findings_of(run, rows, matrix)
    differences = differences_of(rows, matrix)
    targets = tuple(target_of(record, run.header) for record in run.targets)
    return Summary(
        title=title_of(run, rows, evidence),
        lead=_lead(targets, matrix, findings, differences),
        targets=targets,
        matrix=matrix,
        explanations=explanations_of(run, rows),
        findings=findings,
        differences=differences,
        strip=strip_of(rows, targets),
        heat=heat_of(rows, targets, run.header.get("tensors")),
        evidence=evidence,
        rows=rows,
    )


def _lead(targets, matrix: Matrix, findings, differences) -> str:
    """Say in two sentences where the targets differ and how much of that is open."""
    parted = sum(len(group.rows) for group in matrix.parted)
    agreed = len(matrix.agreed)
    following = sum(len(item.rows) for item in differences)
    follow = f"{count(following, 'verdict')} follow{'s' if following == 1 else ''}"
    known = sum(bool(item.known) for item in findings)
    left = len(findings) - known
    who = f"the targets differ on {parted} and agree on {agreed}"
    if len(targets) == 1:
        who = f"the target leaves the canonical layer on {parted}"
    first = f"BatchNorm leaves {count(parted + agreed, 'choice')} open, the conventions: {who}."
    rest = f"{count(left, 'finding')} {_are(left)} open" if left else "no finding is open"
    if known:
        rest += f", {known}{' more' if left else ''} {_are(known)} known"
    return f"{first} {follow} a declared convention, not the canonical one; {rest}."


def _are(items: int) -> str:
    return "is" if items == 1 else "are"
