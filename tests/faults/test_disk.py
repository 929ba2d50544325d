"""Records that cannot be written end the run in one line, and lose nothing that was written."""

import resource

import pytest

from records.file import FILE_NAME, read_run
from tests.faults.trial import lost
from tests.faults.whole_run import chosen, run

ROOM = 2**16


def limit_files():
    """Let no file grow beyond some verdicts, as on a disk that is full."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


@pytest.mark.parametrize("more", [(), ("-n", "2")])
@lost("what was not reached")
def test_a_full_disk_under_the_records(token, tmp_path, more):
    """The run stops at the first verdict that cannot be written, with its own exit status."""
    folder = tmp_path / "report"
    adapter, _, report = chosen("sound", folder)
    done = run(adapter, report, "--dtype=float32", *more, before=limit_files)
    assert done.returncode == pytest.ExitCode.INTERNAL_ERROR
    told = [line for line in done.stdout.splitlines() if "cannot be written" in line]
    assert len(told) == 1
    assert f"{FILE_NAME}: cannot be written: File too large" in told[0]
    assert "Traceback" not in done.stdout + done.stderr
    left = read_run(folder)
    assert left.verdicts
    assert not left.complete


@pytest.mark.parametrize(
    ("folder", "more"),
    [("/proc/report", ()), ("a-file/report", ()), ("a-file/report", ("-n", "2"))],
)
@lost("the run, before it began")
def test_a_report_folder_that_cannot_be_written(token, tmp_path, folder, more):
    """The run ends before it began, in one line that names the path; not even root can write."""
    (tmp_path / "a-file").write_text("this is no folder")
    done = run(*chosen("sound", tmp_path / folder), *more)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    told = [line for line in (done.stdout + done.stderr).splitlines() if "written" in line]
    assert len(told) == 1
    assert f"{folder}/{FILE_NAME}: cannot be written: " in told[0]
    assert "Traceback" not in done.stdout + done.stderr


@lost("the page")
def test_a_page_that_cannot_be_written(token, tmp_path):
    """The records are complete; the run still says that its report is missing, and fails."""
    folder = tmp_path / "report"
    (folder / "index.html").mkdir(parents=True)
    (folder / "index.html" / "someone's").write_text("notes")
    done = run(*chosen("sound", folder))
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "error: the report could not be written: " in done.stdout
    assert read_run(folder).complete
    assert "Traceback" not in done.stdout + done.stderr
