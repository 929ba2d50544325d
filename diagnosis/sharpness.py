"""How much a bound proves, and what an error within it costs: digits lost as documented."""

from collections.abc import Iterable

import numpy as np

from reference.conventions import CONVENTIONS
from reference.expected import Expected
from reference.float_formats import FORMATS

LOSS = 1e-3
"""The error, in units of the scale, from which a documented loss of digits is a hazard, in float32
and above: it shows in a plot, and no test of a framework lets it pass."""


def widest(expected: Expected) -> float | None:
    """Return the bound in units of the scale, of the channel where it is widest."""
    widths = expected.bound_over_scale
    return None if widths is None else float(widths.max(initial=0.0))


def relative_errors(observed: np.ndarray, expected: Expected) -> np.ndarray | None:
    """Return the error of each element in units of its channel's scale.

    It is infinite for what is no number in place of one, None where there is no scale.
    """
    if expected.scale is None or observed.size == 0:
        return None
    value, wide = np.asarray(observed, np.float64), np.asarray(expected.value, np.float64)
    shape = [1] * value.ndim
    shape[expected.channel_axis] = len(expected.scale)
    with np.errstate(all="ignore"):
        error = np.where(value == wide, 0.0, np.abs(value - wide) / expected.scale.reshape(shape))
    error = np.where(np.isnan(value) & np.isnan(wide), 0.0, error)
    return np.where(np.isnan(error), np.inf, error)


def hazard(
    error: float | None, dtype: str, differs_by: Iterable[tuple[str, object]]
) -> tuple[tuple[str, object], ...]:
    """Return the documented conventions that let a tensor lose half of its digits, or more.

    `error` is the relative error of a tensor within its bound, and `differs_by` what puts it there.
    Of these only what changes a bound loses digits; the others are choices. Half of the digits that
    the dtype has is the square root of its unit roundoff, but not less than `LOSS`.
    """
    if error is None or error <= max(LOSS, FORMATS[dtype].unit_roundoff ** 0.5):
        return ()
    bounds = {name for name, one in CONVENTIONS.items() if one.changes == "bound"}
    return tuple((field, option) for field, option in differs_by if field in bounds)
