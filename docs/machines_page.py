"""The page about other machines: docs/machines.md, from a committed run of the command.

`python -m conformance machines` leaves machines.json; docs/machines.json is one of the core.
"""

import json
from pathlib import Path

from records.codec import decode
from reports.machines import Machines, as_markdown

COMMITTED = Path(__file__).parent / "machines.json"


def committed() -> Machines:
    """Return the committed run."""
    return decode(Machines, json.loads(COMMITTED.read_text(encoding="utf-8")), str)


def machines_page() -> str:
    """Return docs/machines.md: what was set, where, and which verdicts were others."""
    found = committed()
    unlike = sum(len(row.differences) for row in found.rows)
    compared = sum(row.compared for row in found.rows)
    lines = [
        "# Other machines, the same verdicts",
        "",
        "<!-- Written by `python -m docs.generate` from docs/machines.json. -->",
        "",
        f"Measured on {found.date} by `tox -e machines`, which measures the same anywhere. Every",
        "verdict and every measured convention under a setting is held against the usual run's,",
        "which has two threads, all cores and the processor's own kernels.",
        "[Decision 011](decisions/011-threads-are-part-of-a-target.md) says why.",
        "",
        f"**{unlike:,} of {compared:,} differ**, {found.unexplained:,} of them without a reason.",
        "A cell says how many are the same; how many error figures moved, and how far at most, in",
        "parts of the bound; and the instruction set that the framework says it uses.",
        "Where no figure moved, the setting had no effect that is seen.",
        "",
        f"- machine: {found.cpu}, {found.cores} cores, {found.system}",
        f"- instruction sets: {' '.join(found.instructions)}",
        f"- the suite: Python {found.python}, NumPy {found.numpy}",
        *(f"- {target}: {versions}" for target, versions in found.versions.items()),
        "",
        as_markdown(found).rstrip(),
    ]
    return "\n".join(lines) + "\n"
