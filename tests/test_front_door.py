"""The front door: one command that lists, teaches and refuses in one way."""

import json
import subprocess
import sys

import pytest

from conformance.command_line import commands, main, module_of, parser_of
from tests.front_door import ROOT, conformance, one_line, python

NAMES = sorted(commands())


def test_the_commands_that_users_know():
    """Each of these is a command; more may be added, each as one file."""
    known = {"cases", "changes", "environments", "explain", "report", "smoke", "targets"}
    assert known <= set(NAMES)


def test_help_lists_every_command_with_an_example():
    """Name, line and first example of each, the exit statuses, and how the suite is run."""
    done = conformance("--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    for name in NAMES:
        at = next(at for at, line in enumerate(lines) if line.startswith(f"  {name} "))
        assert len(lines[at].split(None, 1)[1]) > 20 and len(lines[at]) <= 88
        assert lines[at + 1].strip().startswith(f"python -m conformance {name}")
    assert "plain pytest" in done.stdout and "exit status:" in done.stdout
    assert conformance("-h").stdout == done.stdout


def test_the_list_imports_no_command_and_no_numpy():
    """What lists the commands needs none of what they need, so it is there at once."""
    code = (
        "import sys; from conformance.command_line import main; main(['--help']); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'adapters'})); "
        "print([name for name in sys.modules if 'commands.' in name])"
    )
    assert python("-c", code, cwd=ROOT).stdout.splitlines()[-2:] == ["[]", "[]"]


@pytest.mark.parametrize("name", NAMES)
def test_each_command_teaches(name):
    """Its help says what it does, each option's meaning, examples that it takes, the statuses."""
    done = conformance(name, "--help")
    assert (done.returncode, done.stderr) == (0, "")
    parts = (
        f"usage: python -m conformance {name} ",
        "\noptions:\n",
        "\nexamples:\n",
        "\nexit status",
    )
    places = [done.stdout.index(part) for part in parts]
    assert places == sorted(places)
    assert done.stdout.count("examples:") == 1
    for action in parser_of(name, module_of(name))._actions:
        assert action.help, action.dest


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_option_is_one_line(name):
    """Whatever the command, it names the option and says where to learn; status 2."""
    line = one_line(conformance(name, "something", "--no-such-option"))
    assert line.startswith(f"python -m conformance {name}: ")
    assert "--no-such-option" in line
    assert line.endswith(f"python -m conformance {name} --help teaches\n")


def test_options_are_taken_in_full_only():
    """An abbreviation that works today would mean another option tomorrow."""
    assert "unrecognized arguments: --jso" in one_line(conformance("cases", "--jso"))


@pytest.mark.parametrize("name", ["report", "changes"])
def test_a_folder_without_records_is_one_line(name, tmp_path):
    """It names the folder; status 2."""
    line = one_line(conformance(name, tmp_path))
    assert line.startswith(f"python -m conformance {name}: ") and str(tmp_path) in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explian", "x.npz"], "unknown command 'explian' (did you mean 'explain'?); the commands"),
        (["qqq"], "unknown command 'qqq'; the commands are: cases, "),
        (["--json"], "unknown command '--json'; the commands are: "),
        ([], "name a command; the commands are: "),
    ],
)
def test_an_unknown_command_is_one_line(arguments, said):
    """The line has the valid commands, and the one that was meant."""
    line = one_line(conformance(*arguments))
    assert said in line
    assert line.endswith(", ".join(NAMES) + "\n")


def test_it_starts_from_any_folder(tmp_path):
    """By the path of the checkout's folder; help and files are then the user's own."""
    door = ROOT / "conformance"
    done = python(door, "--help", cwd=tmp_path)
    assert f"  python {door} COMMAND" not in done.stdout
    assert f"usage: python {door} COMMAND" in done.stdout
    assert f"python {door} explain dump.npz" in done.stdout
    assert (
        "-m conformance" not in done.stdout + python(door, "cases", "--help", cwd=tmp_path).stdout
    )
    assert python(door, "cases", cwd=tmp_path).stdout == conformance("cases").stdout
    line = one_line(python(door, "report", "nothing", cwd=tmp_path))
    assert line.startswith(f"python {door} report: nothing")


def test_a_new_file_is_a_new_command(tmp_path):
    """Nothing but the file: the folder is the registry, and a name's _ is spelled -."""
    (tmp_path / "my_own.py").write_text('"""Mine."""\n')
    (tmp_path / "__init__.py").write_text("")
    assert commands(tmp_path) == {"my-own": tmp_path / "my_own.py"}


def test_a_missing_package_is_one_line(monkeypatch, capsys):
    """Who has installed nothing yet is told what to install."""
    monkeypatch.setitem(sys.modules, "filelock", None)
    for name in list(sys.modules):
        if name.startswith(("adapters", "conformance.commands")):
            monkeypatch.delitem(sys.modules, name)
    assert main(["environments"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "'filelock' is missing; python -m pip install -r requirements.txt" in said


def test_a_reader_that_stops_early_is_no_error():
    """`… cases --json | head -1`: no traceback."""
    door = subprocess.Popen(
        [sys.executable, "-m", "conformance", "cases", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert door.stdout and door.stderr
    door.stdout.close()
    assert door.stderr.read() == b""
    door.stderr.close()
    assert door.wait() == 0


def test_json_is_one_document_everywhere(tmp_path):
    """Where a command prints a table, --json prints the same as one document."""
    cases = json.loads(conformance("cases", "--json").stdout)
    assert {"id", "dtype", "reason"} == cases[0].keys()
    targets = json.loads(conformance("targets", "--json").stdout)
    assert {"pytorch", "keras", "flax", "gluon"} <= {row["implementation"] for row in targets}
