"""What a layer keeps of the batches it has seen, under any `Conventions`: how it is made of a
variance, weighed against the history, and read again."""

import numpy as np

from .conventions import Conventions


def inverse_std(variance: np.ndarray, epsilon: float, placement: str) -> np.ndarray:
    """Return 1 / standard deviation with epsilon where `epsilon_placement` puts it."""
    with np.errstate(divide="ignore"):
        return 1 / (root(variance, epsilon, placement) + _added_to_root(epsilon, placement))


def root(variance: np.ndarray, epsilon: float, placement: str) -> np.ndarray:
    """Return the square root, with epsilon under it unless it belongs outside."""
    return np.sqrt(variance + (0 if placement == "outside_sqrt" else epsilon))


def _added_to_root(epsilon, placement):
    return 0 if placement == "in_sqrt" else epsilon


def variance_for_running(variance, count: int, epsilon: float, conventions: Conventions):
    """Return the batch variance that enters the running one (paper, Algorithm 2, step 10).

    One value per channel has no unbiased variance; the divisor n - 1 is then taken as 1.
    """
    match conventions.running_variance:
        case "unbiased":
            return variance * count / max(count - 1, 1)
        case "biased":
            return variance
        case _:
            return variance * count / (count - 1.0 - epsilon)


def running_statistic(variance: np.ndarray, epsilon: float, conventions: Conventions) -> np.ndarray:
    """Return what the layer keeps for a variance, by the convention `running_statistic`."""
    match conventions.running_statistic:
        case "variance":
            return variance
        case "standard_deviation":  # with epsilon in it, wherever else epsilon goes
            return np.sqrt(variance + epsilon)
        case _:
            return inverse_std(variance, epsilon, conventions.epsilon_placement)


def inverse_std_of_running(kept: np.ndarray, epsilon: float, conventions: Conventions):
    """Return 1 / standard deviation from what the layer keeps as its `running_var`."""
    placement = conventions.epsilon_placement
    match conventions.running_statistic:
        case "variance":
            return inverse_std(kept, epsilon, placement)
        case "standard_deviation":
            with np.errstate(divide="ignore"):
                return 1 / (kept + _added_to_root(epsilon, placement))
        case _:
            return kept


def effective_weight(momentum, batches_seen: int, running_update: str):
    """Return the weight of batch number `batches_seen + 1` in the running statistics.

    Every rule of `running_update` is a moving average with a weight of its own: the plain average
    of t batches weighs the newest 1/t, and Haiku's zero-debiased one m / (1 - (1 - m)^t), which is
    1 for the first: nothing of what was there before it is left.
    """
    match running_update:
        case "never":
            return 0.0
        case "cumulative":
            return type(momentum)(1) / (batches_seen + 1)  # in the working dtype
        case "first_batch_replaces" if batches_seen == 0:
            return 1.0
        case "zero_debiased" if momentum and batches_seen == 0:
            return 1.0
        case "zero_debiased" if momentum:
            return momentum / (1.0 - (1.0 - momentum) ** (batches_seen + 1))
        case _:
            return momentum


def moving_average(old: np.ndarray, new: np.ndarray, weight) -> np.ndarray:
    """Return the history moved towards the new value, which has this weight.

    At a weight of 1 the history has no part in it: it is not 0 times what may be infinite.
    """
    if weight == 1:
        return np.array(new)
    return (1 - weight) * old + weight * new
