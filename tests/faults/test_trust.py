"""Whose an environment is: what is not the suite's, or others could have changed, is not run."""

import os
import stat

import pytest

from adapters.harness import environments, trust
from tests.faults.trial import lost

NOBODY = 65534


def quiet(line):
    pass


@pytest.fixture
def built(tiny):
    """The folder of an environment that was built."""
    environments.interpreter(tiny, quiet)
    return environments.environment_folder(tiny)


def modes_of(folder):
    """Return the rights of every file and folder within, and of the folders around, by path."""
    found = [folder, folder.parent, folder.parent.parent, *folder.rglob("*")]
    found += folder.parent.glob("*.l*")
    return {path: stat.S_IMODE(path.lstat().st_mode) for path in found if not path.is_symlink()}


def test_no_umask_lets_others_write(tiny):
    """Under umask 000 as well: nothing of an environment can be changed by somebody else."""
    before = os.umask(0)
    try:
        environments.interpreter(tiny, quiet)
    finally:
        os.umask(before)
    modes = modes_of(environments.environment_folder(tiny))
    assert len(modes) > 10
    assert not [path for path, mode in modes.items() if mode & (stat.S_IWGRP | stat.S_IWOTH)]


@pytest.mark.parametrize("where", ["", trust.MARKER, "bin"])
def test_what_others_may_write_is_built_again(tiny, built, where):
    """An environment of a laxer time is not run as it is; that it is built again is told."""
    path = built / where
    path.chmod(path.stat().st_mode | stat.S_IWOTH)
    inside = built / "left-by-somebody"
    inside.touch()
    told = []
    environments.interpreter(tiny, told.append)
    assert told[0] == f"building the environment of tiny again: others may write {path}"
    assert not inside.exists()
    assert not trust.doubt(built)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
@pytest.mark.parametrize("where", ["", trust.MARKER, "bin"])
@lost("every case of that target")
def test_what_belongs_to_another_is_neither_run_nor_touched(tiny, built, where):
    """Somebody else's environment is refused in one line."""
    os.chown(built / where, NOBODY, NOBODY)
    with pytest.raises(environments.EnvironmentFailed) as failed:
        environments.interpreter(tiny, quiet)
    assert f"{built / where} belongs to another user; it is neither used nor" in str(failed.value)
    assert (built / "bin").exists()


@lost("every case of that target")
def test_a_folder_without_the_mark_is_left_alone(tiny):
    """Whatever lies where an environment should be, is somebody's."""
    folder = environments.environment_folder(tiny)
    folder.mkdir(parents=True)
    (folder / "thesis.txt").write_text("four years")
    with pytest.raises(environments.EnvironmentFailed, match="is no environment of this suite"):
        environments.interpreter(tiny, quiet)
    assert (folder / "thesis.txt").read_text() == "four years"


@pytest.mark.parametrize(
    "words", ["{}", "[]", "no JSON", "[" * 100_000, '{"suite": "another", "built": true}']
)
def test_a_mark_of_another_is_none(tiny, words):
    """A marker of other words is not the suite's."""
    folder = environments.environment_folder(tiny)
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to("/bin/true")
    (folder / trust.MARKER).write_text(words)
    assert not environments.is_built(tiny)
    with pytest.raises(environments.EnvironmentFailed, match="is no environment of this suite"):
        environments.interpreter(tiny, quiet)
