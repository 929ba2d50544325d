"""What ran, how much of it, when and where."""

import shlex
from dataclasses import dataclass

from records.file import FILE_NAME, Run
from records.pieces import Machine
from reports.evidence import Evidence
from reports.targets import Facts
from reports.text import count, fact

DAMAGED_SHOWN = 3


@dataclass(frozen=True)
class Title:
    """What ran, how much of it, when and where.

    `runs` counts the runs that the page shows as one, `damaged` the lines that were left out.
    """

    targets: int
    cases: int
    verdicts: int
    judged: int
    planned: int
    complete: bool
    damaged: int
    date: str
    machine: str
    runs: int
    facts: Facts

    @property
    def banner(self) -> str:
        """What is missing, in a sentence or two; "" for a complete run."""
        judged, planned = f"{self.judged:,}", f"{self.planned:,}"
        told = []
        if not self.complete:
            told.append(
                f"Incomplete run: {judged} of {planned} planned case × target pairs were judged "
                "before the records end. Everything below speaks of those only."
            )
        elif self.judged < self.planned:
            told.append(
                f"The run ended, but only {judged} of {planned} planned case × target pairs "
                "were judged."
            )
        if self.damaged:
            lines, who = count(self.damaged, "line"), "it" if self.damaged == 1 else "they"
            told.append(f"{lines} of {FILE_NAME} cannot be read, and what {who} said is missing.")
        return " ".join(told)


def title_of(run: Run, evidence: tuple[Evidence, ...]) -> Title:
    """Read the header and the footer; several runs have several machines."""
    header, footer = run.header, run.footer
    places = list(dict.fromkeys(map(_place, run.machines.values() or [header.machine])))
    facts = {
        "command": shlex.join(header.command),
        "suite": header.suite_version,
        "started": header.started,
        "finished": footer.finished if footer else "",
        "duration": f"{footer.seconds} s" if footer else "",
        "exit status": fact(footer.exit_status) if footer else "",
        "damaged lines": told_of_damage(run),
    }
    machine = {} if run.machines else {key: fact(one) for key, one in vars(header.machine).items()}
    # A folder may be called `command`: machines are facts of their own.
    told = [(f"machine of {name}", fact(vars(one))) for name, one in run.machines.items()]
    return Title(
        targets=len(run.targets),
        cases=len({*(page.case.id for page in evidence), *(case.case for case in run.cases)}),
        verdicts=len(run.verdicts),
        judged=len(evidence),
        planned=header.planned.pairs,
        complete=run.complete,
        damaged=len(run.damaged),
        date=header.started[:10],
        machine=places[0] if len(places) == 1 else f"{len(places)} kinds of machine",
        runs=max(1, len(run.machines)),
        facts=(*((label, text) for label, text in {**facts, **machine}.items() if text), *told),
    )


def told_of_damage(run: Run) -> str:
    """Say which lines were left out and why, of many the first few; "" where none was."""
    first, rest = run.damaged[:DAMAGED_SHOWN], len(run.damaged) - DAMAGED_SHOWN
    return "; ".join([*first, *([f"and {rest:,} more"] if rest > 0 else [])])


def _place(machine: Machine) -> str:
    cores = f"{machine.cores} cores" if machine.cores else ""
    return ", ".join(filter(None, [machine.cpu or machine.platform, cores]))
