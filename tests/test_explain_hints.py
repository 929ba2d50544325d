"""`explain`'s hints, where nothing fits: each is measured, and none is an explanation."""

import ml_dtypes
import numpy as np
import pytest

from diagnosis.combinations import Combinations
from explain.hints import hints_of
from explain.reading import read_dump
from tests.explain_runs import run, save_in
from tests.independent_layer import call, inputs

SHAPE = (4, 3, 5)


def hints(path):
    """Return the hints about a dump that no combination fits."""
    dump = read_dump(path, training=True)
    searched = Combinations(dump.question, dump.question.declared)
    assert not searched.fits
    return list(hints_of(dump, searched.nearest))


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def made(shape=SHAPE, axis=1, **choices):
    return call(inputs(shape, axis, np.float32), axis, **choices)


def forward(arrays):
    return {name: arrays[name] for name in ("x", "gamma", "beta", "y")}


def in_groups(cuts):
    """Return a forward call of which each group of samples was normalised by itself."""
    whole = inputs((8, 3, 5), 1, np.float32)
    y = np.empty_like(whole["x"])
    for cut in cuts:
        y[cut] = call(whole | {name: whole[name][cut] for name in ("x", "dy")}, 1)["y"]
    return forward(whole | {"y": y})


def rounded(array, dtype):
    return array.astype(dtype).astype(np.float32)


def halves(dtype):
    """Return a call of a layer of a half-precision dtype, saved as float32."""
    given = inputs((8, 3, 5), 1, np.float32)
    names = ("x", "y", "dx", "dy", "gamma", "beta")
    given |= {name: rounded(given[name], dtype) for name in names if name in given}
    computed = call(given, 1)
    return {n: rounded(a, dtype) if n in names else a for n, a in computed.items()}


def misread():
    """Return a call of a layer that takes channels-first memory for channels-last."""
    given = inputs((4, 3, 5), 1, np.float32)
    seen = {n: a.reshape(4, 5, 3) if a.ndim == 3 else a for n, a in given.items()}
    return {n: a.reshape(4, 3, 5) if a.ndim == 3 else a for n, a in call(seen, 2).items()}


def without_one(arrays):
    return arrays | {"gamma": arrays["gamma"] - np.float32(1)}


def near_one():
    """Return arrays whose gamma is 1 more than a number near 0, as a layer of 1 + gamma has it."""
    arrays = inputs(SHAPE, 1, np.float32)
    return arrays | {"gamma": np.float32(1) + np.array([0.25, -0.125, 0.5], "f4")}


def factored(factor, *names):
    arrays = made()
    return arrays | {name: arrays[name] * np.float32(factor) for name in names}


def noisy(arrays):
    noise = np.random.default_rng(1).normal(size=arrays["y"].shape)
    return arrays | {"y": arrays["y"] + noise.astype(np.float32)}


GRADIENTS = ("dx", "dgamma", "dbeta")
HINTS = {
    "bfloat16": (
        halves(ml_dtypes.bfloat16),
        "every number of x and y is a bfloat16 number: with --dtype bfloat16 the same arrays are "
        "explained",
    ),
    "float16": (
        halves(np.float16),
        "every number of x and y is a float16 number: with --dtype float16 the same arrays are "
        "explained",
    ),
    "y alone": (
        made() | {"y": rounded(made()["y"], ml_dtypes.bfloat16)},
        "every number of y is a bfloat16 number",
    ),
    "ReLU": (
        forward(made(epsilon=1e-3)) | {"y": np.maximum(made(epsilon=1e-3)["y"], 0)},
        "y is 0 wherever it should be negative, and fits elsewhere with epsilon=0.001: a ReLU "
        "follows the layer",
    ),
    "mean loss": (
        factored(1 / 4, *GRADIENTS),
        "dx, dgamma and dbeta are 1/4, the samples, times what they should be, by one factor",
    ),
    "two ranks": (factored(2, "dgamma"), "dgamma is 2 times what they should be, by one factor"),
    "odd factor": (
        factored(0.7, *GRADIENTS),
        "dx, dgamma and dbeta are 0.7 times what they should be, by one factor",
    ),
    "1 + gamma": (
        without_one(call(near_one(), 1)),
        "with gamma + 1 for gamma the same arrays are explained: the layer holds its scale less 1",
    ),
    "ranks": (
        in_groups([slice(0, 4), slice(4, 8)]),
        "y fits where every 4 samples in a row have statistics of their own",
    ),
    "ghost batches": (
        in_groups([slice(k, k + 2) for k in range(0, 8, 2)]),
        "y fits where every 2 samples in a row have statistics of their own",
    ),
    "interleaved ranks": (
        in_groups([slice(0, None, 2), slice(1, None, 2)]),
        "y fits where the samples 0, 2, … and so on have statistics of their own",
    ),
    "instances": (
        in_groups([slice(k, k + 1) for k in range(8)]),
        "y fits where all samples have statistics of their own",
    ),
    "memory": (
        misread(),
        "with channels-first memory taken for channels-last the same arrays are explained",
    ),
    "several calls": (
        made(weight=0.19) | {"calls_before": 3, "calls_after": 5, "y": noisy(made())["y"]},
        "the layer counted 2 batches between before and after the call, not one",
    ),
}


@pytest.mark.parametrize(("arrays", "hint"), HINTS.values(), ids=HINTS.keys())
def test_what_happened_is_hinted_at(arrays, hint, saved):
    """Nothing fits, and the hint says what was measured."""
    stored = {{"calls_before": "before.num_batches_tracked", "calls_after": "num_batches_tracked"}
              .get(name, name): array for name, array in arrays.items()}  # fmt: skip
    assert hints(saved(stored)) == [hint]


@pytest.mark.parametrize(
    "arrays",
    [
        noisy(made()),
        noisy(forward(made())),
        factored(2, "dgamma") | {"dx": noisy(made())["y"]},
        forward(made()) | {"y": np.maximum(made()["y"], 0.1)},
        forward(made()) | {"y": np.abs(made()["y"])},
        in_groups([slice(0, 3), slice(3, 8)]),
    ],
    ids=["noise", "noisy y", "two faults", "clipped at 0.1", "absolute", "unequal groups"],
)
def test_no_hint_is_invented(arrays, saved):
    """What none of the hints holds for has none."""
    assert hints(saved(arrays)) == []


def test_a_hint_leaves_the_status_what_it_is(saved):
    """The hint is a line of the answer, and the status is that of no explanation."""
    done = run(saved(factored(0.5, *GRADIENTS)))
    assert done.returncode == 1
    assert "hint: dx, dgamma and dbeta are 1/2 times what" in done.stdout
