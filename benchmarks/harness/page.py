"""The page of the documentation that shows a run of the benchmarks: docs/benchmarks.md."""

import ast
import json
from pathlib import Path

from benchmarks.harness.figure import said

FOLDER = Path(__file__).parent.parent
COMMITTED = FOLDER / "committed.json"


def page() -> str:
    """Return the committed run as Markdown, each benchmark under what it says of itself."""
    run = json.loads(COMMITTED.read_text(encoding="utf-8"))
    machine = ", ".join(f"{name} {value}" for name, value in run["machine"].items())
    threads = ", ".join(f"{name} {value}" for name, value in run["threads"].items())
    versions = ", ".join(f"{name} {value}" for name, value in run["versions"].items())
    goals = goals_of(run)
    missed = [one["name"] for one in goals if one["missed"]]
    lines = [
        "# What a run costs",
        "",
        "<!-- Written by `python -m docs.generate` from benchmarks/committed.json. -->",
        "",
        f"Measured on {run['date']} by `tox -e bench`, which measures the same anywhere and leaves",
        "benchmarks/latest.json. Another machine has other figures; a ratio travels better.",
        "",
        f"- machine: {machine}",
        f"- threads: {threads}",
        f"- versions: {versions}",
        f"- implementations, where a benchmark runs them all: {run['implementation']}",
        "",
        f"Of {len(goals)} goals {len(missed)} are missed" + (":" if missed else "."),
        "",
        *(f"- {name}" for name in missed),
    ]
    for name, figures in run["figures"].items():
        source = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
        title, _, rest = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
        lines += ["", f"## {title.rstrip('.')}", *([rest.rstrip()] if rest else [])]
        lines += ["", "| | measured | at most | |", "|---|---|---|---|"]
        for one in figures:
            goal = "" if one["goal"] is None else said(one["goal"], one["unit"])
            mark = "missed" if one["missed"] else "" if one["goal"] is None else "met"
            lines.append(f"| {one['name']} | {said(one['value'], one['unit'])} | {goal} | {mark} |")
    for name, reason in run["failed"].items():
        lines += ["", f"`{name}` failed: {reason}"]
    return "\n".join(lines) + "\n"


def goals_of(run: dict) -> list[dict]:
    """Return the figures of a run that have a goal."""
    return [one for group in run["figures"].values() for one in group if one["goal"] is not None]
