"""A run that is stopped leaves records that can be read, and no process; it can be resumed."""

import os
import signal
import time

import pytest

from records.file import FILE_NAME, read_run
from reports.html import write
from tests.faults.adapters.hanging import FIFO
from tests.faults.miniature import FAULT, STRUCK_DTYPE
from tests.faults.trial import lost
from tests.faults.whole_run import CASES, FIRST, LAST, SECOND, STRUCK, Running, chosen, run


def cases_of(folder):
    return {record.case for record in read_run(folder).verdicts}


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 2), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
@lost("what was not reached")
def test_a_run_stopped_in_order(hanging_run, tmp_path, number, status):
    """Ctrl-C and SIGTERM keep the verdicts, write the report, and say that it is incomplete."""
    assert hanging_run.stop(number) == status
    folder = tmp_path / "report"
    assert cases_of(folder) == {FIRST, SECOND}
    assert not read_run(folder).complete
    assert "Incomplete run: 2 of 4" in (folder / "index.html").read_text()
    assert "Traceback" not in hanging_run.output.decode()


@lost("what was not reached")
def test_a_run_killed_at_once(hanging_run, tmp_path):
    """SIGKILL leaves no process; the report can be written from what the records hold."""
    assert hanging_run.stop(signal.SIGKILL) == -signal.SIGKILL
    folder = tmp_path / "report"
    assert cases_of(folder) == {FIRST, SECOND}
    assert "Incomplete run: 2 of 4" in write(folder).read_text()


@pytest.mark.parametrize("more", [(), ("-n", "2")])
def test_a_killed_run_is_resumed(hanging_run, tmp_path, monkeypatch, more):
    """`--resume` goes on in the same file, with the same options, and tells each case once."""
    hanging_run.stop(signal.SIGKILL)
    folder = tmp_path / "report"
    reached = (folder / FILE_NAME).read_bytes()
    with (folder / FILE_NAME).open("ab") as file:
        file.write(b'{"kind": "verdict", "case": "half a li')
    monkeypatch.delenv(FAULT)
    done = run(f"--resume={folder}", "--trust-records", *more)
    assert done.returncode == 0, done.stdout + done.stderr
    after = read_run(folder)
    assert after.complete
    assert cases_of(folder) == set(CASES.split(",")) == {FIRST, SECOND, STRUCK, LAST}
    told = [(record.case, record.tensor, record.step) for record in after.verdicts]
    assert len(told) == len(set(told))
    assert len(after.cases) == 4
    assert len(after.targets) == len(after.resumed) == 1
    # Of what was there, only the last case, which may have been cut, is written again.
    kept = reached[: reached.index(f'{{"kind": "case", "case": "{SECOND}"'.encode())]
    assert (folder / FILE_NAME).read_bytes().startswith(kept)


def test_a_finished_run_has_nothing_to_resume(token, tmp_path):
    """Resuming a run that was finished runs nothing, and keeps its exit status."""
    folder = tmp_path / "report"
    assert run(*chosen("sound", folder)).returncode == 0
    before = read_run(folder)
    done = run(f"--resume={folder}", "--trust-records")
    assert done.returncode == 0
    assert "4 deselected" in done.stdout
    assert read_run(folder).verdicts == before.verdicts
    assert read_run(folder).complete


def test_a_run_that_is_suspended(token, tmp_path, monkeypatch):
    """Ctrl-Z of the host for 8 s with --deadline 4 while a case is being answered: nobody is
    blamed, every verdict is reached."""
    monkeypatch.setenv(FAULT, "tell_and_answer")
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    monkeypatch.setenv(FIFO, str(tmp_path / "fifo"))
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDWR | os.O_NONBLOCK)
    with Running(*chosen("hanging", tmp_path / "report"), "--deadline=4") as running:
        running.until(f"hanging-cpu-eager-{STRUCK}", fifo)
        running.process.send_signal(signal.SIGSTOP)
        time.sleep(8.0)
        assert running.stop(signal.SIGCONT) == 0
    os.close(fifo)
    assert {record.verdict for record in read_run(tmp_path / "report").verdicts} == {"conforms"}
    assert cases_of(tmp_path / "report") == set(CASES.split(","))


def test_what_one_target_sends_breaks_no_other(token, tmp_path, monkeypatch):
    """60 MB of header from one target, beside another with a deadline of 2 s: the one case of the
    one is a broken adapter, every other verdict is reached."""
    monkeypatch.setenv(FAULT, "a_header_of_60_mb")
    monkeypatch.setenv(STRUCK_DTYPE, "float64")
    options = chosen("garbling", tmp_path), chosen("sound", tmp_path)[:1]
    assert run(*options[0], *options[1], "--deadline=2").returncode == 1
    found = read_run(tmp_path)
    broken = {record.case for record in found.verdicts if record.verdict == "broken adapter"}
    rest = [record for record in found.verdicts if record.verdict != "broken adapter"]
    assert broken == {STRUCK}
    assert {record.verdict for record in rest} == {"conforms"}
    assert len({(record.case, record.target) for record in rest}) == 2 * len(CASES.split(",")) - 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (None, "No such file or directory"),
        ("", "the first line is no header"),
        ('{"kind": "header", "schema": 99}\n', "records of schema 99; this version reads schema"),
    ],
)
def test_records_that_cannot_be_resumed(tmp_path, text, complaint):
    """No file, an empty one and one of another schema are refused in one line."""
    if text is not None:
        (tmp_path / FILE_NAME).write_text(text)
    done = run(f"--resume={tmp_path}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = filter(None, done.stderr.splitlines())
    assert complaint in line


def test_parallel_runs_record_what_one_run_does(token, tmp_path):
    """Under `-n` the records hold the same verdicts, and how many pairs were planned."""
    single, parallel = tmp_path / "single", tmp_path / "parallel"
    assert run(*chosen("sound", single), "-k", "float32").returncode == 0
    assert run(*chosen("sound", parallel), "-k", "float32", "-n", "2").returncode == 0
    one, other = read_run(single), read_run(parallel)
    assert one.header.planned.pairs == other.header.planned.pairs == 3
    assert sorted(map(str, one.verdicts)) == sorted(map(str, other.verdicts))
    assert other.complete
