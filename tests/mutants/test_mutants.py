"""The mutation test: every wrong layer is caught, and diagnosed as itself."""

import sys
from pathlib import Path

import pytest

from adapters.harness.header import Implementation
from adapters.harness.host import Host
from adapters.harness.registry import Target
from diagnosis.consistency import TargetDiagnosis
from suite.verdicts import diagnose_into, judgements
from tests.mutants.catalogue import MUTANTS, mutant_cases, named_as_itself

CASES = {case.id: case for case in mutant_cases()}
MUTANT = Implementation(
    name="mutant",
    path=Path(__file__).parent / "layer.py",
    package="numpy",
    dependencies=("numpy",),
    requires_python="",
    devices=("cpu",),
    modes=("correct",),
)


def run(mode):
    """Run all cases on a mutant in its own process; return what kills it, and its diagnosis."""
    target = Target(MUTANT, "cpu", mode)
    killers = []
    diagnosis = TargetDiagnosis()
    with Host(pythons={"mutant": Path(sys.executable)}) as host:
        host.start(target, {name: request(case) for name, case in CASES.items()})
        for name, case in CASES.items():
            observation = host.observe(target, name)
            assert observation.ended in ("answered", "raised"), observation.message
            judged = judgements(case, observation)
            if any(one.fails for one in judged):
                killers.append(name)
            diagnose_into(diagnosis, case, observation, judged)
    return killers, diagnosis.explanations()


def request(case):
    return lambda: {"layer": vars(case.layer()), "steps": [vars(step) for step in case.inputs()]}


def test_there_are_enough_mutants():
    """Every deviation has its mutant, and kernels' faults and pairs come on top."""
    assert len(MUTANTS) == len(set(MUTANTS)) >= 60


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_mutant_is_caught_and_named(mutant, record_property):
    """The core cases kill the mutant, and together they name it and nothing else."""
    killers, explanations = run(mutant)
    told = ", ".join(one.name or "(nothing)" for one in explanations)
    killer = killers[0] if killers else ""
    named = named_as_itself(mutant, explanations)
    record_property("mutant", [mutant, bool(killers), named, told, len(killers), killer])
    assert killers, "the mutant survives"
    assert named, f"diagnosed as {told}"


def test_the_layer_without_a_knob_turned_conforms():
    """What the mutants are made from is a correct layer: no case kills it."""
    assert run("correct") == ([], [])
