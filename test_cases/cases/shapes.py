"""Every rank, channel axis, channel count and number of values per channel."""

from test_cases.case import Case, in_dtypes

RANKS = {
    2: ((8, 3), (8, 3)),
    3: ((4, 3, 5), (4, 5, 3)),
    4: ((4, 3, 5, 5), (4, 5, 5, 3)),
    5: ((2, 3, 3, 2, 4), (2, 3, 2, 4, 3)),
}

_ranks = tuple(
    Case(
        name=f"rank-{rank}-channels-{place}-is-normalised-per-channel",
        reason="each channel is normalised over every other axis, whatever the layout",
        shape=shape,
        channel_axis=axis,
        steps=("train", "infer"),
    )
    for rank, layouts in RANKS.items()
    for place, axis, shape in (("first", 1, layouts[0]), ("last", -1, layouts[1]))
)

_counts = (
    Case(
        name="two-values-per-channel-separate-the-divisors",
        reason="with n = 2 the biased and the unbiased variance differ by a factor of 2",
        shape=(2, 3),
        steps=("train", "infer"),
    ),
    Case(
        name="an-odd-number-of-values-per-channel",
        reason="7 values leave a remainder in every vectorised loop",
        shape=(7, 3),
    ),
    Case(
        name="an-odd-image-size",
        reason="3 x 7 x 7 = 147 values per channel leave a remainder in every vectorised loop",
        shape=(3, 3, 7, 7),
    ),
    Case(
        name="one-channel",
        reason="C = 1 is where a layout or a broadcast goes wrong unseen",
        shape=(8, 1, 4, 4),
    ),
    Case(
        name="257-channels",
        reason="a prime number of channels, one above a power of two",
        shape=(4, 257),
    ),
    Case(
        name="257-channels-of-images",
        reason="a prime number of channels fills no vector register",
        shape=(2, 257, 3, 3),
    ),
    Case(
        name="16-channels-of-images",
        reason="a multiple of the register width takes the blocked kernels",
        shape=(4, 16, 6, 6),
    ),
    Case(
        name="16-channels-of-images-channels-last",
        reason="a multiple of the register width takes the blocked kernels",
        shape=(4, 6, 6, 16),
        channel_axis=-1,
    ),
)

_large = (
    Case(
        name="100000-values-per-channel",
        reason="a long batch shows how the sums are accumulated",
        shape=(100_000, 3),
    ),
    Case(
        name="131072-values-per-channel-in-images",
        reason="large images show how the sums are accumulated along positions",
        shape=(8, 3, 128, 128),
    ),
)

CASES = (
    *in_dtypes(*_ranks, dtypes=("float16", "float32", "float64")),
    *in_dtypes(*_counts, dtypes=("float32", "float64")),
    *in_dtypes(_counts[0], _counts[6], dtypes=("float16", "bfloat16")),
    *in_dtypes(*_large, dtypes=("float32", "float64")),
    *in_dtypes(_ranks[0], _ranks[4], dtypes=("bfloat16",)),
)
