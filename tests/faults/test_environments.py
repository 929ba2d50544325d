"""Environments that several runs want at once, and builds that were killed half-way."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from adapters.harness import environments, uv
from tests.faults.trial import lost

ROOT = Path(__file__).parent.parent.parent
LIMIT = 60.0
BUILD = """\
import sys
import threading
from pathlib import Path
from adapters.harness import environments, header

one = header.read_header(Path(sys.argv[1]))
print("ready", flush=True)
python = environments.interpreter(one, announce=lambda line: print(line, flush=True))
print(python, flush=True)
"""
STOP_SHORT = """\
run = environments.uv.run

def stop_short(command, log, stopped):
    run(command, log, stopped)
    print("half built", flush=True)
    run([sys.executable, "-c", "import time; time.sleep(10**6)"], log, stopped)

environments.uv.run = stop_short
"""


def start(code, one):
    return subprocess.Popen(
        [sys.executable, "-c", code, one.path], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def runs(python):
    return subprocess.run([python, "-c", ""], timeout=LIMIT, check=False).returncode == 0


def test_two_runs_share_a_cache(tiny):
    """Both want the same environment at the same moment: one builds it, and both have it."""
    folder = environments.environment_folder(tiny)
    folder.parent.mkdir(parents=True)
    with filelock.FileLock(f"{folder}.lock"):
        builds = [start(BUILD, tiny) for _ in range(2)]
        assert [build.stdout.readline() for build in builds] == ["ready\n"] * 2
    told = [build.communicate(timeout=LIMIT)[0].splitlines() for build in builds]
    assert sorted(len(lines) for lines in told) == [1, 3]
    assert {lines[-1] for lines in told} == {str(environments.interpreter_in(folder))}
    assert runs(environments.interpreter_in(folder))


def test_a_killed_build_is_done_again(tiny):
    """A run that is killed while it builds leaves no process, no lock and no half environment."""
    folder = environments.environment_folder(tiny)
    build = start(BUILD.replace("\none = ", f"\n{STOP_SHORT}\none = "), tiny)
    while (line := build.stdout.readline()) != "half built\n":
        assert line, "the build ended before it was killed"
    build.send_signal(signal.SIGKILL)
    build.communicate(timeout=LIMIT)
    assert environments.interpreter_in(folder).exists()
    assert not environments.is_built(tiny)
    assert runs(environments.interpreter(tiny, announce=lambda line: None))
    assert environments.is_built(tiny)


def test_a_build_is_stopped_with_the_run(tiny):
    """A run that is stopped does not wait for its build, nor for one of another run."""
    stopped = threading.Event()
    stopped.set()
    folder = environments.environment_folder(tiny)
    folder.parent.mkdir(parents=True)
    with (
        filelock.FileLock(f"{folder}.lock"),
        pytest.raises(environments.EnvironmentFailed, match="the run was stopped"),
    ):
        environments.interpreter(tiny, lambda line: None, stopped)
    with (folder.parent / "log").open("w") as log:
        command = [sys.executable, "-c", "import time; time.sleep(10**6)"]
        assert uv.run(command, log, stopped) == -signal.SIGKILL


@lost("every case of that target")
def test_a_cache_that_cannot_be_written(tiny, tmp_path, monkeypatch):
    """A cache folder below a file is an environment that failed, in one line."""
    (tmp_path / "file").touch()
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path / "file" / "cache"))
    with pytest.raises(environments.EnvironmentFailed, match="/file: File exists"):
        environments.interpreter(tiny, lambda line: None)
