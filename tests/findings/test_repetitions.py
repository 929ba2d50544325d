"""The findings' arithmetic, run again: each repetition gives the numbers of the real layer."""

import importlib
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest

from suite.known import read_known
from test_cases.cases import all_cases
from tests.findings import jax_layers, pytorch
from tests.findings.layers import asks, target_of
from tests.findings.repetition import compared

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
REPETITIONS = [
    repetition
    for name in MODULES
    if not name.startswith(("test_", "conftest"))
    for repetition in getattr(importlib.import_module(f"tests.findings.{name}"), "REPETITIONS", ())
]
IMAGES = all_cases()["rank-4-channels-first-is-normalised-per-channel-float16"]

IN_FLOAT32 = ("keras-torch", "keras-jax")
"""They compute a float64 layer in float32, so a float32 layer is their repetition."""

DOUBLE = {
    name: case
    for name, case in all_cases().items()
    for pattern in ("rank-*-float64", "inputs-of-*-float64", "257-channels-float64", "five-*")
    if case.dtype == "float64" and fnmatchcase(name, pattern)
}
SINGLE = {name: replace(case, dtype="float32") for name, case in DOUBLE.items()}


def named(repetition):
    """Return the repetition as a parameter that says what it wants of the real layer."""
    marks = asks(repetition.target, repetition.chosen().values())
    name = "-".join((*repetition.target, repetition.repeat.__name__))
    return pytest.param(repetition, id=name, marks=marks)


def differing(layers, repetition, chosen=None):
    """Return how many elements of each tensor differ, and how many there are, over all cases."""
    answers, counts = layers.steps(repetition.target), {}
    for name, case in (chosen or repetition.chosen()).items():
        if name in answers:
            for tensor, count in compared(case, answers[name], repetition).items():
                counts[tensor] = np.add(counts.get(tensor, (0, 0)), count)
    return counts


@pytest.mark.parametrize("repetition", [named(one) for one in REPETITIONS])
def test_a_repetition_gives_the_layers_numbers(layers, repetition):
    """Every number that is repeated is the layer's own, but for the strays that are told."""
    counts = differing(layers, repetition)
    assert counts, "nothing was repeated"
    wrong = {tensor: f"{off} of {of}" for tensor, (off, of) in counts.items() if off}
    assert sum(off for off, _ in counts.values()) <= repetition.strays, wrong


def share_that_follows(layers, tensor, repeat, **options):
    """Return the percentage of a tensor's elements that an arithmetic gives, in training."""

    def in_training(layer, step, answer):
        return repeat(layer, step, answer, **options) if step.training else {}

    repetition = next(one for one in REPETITIONS if one.repeat is repeat)
    repetition = replace(repetition, repeat=in_training)
    off, of = differing(layers, repetition, {IMAGES.id: IMAGES})[tensor]
    return round(100 * (1 - off / of))


def with_layer(name, *values):
    return pytest.param(*values, marks=asks(target_of(name), [IMAGES]))


@pytest.mark.parametrize(
    ("rounds", "share"),
    [
        with_layer("pytorch", ("mean", "inverse_std"), 100),
        with_layer("pytorch", ("mean",), 68),
        with_layer("pytorch", ("inverse_std",), 95),
        with_layer("pytorch", (), 69),
    ],
)
def test_pytorch_rounds_both_numbers(layers, rounds, share):
    """y follows with both numbers rounded, and with neither or only one of them it does not."""
    assert share_that_follows(layers, "y", pytorch.float16_layer, rounds=rounds) == share


@pytest.mark.parametrize(
    ("apart", "share"), [with_layer("flax", True, 100), with_layer("flax", False, 74)]
)
def test_flax_rounds_twice(layers, apart, share):
    """dx follows where each part is rounded before they are added, and not where their sum is."""
    assert share_that_follows(layers, "dx", jax_layers.two_cotangents, apart=apart) == share


@pytest.mark.parametrize(
    ("name", "ulp"),
    [
        pytest.param(name, ulp, marks=asks(target_of(name), [*DOUBLE.values(), *SINGLE.values()]))
        for name, ulp in zip(IN_FLOAT32, (0, 4), strict=True)
    ],
)
def test_a_float64_layer_of_keras_computes_in_float32(layers, name, ulp):
    """It answers what a float32 layer answers: bit for bit on PyTorch, while XLA adds up some sums
    in another order where the conversion is fused with them."""
    answers = layers.steps(target_of(name))
    for double, single in SINGLE.items():
        for ours, theirs in zip(answers[single.id], answers[double], strict=True):
            for tensor in ours.keys() - {"x"}:
                largest = np.abs(ours[tensor]).max(initial=0)
                off = np.abs(theirs[tensor] - ours[tensor]) > ulp * np.spacing(largest)
                assert not off.any(), f"{double}: {tensor}"


def test_what_is_said_to_follow_bit_for_bit_is_repeated():
    """A known divergence that claims it has a repetition in one of its cases."""
    claims = [one for one in read_known() if "bit for bit" in one.what]
    assert len(claims) > 10
    for claim in claims:
        if claim.implementation in IN_FLOAT32 and "float32 layer" in claim.what:
            continue
        assert any(
            repetition.implementation == claim.implementation
            and fnmatchcase(repetition.target[1], claim.mode)
            and any(map(claim.covers, repetition.chosen()))
            for repetition in REPETITIONS
        ), f"{claim.implementation}: {claim.what}"
