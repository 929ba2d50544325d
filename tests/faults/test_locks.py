"""Locks: what is installed has the hashes that were written down, or nothing is installed."""

import re

import pytest

from adapters.harness import environments, header, locks, registry
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from adapters.harness.registry import Target
from records.file import read_run
from tests.faults.driving import check_own_answer, request
from tests.faults.trial import lost
from tests.faults.wheelhouse import ADAPTER, make_wheel
from tests.faults.whole_run import FIRST
from tests.faults.whole_run import run as whole_run
from tests.front_door import conformance, one_line

CORE = ("pytorch", "keras", "flax", "gluon")


@pytest.fixture
def needy(token, wheels, tmp_path, monkeypatch):
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "needy.py"
    path.write_text(ADAPTER)
    return header.read_header(path)


def run(one):
    target = Target(one, "cpu", "eager")
    with Host(Settings(locked=True), announce=lambda line: None) as host:
        host.start(target, {"a": lambda: request("a")})
        return host.observe(target, "a")


def test_a_lock_is_made_and_held_to(needy, wheels, tmp_path, monkeypatch):
    """The very file is installed; another of the same name and version is refused."""
    path = locks.write(needy)
    assert re.fullmatch(
        r"# miniature-needs==1\.0; Python [0-9.]+; \w+ \w+\n"
        r"miniature-needs==1\.0 \\\n    --hash=sha256:[0-9a-f]{64}\n",
        path.read_text(),
    )
    check_own_answer(request("a"), run(needy))
    make_wheel(wheels, "WHOLE = 'not what was locked'\n")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv elsewhere"))
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path / "cache elsewhere"))
    told = run(needy)
    assert told.ended == "broken adapter"
    assert "could not be built: " in told.message
    assert "hash" in told.message.lower()


def test_a_locked_environment_is_another(needy):
    """What is installed by hash does not share a folder with what is not."""
    usual = environments.environment_folder(needy)
    locks.write(needy)
    assert environments.environment_folder(locks.locked(needy)) != usual


@lost("every case of that target")
def test_a_lock_that_there_is_none_of(needy):
    """One line, with the path."""
    told = run(needy)
    assert told.ended == "broken adapter"
    assert told.message.startswith(f"there is no lock of needy: {locks.path_of(needy)}: ")


@lost("every case of that target")
def test_a_lock_of_something_else(needy):
    """Another version than the header's is not installed from its lock."""
    locks.write(needy)
    told = run(needy.at("==2.0"))
    assert told.message.startswith(f"{locks.path_of(needy)} is no lock of this: it was made for ")


@pytest.mark.parametrize("name", CORE)
def test_the_locks_of_the_core(name):
    """Each core framework has a lock of what its header asks for; it holds hashes, no address."""
    one = registry.implementations()[name]
    text = locks.path_of(one).read_text(encoding="utf-8")
    assert text.startswith(f"# {' '.join(one.dependencies)}; Python ")
    assert "://" not in text
    assert "file:" not in text
    packages = re.findall(r"^([\w.-]+==[\w.+]+) \\$", text, re.MULTILINE)
    for dependency in one.dependencies:
        found = [package.partition("+")[0].replace("-", "_") for package in packages]
        assert dependency.replace("-", "_") in found
    lines = text.splitlines()[1:]
    pattern = r"[\w.-]+==[\w.+]+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?"
    assert all(re.fullmatch(pattern, line) for line in lines)


def test_a_run_from_locks(needy, tmp_path):
    """`--locked` installs from the lock beside the adapter, and is kept for who resumes the run."""
    adapter = f"--adapter={needy.path}"
    options = ("--locked", f"--case={FIRST}", f"--report={tmp_path / 'report'}")
    without = whole_run(adapter, *options)
    assert without.returncode == 1
    assert f"there is no lock of needy: {locks.path_of(needy)}" in without.stdout
    locks.write(needy)
    done = whole_run(adapter, *options)
    assert done.returncode == 0, done.stdout
    assert environments.is_built(locks.locked(needy))
    assert not environments.is_built(needy)
    assert read_run(tmp_path / "report").header.selection.locked


def test_a_lock_is_written_by_the_front_door(needy):
    """Beside the adapter that is named; what cannot be resolved is one line."""
    done = conformance("environments", "--lock", needy.path)
    assert (done.returncode, done.stdout) == (0, f"{locks.path_of(needy)}\n")
    assert locks.locked(needy).lock == locks.path_of(needy)
    needy.path.write_text(ADAPTER.replace("==1.0", "==2.0"))
    assert "no version of miniature-needs==2.0" in one_line(
        conformance("environments", "--lock", needy.path)
    )
    assert "no.py: there is no such" in one_line(conformance("environments", "--lock", "no.py"))
