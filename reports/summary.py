"""From the records of a run to the frozen view data of its report: pure functions, no pictures."""

from dataclasses import dataclass, replace

from records.file import Run
from records.schema import VerdictRecord
from records.verdict import Verdict
from reports.evidence import Evidence, evidence_of
from reports.explanations import Explanation, explanations_of
from reports.figures import HeatRow, StripRow, heat_of, strip_of
from reports.findings import Beside, Difference, Finding, differences_of, findings_of
from reports.matrix import Matrix, matrix_of
from reports.releases import Release, releases_of
from reports.targets import Column, column_of, with_unlisted
from reports.text import count
from reports.title import Title, title_of


@dataclass(frozen=True)
class Summary:
    """The view data of one report."""

    title: Title
    lead: str
    targets: tuple[Column, ...]
    matrix: Matrix
    releases: tuple[Release, ...]
    explanations: tuple[Explanation, ...]
    findings: tuple[Finding, ...]
    differences: tuple[Difference, ...]
    strip: tuple[StripRow, ...]
    heat: tuple[HeatRow, ...]
    evidence: tuple[Evidence, ...]
    rows: tuple[VerdictRecord, ...]
    open: Verdict
    formulas: dict[str, str]


def summarize(run: Run) -> Summary:
    """Return the view data of a run."""
    run = replace(run, targets=with_unlisted(run))
    matrix, evidence = matrix_of(run), evidence_of(run)
    findings = findings_of(run, matrix)
    targets = tuple(column_of(target, run) for target in run.targets)
    return Summary(
        title=title_of(run, evidence),
        lead=_lead(targets, matrix, findings, run.verdicts),
        targets=targets,
        matrix=matrix,
        releases=releases_of(run),
        explanations=explanations_of(run),
        findings=findings,
        differences=differences_of(run, matrix),
        strip=strip_of(run),
        heat=heat_of(run),
        evidence=evidence,
        rows=run.verdicts,
        open=Verdict.UNDECIDED,
        formulas=run.header.formulas,
    )


def _lead(targets, matrix: Matrix, findings, verdicts) -> str:
    """Say in plain words where the targets differ, how much of that is new, and what is open."""
    parted = sum(len(group.rows) for group in matrix.parted)
    agreed = len(matrix.agreed)
    who = f"These {len(targets)} targets differ on {parted} and agree on {agreed}."
    if len(targets) == 1:
        who = f"This target departs from the paper on {parted} and follows it on {agreed}."
    first = f"BatchNorm layers make {count(parted + agreed, 'choice')}. {who}"
    hazards = sum(item.kind is Beside.HAZARD for item in findings)
    known = sum(bool(item.known) for item in findings)
    new = len(findings) - known - hazards
    if new:
        rest = f"{count(new, 'finding')} {_are(new)} new: see below"
        rest += f"; {known} {_are(known)} known." if known else "."
    else:
        rest = "Nothing found is unexplained"
        rest += f"; {count(known, 'finding')} {_are(known)} known and listed below" if known else ""
        rest += "."
    if hazards:
        rest += f" {count(hazards, 'documented hazard')} {_are(hazards)} listed as well."
    undecided = sum(row.verdict is Verdict.UNDECIDED for row in verdicts)
    if undecided:
        told = count(undecided, "verdict")
        rest += f" {told} {_are(undecided)} undecided: the bound is wider than the value."
    return f"{first} {rest}"


def _are(items: int) -> str:
    return "is" if items == 1 else "are"
