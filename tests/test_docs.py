"""The documentation: generated pages are fresh, links lead somewhere, commands are real."""

import re
from pathlib import Path

import pytest

from docs.generate import FOLDER, PAGES

ROOT = Path(__file__).parent.parent
TEXTS = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name):
    """A page that is written from the code says what the code says."""
    stale = f"docs/{name} is stale: run python -m docs.generate"
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), stale


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    """Every relative link and every path in backticks exists."""
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)\)", text)
    for link in links:
        if "://" not in link:
            assert (path.parent / link).exists(), link
    named = re.findall(r"`((?:docs|tests|reference|adapters|test_cases|reports)/[\w/.-]+)`", text)
    for name in named:
        if not name.startswith(("reports/latest", "adapters/my_layer", "reports/mine")):
            assert (ROOT / name).exists(), name


def test_the_options_of_the_readme_exist():
    """Every option that the README shows is one of the suite's or of pytest's own."""
    shown = set(re.findall(r"(--[a-z][a-z-]+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    commands = ("conftest.py", "adapters/__main__.py", "reports/__main__.py")
    texts = [(ROOT / name).read_text(encoding="utf-8") for name in commands]
    ours = {name for text in texts for name in re.findall(r'"(--[a-z-]+)"', text)}
    assert shown <= ours | {"--junitxml", "--help", "--upgrade"}


def test_the_commands_of_the_readme_are_on_the_menu():
    """The tox environments that the documentation names exist."""
    menu = (ROOT / "tox.ini").read_text(encoding="utf-8")
    for path in TEXTS:
        for name in re.findall(r"tox -q? ?-?e ([a-z,]+)", path.read_text(encoding="utf-8")):
            for one in name.split(","):
                assert f"[testenv:{one}]" in menu, (path.name, one)
