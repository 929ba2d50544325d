"""Inputs far from zero, tiny, huge or constant: where the arithmetic shows."""

from test_cases.case import Case, constant, in_dtypes, normal, per_channel

SHAPE = (4, 3, 5, 5)

_offsets = tuple(
    Case(
        name=f"a-mean-of-{mean}-standard-deviations",
        reason="a variance computed as E[x^2] - E[x]^2 loses (mean/std)^2 units of roundoff",
        shape=SHAPE,
        x=normal(mean=float(mean)),
        steps=("train", "infer"),
    )
    for mean in (10, 1000, 10000)
)

_scales = tuple(
    Case(
        name=f"inputs-of-scale-{scale:g}",
        reason=reason,
        shape=SHAPE,
        x=normal(std=scale),
    )
    for scale, reason in (
        (1e-2, "the variance is ten times epsilon"),
        (1e-4, "epsilon outweighs the variance a thousandfold"),
        (1e-22, "the squares are below the smallest float32"),
        (1e4, "the variance is far above every parameter"),
        (1e15, "the squares are near the largest float32"),
    )
)

_constants = (
    Case(
        name="a-constant-channel-answers-beta",
        reason="the variance is 0, so y is beta and dx is of order 1/sqrt(epsilon)",
        shape=SHAPE,
        x=per_channel(constant(3.25), normal(), constant(-0.1)),
    ),
    Case(
        name="zeros-answer-beta",
        reason="no value, no mean, no variance: only epsilon is left",
        shape=SHAPE,
        x=constant(0.0),
    ),
    Case(
        name="channels-of-different-scales-stay-apart",
        reason="one channel's magnitude must not leak into its neighbour's statistics",
        shape=SHAPE,
        x=per_channel(normal(std=1e-3), normal(mean=100.0), normal(std=1e3)),
    ),
)

_recovered = (
    Case(
        name="a-variance-far-below-epsilon-reaches-running-var",
        reason="momentum 1 makes running_var the batch variance itself, whatever epsilon is",
        shape=SHAPE,
        x=normal(std=1e-5),
        momentum=1.0,
    ),
    Case(
        name="a-long-constant-channel-has-no-variance",
        reason="the rounding errors of one repeated addition all have the same sign",
        shape=(100_000, 3),
        x=per_channel(constant(0.1), normal(), constant(1000.1)),
        momentum=1.0,
    ),
)

_half = (
    Case(
        name="values-of-300-overflow-no-statistics",
        reason="the squares of +-300 are above the largest float16, 65504",
        shape=SHAPE,
        x=normal(std=300.0),
    ),
    Case(
        name="a-mean-of-100-in-half-precision",
        reason="means and variances held in float16 lose what float32 keeps",
        shape=SHAPE,
        x=normal(mean=100.0),
    ),
)

CASES = (
    *in_dtypes(*_offsets, *_scales, *_constants, *_recovered),
    *in_dtypes(_offsets[0], _constants[0], *_half, dtypes=("float16",)),
)
