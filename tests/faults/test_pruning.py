"""What is pruned from the cache folder bears the suite's mark; nothing else is, whatever it is."""

import filelock
import pytest

from adapters.harness import disk, environments, locks, trust


@pytest.fixture
def folder(tiny):
    """The folder of environments, in which one was built."""
    environments.interpreter(tiny, lambda line: None)
    return environments.environment_folder(tiny).parent


def stray(folder, name="stray-0123456789abcdef"):
    """Make an environment that no header asks for."""
    path = folder / name
    trust.mark(path, built=True)
    (path / "package.py").write_bytes(bytes(1000))
    return path


def snapshot(folder):
    """Return every file within, and what it holds; links as links."""
    return {
        path: str(path.readlink()) if path.is_symlink() else path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def test_only_what_bears_the_mark_is_listed_and_removed(tiny, folder, tmp_path):
    """A thesis, a folder of the same name, a link to another environment: they stay."""
    thesis = folder / "my-thesis"
    thesis.mkdir()
    (thesis / "chapter.txt").write_text("four years")
    (folder / "notes.txt").write_text("of mine")
    elsewhere = stray(tmp_path / "elsewhere")
    (folder / "link-0123456789abcdef").symlink_to(elsewhere)
    marked_by_a_link = folder / "linked-0123456789abcdef"
    marked_by_a_link.mkdir()
    (marked_by_a_link / trust.MARKER).symlink_to(elsewhere / trust.MARKER)
    another = folder / "another-0123456789abcdef"
    another.mkdir()
    (another / trust.MARKER).write_text('{"suite": "another", "built": true}')
    before, outside = snapshot(folder), snapshot(elsewhere)
    gone = stray(folder)
    (gone / "to-the-thesis").symlink_to(thesis)
    (gone / "lib").mkdir()
    (gone / "lib" / "to-the-thesis").symlink_to(thesis)
    gone.with_suffix(".log").write_text("built")
    found = disk.held([tiny])
    assert [(one.folder, one.owner) for one in found] == [
        (gone, ""),
        (environments.environment_folder(tiny), "tiny"),
    ]
    assert found[0].own >= 1000
    assert disk.remove(found[0])
    assert snapshot(folder) == before
    assert snapshot(elsewhere) == outside


def test_what_has_lost_its_mark_since_it_was_listed(tiny, folder):
    """Somebody put something else in its place: it stays, and that is said."""
    path = stray(folder)
    (one,) = [one for one in disk.held([tiny]) if not one.owner]
    (path / trust.MARKER).unlink()
    with pytest.raises(trust.Strange, match="does not bear the mark of this suite"):
        disk.remove(one)
    assert (path / "package.py").exists()


def test_what_was_replaced_by_a_link_since_it_was_listed(tiny, folder, tmp_path):
    """A link is not followed, even to what bears a mark."""
    path = stray(folder)
    (one,) = [one for one in disk.held([tiny]) if not one.owner]
    moved = path.rename(tmp_path / "moved")
    path.symlink_to(moved)
    with pytest.raises(trust.Strange):
        disk.remove(one)
    assert (moved / "package.py").exists()


def test_what_is_just_being_built_stays(tiny, folder):
    """A run holds its lock."""
    path = stray(folder)
    (one,) = [one for one in disk.held([tiny]) if not one.owner]
    with filelock.FileLock(f"{path}.lock"):
        assert not disk.remove(one)
    assert (path / "package.py").exists()


def test_a_removal_that_was_stopped_can_be_done_again(tiny, folder, monkeypatch):
    """What is left of it is not built, and still the suite's."""
    path = stray(folder)
    (one,) = [one for one in disk.held([tiny]) if not one.owner]
    monkeypatch.setattr(trust, "clear", lambda folder: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        disk.remove(one)
    monkeypatch.undo()
    assert trust.marked(path)["built"] is False
    assert disk.remove(one)
    assert not path.exists()


def test_a_locked_environment_has_an_owner(tiny, folder):
    """What is installed from a lock is asked for as well."""
    locks.write(tiny)
    locked = locks.locked(tiny)
    environments.interpreter(locked, lambda line: None)
    assert {one.owner for one in disk.held([tiny])} == {"tiny"}
    assert len(disk.held([tiny])) == 2
