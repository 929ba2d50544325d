"""A report is written once, by one run, and only by a run that tests something."""

import os

import pytest

from records.file import FILE_NAME, read_run
from tests.faults.whole_run import CASES, chosen, run


@pytest.mark.parametrize("more", [("--twice=count",), ("--twice=reruns",), ("-n2", "--dist=each")])
def test_a_test_that_is_run_twice(token, tmp_path, more):
    """What runs every test twice, as --count, --reruns and --dist each do: each verdict is stored
    once, and the run is complete."""
    once = tmp_path / "once"
    assert run(*chosen("sound", once)).returncode == 0
    twice = tmp_path / "twice"
    assert run("-p", "tests.faults.twice", *more, *chosen("sound", twice)).returncode == 0
    found = read_run(twice)
    assert found.complete
    assert found.header.planned.pairs == 4
    assert sorted(map(str, found.verdicts)) == sorted(map(str, read_run(once).verdicts))


@pytest.mark.parametrize("look", ["--setup-plan", "--collect-only", "--fixtures"])
def test_a_run_that_only_looks(token, tmp_path, look):
    """--setup-plan, --collect-only and --fixtures test nothing: the report of before stays, to the
    byte."""
    assert run(*chosen("sound", tmp_path)).returncode == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert run(look, *chosen("sound", tmp_path)).returncode == 0
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("more", [(), ("-n2",)])
def test_two_runs_in_one_folder(hanging_run, tmp_path, more):
    """A second run, new or resumed, in the folder of one that is running: it ends at once in one
    line with status 4, and the first loses nothing."""
    folder = tmp_path / "report"
    before = (folder / FILE_NAME).read_bytes()
    for options in (chosen("sound", folder), [f"--resume={folder}", "--trust-records"]):
        done = run(*options, *more)
        assert done.returncode == pytest.ExitCode.USAGE_ERROR
        told = [line for line in (done.stdout + done.stderr).splitlines() if "another run" in line]
        assert len(told) == 1
        assert told[0].endswith(f"{folder}: another run is writing its report here")
    assert (folder / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize("resumed", [False, True])
def test_links_in_a_report_folder(token, tmp_path, resumed):
    """A symbolic link in place of the records or of the page, for a new run and for a resumed one:
    what it leads to is untouched, a file takes its place."""
    folder, elsewhere = tmp_path / "report", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    assert run(*chosen("sound", elsewhere)).returncode == 0
    before = {path.name: path.read_bytes() for path in elsewhere.iterdir()}
    for name in before:
        (folder / name).symlink_to(elsewhere / name)
    options = [f"--resume={folder}", "--trust-records"] if resumed else chosen("sound", folder)
    assert run(*options).returncode == 0
    assert {path.name: path.read_bytes() for path in elsewhere.iterdir()} == before
    assert not any(path.is_symlink() for path in folder.iterdir())
    assert len({record.case for record in read_run(folder).verdicts}) == len(CASES.split(","))


def test_a_pipe_in_place_of_the_records(token, tmp_path):
    """A named pipe that nobody reads: the run does not wait for it, and its report is whole."""
    os.mkfifo(tmp_path / FILE_NAME)
    assert run(*chosen("sound", tmp_path)).returncode == 0
    assert read_run(tmp_path).complete
