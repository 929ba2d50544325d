"""Several runs, of one machine or of many, read as one."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from records.file import RecordsError, Run, read_run
from records.pieces import Planned
from records.schema import FooterRecord, OfTarget

T = TypeVar("T", bound=OfTarget)


def read_runs(directories: Iterable[Path]) -> Run:
    """Read several runs as one.

    A target that is in more than one of them bears the name of its folder as well. The header is
    the first one's, with what all planned together; the whole is complete if each one is. Raises
    RecordsError.
    """
    runs = {Path(directory): read_run(directory) for directory in directories}
    if not runs:
        raise RecordsError("no folder of records was given")
    first, *others = runs.values()
    if not others:
        return first
    labels = dict(zip(_labels(list(runs)), runs.values(), strict=True))
    seen = Counter(target.target for run in runs.values() for target in run.targets)

    def labelled(name: str) -> tuple:
        return tuple(
            _with_label(record, label) if seen[record.target] > 1 else record
            for label, run in labels.items()
            for record in getattr(run, name)
        )

    cases = {case.case: case for run in runs.values() for case in run.cases}
    pairs = sum(run.header.planned.pairs for run in runs.values())
    return Run(
        replace(first.header, planned=Planned(cases=len(cases), pairs=pairs)),
        targets=labelled("targets"),
        cases=tuple(cases.values()),
        verdicts=labelled("verdicts"),
        measured=labelled("measured"),
        explanations=labelled("explanations"),
        footer=_footer_of([run.footer for run in runs.values()]),
        resumed=tuple(record for run in runs.values() for record in run.resumed),
        damaged=tuple(f"{label}: {one}" for label, run in labels.items() for one in run.damaged),
        machines={label: run.header.machine for label, run in labels.items()},
        labels={
            _with_label(target, label).target: label
            for label, run in labels.items()
            for target in run.targets
            if seen[target.target] > 1
        },
    )


def _with_label(record: T, label: str) -> T:
    return replace(record, target=f"{record.target} @ {label}")


def _footer_of(footers: list[FooterRecord | None]) -> FooterRecord | None:
    """Return the last footer with the gravest exit status; None where one is missing."""
    found = [footer for footer in footers if footer]
    if len(found) < len(footers):
        return None
    return replace(found[-1], exit_status=max(footer.exit_status for footer in found))


def _labels(folders: list[Path]) -> list[str]:
    """Name each folder by as many of its last parts as tell it from the others."""
    folders = [folder.resolve() for folder in folders]
    for length in range(1, max(len(folder.parts) for folder in folders) + 1):
        labels = ["/".join(folder.parts[-length:]) for folder in folders]
        if len(set(labels)) == len(labels):
            break
    return labels
