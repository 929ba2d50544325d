"""The commands that a document shows, in its blocks and between backticks, and whether they exist.

Each is read by the parser that reads it when a user types it: pytest's with the suite's options,
that of a command of the front door, that of the benchmarks. What stands for something, as FILE, DIR
or `…` do, may stand there.
"""

import argparse
import contextlib
import importlib.util
import io
import re
import shlex
from configparser import ConfigParser
from pathlib import Path

from benchmarks.__main__ import found
from benchmarks.__main__ import parser as parser_of_benchmarks
from conformance.command_line import commands, module_of, parser_of

ROOT = Path(__file__).parent.parent
PROGRAMS = ("pytest", "python", "tox", "pip", ".ci/run")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")


class NotThere(Exception):
    """A command, an option or a file that a document names and that does not exist."""


def commands_in(text: str) -> list[str]:
    """Return every command of a document, and every option that stands alone in backticks."""
    found = []
    for kind, block in FENCED.findall(text):
        if kind == "console":
            found += [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        elif kind in ("", "sh"):
            found += block.splitlines()
    found += [" ".join(one.split()) for one in INLINE.findall(FENCED.sub("", text))]
    parts = [part.strip() for line in found for part in line.partition("  #")[0].split("&&")]
    return [part for part in parts if part.split(" ")[0] in PROGRAMS or part.startswith("--")]


def check(command: str, pytest_parser) -> None:
    """Raise NotThere for a command that would be refused."""
    program, *rest = [word for word in shlex.split(command) if word != "…"]
    if program.startswith("--"):
        _option(program.partition("=")[0], pytest_parser)
    elif program == "pytest":
        _pytest(rest, pytest_parser)
    elif program == "tox":
        _tox(rest, pytest_parser)
    elif program == "python" and rest[:1] == ["-m"]:
        _module(rest[1], rest[2:], pytest_parser)
    elif program == "python" and rest:  # alone it is a word, as a field of the records is
        _path(rest[0], rest[1:])
    elif program == "python":
        return
    elif program == "pip":
        _pip(rest)
    elif not (ROOT / program).exists():
        raise NotThere(program)


def _pytest(arguments: list[str], pytest_parser) -> None:
    given, unknown = pytest_parser.parse_known_and_unknown_args(arguments)
    for name in unknown:
        raise NotThere(f"pytest {name}")
    for path in given.file_or_dir:
        _exists(path)


def _tox(arguments: list[str], pytest_parser) -> None:
    menu = ConfigParser()
    menu.read(ROOT / "tox.ini", encoding="utf-8")
    own, _, posargs = " ".join(arguments).partition(" -- ")
    environments = re.match(r"(?:-q )?-e (\S+)$", own)
    if own and not environments:
        raise NotThere(f"tox {own}")
    for name in environments[1].split(",") if environments else ():
        if not menu.has_section(f"testenv:{name}"):
            raise NotThere(f"tox -e {name}")
    _pytest(posargs.split(), pytest_parser)


def _module(name: str, arguments: list[str], pytest_parser) -> None:
    if name == "conformance":
        _front_door(arguments)
    elif name == "pytest":
        _pytest(arguments, pytest_parser)
    elif name == "pip":
        _pip(arguments)
    elif name == "benchmarks":
        _parses(parser_of_benchmarks(found()), arguments)
        for word in arguments:
            if word.islower() and not word.startswith("-") and word not in found():
                raise NotThere(f"python -m benchmarks {word}")
    else:
        spec = importlib.util.find_spec(name)
        if spec is None or arguments:
            raise NotThere(f"python -m {name} {' '.join(arguments)}")


def _path(path: str, arguments: list[str]) -> None:
    if not path.endswith("/checkout/conformance"):
        raise NotThere(f"python {path}")
    _front_door(arguments)


def _front_door(arguments: list[str]) -> None:
    if arguments in ([], ["COMMAND"], ["--help"]):
        return
    name, *rest = arguments
    if name not in commands():
        raise NotThere(f"python -m conformance {name}")
    if rest:  # without any it is the name of the command, in a sentence
        _parses(parser_of(name, module_of(name)), rest)


def _parses(parser: argparse.ArgumentParser, arguments: list[str]) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            parser.parse_args(arguments)
    except SystemExit as end:
        if end.code:
            raise NotThere(said.getvalue()) from None


def _option(name: str, pytest_parser) -> None:
    """Look an option up that stands alone: it may be of any command."""
    parsers = [parser_of(one, module_of(one)) for one in commands()]
    parsers.append(parser_of_benchmarks(found()))
    ours = {text for one in parsers for action in one._actions for text in action.option_strings}
    if name not in ours and pytest_parser.parse_known_and_unknown_args([name, "1"])[1]:
        raise NotThere(name)


def _pip(arguments: list[str]) -> None:
    files = [path for at, path in enumerate(arguments) if arguments[at - 1 : at] == ["-r"]]
    for path in files:
        _exists(path)
    if arguments[0] != "install":
        raise NotThere(f"pip {arguments[0]}")


def _exists(path: str) -> None:
    if not path.isupper() and not (ROOT / path).exists():
        raise NotThere(path)
