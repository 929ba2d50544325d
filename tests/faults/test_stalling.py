"""A host that is late, stopped or killed: its lateness is laid at nobody's door."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from adapters.harness.patience import within
from tests.faults.adapters.dying import SOCKET
from tests.faults.adapters.hanging import FIFO
from tests.faults.driving import STARTING, ends_within, processes_with
from tests.faults.miniature import FAULT
from tests.faults.trial import lost
from tests.faults.whole_run import LIMIT, ROOT, wait_until

DEADLINE = 1.0
STOPPED = 3.0


@pytest.fixture
def host(token, tmp_path, monkeypatch):
    """Start a host on the hanging adapter; its struck case says through a pipe that it is run."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    monkeypatch.setenv(FIFO, str(fifo))
    started = []

    def start(fault, *arguments, adapter="hanging"):
        monkeypatch.setenv(FAULT, fault)
        command = [sys.executable, "-m", "tests.faults.hosting", adapter, str(DEADLINE)]
        process = subprocess.Popen(
            [*command, *map(str, arguments)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start, fifo
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("fault", "ended"), [("tell_and_answer", "answered"), ("tell_and_wait", "timed out")]
)
def test_a_host_that_is_stopped(host, fault, ended):
    """Ctrl-Z for longer than the deadline: what was answered meanwhile is not late; what hangs is
    still told so, after a deadline of its own."""
    start, fifo = host
    process = start(fault)
    with fifo.open() as pipe:
        assert pipe.read(4) == "here"
    process.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED)
    process.send_signal(signal.SIGCONT)
    told, _ = process.communicate(timeout=LIMIT)
    assert f"struck: {ended}\n" in told
    assert told.count(": answered") == (5 if ended == "answered" else 4)


@lost("what was not reached")
def test_a_killed_host_whose_worker_does_not_even_start(host, tmp_path, token):
    """A worker that hangs before its first line of Python goes with the host all the same."""
    start, _ = host
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 1000000\n")
    python.chmod(0o755)
    process = start("", python)
    until = time.monotonic() + STARTING
    while not (left := [pid for pid in processes_with(token) if _is_sleeping(pid)]):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert all(ends_within(pid, 5.0) for pid in left)


@pytest.mark.parametrize(
    ("adapter", "fault", "processes"),
    [("hanging", "sleep_at_import", 1), ("dying", "daemon_at_import", 2)],
)
@lost("what was not reached")
def test_a_killed_host_whose_worker_imports(host, token, adapter, fault, processes):
    """A worker that hangs while it imports goes with the host, and a daemon it left as well."""
    start, _ = host
    process = start(fault, adapter=adapter)
    wait_until(lambda: len(list(filter(_is_worker, processes_with(token)))) == processes)
    left = processes_with(token)
    process.kill()
    process.wait()
    assert all(ends_within(pid, 5.0) for pid in left)


def _is_worker(pid):
    """Say whether a process is a worker, or a fork of one, and has got to its adapter."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline") as line:
        return line.read().split("\0")[1:3] == ["-m", "adapters.harness.worker"]
    return False


def _is_sleeping(pid):
    with open(f"/proc/{pid}/cmdline") as line:
        return line.read().startswith("sleep\0")


@lost("the case")
def test_a_death_while_somebody_out_of_reach_holds_the_pipe(strike, tmp_path, monkeypatch):
    """The answers have no end then; the death is told all the same, and at once."""
    path = tmp_path / "socket"
    monkeypatch.setenv(SOCKET, str(path))
    held = []

    def hold():
        connection, _ = server.accept()
        with connection:
            held.extend(socket.recv_fds(connection, 1, 1)[1])

    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        holder = threading.Thread(target=hold)
        holder.start()
        outcome = strike("dying", "hand_the_pipe_on")
        holder.join()
    os.close(held[0])
    assert outcome.struck.ended == "crashed"
    assert outcome.struck.message == "the process ended with exit status 9"
    assert outcome.seconds < STARTING


def run(waiting):
    began = time.monotonic()
    return asyncio.run(waiting()), time.monotonic() - began


def silent():
    return False


def test_a_loop_that_is_held_up():
    """Another's work in the same loop does not count, however long it takes."""

    async def waiting():
        loop = asyncio.get_running_loop()
        loop.call_later(0.05, time.sleep, 0.6)
        answered = loop.create_future()
        loop.call_later(0.7, answered.set_result, "in time")
        return await within(0.4, answered, silent)

    told, seconds = run(waiting)
    assert told == "in time"
    assert seconds > 0.6


def test_what_is_being_said():
    """While something lies in the pipe the process is not the one that is waited for."""

    async def waiting():
        loop = asyncio.get_running_loop()
        answered = loop.create_future()
        began = loop.time()
        loop.call_later(0.6, answered.set_result, "in time")
        return await within(0.2, answered, lambda: loop.time() < began + 0.5)

    assert run(waiting)[0] == "in time"


def test_what_never_comes():
    """A deadline is not before its time."""

    async def waiting():
        with pytest.raises(TimeoutError):
            await within(0.3, asyncio.get_running_loop().create_future(), silent)

    assert 0.3 <= run(waiting)[1] < 3
