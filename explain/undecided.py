"""Why a dump cannot decide: what it would have to hold to tell two conventions apart."""

from collections.abc import Sequence

import numpy as np

from explain.reading import Dump


def reason(name: str, dump: Dump, option: str = "", alternatives: Sequence[str] = ()) -> str:
    """Say in a few words why the options of a convention cannot be told apart."""
    values = np.moveaxis(np.asarray(dump.x, np.float64), dump.channel_axis, 0)
    values = values.reshape(len(dump.gamma), -1)
    spread = values.max(axis=1) - values.min(axis=1)
    if name == "scale":
        if np.all(dump.gamma == 1):
            return "every gamma is 1"
        if np.all(dump.gamma >= 0):
            return "no gamma is negative"
    if not np.any(dump.gamma) and name not in ("running_variance", "running_statistic"):
        return "every gamma is 0"
    if dump.count == 1:
        return "there is one value per channel"
    if not np.any(spread):
        return "x is constant in every channel"
    match name:
        case "normalizing_variance" | "running_variance" if {option, *alternatives} >= {
            "biased",
            "unbiased",
        }:
            rounding = float(np.finfo(dump.x.dtype).eps) * np.sqrt(dump.count)
            if name == "running_variance" and rounding < 0.01 / (dump.count - 1):
                return f"the batch's variance is lost beside the running one in {dump.dtype}"
            return f"n = {dump.count} is too large to tell n from n - 1 in {dump.dtype}"
        case "running_variance":
            return f"epsilon is lost beside n = {dump.count} in {dump.dtype}"
        case "epsilon_placement" | "epsilon":
            variance = values.var(axis=1)
            return (
                f"the variances, {variance.min():.3g} to {variance.max():.3g}, "
                f"hide epsilon in {dump.dtype}"
            )
        case "statistics_gradient":
            return "dy gives the same dx either way"
        case _:
            return "both give these numbers to within the bounds"
