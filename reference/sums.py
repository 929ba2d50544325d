"""How far a computed sum can be from the exact one, by what it is accumulated in and how.

A sum of n terms carries (LAMBDA sqrt(n) + OPERATIONS) u relative to the sum of magnitudes (N.
Higham and T. Mary, "A new approach to probabilistic rounding error analysis", SIAM J. Sci. Comput.
41(5), 2019, theorem 3.1). That holds in every order of summation as long as the roundings are not
all of one sign; in a sum of equal terms, added one after the other, they are. No bound is assumed
there: the sum is repeated, and what it is off by, twice, is granted to whoever adds so.
"""

import numpy as np

from .float_formats import FloatFormat

LAMBDA = 2.0
"""Confidence of the probabilistic sum bound; theorem 3.1 fails with probability 2 exp(-LAMBDA^2/2)
a sum at worst, and far less for the blocked sums that frameworks really use."""

OPERATIONS = 4.0
"""Roundings a value passes between two sums: convert, subtract, multiply, add."""

SHARES = (1, 2, 3, 4, 8)
"""Into how many parts threads divide a sum: the drift of a part has a size and sign of its own."""

SEQUENTIAL_MARGIN = 2.0
"""Times the error of the repeated sum: other blocks and lanes err by less, or a little more."""


def growth(count: int) -> float:
    """Return by how many roundings a sum of so many terms can be off, of the sum of magnitudes."""
    return LAMBDA * np.sqrt(count)


def sequential_error(terms: np.ndarray, axes: tuple[int, int], sums: FloatFormat) -> np.ndarray:
    """Return how far the sum over two axes is off when it is accumulated one term after the other.

    terms: (channels, samples, positions), any wider dtype. The greatest error of the two orders in
    which a framework walks through them and of the `SHARES` in which threads divide them, with the
    reduced axes kept, float64.
    """
    dtype = np.float64 if sums.name == "float64" else np.float32
    kept = ({0, 1, 2} - set(axes)).pop()
    walk = np.moveaxis(terms, kept, 0)
    walks = [walk] if 1 in walk.shape[1:] else [walk, np.swapaxes(walk, 1, 2)]
    worst = np.zeros(len(walk))
    for flat in (one.reshape(len(one), -1) for one in walks):
        for shares in SHARES:
            worst = np.maximum(worst, _error_in_shares(flat, shares, dtype))
    shape = [1, 1, 1]
    shape[kept] = len(worst)
    return worst.reshape(shape)


def _error_in_shares(flat: np.ndarray, shares: int, dtype) -> np.ndarray:
    """Return the error of sums over the last axis that so many threads accumulate in equal parts;
    the few terms that are left over are added exactly."""
    length = flat.shape[1] // shares
    if not length:
        return np.zeros(len(flat))
    parts = flat[:, : length * shares].reshape(len(flat), shares, length)
    with np.errstate(over="ignore", invalid="ignore"):
        added = np.add.accumulate(parts.astype(dtype), axis=2)[:, :, -1].astype(flat.dtype)
        error = np.abs(np.asarray((added - parts.sum(axis=2)).sum(axis=1), np.float64))
    return np.where(np.isnan(error), np.inf, error)
