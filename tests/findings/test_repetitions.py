"""The findings' arithmetic, run again: each repetition gives the numbers of the real layer."""

import fnmatch
import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suite.known import read_known
from test_cases.cases import all_cases
from tests.findings import jax_layers, mxnet, pytorch
from tests.findings.layers import asks, target_of
from tests.findings.repetition import compared, rows

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))
REPETITIONS = [
    repetition
    for name in MODULES
    if not name.startswith(("test_", "conftest"))
    for repetition in getattr(importlib.import_module(f"tests.findings.{name}"), "REPETITIONS", ())
]
IMAGES = all_cases()["rank-4-channels-first-is-normalised-per-channel-float16"]

OFFSET = all_cases()["a-mean-of-10000-standard-deviations-float32"]

DOCS = Path(__file__).parent.parent.parent / "docs"
FINDINGS, OTHERS = (
    " ".join((DOCS / name).read_text(encoding="utf-8").split())
    for name in ("findings.md", "findings-others.md")
)
"""What is said of the layers; a figure that a test finds must stand in it."""

IN_FLOAT32 = ("keras-torch", "keras-jax")
"""They compute a float64 layer in float32, so a float32 layer is their repetition."""

DOUBLE = {
    name: case
    for name, case in all_cases().items()
    for pattern in ("rank-[24]-*", "inputs-of-*", "257-channels-float64", "five-*")
    if case.dtype == "float64" and fnmatch.fnmatchcase(name, pattern)
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


def share_that_follows(layers, tensor, repeat, case=IMAGES, **options):
    """Return the percentage of a tensor's elements that an arithmetic gives, in training."""

    def in_training(layer, step, answer):
        return repeat(layer, step, answer, **options) if step.training else {}

    repetition = next(one for one in REPETITIONS if one.repeat is repeat)
    repetition = replace(repetition, repeat=in_training)
    off, of = differing(layers, repetition, {case.id: case})[tensor]
    return round(100 * (1 - off / of))


def with_layer(name, *values, case=IMAGES):
    return pytest.param(*values, marks=asks(target_of(name), [case]))


STRIDED = all_cases()["rank-3-channels-last-is-normalised-per-channel-float16"]
BFLOAT16 = all_cases()["16-channels-of-images-bfloat16"]
OTHER_REASONS = [
    (STRIDED, "y", pytorch.float16_layer, {}),
    (BFLOAT16, "running_mean", pytorch.bfloat16_layer, {"weight": np.float32}),
    (BFLOAT16, "y", pytorch.float16_layer, {}),
]


@pytest.mark.parametrize(
    ("case", "tensor", "repeat", "options"),
    [with_layer("pytorch", *reason, case=reason[0]) for reason in OTHER_REASONS],
)
def test_another_reason_does_not_give_pytorchs_numbers(layers, case, tensor, repeat, options):
    """Not two roundings of a strided input, nor bfloat16 as float16, nor weights that add to 1."""
    assert share_that_follows(layers, tensor, repeat, case, **options) < 95


@pytest.mark.parametrize(
    ("rounds", "words"),
    [
        with_layer("pytorch", ("mean", "inverse_std"), "both numbers rounded to float16 agrees in"),
        with_layer("pytorch", ("mean",), "with only the mean rounded in"),
        with_layer("pytorch", ("inverse_std",), "with only the deviation in"),
        with_layer("pytorch", (), "with neither in"),
    ],
)
def test_pytorch_rounds_both_numbers(layers, rounds, words):
    """y follows with both numbers rounded, and with neither or only one of them it does not."""
    share = share_that_follows(layers, "y", pytorch.float16_layer, rounds=rounds)
    assert f"{words} {share} %" in FINDINGS


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        with_layer("flax", True, "adding the two rounded parts agrees in"),
        with_layer("flax", False, "rounding their sum in"),
    ],
)
def test_flax_rounds_twice(layers, apart, words):
    """dx follows where each part is rounded before they are added, and not where their sum is."""
    share = share_that_follows(layers, "dx", jax_layers.two_cotangents, apart=apart)
    assert f"{words} {share} %" in FINDINGS


def test_a_sum_of_squares_in_order_leaves_a_negative_variance():
    """MXNet's synchronised layer, whose every number is repeated: so much for a long constant."""
    x = np.full((1, 100_000), 1000.1, np.float32)
    variance = mxnet.moments_of_squares(x)[1]
    told = f"−{-variance[0]:.0f} for 100 000 values of 1000.1"
    assert told in OTHERS


@pytest.mark.parametrize(
    "target", [pytest.param(target_of("haiku"), marks=asks(target_of("haiku"), [OFFSET]))]
)
def test_a_variance_that_nothing_holds_at_0(layers, target):
    """Haiku keeps a negative one at a mean of 10^4 deviations, and y of that channel is NaN."""
    first = layers.steps(target)[OFFSET.id][0]
    below = first["running_var"] < 0
    assert below.any()
    assert np.isnan(rows(first["y"], OFFSET.channel_axis)[below]).all()


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
    """A known divergence that claims it has a repetition in a case of each of its patterns."""
    claims = [one for one in read_known() if "bit for bit" in one.what]
    assert len(claims) > 10
    for claim in claims:
        if claim.implementation in IN_FLOAT32 and "float32 layer" in claim.what:
            continue
        repeated = {
            case
            for repetition in REPETITIONS
            if repetition.implementation == claim.implementation
            and fnmatch.fnmatchcase(repetition.target[1], claim.mode)
            for case in repetition.chosen()
        }
        for pattern in claim.cases:
            if fnmatch.filter(all_cases(), pattern):  # and not a probe's
                told = f"{claim.implementation}, {pattern}: {claim.what}"
                assert fnmatch.filter(repeated, pattern), told
