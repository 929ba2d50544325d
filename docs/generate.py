"""Write the parts of the documentation that say what the code holds.

`python -m docs.generate` rewrites every page of `PAGES`; a test says when one is stale.
"""

from pathlib import Path

from benchmarks.harness.page import page as benchmarks_page
from docs.figures import fused
from docs.figures import page as figures_page
from docs.machines_page import machines_page
from docs.records_page import json_schema, records_page
from docs.reliability_page import reliability_page
from docs.soundness import soundness_page
from records.verdict import Verdict
from reference.conventions import CANONICAL, CONVENTIONS, QUESTIONS

FOLDER = Path(__file__).parent
README = FOLDER.parent / "README.md"
KINDS = {
    "values": "Conventions that change values",
    "bound": "Conventions that change how exactly the values must be met",
    "behaviour": "Conventions of behaviour",
}


def conventions_page() -> str:
    """Return docs/conventions.md: every convention, its options, the canonical one first."""
    lines = [
        "# Conventions",
        "",
        "<!-- Written by `python -m docs.generate` from reference/conventions.py. -->",
        "",
        "A convention is a choice that correct implementations make differently. The first option",
        "is the canonical one: the paper's where the paper says (Ioffe and Szegedy 2015,",
        "arXiv:1502.03167). It is a reference point, not the right answer. An adapter declares the",
        "conventions in which its layer differs, each with its source.",
    ]
    for kind, title in KINDS.items():
        lines += ["", f"## {title}"]
        for convention in CONVENTIONS.values():
            if convention.changes != kind:
                continue
            lines += ["", f"### {convention.name}", "", f"{convention.question} …", ""]
            lines += ["| option | meaning |", "|---|---|"]
            lines += [f"| `{name}` | {text} |" for name, text in convention.options.items()]
    lines += ["", "## Defaults of a bare constructor", "", "| number | canonical | meaning |"]
    lines += ["|---|---|---|"]
    for name in QUESTIONS:
        if name not in CONVENTIONS:
            lines.append(f"| `{name}` | {getattr(CANONICAL, name)} | {QUESTIONS[name]} |")
    return "\n".join(lines).replace("|mean|", "\\|mean\\|") + "\n"


def verdicts_table() -> str:
    """Return the verdicts with what they mean, the plainest first."""
    rows = [f"| `{verdict}` | {verdict.meaning} |" for verdict in Verdict]
    return "\n".join(["| verdict | what it means |", "|---|---|", *rows])


PAGES = {
    "benchmarks.md": benchmarks_page,
    "conventions.md": conventions_page,
    "figures.md": figures_page,
    "machines.md": machines_page,
    "records.md": records_page,
    "records.schema.json": json_schema,
    "reliability.md": reliability_page,
    "soundness.md": soundness_page,
}
"""Each generated page of this folder, with the function that returns its text."""

PARTS = {
    README: {"verdicts": verdicts_table},
    FOLDER / "findings-others.md": {"fused operator": fused},
}
"""Each generated part of a document, by the name that its comments have."""


def with_parts(path: Path, text: str) -> str:
    """Return a document with its generated parts written anew, each between its two comments."""
    for name, part in PARTS[path].items():
        start, end = f"<!-- {name}: written by `python -m docs.generate` -->\n", "\n<!-- end -->"
        before, after = text.split(start)
        text = before + start + part() + end + after.partition(end)[2]
    return text


def main() -> None:
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
    for path in PARTS:
        path.write_text(with_parts(path, path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
