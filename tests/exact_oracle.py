"""A second BatchNorm, in exact rational arithmetic, that shares no code with `reference`.

Forward is the paper's Algorithm 1 written out scalar by scalar (Ioffe and Szegedy 2015,
arXiv:1502.03167). Gradients are not a formula: every operation notes its own derivative, and
`gradients` applies the chain rule backwards over them, so an error in a closed form cannot repeat
itself here. The only inexact step is the square root, certified to 200 bits. The running statistics
are kept as their definitions say (a sum of all batches, a decayed average with its correction)
and never as a moving average with a computed weight.
"""

from fractions import Fraction
from math import isqrt

import numpy as np

BITS = 200
"""Every square root lies within 2**-BITS of the true one, relatively."""


class Number:
    """A rational number that remembers which numbers it came from, with their derivatives."""

    def __init__(self, value, *sources):
        self.value = Fraction(value)
        self.sources = sources  # pairs (number, derivative of this value by that number)

    def __add__(self, other):
        return Number(self.value + other.value, (self, 1), (other, 1))

    def __sub__(self, other):
        return Number(self.value - other.value, (self, 1), (other, -1))

    def __mul__(self, other):
        return Number(self.value * other.value, (self, other.value), (other, self.value))

    def reciprocal(self):
        return Number(1 / self.value, (self, -1 / self.value**2))

    def magnitude(self):
        return Number(abs(self.value), (self, (self.value > 0) - (self.value < 0)))

    def root(self):
        """Return the square root; where it is 0 its derivative counts as 0.

        That happens only for equal values, whose every deviation from the mean is 0 as well.
        """
        root = certified_root(self.value)
        return Number(root, (self, 1 / (2 * root) if root else 0))

    def constant(self):
        """Return the same value with its origin forgotten."""
        return Number(self.value)


def total(numbers) -> Number:
    """Return the sum of many numbers as one operation."""
    numbers = list(numbers)
    return Number(sum(number.value for number in numbers), *((number, 1) for number in numbers))


def certified_root(value: Fraction) -> Fraction:
    """Return r with r <= sqrt(value) < r (1 + 2**-BITS); raises ArithmeticError if it is not so."""
    if value == 0:
        return Fraction(0)
    shift = BITS + 2 + max(0, value.denominator.bit_length() - value.numerator.bit_length())
    root = Fraction(isqrt((value.numerator << 2 * shift) // value.denominator), 1 << shift)
    if not root**2 <= value < (root * (1 + Fraction(1, 1 << BITS))) ** 2:
        raise ArithmeticError(f"the square root of {float(value)} is less exact than promised")
    return root


def gradients(loss: Number) -> dict[Number, Fraction]:
    """Return the derivative of `loss` by every number it came from, by the chain rule."""
    order, seen = [], set()

    def visit(number):
        if number not in seen:
            seen.add(number)
            for source, _ in number.sources:
                visit(source)
            order.append(number)

    visit(loss)
    result = dict.fromkeys(order, Fraction(0))
    result[loss] = Fraction(1)
    for number in reversed(order):
        for source, derivative in number.sources:
            result[source] += derivative * result[number]
    return result


def as_fraction(value) -> Fraction:
    """Return a NumPy or Python float of any width exactly."""
    leading = float(value)
    if isinstance(value, np.longdouble):
        return Fraction(leading) + Fraction(float(value - np.longdouble(leading)))
    return Fraction(leading)


class ExactLayer:
    """One BatchNorm layer and its state; every number a Fraction.

    `vectors` are gamma, beta, running_mean and running_var, each over the channels; `momentum` is
    what the layer is handed, read as `conventions.momentum_meaning` says.
    """

    def __init__(self, vectors, *, epsilon, momentum, conventions, channel_axis=1):
        self.gamma, self.beta, self.running_mean, self.running_var = (
            [as_fraction(value) for value in vector] for vector in vectors
        )
        numbers = conventions.numbers
        self.epsilon = as_fraction(np.float32(epsilon) if numbers == "float32" else epsilon)
        if numbers in ("float32", "float32_momentum"):
            momentum = np.float32(momentum)
        momentum = as_fraction(momentum)
        if numbers == "float32_complement":
            momentum = 1 - as_fraction(np.float32(float(1 - momentum)))
        weighs_batch = conventions.momentum_meaning == "weight_of_batch"
        self.history_weight = 1 - momentum if weighs_batch else momentum
        self.conventions = conventions
        self.channel_axis = channel_axis
        self.batches = []

    @classmethod
    def new(cls, channels, **options):
        """Return a layer that nothing was given: what it starts from is a convention too."""
        starts = {"one": 1.0, "zero": 0.0}
        var = starts[options["conventions"].initial_running_var]
        return cls([[start] * channels for start in (1.0, 0.0, 0.0, var)], **options)

    def step(self, x: np.ndarray, dy: np.ndarray | None, training: bool) -> dict:
        """Run one batch and return its tensors by name: arrays of Fraction, lists per channel."""
        conventions = self.conventions
        values = {index: Number(as_fraction(x[index])) for index in np.ndindex(x.shape)}
        gamma = [Number(value) for value in self.gamma]
        beta = [Number(value) for value in self.beta]
        channel_of = {index: index[self.channel_axis] for index in values}
        per_sample = conventions.normalizer == "per_sample"

        if per_sample or (training and conventions.normalizer == "batch"):
            group_of = {index: index[0] for index in values} if per_sample else channel_of
            statistics = self._normalizing_statistics(values, group_of)
        else:
            group_of = channel_of
            inverses = map(self._inverse_deviation_of_kept, self.running_var)
            pairs = zip(map(Number, self.running_mean), map(Number, inverses), strict=True)
            statistics = dict(enumerate(pairs))
        outputs = {}
        for index, value in values.items():
            mean, inverse_deviation = statistics[group_of[index]]
            channel = channel_of[index]
            normalized = (value - mean) * inverse_deviation
            outputs[index] = self._scale(gamma[channel]) * normalized + beta[channel]

        tensors = {"y": _array(x.shape, {index: y.value for index, y in outputs.items()})}
        if dy is not None:
            loss = total(y * Number(as_fraction(dy[index])) for index, y in outputs.items())
            derivative = gradients(loss)
            tensors["dx"] = _array(x.shape, {i: derivative[v] for i, v in values.items()})
            tensors["dgamma"] = [derivative.get(number, Fraction(0)) for number in gamma]
            tensors["dbeta"] = [derivative[number] for number in beta]
        moves = conventions.running_update != "on_backward" or dy is not None
        if training and moves:
            self._move_running_statistics(values, channel_of)
        return tensors | {"running_mean": self.running_mean, "running_var": self.running_var}

    def _normalizing_statistics(self, values, group_of) -> dict:
        """Return the mean and the inverse deviation of each group, differentiable by x."""
        statistics = {}
        for group in set(group_of.values()):
            members = [value for index, value in values.items() if group_of[index] == group]
            count = len(members)
            unbiased = self.conventions.normalizing_variance == "unbiased"
            divisor = max(count - 1, 1) if unbiased else count
            mean = total(members) * Number(Fraction(1, count))
            deviations = [member - mean for member in members]
            variance = total(d * d for d in deviations) * Number(Fraction(1, divisor))
            if self.conventions.statistics_gradient == "blocked":
                mean, variance = mean.constant(), variance.constant()
            statistics[group] = mean, self._denominator(self._root(variance)).reciprocal()
        return statistics

    def _root(self, variance: Number) -> Number:
        """Return the square root, with epsilon under it unless it belongs outside."""
        if self.conventions.epsilon_placement in ("in_sqrt", "both"):
            variance = variance + Number(self.epsilon)
        return variance.root()

    def _denominator(self, root: Number) -> Number:
        """Return what the centred value is divided by, given the square root."""
        if self.conventions.epsilon_placement in ("outside_sqrt", "both"):
            return root + Number(self.epsilon)
        return root

    def _scale(self, gamma: Number) -> Number:
        options = {"gamma": gamma, "ones": Number(1), "absolute": gamma.magnitude()}
        return options[self.conventions.scale]

    def _inverse_deviation_of_kept(self, kept: Fraction) -> Fraction:
        """Return 1 / deviation from the running statistic."""
        statistic = self.conventions.running_statistic
        if statistic == "inverse_standard_deviation":
            return kept
        root = self._root(Number(kept)) if statistic == "variance" else Number(kept)
        return 1 / self._denominator(root).value

    def _kept_statistic(self, squares: Fraction, count: int) -> Fraction:
        """Return what the batch hands to the running statistic, from its sum of squares."""
        divisor = {
            "unbiased": max(count - 1, 1),
            "biased": count,
            "divided_by_n_minus_one_minus_epsilon": count - 1 - self.epsilon,
        }[self.conventions.running_variance]
        variance = Number(squares / divisor)
        if self.conventions.running_statistic == "variance":
            return variance.value
        if self.conventions.running_statistic == "standard_deviation":
            return (variance + Number(self.epsilon)).root().value
        return 1 / self._denominator(self._root(variance)).value

    def _move_running_statistics(self, values, channel_of):
        means, kept = [], []
        for channel in range(len(self.gamma)):
            members = [v.value for index, v in values.items() if channel_of[index] == channel]
            mean = sum(members) / len(members)
            squares = sum((member - mean) ** 2 for member in members)
            means.append(mean)
            kept.append(self._kept_statistic(squares, len(members)))
        self.batches.append((means, kept))
        self.running_mean = self._average(self.running_mean, [m for m, _ in self.batches])
        self.running_var = self._average(self.running_var, [k for _, k in self.batches])

    def _average(self, previous: list[Fraction], batches: list[list[Fraction]]) -> list[Fraction]:
        """Return a running statistic after the newest of `batches`, per channel."""
        rule, history_weight = self.conventions.running_update, self.history_weight
        if rule == "never":
            return previous
        if rule == "cumulative":
            return [sum(column) / len(batches) for column in zip(*batches, strict=True)]
        if rule == "first_batch_replaces" and len(batches) == 1:
            return batches[0]
        if rule == "zero_debiased":
            previous = [Fraction(0)] * len(previous)
            for batch in batches:
                previous = self._decayed(previous, batch)
            return [value / (1 - history_weight ** len(batches)) for value in previous]
        return self._decayed(previous, batches[-1])

    def _decayed(self, previous: list[Fraction], batch: list[Fraction]) -> list[Fraction]:
        weight = self.history_weight
        return [weight * old + (1 - weight) * new for old, new in zip(previous, batch, strict=True)]


def _array(shape: tuple[int, ...], values: dict) -> np.ndarray:
    array = np.empty(shape, dtype=object)
    for index, value in values.items():
        array[index] = value
    return array
