"""Probes: inputs on which every option of a convention is farther apart than the bounds.

They are cases like any other, but nobody judges them: `diagnosis.measurement` reads from the
answers alone what a target does, and that is held against what its adapter declares.
"""

from test_cases.case import Case, constant, in_dtypes, normal, per_channel

IMAGES = (4, 3, 5, 5)
TWO_MAGNITUDES = per_channel(normal(std=1e-2), normal(0.5, 1.0), normal(-20.0, 30.0))
FAR = {"running_mean": [-8.0, 32.0, 5.0], "running_var": [64.0, 16.0, 0.125]}
HALF = ("float16", "bfloat16")


def _probe(name: str, reason: str, **fields) -> Case:
    return Case(name=f"probe-{name}", reason=reason, **{"shape": IMAGES, **fields})


_values = (
    _probe(
        "two-magnitudes",
        "two magnitudes of variance around epsilon separate its placements",
        x=TWO_MAGNITUDES,
        epsilon=1e-3,
        momentum=0.25,
        steps=("train", "infer-backward", "train"),
    ),
    _probe(
        "two-values",
        "n = 2 separates the divisors n and n - 1 by a factor of 2",
        shape=(2, 3),
        steps=("train", "infer"),
    ),
    _probe(
        "negative-gamma",
        "a negative gamma separates gamma, its absolute value and none",
        state={"gamma": [-1.5, 0.5, -0.25]},
    ),
    _probe(
        "far-history",
        "a history far from the batch separates the rules and meanings of momentum",
        state=FAR,
        momentum=None,
        raw_momentum=0.25,
        steps=("train", "train", "train", "infer"),
    ),
    _probe(
        "no-backward",
        "a forward pass alone, then one with a backward pass: when do the statistics move?",
        state=FAR,
        steps=("forward", "train", "infer"),
    ),
    _probe(
        "new-layer",
        "nothing is set but epsilon and momentum: what does a new layer start from?",
        state=None,
        steps=("infer", "train"),
    ),
)

_bounds = (
    _probe(
        "large-mean",
        "a mean of 3000 standard deviations separates the variance's algorithms",
        x=normal(mean=3000.0),
    ),
    _probe(
        "long-constant",
        "100000 equal values: a sequential sum's errors all have one sign",
        shape=(100_000, 2),
        x=per_channel(constant(0.1), constant(1000.1)),
    ),
    _probe(
        "replaced-history",
        "momentum 1 replaces a history far above the batch: what is subtracted of it is left",
        x=normal(std=1e-2),
        momentum=1.0,
        state={"running_mean": [64.0], "running_var": [64.0]},
    ),
)

_double = (
    _probe(
        "no-float32-numbers",
        "epsilon 1e-3 and momentum 0.1 are no float32 numbers: a float64 layer shows which it has",
        x=TWO_MAGNITUDES,
        epsilon=1e-3,
        steps=("train", "infer"),
    ),
)

_half = (
    _probe(
        "half-precision",
        "a mean of ten deviations: statistics rounded to half precision show in y",
        x=normal(mean=10.0),
        steps=("train", "infer"),
    ),
    _probe(
        "half-precision-300",
        "the squares of +-300 are above the largest float16",
        x=normal(std=300.0),
    ),
)

_defaults = (
    _probe(
        "bare-constructor",
        "epsilon and momentum are the constructor's own, on a small variance",
        x=per_channel(normal(std=0.01), normal(0.01, 0.01), normal(-0.02, 0.01)),
        epsilon=None,
        momentum=None,
        state=None,
    ),
    _probe(
        "bare-axis",
        "no channel axis is named: the shape of the statistics tells",
        shape=(4, 3, 5),
        epsilon=None,
        momentum=None,
        channel_axis=None,
        state=None,
    ),
)

_behaviour = (
    _probe("single-value", "one value per channel in training", shape=(1, 3)),
    _probe("empty-batch", "an empty batch in training", shape=(0, 3), steps=("forward",)),
    _probe("zero-epsilon", "epsilon = 0 in training", shape=(8, 3), epsilon=0.0),
    _probe("layer-rank", "images given to a layer made for rank 3", layer_rank=3),
    _probe("bare-call", "layer(x) on a new layer", steps=("bare",), state=FAR),
)

PROBES: dict[str, Case] = {
    probe.id: probe
    for probe in (
        *_values,
        *_bounds,
        *_defaults,
        *_behaviour,
        *in_dtypes(_values[0], *_double, dtypes=("float64",)),
        *in_dtypes(*_half, dtypes=HALF),
    )
}
