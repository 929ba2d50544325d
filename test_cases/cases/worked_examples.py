"""Examples small enough to check by hand, and inputs whose statistics are exact in every order."""

import numpy as np

from test_cases.case import Case, in_dtypes, values

RUNNING = ("running_mean", "running_var")


def pairs(*offsets: float, mean: float):
    """Return mean + a and mean - a for every offset a: the mean is exact in every order."""
    return [mean + sign * offset for offset in offsets for sign in (1, -1)]


_primer = Case(
    name="the-5x5-matrix-of-the-primer",
    reason="rows 1..5 to 5..9: every column becomes -1.4142, -0.7071, 0, 0.7071, 1.4142",
    shape=(5, 5),
    x=values([np.arange(5) + row for row in range(1, 6)]),
    state=None,
)

_axis = Case(
    name="the-axis-example-has-the-channel-means-9.5-14.5-19.5",
    reason="arange(30) as (2, 3, 1, 5): only the mean over axes 0, 2 and 3 gives these",
    shape=(2, 3, 1, 5),
    x=values(np.arange(30)),
    momentum=1.0,
    state=None,
)

# dyadic numbers: momentum 0.25 and these sums have no rounding, biased or unbiased
_exact = (
    Case(
        name="two-exact-values-settle-divisor-and-momentum",
        reason="variance 4 or 8, weight 1/4: every running statistic is an exact number",
        shape=(2, 3),
        x=values(np.transpose([pairs(2.0, mean=mean) for mean in (10.0, -3.0, 0.5)])),
        momentum=0.25,
        exact=RUNNING,
    ),
    Case(
        name="sixteen-exact-values-settle-divisor-and-momentum",
        reason="eight pairs at +-15: variance 225 or 240, exact in every summation order",
        shape=(16, 3),
        x=values(np.transpose([pairs(*[15.0] * 8, mean=mean) for mean in (32.0, -8.0, 1.0)])),
        momentum=0.5,
        steps=("train", "infer"),
        exact=RUNNING,
    ),
)

CASES = in_dtypes(_primer, _axis, *_exact)
