"""What a framework prints reaches neither the protocol nor the disk."""

import os

import pytest

from tests.faults.driving import STARTING


@pytest.mark.parametrize("fault", ["on_stdout", "on_stderr"])
def test_a_gigabyte_of_noise(strike, fault, tmp_path, monkeypatch):
    """A case that prints 1 GB is answered, and no file of it is left or was opened."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    before = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    outcome = strike("noisy", fault, deadline=60)
    after = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize
    assert outcome.struck.ended == "answered"
    assert before - after < 2**29
    assert list(tmp_path.iterdir()) == []
    assert outcome.seconds < 60


@pytest.mark.parametrize("fault", ["from_c", "from_python", "read_stdin"])
def test_prints_and_reads_of_the_users_streams(strike, fault):
    """Prints from Python and C that look like frames are noise; standard input is empty."""
    outcome = strike("noisy", fault)
    assert outcome.struck.ended == "answered"
    assert outcome.seconds < STARTING
