"""The words of the verdicts stand in one place: a verdict more is one entry there."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from records.verdict import Verdict

ROOT = Path(__file__).parent.parent
ROOMS = ("records", "reference", "diagnosis", "test_cases", "suite", "reports", "docs")
PLACE = ROOT / "records" / "verdict.py"
SOURCES = [ROOT / "conftest.py", *(file for room in ROOMS for file in (ROOT / room).rglob("*.py"))]
TEMPLATES = [file for end in ("j2", "js") for file in (ROOT / "reports").rglob(f"*.{end}")]

ONE_MORE = """
import sys, types
from pathlib import Path

source = Path("records/verdict.py").read_text("utf-8")
entry = '    PUZZLING = "puzzling", _Facts("¿", "nobody knows", failing=True)\\n\\n'
module = types.ModuleType("records.verdict")
sys.modules["records.verdict"] = module
exec(source.replace("    @property", entry + "    @property", 1), vars(module))

from dataclasses import replace
from docs.records_page import json_schema, records_page
from records.file import line_of, record_of
from reports.html import render
from tests.gold import gold

first, *others = gold().verdicts
puzzling = record_of(line_of(replace(first, verdict=module.Verdict.PUZZLING)))
print(render(replace(gold(), verdicts=(puzzling, *others))))
print(records_page(), json_schema())
"""


def words_in(path: Path) -> list[str]:
    """Return the verdicts' words that a Python file spells out as texts of their own."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return [text for text in texts if text in set(Verdict)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_verdict_is_spelt_out(path):
    """Elsewhere a verdict is a member of the enumeration; the harness has the words of the wire."""
    assert path == PLACE or not words_in(path)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_spells_one_out(path):
    """A page knows a verdict by what the records say of it; only the style has a class for it."""
    text = path.read_text(encoding="utf-8")
    assert not re.findall(rf"""["'`>](?:{"|".join(Verdict)})["'`<]""", text)


def test_the_words_are_where_they_are_looked_for():
    """The walk itself finds what it looks for."""
    assert set(words_in(PLACE)) == set(Verdict)
    assert len(SOURCES) > 50 and len(TEMPLATES) > 10


def test_one_verdict_more_is_one_entry():
    """With an entry more, records, page and documentation have it, with its glyph and meaning."""
    done = subprocess.run(
        [sys.executable, "-c", ONE_MORE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    page, _, rest = done.stdout.partition("</html>")
    assert "<b>¿</b>puzzling" in page
    assert "¿ <b>puzzling</b>: nobody knows" in page
    assert "The verdict “puzzling” was reached in 1 case." in page
    assert '"puzzling":"¿"' in page
    assert "| `puzzling` | ¿ | nobody knows |" in rest
    assert '"puzzling"' in rest
