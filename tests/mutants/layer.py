"""A BatchNorm in NumPy that can be made wrong in every way that has a name.

It is an adapter: the mode of the target names the mutant. It is written on its own, not from the
reference, so that a mistake there cannot hide here. Computed in float64 (long double for float64)
and rounded once, it is correct as long as no knob is turned.
"""

import numpy as np

from adapters.harness.protocol import Layer, Step

CORRECT = {
    "normalizer": "batch",
    "normalizing_variance": "biased",
    "epsilon_placement": "in_sqrt",
    "scale": "gamma",
    "running_variance": "unbiased",
    "running_statistic": "variance",
    "running_update": "on_forward",
    "momentum_meaning": "weight_of_batch",
    "initial_running_var": "one",
    "statistics_gradient": "flows",
    "numbers": "layer_dtype",
    "variance_algorithm": "two_pass",
    "summation": "blocked",
    "moving_average": "weighted_sum",
    "arithmetic": "widened",
    "statistics_dtype": "widened",
    "single_value": "beta",
    "empty_batch": "keeps",
    "zero_epsilon": "accepts",
    "layer_rank": "any",
    "bare_call": "trains",
    "default_epsilon": 1e-5,
    "default_momentum": 0.1,
    "default_channel_axis": 1,
    "epsilon": None,
    "momentum": None,
    "fault": "",
}


def hello():
    return {"versions": {"numpy": np.__version__}, "devices": ["cpu"]}


def conventions(layer, shape):
    return {}  # a mutant claims to be the paper's layer


def knobs_of(name):
    """Return the knobs of a mutant's name, such as `scale=ones,epsilon=0.001` or `zeros`."""
    knobs = dict(CORRECT)
    for part in name.split(","):
        field, equals, value = part.partition("=")
        if not equals:
            knobs["fault"] = "" if field == "correct" else field
        elif isinstance(CORRECT[field], (int, float)) or CORRECT[field] is None:
            knobs[field] = int(value) if field == "default_channel_axis" else float(value)
        else:
            knobs[field] = value
    return knobs


def total(array, knobs):
    """Sum over samples and positions; float32 and one after the other where the mutant does."""
    flat = np.ascontiguousarray(array.reshape(array.shape[0], -1))
    if knobs["summation"] == "sequential":
        return np.add.accumulate(flat, axis=1)[:, -1:][:, :, None]
    return flat.sum(axis=1)[:, None, None]  # NumPy adds contiguous numbers pairwise


class Mutant:
    """One layer: its knobs, its state, and what it remembers between calls."""

    def __init__(self, layer: Layer, channels: int, axis: int):
        self.knobs = knobs = knobs_of(layer.mode)
        self.layer, self.axis = layer, axis
        self.numbers = knobs["numbers"] if layer.dtype == "float64" else "layer_dtype"
        self.dtype = np.dtype(layer.dtype) if layer.dtype != "bfloat16" else bfloat16()
        self.work = np.longdouble if layer.dtype == "float64" else np.float64
        if knobs["summation"] == "sequential" or knobs["variance_algorithm"] == "one_pass":
            self.work = np.float64 if layer.dtype == "float64" else np.float32
        if knobs["arithmetic"] == "float32":
            self.work = np.float32
        self.kept = {
            "widened": np.float64 if layer.dtype == "float64" else np.float32,
            "input_dtype": self.dtype,
            "always_float32": np.float32,
        }[knobs["statistics_dtype"]]
        self.parameters = np.float64 if layer.dtype == "float64" else self.kept
        self.gamma = self.vector(layer.gamma, 1.0, channels)
        self.beta = self.vector(layer.beta, 0.0, channels)
        self.mean = self.vector(layer.running_mean, 0.0, channels)
        start = 1.0 if knobs["initial_running_var"] == "one" else 0.0
        self.var = self.vector(layer.running_var, start, channels)
        if knobs["fault"] == "gamma_and_beta_swapped":
            self.gamma, self.beta = self.beta, self.gamma
        if knobs["fault"] == "running_statistics_swapped":
            self.mean, self.var = self.var, self.mean
        epsilon = knobs["default_epsilon"] if layer.epsilon is None else layer.epsilon
        epsilon = epsilon if knobs["epsilon"] is None else knobs["epsilon"]
        self.epsilon = self.number(np.float32(epsilon) if self.numbers == "float32" else epsilon)
        momentum = knobs["default_momentum"] if layer.momentum is None else layer.momentum
        if layer.raw_momentum is not None:
            momentum = layer.raw_momentum
            if knobs["momentum_meaning"] == "weight_of_history":
                momentum = 1 - momentum
        momentum = momentum if knobs["momentum"] is None else knobs["momentum"]
        self.momentum = self.number(self.held(momentum))
        self.batches = 0
        self.previous = None
        self.total_gradients = {}

    def rounded(self, values, *arithmetic):
        """Return values as they are, or rounded to the layer's dtype in some arithmetic."""
        if self.knobs["arithmetic"] not in arithmetic:
            return values
        return values.astype(self.dtype).astype(self.work)

    def moment(self, values):
        return self.rounded(values, "rounded_statistics", "rounded_normalization", "rounded_steps")

    def step(self, values):
        return self.rounded(values, "rounded_normalization", "rounded_steps")

    def gathered(self, values):
        return self.rounded(values, "rounded_steps")

    def part(self, values):
        return self.rounded(values, "rounded_gradients", "rounded_normalization", "rounded_steps")

    def held(self, weight):
        """Return the weight of the batch as the mutant holds it."""
        if self.numbers == "layer_dtype":
            return weight
        of_history = self.knobs["momentum_meaning"] == "weight_of_history"
        if of_history != (self.numbers == "float32_complement"):
            return 1 - float(np.float32(1 - weight))
        return float(np.float32(weight))

    def number(self, value):
        return np.dtype(self.work).type(value)

    def vector(self, given, default, channels):
        values = np.full(channels, default) if given is None else given
        return values.astype(self.work)[:, None, None]

    def inward(self, array):
        """Return an input as (channels, samples, positions)."""
        moved = np.moveaxis(array, self.axis, 0).astype(self.work)
        return moved.reshape(*moved.shape[:2], int(np.prod(moved.shape[2:])))

    def outward(self, array, like):
        shape = np.moveaxis(like, self.axis, 0).shape
        return np.moveaxis(array.reshape(shape), 0, self.axis).astype(self.dtype)

    def inverse(self, variance):
        """Return 1 / std, and the slope of the projection in the gradient."""
        placement = self.knobs["epsilon_placement"]
        root = np.sqrt(variance + (self.number(0) if placement == "outside_sqrt" else self.epsilon))
        std = root + (self.number(0) if placement == "in_sqrt" else self.epsilon)
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = np.where(variance > 0, std / root, 0) if placement != "in_sqrt" else 1
            return 1 / std, slope

    def kept_statistic(self, variance):
        kind = self.knobs["running_statistic"]
        if kind == "variance":
            return variance
        if kind == "inverse_standard_deviation":
            return self.inverse(variance)[0]
        return np.sqrt(variance + self.epsilon)

    def inverse_of_kept(self):
        placement, kind = self.knobs["epsilon_placement"], self.knobs["running_statistic"]
        if kind == "variance":
            return self.inverse(self.var)[0]
        if kind == "inverse_standard_deviation":
            return self.var
        return 1 / (self.var + (0 if placement == "in_sqrt" else self.epsilon))

    def moments(self, x):
        if self.knobs["fault"] == "statistics_over_all_axes":
            mean, variance = x.mean(), x.var()
            return np.full_like(self.mean, mean), np.full_like(self.mean, variance)
        if self.knobs["fault"] == "statistics_of_first_position":
            x = x[:, :, :1]
        count = self.number(x.shape[1] * x.shape[2])
        mean = self.gathered(total(x, self.knobs) / count)
        if self.knobs["variance_algorithm"] == "one_pass":
            square = total(x * x, self.knobs) / count
            return mean, np.maximum(square - mean * mean, 0)
        square = self.gathered(self.gathered(x - mean) ** 2)
        return mean, self.gathered(total(square, self.knobs) / count)

    def weight(self):
        rule = self.knobs["running_update"]
        if rule == "never":
            return self.number(0)
        if rule == "cumulative":
            return 1 / self.number(self.batches + 1)
        if rule == "first_batch_replaces" and self.batches == 0:
            return self.number(1)
        if rule == "zero_debiased" and self.momentum and self.batches == 0:
            return self.number(1)  # it starts at 0, so nothing is left of what was there
        if rule == "zero_debiased" and self.momentum:
            return self.momentum / (1 - (1 - self.momentum) ** (self.batches + 1))
        return self.momentum

    def moved(self, old, new, weight):
        if self.knobs["moving_average"] == "weighted_sum":
            return (1 - weight) * old + weight * new
        narrow = np.float64 if self.layer.dtype == "float64" else np.float32
        old, new, weight = old.astype(narrow), new.astype(narrow), narrow(weight)
        return (old - (old - new) * weight).astype(self.work)

    def update(self, mean, variance, count):
        rule, fault = self.knobs["running_variance"], self.knobs["fault"]
        biased = rule == "biased" or (fault == "biased_for_even_counts" and count % 2 == 0)
        if rule == "divided_by_n_minus_one_minus_epsilon":
            variance = variance * count / (count - 1 - self.epsilon)
        elif not biased:
            variance = variance * count / max(count - 1, 1)
        statistic = self.kept_statistic(variance)
        if count == 1 and self.knobs["single_value"] == "nan":
            statistic = statistic * np.nan
        for _ in range(2 if fault == "running_statistics_updated_twice" else 1):
            weight = self.weight()
            self.mean = self.moved(self.mean, mean, weight)
            self.var = self.moved(self.var, statistic, weight)
            self.mean, self.var = (
                vector.astype(self.kept).astype(self.work) for vector in (self.mean, self.var)
            )
        self.batches += 1

    def refuse(self, step, training, count):
        knobs, layer = self.knobs, self.layer
        if layer.layer_rank not in (None, step.x.ndim) and knobs["layer_rank"] == "raises":
            raise ValueError("a rank that the layer is not made for")
        if step.training is None and knobs["bare_call"] == "raises":
            raise ValueError("say whether to train")
        if step.x.size == 0 and knobs["empty_batch"] == "raises":
            raise ValueError("an empty batch")
        if training and count == 1 and knobs["single_value"] == "raises":
            raise ValueError("one value per channel")
        if training and self.epsilon == 0 and knobs["zero_epsilon"] == "raises":
            raise ValueError("epsilon must be positive")

    def call(self, step: Step):
        knobs, fault = self.knobs, self.knobs["fault"]
        training = knobs["bare_call"] == "trains" if step.training is None else step.training
        source = step.x
        if fault == "channels_last_read_as_first" and self.layer.channel_axis == -1:
            source = misread(source)
            self.axis = 1
        x = self.inward(source)
        count = x.shape[1] * x.shape[2]
        self.refuse(step, training, count)
        trains = training and not (fault == "first_call_only" and self.batches > 0)
        uses_batch = training and knobs["normalizer"] == "batch"
        if fault == "inference_uses_batch_statistics":
            uses_batch = True
        slope = 1
        update = None
        if x.size == 0:
            mean, inverse = self.mean, self.inverse_of_kept()
            if training and knobs["empty_batch"] == "nan":
                self.mean, self.var = self.mean * np.nan, self.var * np.nan
        else:
            mean, variance = self.moments(x)
            if trains:
                update = (mean, variance, count)
            if uses_batch:
                if fault == "statistics_of_previous_batch" and self.previous is not None:
                    mean, variance = self.moments(self.previous)
                if knobs["normalizing_variance"] == "unbiased":
                    variance = variance * count / max(count - 1, 1)
                inverse, slope = self.inverse(variance)
            else:
                mean, inverse = self.mean, self.inverse_of_kept()
            if training:
                self.previous = x
        axes = (1, 2)
        if knobs["normalizer"] == "per_sample" and x.size:
            axes, uses_batch = (0, 2), True
            mean = x.mean(axis=axes, keepdims=True)
            inverse, slope = self.inverse(x.var(axis=axes, keepdims=True))
        mean, inverse = self.moment(mean), self.moment(inverse)
        x_hat = self.step(self.step(x - mean) * inverse)
        scale = {"gamma": self.gamma, "ones": self.gamma * 0 + 1, "absolute": abs(self.gamma)}
        gamma = scale[knobs["scale"]]
        y = self.step(gamma * x_hat) + (0 if fault == "beta_ignored" else self.beta)
        if fault == "channels_beyond_power_of_two_untouched" and len(x):
            full = 1 << (len(x).bit_length() - 1)
            y[full:] = x[full:]
        answer = {"y": self.outward(y, source)}
        if update and (knobs["running_update"] != "on_backward" or step.dy is not None):
            self.update(*update)
        if step.dy is not None:
            dy = self.inward(misread(step.dy) if source is not step.x else step.dy)
            answer.update(
                self.gradients(x, x_hat, dy, inverse, slope, gamma, axes, uses_batch, source)
            )
        if source is not step.x:
            answer["y"] = answer["y"].reshape(step.x.shape)
            if "dx" in answer:
                answer["dx"] = answer["dx"].reshape(step.x.shape)
        if fault == "zeros":
            answer = {name: np.zeros_like(array) for name, array in answer.items()}
        answer["x"] = after(fault, step.x, answer["y"])
        mean, var = self.mean, self.var
        if fault == "running_statistics_swapped":
            mean, var = var, mean
        answer["running_mean"] = mean.ravel().astype(self.kept)
        answer["running_var"] = var.ravel().astype(self.kept)
        return answer

    def gradients(self, x, x_hat, dy, inverse, slope, gamma, axes, uses_batch, source):
        knobs, fault = self.knobs, self.knobs["fault"]
        dbeta, dgamma = total(dy, knobs), total(self.step(dy * x_hat), knobs)
        g = dy * (1 if fault == "dx_without_gamma" else gamma)
        dx = g * inverse
        if uses_batch and knobs["statistics_gradient"] == "flows" and x.size:
            count = x.shape[axes[0]] * x.shape[axes[1]]
            divisor = max(count - 1, 1) if knobs["normalizing_variance"] == "unbiased" else count
            mean_term = g.sum(axis=axes, keepdims=True) / self.number(count)
            projection = (g * x_hat).sum(axis=axes, keepdims=True) / self.number(divisor) * slope
            rest = 0 * g
            if fault != "dx_without_mean_term":
                rest = rest + mean_term
            if fault == "variance_gradient_uncentred":
                rest = rest + x * inverse * projection
            elif fault != "dx_without_variance_term":
                rest = rest + x_hat * projection
            dx = self.part(g * inverse) - self.part(rest * inverse)
        if fault == "dgamma_without_mean_term" and uses_batch:
            dgamma = total(dy * x * inverse, knobs)
        if knobs["scale"] == "ones":
            dgamma = dgamma * 0
        if knobs["scale"] == "absolute":
            dgamma = dgamma * np.sign(self.gamma)
        if fault == "parameter_gradients_averaged":
            dgamma, dbeta = dgamma / (x.size // len(x)), dbeta / (x.size // len(x))
        if fault == "dgamma_and_dbeta_swapped":
            dgamma, dbeta = dbeta, dgamma
        if fault == "gradients_accumulated":
            for name, value in (("dgamma", dgamma), ("dbeta", dbeta)):
                self.total_gradients[name] = self.total_gradients.get(name, 0) + value
            dgamma, dbeta = self.total_gradients["dgamma"], self.total_gradients["dbeta"]
        return {
            "dx": self.outward(dx, source),
            "dgamma": dgamma.ravel().astype(self.parameters),
            "dbeta": dbeta.ravel().astype(self.parameters),
        }


def after(fault, x, y):
    """Return what the input's memory holds after the call."""
    if fault == "output_aliases_input":
        return y
    if fault == "input_modified_in_place":
        return (x - x.astype(np.float64).mean()).astype(x.dtype) if x.size else x
    return x


def misread(array):
    return array.reshape(array.shape[0], array.shape[-1], *array.shape[1:-1])


def bfloat16():
    import ml_dtypes

    return np.dtype(ml_dtypes.bfloat16)


def run(layer, steps):
    knobs = knobs_of(layer.mode)
    axis = knobs["default_channel_axis"] if layer.channel_axis is None else layer.channel_axis
    mutant = Mutant(layer, steps[0].x.shape[axis], axis)
    for step in steps:
        with np.errstate(all="ignore"):
            yield mutant.call(step)
