"""Who follows which conventions, and which of them some combinations follow.

`named.json` holds what the adapters declare of their layers, for each rank and dtype; it is written
by `python -m docs.named`, and a test says when it is stale.
"""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diagnosis.combinations import Fit
from diagnosis.structure import structure_of
from explain.reading import Dump
from reference.conventions import CANONICAL, CONVENTIONS, Conventions

FILE = Path(__file__).parent / "named.json"


@dataclass(frozen=True)
class Named:
    """A framework's conventions, its default numbers among them, and its arguments by our names.

    `settings` are the conventions that an argument of the layer changes, {convention: {option:
    argument}}. One without `numbers` has no defaults.
    """

    name: str
    conventions: Conventions
    source: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    numbers: bool = True

    def passing(self, epsilon: float | None, weight: float | None) -> dict[str, float]:
        """Return what to pass for an epsilon and a weight of the batch, None for what stays."""
        passed = {}
        if epsilon is not None:
            passed[self.arguments.get("epsilon", "epsilon")] = epsilon
        if weight is not None:
            momentum = self.conventions.weight_of_batch(weight)  # its own inverse
            passed[self.arguments.get("momentum", "momentum")] = float(f"{momentum:.12g}")
        return passed


PAPER = Named("the paper", CANONICAL, "arXiv:1502.03167, Algorithms 1 and 2", numbers=False)

HISTORICAL = (
    # No adapter runs it: these versions want TensorFlow 1, which no Python of today has.
    Named(
        "Keras 2.1.4 to 2.3.1",
        CANONICAL.but(
            momentum_meaning="weight_of_history",
            running_variance="divided_by_n_minus_one_minus_epsilon",
            default_epsilon=1e-3,
            default_momentum=1.0 - 0.99,
            default_channel_axis=-1,
        ),
        "keras/layers/normalization.py",
    ),
)


@functools.cache
def named(rank: int, dtype: str) -> tuple[Named, ...]:
    """Return the frameworks, each with its conventions for an input of this rank and dtype."""
    found = []
    for name, one in json.loads(FILE.read_text(encoding="utf-8")).items():
        declared = one["conventions"][f"rank {min(rank, 5)}, {dtype}"]
        found.append(
            Named(
                name,
                CANONICAL.but(**declared),
                one["source"],
                one["arguments"],
                one["settings"],
            )
        )
    return (*found, *HISTORICAL)


@dataclass(frozen=True)
class Match:
    """A framework whose conventions some fit follows, and the arguments that are not its own."""

    named: Named
    arguments: dict[str, float]

    def __str__(self) -> str:
        if not self.arguments:
            return self.named.name
        numbers = ", ".join(f"{name}={number:.12g}" for name, number in self.arguments.items())
        return f"{self.named.name} with {numbers}"


def followed(fits: Sequence[Fit], dump: Dump) -> list[Match]:
    """Return the frameworks whose conventions a fit follows, the fewest arguments first.

    The paper, which gives no numbers, is named where no framework is.
    """
    known = named(dump.step.x.ndim, dump.layer.dtype)
    found: list[Match] = []
    for one in (*known, PAPER):
        matches = [
            Match(one, _arguments(one, fit)) for fit in fits if _agrees(one, fit, dump, known)
        ]
        if matches and (one is not PAPER or not found):
            found.append(min(matches, key=lambda match: len(match.arguments)))
    return sorted(found, key=lambda match: len(match.arguments))


def documented_bounds(dump: Dump) -> list[Conventions]:
    """Return the dump's conventions with each looser bound that a framework documents."""
    declared = dump.question.declared
    looser = {
        (name, getattr(one.conventions, name)): None
        for one in named(dump.step.x.ndim, dump.layer.dtype)
        for name, convention in CONVENTIONS.items()
        if convention.changes == "bound" and name not in SEEN
        if getattr(one.conventions, name) != convention.canonical
    }
    return [declared.but(**dict([one])) for one in looser]


SEEN = frozenset(["statistics_dtype"])
"""What the arrays of a dump show by themselves."""


def _agrees(one: Named, fit: Fit, dump: Dump, known: Sequence[Named]) -> bool:
    own = one.conventions
    if any(getattr(own, name) != getattr(fit.conventions, name) for name in fit.told):
        return False
    for name, convention in CONVENTIONS.items():
        option = getattr(fit.conventions, name)
        if convention.changes != "bound" or name in SEEN or option == convention.canonical:
            continue
        documented = any(getattr(each.conventions, name) == option for each in known)
        if documented and getattr(own, name) != option:
            return False
    stayed = dump.step.training and fit.weight is not None and fit.weight.high == 0
    return not stayed or not structure_of(dump.question).moves_statistics(own)


def _arguments(one: Named, fit: Fit) -> dict[str, float]:
    epsilon: float | None = float(fit.epsilon.told)
    if not one.numbers or fit.epsilon.holds(one.conventions.default_epsilon):
        epsilon = None
    weight = None
    if fit.weight is not None and one.numbers and fit.weight.high > 0:
        default, slack = one.conventions.default_momentum, 1e-12  # 1 - 0.9 is not 0.1
        if not fit.weight.low - slack <= default <= fit.weight.high + slack:
            weight = float(fit.weight.told)
    return one.passing(epsilon, weight)
