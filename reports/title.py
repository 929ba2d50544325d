"""What ran, how much of it, when and where."""

import math
import shlex
from dataclasses import dataclass

from records.file import Run
from reports.evidence import Evidence, Row
from reports.targets import Facts
from reports.text import mapping, plain, safe_number


@dataclass(frozen=True)
class Title:
    """What ran, how much of it, when and where.

    `planned` is None where the header is silent; `runs` counts the runs that the page shows as one.
    """

    targets: int
    cases: int
    verdicts: int
    judged: int
    planned: int | None
    complete: bool
    date: str
    machine: str
    runs: int
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


def title_of(run: Run, rows: tuple[Row, ...], evidence: tuple[Evidence, ...]) -> Title:
    """Read the header and the footer; several runs have several machines."""
    header, footer = run.header, run.footer or {}
    machine = mapping(header.get("machine"))
    machines = {name: mapping(facts) for name, facts in mapping(header.get("machines")).items()}
    planned = safe_number(mapping(header.get("planned")).get("pairs"))
    places = list(dict.fromkeys(map(_place, machines.values() or [machine])))
    command = header.get("command")
    command = shlex.join(map(plain, command)) if isinstance(command, list) else plain(command)
    facts = {
        "command": command,
        "suite": plain(header.get("suite_version")),
        "started": plain(header.get("started")),
        "finished": plain(footer.get("finished")),
        "duration": footer.get("seconds") is not None and f"{plain(footer['seconds'])} s",
        "exit status": plain(footer.get("exit_status")),
        **({} if machines else {name: plain(value) for name, value in machine.items()}),
    }
    # A folder may be called `command`: machines are facts of their own.
    told = [(f"machine of {name}", plain(facts) or "unknown") for name, facts in machines.items()]
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
        machine=places[0] if len(places) == 1 else f"{len(places)} kinds of machine",
        runs=max(1, len(machines)),
        facts=(*((label, text) for label, text in facts.items() if text), *told),
    )


def _place(machine: dict) -> str:
    cores = plain(machine.get("cores"))
    where = [plain(machine.get("cpu") or machine.get("platform")), cores and f"{cores} cores"]
    return ", ".join(filter(None, where))
