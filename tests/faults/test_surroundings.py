"""Odd surroundings: what Python was told, another folder, no terminal, a full disk, no /proc."""

import fcntl
import os
import subprocess
import termios

import pytest

from adapters.harness import environments
from records.file import read_run
from tests.faults.adapters.hanging import FIFO
from tests.faults.miniature import FAULT, STRUCK_DTYPE
from tests.faults.trial import lost
from tests.faults.whole_run import (
    CASES,
    FIRST,
    LIMIT,
    ROOT,
    SECOND,
    STRUCK,
    chosen,
    command,
    run,
    wait_until,
)

WITHOUT_PROC = 'mount -t tmpfs none /proc && exec "$@"'
FULL_DISK = """
mount -t tmpfs -o size=8k none "$TMPDIR" && ! head -c 100000 /dev/zero > "$TMPDIR/full" && exec "$@"
"""
UNSHARE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]


def can_unshare():
    try:
        return not subprocess.run([*UNSHARE, WITHOUT_PROC, "sh", "true"], check=False).returncode
    except OSError:
        return False


in_a_world_of_its_own = pytest.mark.skipif(
    not can_unshare(), reason="this system lets no process have mounts of its own"
)


def verdicts_in(folder):
    return {record.verdict for record in read_run(folder).verdicts}


@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTHONOPTIMIZE", "2"), ("PYTHONWARNINGS", "error"), ("PYTHONDEVMODE", "1")],
)
def test_what_python_was_told(token, tmp_path, monkeypatch, name, value):
    """Stripped assertions hide no violation; warnings as errors make none."""
    monkeypatch.setenv(name, value)
    assert run(*chosen("warning", tmp_path / "sound")).returncode == 0
    assert verdicts_in(tmp_path / "sound") == {"conforms"}
    monkeypatch.setenv(FAULT, "not_a_number")
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    assert run(*chosen("malforming", tmp_path / "wrong")).returncode == 1
    assert verdicts_in(tmp_path / "wrong") == {"conforms", "violates"}


def test_warnings_as_errors_of_pytest(token, tmp_path):
    """`-W error` is for the host, which warns of nothing; the framework may warn as it likes."""
    assert run("-W", "error", *chosen("warning", tmp_path / "report")).returncode == 0
    assert verdicts_in(tmp_path / "report") == {"conforms"}


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_another_folder(token, tmp_path, more):
    """`pytest CHECKOUT` from elsewhere is `pytest` in the checkout; the report is there."""
    adapter, cases, _ = chosen("sound", tmp_path)
    done = run(ROOT, adapter, cases, "--report=mine", *more, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(CASES.split(','))} passed" in done.stdout
    assert read_run(tmp_path / "mine").complete


@lost("what was not reached")
def test_a_terminal_that_is_closed(token, tmp_path, monkeypatch):
    """The run ends with its terminal: what was reached can be read, and no process is left."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setenv(FIFO, str(fifo))
    monkeypatch.setenv(FAULT, "tell_and_wait")
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    terminal, inside = os.openpty()

    def take_the_terminal():
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    words = command(*chosen("hanging", tmp_path / "report"))
    process = subprocess.Popen(
        words, cwd=ROOT, stdin=inside, stdout=inside, stderr=inside, preexec_fn=take_the_terminal
    )
    os.close(inside)
    with fifo.open() as pipe:
        assert pipe.read(4) == "here"
    folder = tmp_path / "report"
    wait_until(lambda: {one.case for one in read_run(folder).verdicts} == {FIRST, SECOND})
    os.close(terminal)
    assert process.wait(LIMIT) != 0  # by the signal, or by what it could not write any more
    assert {one.case for one in read_run(folder).verdicts} == {FIRST, SECOND}
    assert not read_run(folder).complete


def run_in(world, *arguments):
    return subprocess.run(
        [*UNSHARE, world, "sh", *command(*arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


@in_a_world_of_its_own
@lost("the case that dies, as it would elsewhere")
def test_a_host_without_proc(token, tmp_path, monkeypatch):
    """No memory is counted there and no daemon found; every verdict is the same."""
    monkeypatch.setenv(FAULT, "exit_at_once")
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    done = run_in(WITHOUT_PROC, *chosen("dying", tmp_path / "report"))
    assert done.returncode == 1, done.stdout
    told = {record.case: record.verdict for record in read_run(tmp_path / "report").verdicts}
    assert told.pop(STRUCK) == "crashed"
    assert set(told.values()) == {"conforms"}


@in_a_world_of_its_own
def test_no_room_for_what_is_temporary(tiny, tmp_path, monkeypatch):
    """A run, and the building of an environment for it, needs no temporary file."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    tiny.path.write_text(tiny.path.read_text() + "print('no adapter')\n")
    done = run_in(FULL_DISK, *chosen("sound", tmp_path / "report"), f"--adapter={tiny.path}")
    assert done.returncode == 1, done.stdout
    told = {}
    for record in read_run(tmp_path / "report").verdicts:
        told.setdefault(record.target, set()).add(record.verdict)
    assert told == {"sound-cpu-eager": {"conforms"}, "tiny-cpu-eager": {"broken adapter"}}
    assert environments.is_built(tiny)
