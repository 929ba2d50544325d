"""Threads and kernels are a part of a target: chosen, passed on, recorded and shown."""

import pytest

from adapters.harness import machine
from records.file import FILE_NAME, read_run
from records.pieces import Kernels
from records.schema import TargetRecord
from reports.targets import column_of
from tests.faults.miniature import FAULT
from tests.front_door import ROOT, python
from tests.gold import gold
from tests.test_machines import CASE, SPLITTING


def test_what_a_target_computed_with_stands_on_the_page():
    """With the framework's own word; and the command that runs it again sets the same."""
    kernels = Kernels(
        cpu="A processor",
        instructions=("avx", "avx2"),
        limits={"XLA_FLAGS": "--xla_cpu_max_isa=AVX --other"},
        cores=1,
        threads=3,
        threads_reported="2",
        instructions_reported="AVX",
    )
    of = {"target": "mine-cpu-eager", "implementation": "mine", "device": "cpu", "mode": "eager"}
    column = column_of(TargetRecord(**of, kernels=kernels), gold())
    facts = dict(column.facts)
    assert facts["processor"] == "A processor, 1 core"
    assert facts["threads"] == "3 (the framework says 2)"
    assert facts["instruction sets"] == "avx avx2 (the framework says AVX)"
    assert facts["limits"] == "XLA_FLAGS=--xla_cpu_max_isa=AVX --other"
    assert column.command == (
        "XLA_FLAGS='--xla_cpu_max_isa=AVX --other' "
        "pytest --implementation mine --mode eager --device cpu --threads 3"
    )


def test_tox_passes_on_what_chooses_kernels():
    """Else a run under tox would silently use other kernels than the same run without it."""
    text = (ROOT / "tox.ini").read_text(encoding="utf-8")
    passed = text.partition("pass_env =\n")[2].partition("\ndeps")[0].split()
    assert machine.LIMITS.keys() <= set(passed)


@pytest.mark.parametrize("number", ["0", "-2", "1025"])
def test_a_number_of_threads_that_is_none_is_one_line(tmp_path, number):
    """With the range; pytest's usage status."""
    done = python("-m", "pytest", f"--threads={number}", f"--report={tmp_path}", cwd=ROOT)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = [line for line in done.stderr.splitlines() if line]
    assert line == f"ERROR: --threads {number}: from 1 to 1024, please"


def test_a_resumed_run_has_the_threads_that_it_began_with(tmp_path, monkeypatch):
    """The second half of a run at three threads is computed with three as well."""
    monkeypatch.setenv(FAULT, "leave_the_rest")
    chosen = [f"--adapter={SPLITTING}", f"--case=zeros-answer-beta-float32,{CASE}", "--threads=3"]
    suite = ["-m", "pytest", "-p", "no:cacheprovider"]
    python(*suite, *chosen, f"--report={tmp_path}", cwd=ROOT)
    whole = read_run(tmp_path)
    records = tmp_path / FILE_NAME
    lines = records.read_text(encoding="utf-8").splitlines(keepends=True)
    second = next(at for at, line in enumerate(lines) if f'"case": "{CASE}"' in line)
    records.write_text("".join(lines[:second]), encoding="utf-8")
    done = python(*suite, f"--resume={tmp_path}", "--trust-records", cwd=ROOT)
    resumed = read_run(tmp_path)
    assert resumed.resumed and resumed.complete, done.stdout + done.stderr
    assert resumed.verdicts == whole.verdicts
    assert {one.verdict for one in resumed.verdicts if one.case == CASE} > {"violates"}
