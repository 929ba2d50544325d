"""Calls that no BatchNorm layer made: what can be wrong with a kernel, or with what was saved.

Each spoils the dump of a right call, channels on axis 1, and says by its name how.
"""

import numpy as np

from tests.independent_layer import call

WRONG = {}


def wrong(function):
    WRONG[function.__name__.replace("_", " ")] = function
    return function


def by_channel(vector, x):
    return np.asarray(vector, x.dtype).reshape(-1, *[1] * (x.ndim - 2))


def moments(x, bits=None, of=""):
    """Return the mean and 1 / std of each channel, shaped for x, one of them with so many bits."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    wide = x.astype(np.float64)
    mean, inverse = wide.mean(axis=axes), 1 / np.sqrt(wide.var(axis=axes) + 1e-5)
    mean = rounded(mean, bits) if of == "mean" else mean
    inverse = rounded(inverse, bits) if of == "inverse" else inverse
    return mean, inverse


def rounded(values, bits):
    """Return values with so many significant bits: 8 are bfloat16's, 11 float16's and TF32's."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.round(np.ldexp(fraction, bits)), exponent - bits)


def normalised(made, mean, inverse):
    """Return y as of these statistics."""
    x = made["x"]
    scale = by_channel(made["gamma"], x) * by_channel(inverse, x)
    y = (x - by_channel(mean, x)) * scale + by_channel(made["beta"], x)
    return {"y": y.astype(x.dtype)}


@wrong
def y_times_1_01(made):
    return {"y": made["y"] * made["y"].dtype.type(1.01)}


@wrong
def y_times_0_99(made):
    return {"y": made["y"] * made["y"].dtype.type(0.99)}


@wrong
def a_mean_of_8_bits(made):
    return normalised(made, *moments(made["x"], 8, "mean"))


@wrong
def a_mean_of_8_bits_in_all_that_is_kept(made):
    mean, inverse = moments(made["x"], 8, "mean")
    before = made["running_mean_before"]
    kept = (np.float32(0.9) * before + np.float32(0.1) * mean).astype(before.dtype)
    return {**normalised(made, mean, inverse), "running_mean_after": kept}


@wrong
def one_over_std_of_8_bits(made):
    return normalised(made, *moments(made["x"], 8, "inverse"))


@wrong
def one_over_std_of_11_bits(made):
    return normalised(made, *moments(made["x"], 11, "inverse"))


@wrong
def gamma_half_a_percent_up(made):
    spoilt = made["gamma"] * made["gamma"].dtype.type(1.005)
    return {"y": call(made | {"gamma": spoilt}, 1)["y"]}


@wrong
def gamma_half_a_percent_down(made):
    spoilt = made["gamma"] * made["gamma"].dtype.type(0.995)
    return {"y": call(made | {"gamma": spoilt}, 1)["y"]}


@wrong
def gamma_of_one_channel_half_a_percent_up(made):
    spoilt = made["gamma"].copy()
    spoilt[0] *= spoilt.dtype.type(1.005)
    return {"y": call(made | {"gamma": spoilt}, 1)["y"]}


@wrong
def gamma_as_one_plus_gamma(made):
    return {"y": call(made | {"gamma": made["gamma"] + 1}, 1)["y"]}


@wrong
def statistics_per_rank(made):
    """Two ranks that share no statistics; what is kept is the first one's."""
    half = len(made["x"]) // 2
    parts = [
        call(made | {name: made[name][rank] for name in ("x", "dy")}, 1)
        for rank in (slice(None, half), slice(half, None))
    ]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in ("y", "dx")}
    summed = {name: parts[0][name] + parts[1][name] for name in ("dgamma", "dbeta")}
    kept = {name: parts[0][name] for name in ("running_mean_after", "running_var_after")}
    return {**joined, **summed, **kept}


@wrong
def y_of_ghost_batches(made):
    size = max(2, len(made["x"]) // 4)
    parts = [
        call(made | {name: made[name][first : first + size] for name in ("x", "dy")}, 1)["y"]
        for first in range(0, len(made["x"]), size)
    ]
    return {"y": np.concatenate(parts)}


@wrong
def the_last_sample_is_not_in_the_statistics(made):
    return normalised(made, *moments(made["x"][:-1]))


@wrong
def one_sample_of_a_channel_is_shifted(made):
    y = made["y"].copy()
    y[1, 1] += y.dtype.type(0.01)
    return {"y": y}


@wrong
def one_element_of_y(made):
    y = made["y"].copy()
    y.reshape(-1)[y.size // 3] += y.dtype.type(0.01)
    return {"y": y}


@wrong
def one_element_of_dx(made):
    dx = made["dx"].copy()
    dx.reshape(-1)[dx.size // 3] *= dx.dtype.type(1.05)
    return {"dx": dx}


@wrong
def two_channels_of_y_swapped(made):
    return {"y": made["y"][:, [1, 0, *range(2, made["y"].shape[1])]]}


@wrong
def two_samples_of_y_swapped(made):
    return {"y": made["y"][[1, 0, *range(2, len(made["y"]))]]}


@wrong
def a_relu_is_fused(made):
    return {"y": np.maximum(made["y"], 0)}


@wrong
def y_of_8_bits(made):
    return {"y": rounded(made["y"], 8)}


@wrong
def y_clipped_at_2(made):
    return {"y": made["y"].clip(-2, 2)}


@wrong
def beta_is_not_added(made):
    return {"y": made["y"] - by_channel(made["beta"], made["y"])}


@wrong
def gradients_doubled(made):
    return {name: 2 * made[name] for name in ("dx", "dgamma", "dbeta")}


@wrong
def gradients_averaged(made):
    count = made["dx"].dtype.type(len(made["x"]))
    return {name: made[name] / count for name in ("dx", "dgamma", "dbeta")}


@wrong
def dx_times_1_01(made):
    return {"dx": made["dx"] * made["dx"].dtype.type(1.01)}


@wrong
def dgamma_half_a_percent_up(made):
    return {"dgamma": made["dgamma"] * made["dgamma"].dtype.type(1.005)}


@wrong
def dgamma_without_the_last_sample(made):
    part = made["dy"][-1] * (made["y"][-1] - by_channel(made["beta"], made["y"]))
    part = part / by_channel(made["gamma"], made["y"])
    lost = part.reshape(len(part), -1).sum(axis=1)
    return {"dgamma": (made["dgamma"] - lost).astype(made["dgamma"].dtype)}


@wrong
def dbeta_without_the_last_sample(made):
    last = made["dy"][-1].reshape(made["dy"].shape[1], -1).sum(axis=1)
    return {"dbeta": made["dbeta"] - last}


@wrong
def dx_without_its_mean_term(made):
    x = made["x"]
    _, inverse = moments(x)
    term = made["dbeta"] / (x.size // x.shape[1]) * made["gamma"] * inverse
    return {"dx": (made["dx"] + by_channel(term, x)).astype(x.dtype)}


@wrong
def running_var_a_percent_up(made):
    return {"running_var_after": made["running_var_after"] * np.float32(1.01)}


@wrong
def running_mean_of_another_batch(made):
    other = call(made | {"x": made["x"][::-1] * np.float32(1.1)}, 1)
    return {"running_mean_after": other["running_mean_after"]}


@wrong
def running_statistics_after_three_batches(made):
    state = made
    for step in range(1, 4):
        moved = call(state | {"x": made["x"] * np.float32(1 + 0.1 * step)}, 1)
        state = state | {
            f"{name}_before": moved[f"{name}_after"] for name in ("running_mean", "running_var")
        }
    return {name: moved[name] for name in ("running_mean_after", "running_var_after")}


@wrong
def running_statistics_updated_twice(made):
    once = {f"{name}_before": made[f"{name}_after"] for name in ("running_mean", "running_var")}
    twice = call(made | once, 1)
    return {name: twice[name] for name in ("running_mean_after", "running_var_after")}


@wrong
def buffers_that_were_not_copied(made):
    return {f"{name}_before": made[f"{name}_after"] for name in ("running_mean", "running_var")}
