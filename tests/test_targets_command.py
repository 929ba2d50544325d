"""`python -m conformance targets`: what can be tested, and what is built?"""

import json

from adapters.harness import environments, machine, registry, trust
from adapters.harness.threads import THREADS
from suite.targets import TITLES
from tests.front_door import ROOT, conformance, one_line, python


def test_every_implementation_has_a_row():
    """Its version, devices, modes, environment and state, as the headers say."""
    done = conformance("targets")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    assert tuple(header.split()) == TITLES
    assert [row.split()[0] for row in rows] == list(registry.implementations())
    assert python("-m", "pytest", "--targets", cwd=ROOT).stdout == done.stdout


def test_what_is_not_built_is_told(tmp_path, monkeypatch):
    """Built is what has the marker of a whole build, for the version that is asked for."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path))
    folder = environments.environment_folder(registry.implementations()["keras"])
    python = environments.interpreter_in(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    trust.mark(folder, built=True)
    rows = json.loads(conformance("targets", "--json", "keras", "keras==3.5.0,flax").stdout)
    assert [(row["implementation"], row["version"], row["state"]) for row in rows] == [
        ("keras", f"keras {registry.implementations()['keras'].pinned_version}", "built"),
        ("keras==3.5.0", "keras 3.5.0", "not built"),
        ("flax", f"flax {registry.implementations()['flax'].pinned_version}", "not built"),
    ]
    assert rows[0]["environment"] == str(folder)
    assert (rows[0]["devices"], rows[0]["modes"]) == (["cpu", "gpu"], ["eager", "graph"])


def test_threads_and_kernels_stand_in_a_row(monkeypatch):
    """How many are given, the processor's instructions, and the settings that concern it."""
    for name in machine.LIMITS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_max_isa=AVX2")
    rows = json.loads(conformance("targets", "--json", "pytorch", "flax", "paper").stdout)
    widest = machine.level(machine.processor()[1]) or "unknown"
    assert {row["threads"] for row in rows} == {str(THREADS)}
    assert [row["kernels"] for row in rows] == [
        f"{widest} ATEN_CPU_CAPABILITY=default",
        f"{widest} XLA_FLAGS=--xla_cpu_max_isa=AVX2",
        widest,
    ]
    done = python("-m", "pytest", "--targets", "--threads", "3", cwd=ROOT)
    row = next(line for line in done.stdout.splitlines() if line.startswith("flax "))
    assert row.partition(" jit eager ")[2].split()[0] == "3"


def test_an_unknown_name_is_one_line():
    """With the valid ones; status 2."""
    line = one_line(conformance("targets", "jax"))
    assert line.startswith("python -m conformance targets: unknown implementation 'jax'; choose")
