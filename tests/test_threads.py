"""As many threads on every machine: one core and a user's own settings change no bit of an answer.

The long cases are where the number of threads shows: there a sum is split among them.
"""

import hashlib
import math
import os

import pytest

from adapters.harness import registry, threads
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from suite.smoke import request_of
from test_cases.cases import all_cases
from test_cases.probes import PROBES

CORE = "pytorch,keras,flax,gluon"
LONG = 100_000
CASES = {
    name: case for name, case in {**all_cases(), **PROBES}.items() if math.prod(case.shape) > LONG
}

pytestmark = pytest.mark.xdist_group("core run")  # the cores are theirs


def answers(count=threads.THREADS):
    """Return a digest of every tensor of the long cases, and what the targets say of themselves."""
    targets = registry.targets(registry.choose(CORE), None, None)
    digests, told = {}, {}
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
    return digests, told


@pytest.fixture(scope="module")
def usual():
    return answers()


def differing(one, two):
    assert one.keys() == two.keys()
    return sorted(key for key in one if one[key] != two[key])


def test_one_core_and_a_users_own_settings(usual, monkeypatch):
    """A process that may use one core, in a shell where eight threads are set for others."""
    cores = os.sched_getaffinity(0)
    for name in (*threads.NUMBERS, *threads.FIXED):
        monkeypatch.setenv(name, "8")
    os.sched_setaffinity(0, {min(cores)})
    try:
        digests, told = answers()
    finally:
        os.sched_setaffinity(0, cores)
    assert differing(digests, usual[0]) == []
    assert {machine["cores"] for machine in told.values()} == {1}
    assert {machine["threads"] for machine in told.values()} == {threads.THREADS}


def test_another_number_answers_otherwise(usual):
    """The number is not without effect: so what is compared here is what depends on it."""
    targets = {target for target, _, _ in differing(answers(1)[0], usual[0])}
    assert {"pytorch-cpu-eager", "gluon-cpu-eager"} <= targets
