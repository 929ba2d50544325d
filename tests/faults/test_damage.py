"""An environment that has lost something since it was built is built again, and that is told."""

from pathlib import Path

import pytest

from adapters.harness import environments, header
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from adapters.harness.registry import Target
from tests.faults.driving import check_own_answer, request
from tests.faults.wheelhouse import ADAPTER, NAME


def lose_the_interpreter(folder):
    (folder / "bin" / "python").unlink()


def break_the_interpreter(folder):
    python = folder / "bin" / "python"
    python.unlink()
    python.write_text("this is no program")
    python.chmod(0o755)


def interpreter_of_another_machine(folder):
    python = folder / "bin" / "python"
    python.unlink()
    python.symlink_to("/bin/false")


def lose_a_file(folder):
    (packages_of(folder) / NAME / "__init__.py").unlink()


def empty_a_file(folder):
    (packages_of(folder) / NAME / "__init__.py").write_text("")


def lose_the_package(folder):
    for path in (packages_of(folder) / f"{NAME}-1.0.dist-info").iterdir():
        path.unlink()
    empty_a_file(folder)


def packages_of(folder) -> Path:
    (found,) = folder.glob("lib/python*/site-packages")
    return found


@pytest.fixture
def needy(token, wheels, tmp_path, monkeypatch):
    """The target of an adapter that needs a package; its environment is built."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path / "cache"))
    path = tmp_path / "needy.py"
    path.write_text(ADAPTER)
    target = Target(header.read_header(path), "cpu", "eager")
    environments.interpreter(target.implementation, lambda line: None)
    return target


def run(target, announce):
    with Host(Settings(), announce=announce) as host:
        host.start(target, {"a": lambda: request("a")})
        return host.observe(target, "a")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lose_the_interpreter, "its interpreter is gone"),
        (break_the_interpreter, "its interpreter does not start"),
        (interpreter_of_another_machine, "its interpreter ends with status 1"),
        (lose_a_file, f"{NAME} has lost {NAME}/__init__.py"),
        (empty_a_file, f"{NAME} has lost {NAME}/__init__.py"),
        (lose_the_package, "miniature-needs is not there"),
    ],
)
def test_a_damaged_environment(needy, damage, reason):
    """What the environment has lost is seen where the adapter does not start, and said."""
    damage(environments.environment_folder(needy.implementation))
    told = []
    check_own_answer(request("a"), run(needy, told.append))
    assert told[0].startswith(f"building the environment of needy again: {reason}")
    assert told[1:] == ["built the environment of needy"]


def test_an_environment_that_is_whole_is_not_built_again(needy, monkeypatch):
    """Where the adapter itself does not start, nothing is built, and the adapter is told."""
    path = needy.implementation.path
    path.write_text(path.read_text() + "import no_such_package\n")
    told = run(needy, pytest.fail)
    assert told.ended == "broken adapter"
    python = environments.interpreter_in(environments.environment_folder(needy.implementation))
    assert told.message == f"the package 'no_such_package' is missing in {python}"


def test_a_damage_that_comes_back(needy):
    """An environment is built again once, not for ever."""
    needy.implementation.path.write_text(
        f"{ADAPTER}\nimport os\nos.remove({NAME}.__file__)\nraise OSError('a full disk')\n"
    )
    told = []
    assert run(needy, told.append).message == "OSError: a full disk"
    assert len(told) == 2


def test_the_interpreter_of_the_user_is_not_mended(needy, tmp_path):
    """What is not the suite's is not repaired, whatever it lacks."""
    python = tmp_path / "python"
    python.write_text("this is no program")
    python.chmod(0o755)
    with Host(Settings(), pythons={"needy": python}, announce=pytest.fail) as host:
        host.start(needy, {"a": lambda: request("a")})
        told = host.observe(needy, "a")
    assert told.ended == "broken adapter"
    assert told.message == f"{python} did not start: Exec format error"
