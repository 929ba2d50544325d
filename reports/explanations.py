"""What is consistent over all violating cases of a target, and which cause each violation has."""

from dataclasses import dataclass

from records.file import Run
from records.schema import VerdictRecord
from reports.evidence import worst_first
from reports.text import count


@dataclass(frozen=True)
class Explanation:
    """What explains these cases of a target, in one line: `name` with what it does, and why so.

    `name` is "" where nothing explains them; `sentence` says what the name means. The rows are the
    failing verdicts of the cases, worst first.
    """

    target: str
    name: str
    verb: str
    number: str
    sentence: str
    cases: tuple[str, ...]
    rows: tuple[VerdictRecord, ...]

    @property
    def line(self) -> str:
        """The explanation as one line: `t: momentum=0.2 explains 36 violating cases`."""
        return " ".join(filter(None, [f"{self.target}:", self.name, self.verb, self.number]))


class Causes:
    """Says of each violation what caused it: known, consistent over its target, or diagnosed."""

    def __init__(self, run: Run):
        self._of_case = {
            (record.target, case): record.hypothesis
            for record in run.explanations
            for case in record.cases
        }

    def __call__(self, row: VerdictRecord) -> str:
        """Return what explains a violation, "" where nothing does."""
        if row.known:
            return row.known.what
        if not row.verdict.diagnosed:
            return ""
        # A fitted number differs in its last digits from case to case; the target has one.
        consistent = self._of_case.get((row.target, row.case))
        return next((one.name for one in (consistent, *row.diagnosis) if one), "")


def explanations_of(run: Run) -> tuple[Explanation, ...]:
    """Return what explains each target, in recorded order; what nothing explains, but is known,
    is told apart from what is left."""
    failing: dict[tuple[str, str], list[VerdictRecord]] = {}
    for row in run.verdicts:
        if row.verdict.failing:
            failing.setdefault((row.target, row.case), []).append(row)
    found = []
    for record in run.explanations:
        target, sentence = record.target, record.sentence
        cases = {case: failing.get((target, case), []) for case in record.cases}
        if record.hypothesis:
            name = record.hypothesis.name
            found.append(_explanation(target, name, "explains", "violating", sentence, cases))
            continue
        known = {case: own for case, own in cases.items() if own and all(r.known for r in own)}
        left = {case: own for case, own in cases.items() if case not in known}
        verb = "no convention, number or known fault explains"
        if left:
            found.append(_explanation(target, "", verb, "violating", sentence, left))
        if known:
            more = "more known" if left else "known"
            found.append(_explanation(target, "", "", f"{more} violating", "", known))
    return tuple(found)


def _explanation(
    target, name, verb, kind, sentence, cases: dict[str, list[VerdictRecord]]
) -> Explanation:
    rows = worst_first(row for own in cases.values() for row in own)
    number = count(len(cases), f"{kind} case")
    return Explanation(target, name, verb, number, sentence, tuple(cases), tuple(rows))
