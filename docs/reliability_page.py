"""docs/reliability.md: what was tried against the suite, what it lost, and what it told.

Every row is a test of tests/faults: its name, what it says is lost (`@lost`, else nothing), and its
docstring. The tests are read, not imported.
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

TRIALS = Path(__file__).parent.parent / "tests" / "faults"
INTRODUCTION = """\
# What a run withstands

<!-- Written by `python -m docs.generate` from the tests in tests/faults. -->

Nothing that was answered is lost, nobody is blamed for what another did, and nothing foreign runs
or acts. Each row below is a test, which `tox` runs: what was tried, what was lost by it, and what
is told. Where nothing stands as lost, every case has the answer that it would have had.

## What cannot be held

- Every process of a target is ended with it on Linux, where its keeper adopts what leaves the group
  and the session; elsewhere, and where there is no /proc, only the process group is ended, and
  memory is counted of one process, if at all.
- A keeper that is killed itself takes its command along, but not what had left the session before.
- What asks a service of the machine to start something for it (systemd, at, a container) is out of
  reach everywhere.
- An adapter, `--adapter=FILE`, is a program that the suite runs with the user's rights. Its process
  is of its own so that it cannot hurt the run by mistake; it is no sandbox. The same holds for the
  packages that a header names, and for an interpreter that `--python` names.
- Records are data: to read, show or resume them runs nothing. `--resume` takes an adapter or an
  interpreter only from the command line, or with `--trust-records` from the records.

## What is installed

The environment of a target is found again by all that decides what is in it: header, Python,
platform, every setting of uv and pip, with the content of the files that these name, and the lock.
`--locked` installs from `adapters/locks/` what has the hashes written there, or nothing. A lock has
package, version and hash, and no address, so the place does not matter: an index, a mirror, or a
folder of wheels.

PyTorch for the CPU is a build of its own, `torch==2.13.0+cpu`, which the general index does not
have. It is locked with the hash of the wheel that PyTorch's own index publishes: it is found in a
folder that PIP_FIND_LINKS names, or with UV_TORCH_BACKEND=cpu in that index. Where another build is
wanted, `python -m conformance environments --lock FILE` writes the lock of what is found then.

## What nobody thought of

Hypothesis invents frames of the wire, headers of adapters and records, 2,000 for each test in every
run of the tests. With the variable BATCHNORM_CONFORMANCE_EXAMPLES it is as many as that says.
"""


@dataclass(frozen=True)
class Trial:
    """One test: what it tries, of that the kinds, what is lost, and what is told, in words."""

    name: str
    kinds: tuple[str, ...]
    lost: str
    told: str


def reliability_page() -> str:
    """Return docs/reliability.md."""
    lines = [INTRODUCTION]
    for path in sorted(TRIALS.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines += [f"## {_words(path.stem)}", "", _joined(ast.get_docstring(tree)), ""]
        lines += ["| tried | lost | told |", "|---|---|---|"]
        for trial in trials_of(tree):
            kinds = f": {', '.join(trial.kinds)}" if trial.kinds else ""
            cells = (trial.name + kinds, trial.lost, trial.told)
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
        lines.append("")
    return "\n".join(lines)


def trials_of(tree: ast.Module) -> list[Trial]:
    """Return the tests of a file, in their order. Raises ValueError for one that says nothing."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            told = _joined(ast.get_docstring(node))
            if not told:
                raise ValueError(f"{node.name} does not say what it checks")
            kinds = tuple(kind for each in node.decorator_list for kind in _kinds(each))
            found.append(Trial(_words(node.name), kinds, _lost(node), told))
    return found


def _lost(test: ast.FunctionDef) -> str:
    for each in test.decorator_list:
        if isinstance(each, ast.Call) and ast.unparse(each.func) == "lost":
            return str(ast.literal_eval(each.args[0]))
    return "nothing"


def _kinds(decorator: ast.expr) -> list[str]:
    """Return the kinds that a test is run with, as far as they are words."""
    if not isinstance(decorator, ast.Call) or not ast.unparse(decorator.func).endswith(
        "parametrize"
    ):
        return []
    values = decorator.args[1]
    rows = values.elts if isinstance(values, ast.List | ast.Tuple) else []
    return [kind for row in rows if (kind := _kind(row))]


def _kind(row: ast.expr) -> str:
    """Return what tells one kind from the others: the longest word of its row."""
    cells = row.elts if isinstance(row, ast.Tuple) else [row]
    words = [str(cell.value) for cell in cells if isinstance(cell, ast.Constant)]
    words += [cell.id for cell in cells if isinstance(cell, ast.Name)]
    words = [word.replace("_", " ") for word in words if re.fullmatch(r"[a-z]\w{3,}", word)]
    return max(words, key=len, default="")


def _words(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _joined(text: str | None) -> str:
    return " ".join((text or "").split())
