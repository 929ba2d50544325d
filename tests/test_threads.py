"""As many threads on every machine: one core and a user's own settings change no bit of an answer.

Another number of them may change bits, and no verdict.

The long cases are where the number of threads shows: there a sum is split among them.
"""

import functools
import hashlib
import math
import os

import pytest

from adapters.harness import registry, threads
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from suite.smoke import request_of
from suite.verdicts import judgements
from test_cases.cases import all_cases
from test_cases.probes import PROBES

CORE = "pytorch,keras,flax,gluon"
LONG = 100_000
CASES = {
    name: case for name, case in {**all_cases(), **PROBES}.items() if math.prod(case.shape) > LONG
}

pytestmark = pytest.mark.xdist_group("core run")  # the cores are theirs


def answers(count=threads.THREADS):
    """Return a digest and a verdict of every tensor of the long cases, and the targets' machine."""
    targets = registry.targets(registry.choose(CORE), None, None)
    digests, verdicts, told = {}, {}, {}
    with Host(Settings(threads=count)) as host:
        for target in targets:
            host.start(
                target, {name: lambda one=one: request_of(one) for name, one in CASES.items()}
            )
        for target in targets:
            told[target.name] = host.greeting(target)["machine"]
            for name in CASES:
                observation = host.observe(target, name)
                assert observation.ended == "answered", observation.message
                for step in observation.steps:
                    for tensor, array in step.items():
                        digest = hashlib.sha256(array.tobytes()).hexdigest()
                        digests[target.name, name, tensor] = digest
                for one in judgements(CASES[name], observation):
                    verdicts[target.name, name, one.tensor] = one.verdict
    return digests, verdicts, told


alike = functools.cache(answers)  # a number of threads is asked for once


def differing(one, two):
    assert one.keys() == two.keys()
    return sorted(key for key in one if one[key] != two[key])


def test_one_core_and_a_users_own_settings(monkeypatch):
    """A process that may use one core, in a shell where eight threads are set for others."""
    usual, _, _ = alike()
    cores = os.sched_getaffinity(0)
    for name in (*threads.NUMBERS, *threads.FIXED):
        monkeypatch.setenv(name, "8")
    os.sched_setaffinity(0, {min(cores)})
    try:
        digests, _, told = answers()
    finally:
        os.sched_setaffinity(0, cores)
    assert differing(digests, usual) == []
    assert {machine["cores"] for machine in told.values()} == {1}
    assert {machine["threads"] for machine in told.values()} == {threads.THREADS}


def test_another_number_answers_otherwise():
    """The number is not without effect: so what is compared here is what depends on it."""
    targets = {target for target, _, _ in differing(alike(1)[0], alike()[0])}
    assert {"pytorch-cpu-eager", "gluon-cpu-eager"} <= targets


@pytest.mark.parametrize("count", [1, 3, 8])
def test_every_number_is_judged_alike(count):
    """Other bits, and the same verdict on every tensor: a bound holds however a sum is split."""
    assert differing(alike(count)[1], alike()[1]) == []
