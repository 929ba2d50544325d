"""The real layers of the findings: each target answers all that the tests want in one process."""

from collections.abc import Iterable, Mapping

import pytest

from adapters.harness import registry
from adapters.harness.conversation import Settings
from adapters.harness.host import Host
from adapters.harness.observation import Observation
from suite.smoke import request_of
from test_cases.case import Case

MARK = "real_layer"
GROUP = pytest.mark.xdist_group("findings")
"""Under -n one process asks all the layers, which run side by side."""

Target = tuple[str, str]
"""An implementation and a mode; the device is the CPU."""


def target_of(implementation: str, mode: str | None = None) -> Target:
    """Return the target; without a mode, that of the implementation's first one."""
    return implementation, mode or registry.implementations()[implementation].modes[0]


def asks(target: Target, cases: Iterable[Case]) -> list[pytest.MarkDecorator]:
    """Return the marks of a test that wants these cases of a real layer."""
    return [GROUP, getattr(pytest.mark, MARK)(target, tuple(cases))]


def wanted(items: Iterable[pytest.Item]) -> dict[Target, dict[str, Case]]:
    """Return the cases that tests want of each target."""
    found: dict[Target, dict[str, Case]] = {}
    for item in items:
        for mark in item.iter_markers(MARK):
            target, cases = mark.args
            found.setdefault(target, {}).update({case.id: case for case in cases})
    return found


class Layers:
    """The answers of targets. All are started at once; an answer is kept once it was waited for."""

    def __init__(self, host: Host, wanted: Mapping[Target, Mapping[str, Case]]):
        self._host, self._wanted = host, wanted
        self._answered: dict[Target, dict[str, Observation]] = {}
        self._started = {target: self._start(*target) for target in wanted}

    def _start(self, implementation: str, mode: str) -> registry.Target:
        (target,) = registry.targets(registry.choose(implementation), "cpu", mode)
        plan = self._wanted[implementation, mode].items()
        self._host.start(target, {name: lambda case=case: request_of(case) for name, case in plan})
        return target

    def observations(self, target: Target) -> dict[str, Observation]:
        """Return by case id what a target answered to its cases; it may decline some of them."""
        if target not in self._answered:
            started = self._started[target]
            observed = {name: self._host.observe(started, name) for name in self._wanted[target]}
            for name, one in observed.items():
                assert one.ended in ("answered", "declined"), f"{name}: {one.ended}: {one.message}"
            self._answered[target] = observed
        return self._answered[target]

    def steps(self, target: Target) -> dict[str, tuple[dict, ...]]:
        """Return by case id the tensors of each step, of the cases that were answered."""
        observed = self.observations(target).items()
        return {name: one.steps for name, one in observed if one.ended == "answered"}


def quiet_host() -> Host:
    return Host(Settings(), announce=lambda line: None)
