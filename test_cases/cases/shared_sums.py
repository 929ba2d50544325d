"""Sums that threads share: so long that kernels split them, and in no number of equal parts.

The number of threads is a part of the arithmetic. Here it has its say in every layout: at 1, 2, 3
and 8 threads the same inputs must be judged alike, as `python -m conformance machines` and
tests/test_threads.py hold.
"""

from test_cases.case import Case, in_dtypes, normal, per_channel

OFFSET = per_channel(normal(), normal(mean=10.0))
"""A sum that stays near 0, and one that grows until its last terms lose most of their digits."""

_shared = (
    Case(
        name="threads-share-a-long-batch",
        reason="100003 rows are prime: threads have shares of unlike length",
        shape=(100_003, 2),
        x=OFFSET,
    ),
    Case(
        name="threads-share-an-image-channels-first",
        reason="317 x 317 positions in one channel after the other: a channel's own sum is split",
        shape=(1, 2, 317, 317),
        x=OFFSET,
    ),
    Case(
        name="threads-share-an-image-channels-last",
        reason="317 x 317 positions with both channels in each: threads add up rows of channels",
        shape=(1, 317, 317, 2),
        x=OFFSET,
        channel_axis=-1,
    ),
)

CASES = in_dtypes(*_shared)
