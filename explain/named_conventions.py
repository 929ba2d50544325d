"""The frameworks' documented conventions by name, and which of them some fits follow."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from explain.search import FIELDS, Fit
from reference.conventions import CANONICAL, Conventions


@dataclass(frozen=True)
class Named:
    """A framework's conventions; `momentum` is its default, in its own meaning.

    `settings` are the conventions that an argument of the layer changes: option to argument.
    """

    name: str
    conventions: Conventions
    epsilon_argument: str
    epsilon: float | None
    momentum: float | None
    source: str
    settings: dict[tuple[str, str], str] = field(default_factory=dict)

    def momentum_of(self, weight: float) -> float:
        """Translate the weight of the batch into this framework's `momentum`."""
        return self.conventions.weight_of_batch(weight)  # its own inverse

    def arguments(self, epsilon: float | None, weight: float | None) -> dict[str, float]:
        """Return the numbers to pass, None for those that do not matter."""
        passed = {}
        if epsilon is not None:
            passed[self.epsilon_argument] = epsilon
        if weight is not None:
            passed["momentum"] = float(f"{self.momentum_of(weight):.12g}")
        return passed


_HISTORY = CANONICAL.but(momentum_meaning="weight_of_history")
_BIASED = _HISTORY.but(running_variance="biased")
_KERAS_2 = CANONICAL.but(
    momentum_meaning="weight_of_history",
    running_variance="divided_by_n_minus_one_minus_epsilon",
)
_KERAS_0 = _BIASED.but(
    normalizer="running", epsilon_placement="both", running_statistic="standard_deviation"
)

NAMED = (
    Named("PyTorch", CANONICAL, "eps", 1e-5, 0.1, "torch.nn.BatchNorm2d, documentation"),
    Named("Keras 3", _BIASED, "epsilon", 1e-3, 0.99, "keras.layers.BatchNormalization, docs"),
    Named(
        "Flax",
        _BIASED.but(variance_algorithm="one_pass"),
        "epsilon",
        1e-5,
        0.99,
        "flax.linen.BatchNorm, documentation",
        {("variance_algorithm", "two_pass"): "use_fast_variance=False"},
    ),
    Named(
        "Gluon",
        _BIASED.but(running_update="on_backward"),
        "epsilon",
        1e-5,
        0.9,
        "mxnet.gluon.nn.BatchNorm, src/operator/nn/batch_norm.cc",
        {("scale", "ones"): "scale=False"},
    ),
    Named("ONNX", _BIASED, "epsilon", 1e-5, 0.9, "ONNX operator BatchNormalization, opset 15"),
    Named(
        "TensorFlow's fused kernel (tf.keras 2 on images)",
        _HISTORY,
        "epsilon",
        1e-3,
        0.99,
        "tf.compat.v1.nn.fused_batch_norm: Bessel's correction",
        {("running_variance", "biased"): "fused=False"},
    ),
    Named("Keras 2.1.4 to 2.3.1", _KERAS_2, "epsilon", 1e-3, 0.99, "keras/layers/normalization.py"),
    Named("Keras 0.2", _KERAS_0, "epsilon", 1e-6, 0.9, "keras/layers/normalization.py"),
)
PAPER = Named("the paper", CANONICAL, "ε", None, None, "arXiv:1502.03167, Algorithms 1 and 2")


@dataclass(frozen=True)
class Match:
    """A framework whose conventions some fit follows, and the arguments that are not its own."""

    named: Named
    arguments: dict[str, float]

    def __str__(self):
        if not self.arguments:
            return self.named.name
        numbers = ", ".join(f"{name}={number:.6g}" for name, number in self.arguments.items())
        return f"{self.named.name} with {numbers}"


def followed(fits: Sequence[Fit], training: bool, backward: bool) -> list[Match]:
    """Return the frameworks whose conventions a fit follows, the fewest arguments first.

    The paper, which gives no numbers, is named where no framework is.
    """
    found: list[Match] = []
    for named in (*NAMED, PAPER):
        matches = [
            Match(named, _arguments(named, fit))
            for fit in fits
            if _agrees(named, fit, training, backward)
        ]
        if matches and (named is not PAPER or not found):
            found.append(min(matches, key=lambda match: len(match.arguments)))
    return sorted(found, key=lambda match: len(match.arguments))


def _agrees(named: Named, fit: Fit, training: bool, backward: bool) -> bool:
    own = named.conventions
    for name in FIELDS:
        if fit.tells(name) and getattr(own, name) != getattr(fit.conventions, name):
            return False
    looser = fit.conventions.variance_algorithm == "one_pass"
    if looser and own.variance_algorithm != "one_pass":
        return False
    # Statistics that stay in training: the layer moves them in a backward pass that never came.
    stayed = training and fit.weight is not None and fit.weight.high == 0
    return not stayed or (own.running_update == "on_backward" and not backward)


def _arguments(named: Named, fit: Fit) -> dict[str, float]:
    epsilon: float | None = fit.epsilon.value
    if named.epsilon is None or fit.epsilon.low <= named.epsilon <= fit.epsilon.high:
        epsilon = None
    weight = None
    if fit.weight is not None and named.momentum is not None and fit.weight.high > 0:
        default = named.conventions.weight_of_batch(named.momentum)
        slack = 1e-12  # 1 - 0.9 is not 0.1
        if not fit.weight.low - slack <= default <= fit.weight.high + slack:
            weight = fit.weight.value
    return named.arguments(epsilon, weight)
