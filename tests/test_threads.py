"""As many threads on every machine: one core and a user's own settings change no bit of a sum.

Another number of them may change bits, and no verdict.

The long cases are where the number of threads shows: there a sum is split among them.
"""

import functools
import hashlib
import math
import os
from dataclasses import dataclass, field

import numpy as np
import pytest

from adapters.harness import registry, threads
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from records.verdict import Verdict
from reports.machines import Difference
from suite.reasons import read_reasons
from suite.smoke import request_of
from suite.verdicts import judgements
from test_cases.cases import all_cases
from test_cases.probes import PROBES

CORE = "pytorch,keras,flax,gluon"
CUT_BY_CORES = "flax-cpu-jit"
"""XLA cuts a loop over elements into as many parts as there are cores, whatever NPROC says. Where a
part is no multiple of the vector, its last elements are computed by another loop, and may be
rounded otherwise. Its sums are not cut so."""
CONSTANT = "a-long-constant-channel-has-no-variance"
LONG = 100_000
CASES = {
    name: case for name, case in {**all_cases(), **PROBES}.items() if math.prod(case.shape) > LONG
}

pytestmark = pytest.mark.xdist_group("core run")  # the cores are theirs


@dataclass
class Answers:
    """Of each target, long case and tensor a digest and a verdict (a probe has none); the constant
    channels' means by target and dtype; and what the targets say of their machine."""

    bits: dict = field(default_factory=dict)
    verdicts: dict[tuple[str, str, str], Verdict] = field(default_factory=dict)
    means: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    machines: dict[str, dict] = field(default_factory=dict)


def answers(count=threads.THREADS):
    """Run the long cases through the core with so many threads."""
    targets = registry.targets(registry.choose(CORE), None, None)
    found = Answers()
    with Host(Settings(threads=count)) as host:
        for target in targets:
            host.start(
                target, {name: lambda one=one: request_of(one) for name, one in CASES.items()}
            )
        for target in targets:
            found.machines[target.name] = host.greeting(target)["machine"]
            for name, case in CASES.items():
                observation = host.observe(target, name)
                assert observation.ended == "answered", observation.message
                for step in observation.steps:
                    for tensor, array in step.items():
                        digest = hashlib.sha256(array.tobytes()).hexdigest()
                        found.bits[target.name, name, tensor] = digest
                    if case.name == CONSTANT:
                        found.means[target.name, case.dtype] = step["running_mean"]
                for one in judgements(case, observation) if name not in PROBES else ():
                    found.verdicts[target.name, name, one.tensor] = one.verdict
    return found


alike = functools.cache(answers)  # each number of threads is asked for once


def differing(one, two):
    assert one.keys() == two.keys()
    return sorted(key for key in one if one[key] != two[key])


def test_one_core_and_a_users_own_settings(monkeypatch):
    """A process that may use one core, in a shell where eight threads are set for others: the same
    bits, but for what XLA cuts by the cores, and there the same verdicts."""
    usual = alike()
    cores = os.sched_getaffinity(0)
    for name in (*threads.NUMBERS, *threads.FIXED):
        monkeypatch.setenv(name, "8")
    os.sched_setaffinity(0, {min(cores)})
    try:
        found = answers()
    finally:
        os.sched_setaffinity(0, cores)
    other = differing(found.bits, usual.bits)
    assert {target for target, _, _ in other} <= {CUT_BY_CORES}
    assert {case.startswith("threads-share") for _, case, _ in other} <= {True}
    assert differing(found.verdicts, usual.verdicts) == []
    assert {machine["cores"] for machine in found.machines.values()} == {1}
    assert {machine["threads"] for machine in found.machines.values()} == {threads.THREADS}


def test_another_number_answers_otherwise():
    """The number is not without effect: so what is compared here is what depends on it."""
    targets = {target for target, _, _ in differing(alike(1).bits, alike().bits)}
    assert {"pytorch-cpu-eager", "gluon-cpu-eager"} <= targets


@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_number_is_judged_alike(count):
    """Other bits, and the same verdict on every tensor, or one that has a documented reason."""
    usual, here = alike().verdicts, alike(count).verdicts
    for target, case, tensor in differing(here, usual):
        ends = [str(told[target, case, tensor]) for told in (usual, here)]
        one = Difference(case=case, tensor=tensor, step=0, usual=ends[0], here=ends[1])
        name, setting = target.partition("-")[0], f"threads-{count}"
        reasons = [each for each in read_reasons() if each.explains(name, setting, one)]
        assert reasons, f"{target}, {setting}: {one}"


def mean_in_shares(value, length, count):
    """Return the mean of equal values of which each thread adds its share one after the other.

    The shares' sums are added in float64 and their mean is rounded, once.
    """
    share = -(-length // count)
    lengths = [min(share, length - at) for at in range(0, length, share)]
    sums = [np.add.accumulate(np.full(one, value))[-1] for one in lengths]
    return value.dtype.type(np.add.accumulate(np.array(sums, np.float64))[-1] / length)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_pytorch_adds_equal_values_in_shares(count, dtype):
    """Bit for bit: that is why its known divergence is another with another number of threads."""
    case = CASES[f"{CONSTANT}-{dtype}"]
    first = case.inputs()[0].x[0]
    found = alike(count).means["pytorch-cpu-eager", dtype]
    for channel in (0, 2):  # the one between them is not constant
        assert found[channel] == mean_in_shares(first[channel], case.shape[0], count)


def test_the_shares_of_a_documented_reason():
    """The numbers of test_cases/machines.toml: how far the mean of 1000.1 drifts, in its ulp."""
    value = np.float64(1000.1)
    drift = {
        count: abs(mean_in_shares(value, 100_000, count) - value) / np.spacing(value)
        for count in (2, 8)
    }
    assert drift == {2: 7934, 8: 1983}
    (reason,) = [one for one in read_reasons() if CONSTANT in one.cases[0]]
    assert {str(int(one)) for one in drift.values()} <= set(reason.what.split())
