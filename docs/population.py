"""Write docs/population-statistics.md: moving averages against the paper's population statistics.

`python -m docs.population` sends one long series of batches through the real layers, each in its
own process, and compares what they keep with what Algorithm 2 of the paper keeps. It needs the
environments of the implementations; `--implementation` chooses others.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adapters.harness.host import Host
from adapters.harness.registry import choose, targets
from reference.conventions import Conventions
from reference.running_statistics import effective_weight
from suite.run import IMPLEMENTATIONS
from suite.smoke import request_of
from test_cases.case import Case, normal, per_channel

PAGE = Path(__file__).parent / "population-statistics.md"
DEFAULT = f"paper,{IMPLEMENTATIONS}"
COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
VALUES = 32
CHANNELS = (
    (-40.0, 8.0),
    (12.0, 3.0),
    (100.0, 25.0),
    (-5.0, 0.5),
    (7.0, 0.25),
    (60.0, 20.0),
    (-25.0, 6.0),
    (3.0, 15.0),
)
"""Mean and standard deviation of each channel: none is near the initial state, 0 and 1."""

SERIES = Case(
    name="population-statistics",
    reason="many batches of one population, whose mean and variance are far from 0 and 1",
    shape=(VALUES, len(CHANNELS)),
    x=per_channel(*(normal(mean, std) for mean, std in CHANNELS)),
    epsilon=None,
    momentum=None,
    state=None,
    steps=("train",) * max(COUNTS),
)


@dataclass(frozen=True)
class Kept:
    """What one target kept after every batch: mean and variance, (batches, channels) each.

    `conventions` are those that its adapter declares; `version` is its package's.
    """

    name: str
    version: str
    conventions: Conventions
    mean: np.ndarray
    var: np.ndarray

    @property
    def initial(self) -> tuple[float, float]:
        """The mean and the variance of a new layer."""
        return 0.0, 0.0 if self.conventions.initial_running_var == "zero" else 1.0

    def shares(self, batches: int) -> np.ndarray:
        """Return what each part weighs after some batches: the initial state, then each batch."""
        shares = np.ones(1)
        for seen in range(batches):
            momentum = np.float64(self.conventions.default_momentum)
            weight = effective_weight(momentum, seen, self.conventions.running_update)
            shares = np.append(shares * (1 - weight), weight)
        return shares

    def predicted(self, batches: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the running mean and variance that the shares make of the batches themselves."""
        means, variances = batch_statistics()
        if self.conventions.running_variance == "unbiased":
            variances = variances * VALUES / (VALUES - 1)
        parts = (means, variances)
        shares = self.shares(batches)
        mean, var = (
            shares[0] * start + shares[1:] @ part[:batches]
            for start, part in zip(self.initial, parts, strict=True)
        )
        return mean, var


def batch_statistics() -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the biased variance of each batch, (batches, channels) each."""
    series = np.array([step.x for step in SERIES.inputs()], np.float64)
    return series.mean(axis=1), series.var(axis=1)


def population(batches: int) -> tuple[np.ndarray, np.ndarray]:
    """Return E[x] and Var[x] after some batches: the paper's Algorithm 2, step 10."""
    means, variances = batch_statistics()
    unbiased = VALUES / (VALUES - 1) * variances[:batches].mean(axis=0)
    return means[:batches].mean(axis=0), unbiased


def run(wish: str = DEFAULT, announce: Callable = print) -> list[Kept]:
    """Send the series through the implementations; raises RuntimeError where one has no answer."""
    chosen = targets(choose(wish), None, None)
    kept = []
    with Host(announce=announce) as host:
        for target in chosen:
            host.start(target, {SERIES.id: lambda: request_of(SERIES)})
        for target in chosen:
            hello = host.greeting(target)
            observation = host.observe(target, SERIES.id)
            if not isinstance(hello, dict) or observation.ended != "answered":
                raise RuntimeError(f"{target.name}: {observation.ended}: {observation.message}")
            declared = {name: option for name, (option, _) in observation.conventions.items()}
            conventions = Conventions(**declared)
            mean, var = (
                np.array([step[name] for step in observation.steps], np.float64)
                for name in ("running_mean", "running_var")
            )
            match conventions.running_statistic:
                case "standard_deviation":
                    var = var**2
                case "inverse_standard_deviation":
                    var = var**-2
            version = hello["versions"].get(target.implementation.package, "")
            kept.append(Kept(target.implementation.name, version, conventions, mean, var))
    return kept


def distances(kept: Kept, batches: int) -> tuple[float, float, float]:
    """Return the worst |running mean - E[x]| over a channel's standard deviation, and the least
    and the greatest running variance / Var[x]."""
    mean, var = population(batches)
    off = np.abs(kept.mean[batches - 1] - mean) / np.sqrt(var)
    ratio = kept.var[batches - 1] / var
    return float(off.max()), float(ratio.min()), float(ratio.max())


def page(kept: list[Kept]) -> str:
    """Return the page as Markdown."""
    lines = [
        "# Population statistics and moving averages",
        "",
        "<!-- Written by `python -m docs.population` from a run of the real layers. -->",
        "",
        "The paper infers with *population* statistics (Algorithm 2, step 10): over all training",
        "batches, of n values each, E[x] is the average of their means and Var[x] is",
        "n/(n − 1) times the average of their variances. Every batch weighs the same, and nothing",
        "else has a part in it. Frameworks keep a *moving average* in its place, which needs no",
        "second pass and follows a network that changes. How far is it from what it stands for?",
        "",
        f"Here are {max(COUNTS)} batches of {VALUES} × {len(CHANNELS)} float32 values, normally",
        "distributed, with another mean ± standard deviation in each channel:",
        f"{', '.join(f'{mean:g} ± {std:g}' for mean, std in CHANNELS)}.",
        "They went through the layers as their bare constructors make them, in training.",
        "",
        "## The running mean",
        "",
        "Its distance from E[x] after the same batches, in standard deviations of the channel, at",
        "worst over the channels.",
        "",
        *_table(kept, lambda one, t: _short(distances(one, t)[0])),
        "",
        "## The running variance",
        "",
        "Its ratio to Var[x] after the same batches: the least and the greatest of the channels.",
        "",
        *_table(kept, lambda one, t: " to ".join(map(_short, distances(one, t)[1:]))),
        "",
        "## Why",
        "",
        "With w the weight of the new batch, a moving average after t batches is",
        "",
        "> (1 − w)^t · initial + Σᵢ w (1 − w)^(t − i) · batch i",
        "",
        "So (1 − w)^t of the initial state, mean 0 and variance 1, is left, whatever the data:",
        "",
        *_shares_table(kept),
        "",
        "A channel of mean μ and deviation σ is off by (1 − w)^t · |μ|/σ deviations in the mean,",
        "and its variance by the factor 1 + (1 − w)^t · (1/σ² − 1). At a weight of 0.01 a quarter",
        "of the start is still there after 128 batches; it takes 459 to be rid of 99 % of it, and",
        "44 at a weight of 0.1.",
        "",
        "Then another term is left, which no number of batches removes. A moving average rests on",
        "about (2 − w)/w batches, 19 at a weight of 0.1 and 199 at 0.01, so its mean strays by",
        f"about √(w / (2 − w) / n) deviations: {_stray(0.1)} at a weight of 0.1,",
        f"{_stray(0.01)} at 0.01. The larger weight forgets sooner and wavers more.",
        "",
        "The third difference is the divisor. A layer that gathers the biased variance",
        f"({_names(kept, 'biased')}) tends to (n − 1)/n = {1 - 1 / VALUES:.3g} of Var[x];",
        f"one that gathers the unbiased variance ({_names(kept, 'unbiased')}) tends to all of it.",
        "",
        "This is all there is. Computed so from the batches alone, every running mean and variance",
        f"of the tables is met within {_worst(kept)} of the channel's deviation or variance.",
        "",
        "Versions: " + ", ".join(f"{one.name} {one.version}" for one in kept) + ".",
    ]
    return "\n".join(lines) + "\n"


def _table(kept: list[Kept], cell: Callable[[Kept, int], str]) -> list[str]:
    lines = [f"| batches | {' | '.join(map(str, COUNTS))} |", "|---" * (len(COUNTS) + 1) + "|"]
    for one in kept:
        lines.append(f"| {one.name} | {' | '.join(cell(one, count) for count in COUNTS)} |")
    return lines


def _shares_table(kept: list[Kept]) -> list[str]:
    return _table(kept, lambda one, t: _short(one.shares(t)[0]))


def _names(kept: list[Kept], option: str) -> str:
    return ", ".join(one.name for one in kept if one.conventions.running_variance == option)


def _stray(weight: float) -> str:
    return f"{np.sqrt(weight / (2 - weight) / VALUES):.2g}"


def mismatch(kept: Kept, batches: int) -> float:
    """Return how far a target is from the closed form: in deviations or variances, at worst."""
    scale = population(max(COUNTS))[1]
    mean, var = kept.predicted(batches)
    errors = (kept.mean[batches - 1] - mean) / np.sqrt(scale), (kept.var[batches - 1] - var) / scale
    return float(np.abs(errors).max())


def _worst(kept: list[Kept]) -> str:
    return f"{max(mismatch(one, count) for one in kept for count in COUNTS):.0e}"


def _short(value: float) -> str:
    return "0" if value == 0 else f"{value:.2e}" if value < 1e-3 else f"{value:.3g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--implementation", default=DEFAULT, metavar="NAME,…")
    wish = parser.parse_args().implementation
    PAGE.write_text(page(run(wish)), encoding="utf-8")


if __name__ == "__main__":
    main()
