"""The documentation: generated pages are fresh, links lead somewhere, commands are real."""

import json
import re
from pathlib import Path

import pytest

from docs import figures
from docs.generate import FOLDER, PAGES, PARTS, README, with_parts
from test_cases.cases import all_cases
from tests.documented_commands import NotThere, check, commands_in
from tests.test_architecture import MAY_IMPORT

ROOT = Path(__file__).parent.parent
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TOLD_OF_THE_PAST = {ROOT / "CHANGELOG.md"}
"""What names commands and files that are gone, because it says so."""

PLACES = re.compile(rf"`((?:{'|'.join(MAY_IMPORT)})/[\w/.-]*)`")
NOT_YET = ("reports/latest", "reports/mine", "adapters/my_layer", "benchmarks/latest.json")
"""What a run or the reader makes."""


def name_of(path):
    return str(path.relative_to(ROOT))


@pytest.fixture
def parser(pytestconfig):
    """pytest's own parser, with the options of the suite."""
    return pytestconfig._parser


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_fresh(name):
    """A page that is written from the code says what the code says."""
    stale = f"docs/{name} is stale: run python -m docs.generate"
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name](), stale


@pytest.mark.parametrize(
    ("path", "told", "false"),
    [
        (README, "| `violates` |", "| `fails` |"),
        (FOLDER / "findings-others.md", "It declines", "It accepts"),
    ],
    ids=["README", "findings-others"],
)
def test_generated_parts_are_fresh(path, told, false):
    """A part is what the code or the committed figures say, and is written again where it is not.

    Every document with such parts is here."""
    text = path.read_text(encoding="utf-8")
    assert text == with_parts(path, text), f"{path.name} is stale: run python -m docs.generate"
    assert told in text
    assert with_parts(path, text.replace(told, false)) == text
    assert len(PARTS) == 2


def test_the_figures_are_of_every_case():
    """A case that was added, or taken away, makes the figures old: they are of a run with all."""
    targets = json.loads(figures.FILE.read_text(encoding="utf-8"))["targets"]
    for name, target in targets.items():
        assert sum(target["cases"].values()) == len(all_cases()), f"{name}: python -m docs.figures"
    assert figures.FUSED in targets


@pytest.mark.parametrize("path", TEXTS, ids=name_of)
def test_links_lead_somewhere(path):
    """Every relative link and every path in backticks exists."""
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    for link in links:
        if "://" not in link:
            assert (path.parent / link).exists(), link
    if path not in TOLD_OF_THE_PAST:
        for name in PLACES.findall(text):
            assert name.startswith(NOT_YET) or (ROOT / name).exists(), name


@pytest.mark.parametrize("path", sorted({*TEXTS} - TOLD_OF_THE_PAST), ids=name_of)
def test_commands_are_real(path, parser):
    """Every command that a document shows is taken by the parser that it is meant for."""
    for command in commands_in(path.read_text(encoding="utf-8")):
        check(command, parser)


def test_the_readme_shows_every_command_of_the_front_door():
    """Who reads only the README knows what there is."""
    from conformance.command_line import commands

    shown = " ".join(commands_in(README.read_text(encoding="utf-8")))
    for name in commands():
        assert f"python -m conformance {name}" in shown


def test_commands_are_found_in_blocks_and_sentences():
    """Each line of a block, each part of a line, and what stands between backticks."""
    text = (
        "Say `pytest -x` or `tox\n-e report`, and `--dtype` with it, not `Layer`.\n"
        "```\npip install x && tox   # both\nanything\n```\n"
        "```console\n$ python -m conformance cases\npytest said nothing\n```\n"
        "```python\npytest = 1\n```\n"
    )
    found = commands_in(text)
    assert sorted(found) == [
        *("--dtype", "pip install x", "pytest -x", "python -m conformance cases", "tox"),
        "tox -e report",
    ]


@pytest.mark.parametrize(
    "command",
    [
        "pytest --no-such-option",
        "pytest tests/no_such_file.py",
        "python -m conformance expalin FILE",
        "python -m conformance explain --no-such-option FILE",
        "python -m conformance report --output DIR",
        "python -m no_such_package DIR",
        "python -m docs.nothing",
        "python -m benchmarks nothing",
        "python -m pip install -r no-such-requirements.txt",
        "python /somewhere/else cases",
        "tox -e nothing",
        "tox -e report -- --no-such-option",
        "--no-such-option",
    ],
)
def test_what_is_not_there_is_found_out(command, parser):
    """A document that showed one of these would fail."""
    with pytest.raises(NotThere):
        check(command, parser)
