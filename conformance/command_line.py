"""Which commands there are, what each says of itself, and how one is started.

A command is a module of `conformance/commands/`; the folder is the registry. It has a function
`arguments(parser)`, which adds what it takes, and `run(options)`, which returns the exit status.
Its docstring is its help: a line that says what it does, paragraphs, and `examples:`, of which the
first stands beside the line in the list of all. That list is made without importing any command.
"""

import ast
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from conformance.grammar import WRONG, Failure, Parser, nearest

COMMANDS = Path(__file__).parent / "commands"
PROGRAM = "python -m conformance"
EXAMPLES = "examples:\n"
INSTALL = "python -m pip install -r requirements.txt brings it"


def commands(folder: Path = COMMANDS) -> dict[str, Path]:
    """Return the module's file of every command by the command's name."""
    paths = sorted(path for path in folder.glob("*.py") if path.stem != "__init__")
    return {path.stem.replace("_", "-"): path for path in paths}


def main(arguments: Sequence[str], program: str = PROGRAM) -> int:
    """Run the command that the arguments name; return its exit status, 2 where one is wrong."""
    known = commands()
    name = arguments[0] if arguments else ""
    if name in ("-h", "--help"):
        print(_said_of_all(known, program))
        return 0
    if name not in known:
        what = f"unknown command {name!r}{nearest(name, known)}" if name else "name a command"
        print(f"{program}: {what}; the commands are: {', '.join(known)}", file=sys.stderr)
        return WRONG
    try:
        module = module_of(name)
    except ModuleNotFoundError as missing:
        print(
            f"{program} {name}: the package {missing.name!r} is missing; {INSTALL}", file=sys.stderr
        )
        return WRONG
    parser = parser_of(name, module, program)
    options = parser.parse_args(arguments[1:])
    try:
        return module.run(options)
    except Failure as failure:
        print(f"{parser.prog}: {failure}", file=sys.stderr)
        return WRONG


def module_of(name: str) -> ModuleType:
    """Import the module of a command."""
    return importlib.import_module(f"conformance.commands.{name.replace('-', '_')}")


def parser_of(name: str, module: ModuleType, program: str = PROGRAM) -> Parser:
    """Return the parser of a command, whose help is the module's docstring."""
    text = (module.__doc__ or "").replace(PROGRAM, program)
    description, _, epilog = text.partition(EXAMPLES)
    parser = Parser(f"{program} {name}", description, EXAMPLES + epilog)
    module.arguments(parser)
    return parser


def _said_of_all(known: dict[str, Path], program: str) -> str:
    """Return the help: every command with its line and its first example."""
    lines = [f"usage: {program} COMMAND …", "", "commands:"]
    for name, path in known.items():
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        summary, example = text.splitlines()[0], text.partition(EXAMPLES)[2].splitlines()[0]
        lines += [f"  {name:<13} {summary}", f"{'':<15} {example.strip()}"]
    lines += [
        "",
        f"{PROGRAM} COMMAND --help teaches a command, with examples and its exit status.",
        "The suite itself is run by plain pytest: pytest --help, under 'BatchNorm conformance'.",
        "",
        "exit status: 0 done, 1 the answer is no, 2 the command line or a file is wrong",
    ]
    return "\n".join(lines).replace(PROGRAM, program)
