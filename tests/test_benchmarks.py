"""The benchmarks: all of them run, each goal is held, and the page says what was measured."""

import json
import sys
from types import SimpleNamespace

import pytest

from benchmarks.__main__ import found, main
from benchmarks.harness import page
from benchmarks.harness.figure import Figure
from benchmarks.harness.host import part_of
from benchmarks.harness.runs import ENDED, ROOT, host_of_core_run, seconds
from tests.front_door import python


def test_every_module_of_the_folder_is_a_benchmark():
    """The folder is the registry, and each says in a sentence what it measures."""
    known = found()
    files = {path.stem for path in (ROOT / "benchmarks").glob("*.py")} - {"__init__", "__main__"}
    assert known.keys() == files
    for measure in known.values():
        assert measure.__globals__["__doc__"].splitlines()[0].endswith(".")


@pytest.fixture
def run(tmp_path):
    """Run benchmarks made of figures or of an error, and return status and document."""

    def measuring(what):
        def measure():
            if isinstance(what, Exception):
                raise what
            yield from what

        return measure

    def go(**known):
        out = tmp_path / "out.json"
        status = main([f"--output={out}"], {name: measuring(what) for name, what in known.items()})
        return status, json.loads(out.read_text(encoding="utf-8"))

    return go


def test_a_missed_goal_is_marked_and_stops_nothing(run, capsys):
    """The rest is measured all the same, and the status is 1."""
    late, good = Figure("late", 7.0, "s", 6.0), Figure("good", 5.0, "s", 6.0)
    status, document = run(first=[late, good], second=[Figure("just is", 1.0)])
    assert status == 1
    assert [one["missed"] for one in document["figures"]["first"]] == [True, False]
    assert document["figures"]["second"][0] == {
        **{"name": "just is", "value": 1.0, "unit": "", "goal": None, "missed": False}
    }
    said = capsys.readouterr().out
    assert "late: 7 s (at most 6 s) MISSED\n" in said
    assert "good: 5 s (at most 6 s)\n" in said
    assert said.endswith("1 of 2 goals missed; 0 benchmarks failed\n")


def test_a_benchmark_that_fails_stops_nothing(run):
    """Its reason is written down, the others are measured, and the status is 1."""
    status, document = run(first=RuntimeError("no framework"), second=[Figure("x", 1.0, "s", 2.0)])
    assert status == 1
    assert document["failed"] == {"first": "no framework"}
    assert len(document["figures"]["second"]) == 1


def test_all_goals_met_is_status_0(run):
    """And the document says of which machine, with how many threads and which versions."""
    status, document = run(first=[Figure("x", 2.0, "s", 2.0)])
    assert status == 0
    assert document["machine"]["cores"] >= 1
    assert document["threads"].keys() >= {"OMP_NUM_THREADS"}
    assert document["versions"].keys() >= {"python", "numpy", "pytorch", "keras"}


def test_an_unknown_benchmark_is_told_with_the_valid_ones():
    """Status 2, and nothing is measured."""
    done = python("-m", "benchmarks", "core_runn", cwd=ROOT)
    assert (done.returncode, done.stdout) == (2, "")
    assert "unknown benchmark 'core_runn'; choose from: core_run, " in done.stderr


def test_a_real_loop_and_a_real_run(tmp_path):
    """The layer of the paper, which needs no framework: both take their time, and the goal is
    what the loop's time makes it."""
    out = tmp_path / "out.json"
    options = ["--implementation=paper", f"--output={out}", "each_implementation"]
    done = python("-m", "benchmarks", *options, cwd=ROOT)
    assert done.returncode in (0, 1), done.stderr
    loop, whole = json.loads(out.read_text(encoding="utf-8"))["figures"]["each_implementation"]
    assert (loop["name"], whole["name"]) == ("paper, bare loop", "paper, the suite")
    assert whole["value"] > loop["value"] > 0.1
    assert whole["goal"] == pytest.approx(1.3 * loop["value"] + 5)


def test_a_run_that_dies_has_no_time():
    """What a loop that fails took would be a wrong floor."""
    with pytest.raises(RuntimeError, match="status 1: "):
        seconds([sys.executable, "-c", "raise SystemExit(1)"], [sys.executable, "-c", ""])
    assert seconds([sys.executable, "-c", "raise SystemExit(1)"], ends=ENDED) > 0


def test_the_hosts_time_is_told_by_part():
    """The parts of a real run add up to what the process took, less its start."""
    took = host_of_core_run("--shares", "--implementation=paper", "--dtype=float64")
    assert {"reference", "judging", "wire"} <= took["shares"].keys()
    assert 0.6 * took["processor"] < sum(took["shares"].values()) < 1.05 * took["processor"]
    assert took["memory"] > 30


@pytest.mark.parametrize(
    ("stack", "part"),
    [
        (["conftest.py", "suite/run.py"], "suite"),
        (["conftest.py", "suite/run.py", "adapters/harness/host.py"], "wire"),
        (["suite/run.py", "diagnosis/judgement.py"], "judging"),
        (["suite/run.py", "diagnosis/judgement.py", "reference/expected.py"], "reference"),
        (["suite/run.py", "diagnosis/search.py", "reference/expected.py"], "diagnosis"),
        (["suite/run.py", "diagnosis/search.py", "diagnosis/judgement.py"], "diagnosis"),
        (["suite/run.py", "suite/targets.py", "reports/html.py"], "page"),
        (["benchmarks/harness/host.py"], "pytest"),
        ([".tox/tests/lib/pluggy.py", "suite/run.py", "diagnosis/judgement.py"], "judging"),
        (["conftest.py <module>", "reference/expected.py"], "imports"),
    ],
)
def test_time_is_the_parts_that_the_suite_called(stack, part):
    """What the reference computes for a diagnosis is the diagnosis's; for a judgement, its own."""
    frame = None
    for place in stack:
        path, _, name = place.partition(" ")
        code = SimpleNamespace(co_filename=str(ROOT / path), co_name=name or "function")
        frame = SimpleNamespace(f_code=code, f_back=frame)
    library = SimpleNamespace(co_filename="/usr/lib/python3/library.py", co_name="function")
    assert part_of(SimpleNamespace(f_code=library, f_back=frame)) == part


def test_the_page_shows_the_committed_run():
    """Every benchmark of the folder is in it, with its figures, and the missed goals by name."""
    run = json.loads(page.COMMITTED.read_text(encoding="utf-8"))
    assert run["figures"].keys() == found().keys()
    assert run["failed"] == {}
    text = page.page()
    assert (
        run["date"] in text
        and f"runs them all: {run['implementation']}\n" in text
        and run["machine"]["processor"] in text
    )
    for figures in run["figures"].values():
        assert figures
        for one in figures:
            assert f"| {one['name']} |" in text
            assert one["missed"] == (f"\n- {one['name']}\n" in text)
