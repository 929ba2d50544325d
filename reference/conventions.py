"""The choices that correct BatchNorm implementations make differently, each with a name.

A `Conventions` value says completely what a layer is expected to do; `CANONICAL` is the layer of
the paper (S. Ioffe and C. Szegedy, "Batch Normalization: Accelerating Deep Network Training by
Reducing Internal Covariate Shift", arXiv:1502.03167, 2015). It is a reference point, not "right".
"""

from dataclasses import dataclass, field, fields, replace


@dataclass(frozen=True)
class Convention:
    """One named choice: the question it answers and what each option means, the canonical first.

    `changes` is "values" (what the tensors are), "bound" (how exactly they must be met, the
    tightest option first), "behaviour" (what happens at the edges) or "defaults" (what a bare
    constructor means). `touches` names the tensors that it changes within one step, "refusal" where
    a step may be refused. `probe` is the one that was made to show it; those that are nobody's show
    all conventions of value. `conversions` say what a user can do where a layer has no setting:
    (the option wanted, its own) to words.
    """

    name: str
    question: str
    changes: str
    options: dict[str, str]
    touches: frozenset[str] = frozenset()
    probe: str = ""
    conversions: dict[tuple[str, str], str] = field(default_factory=dict)

    @property
    def canonical(self) -> str:
        return next(iter(self.options))


def _convention(
    changes: str, question: str, options: dict[str, str], *, touches: str, **rest: object
):
    metadata = {"changes": changes, "question": question, "options": options, **rest}
    metadata["touches"] = frozenset(touches.split())
    return field(default=next(iter(options)), metadata=metadata)


@dataclass(frozen=True)
class Conventions:
    """What one layer promises. Every field takes one of the options listed in `CONVENTIONS`.

    Raises ValueError, naming the valid options, for an option that does not exist.
    """

    normalizer: str = _convention(
        "values",
        "training normalises by",
        {
            "batch": "the batch's own mean and variance, per channel (paper, Algorithm 1)",
            "running": "the running statistics as they stood before this batch (Keras 0.2)",
            "per_sample": (
                "each sample's own mean and variance, in inference too (Keras 0.2, mode=1)"
            ),
        },
        touches="y dx dgamma",
    )
    normalizing_variance: str = _convention(
        "values",
        "variance that normalises the batch",
        {
            "biased": "sum of squares divided by n (paper, Algorithm 1)",
            "unbiased": "sum of squares divided by n - 1",
        },
        touches="y dx dgamma",
    )
    epsilon_placement: str = _convention(
        "values",
        "epsilon is added",
        {
            "in_sqrt": "to the variance: 1 / sqrt(var + eps) (paper, Algorithm 1)",
            "outside_sqrt": "to the deviation: 1 / (sqrt(var) + eps) (Keras 1 on Theano, CNTK)",
            "both": "to both: 1 / (sqrt(var + eps) + eps) (Keras 0.2)",
        },
        touches="y dx dgamma running_var",
    )
    scale: str = _convention(
        "values",
        "the scale is",
        {
            "gamma": "gamma as given (paper, Algorithm 1)",
            "ones": "one, whatever gamma holds; gamma's gradient is zero (MXNet fix_gamma)",
            "absolute": "the absolute value of gamma (inplace_abn)",
        },
        touches="y dx dgamma",
        conversions={
            ("absolute", "gamma"): "pass |gamma|",
            ("ones", "gamma"): "pass ones as gamma",
        },
    )
    running_variance: str = _convention(
        "values",
        "running variance gathers",
        {
            "unbiased": "the batch variance times n / (n - 1) (paper, Algorithm 2)",
            "biased": "the batch variance that divides by n",
            "divided_by_n_minus_one_minus_epsilon": (
                "the batch variance times n / (n - 1 - eps) (Keras 2.1.4 to 2.3.1)"
            ),
        },
        touches="running_var",
        conversions={
            ("unbiased", "biased"): (
                "multiply every batch's share of the running variance by n / (n - 1)"
            ),
            ("biased", "unbiased"): (
                "multiply every batch's share of the running variance by (n - 1) / n"
            ),
        },
    )
    running_statistic: str = _convention(
        "values",
        "spread that is kept",
        {
            "variance": "a running variance (paper, Algorithm 2)",
            "standard_deviation": "a running standard deviation, sqrt(var + eps) (Keras 0.2)",
            "inverse_standard_deviation": "a running 1 / standard deviation",
        },
        touches="y dx dgamma running_var",
    )
    running_update: str = _convention(
        "values",
        "running statistics move",
        {
            "on_forward": "in the training forward pass",
            "on_backward": "in the backward pass (MXNet on the CPU)",
            "never": "never",
            "cumulative": "in forward, as the plain average of all batches so far",
            "first_batch_replaces": "in forward; the first batch replaces them (Equinox)",
            "zero_debiased": "in forward, as an average corrected for its start (Haiku)",
        },
        touches="running_mean running_var",
    )
    momentum_meaning: str = _convention(
        "values",
        "momentum weighs",
        {
            "weight_of_batch": "the new batch: new = (1 - momentum) old + momentum batch",
            "weight_of_history": "the history: new = momentum old + (1 - momentum) batch",
        },
        touches="running_mean running_var",
    )
    initial_running_var: str = _convention(
        "values",
        "the running variance starts at",
        {
            "one": "one",
            "zero": "zero (the from-scratch layer of the d2l book)",
        },
        touches="y dx dgamma running_var",
    )
    statistics_gradient: str = _convention(
        "values",
        "gradient through the statistics",
        {
            "flows": "flows through the batch mean and variance (paper, section 3)",
            "blocked": "is blocked: the statistics count as constants",
        },
        touches="dx",
    )
    numbers: str = _convention(
        "values",
        "epsilon and momentum of a float64 layer are held in",
        {
            "layer_dtype": "float64, as the layer's own dtype says",
            "float32": "float32, both (ONNX, Paddle)",
            "float32_momentum": "momentum in float32, epsilon in float64 (MXNet)",
            "float32_complement": "1 - momentum in float32, epsilon in float64 (tf.keras)",
        },
        touches="y dx dgamma running_mean running_var",
    )
    variance_algorithm: str = _convention(
        "bound",
        "variance is computed",
        {
            "two_pass": "as mean((x - mean)^2), or as stably",
            "one_pass": "as mean(x^2) - mean^2, which cancels where |mean| is far above std",
        },
        touches="y dx dgamma running_var",
        probe="large-mean",
    )
    summation: str = _convention(
        "bound",
        "sums are accumulated",
        {
            "blocked": "in blocks or pairwise: the error grows with sqrt(n) at most",
            "sequential": "one after the other: the error grows with n",
        },
        touches="y dx dgamma dbeta running_mean running_var",
        probe="long-constant",
    )
    moving_average: str = _convention(
        "bound",
        "a running statistic is moved",
        {
            "weighted_sum": "as (1 - w) old + w batch, w being the weight of the batch",
            "difference": (
                "as old - w (old - batch), which leaves old's roundings where the batch is far "
                "smaller (TensorFlow)"
            ),
        },
        touches="y dx dgamma running_mean running_var",
        probe="replaced-history",
    )
    arithmetic: str = _convention(
        "bound",
        "results on the way are rounded to",
        {
            "widened": "float32 at least, float64 in a float64 layer",
            "float32": "float32, in a float64 layer too",
            "rounded_gradients": (
                "float32, but the parts of dx are rounded to half precision before they are added"
            ),
            "rounded_statistics": (
                "float32, but the batch mean and 1 / std are rounded to half precision first, and "
                "the running statistics move in it"
            ),
            "rounded_normalization": (
                "half precision from the batch mean and 1 / std on; those are gathered in float32"
            ),
            "rounded_steps": "half precision after every step; sums are accumulated in float32",
        },
        touches="y dx dgamma dbeta running_mean running_var",
    )
    statistics_dtype: str = _convention(
        "bound",
        "half-precision running statistics are kept in",
        {
            "widened": "float32 at least: float64 in a float64 layer",
            "input_dtype": "the layer's own dtype, so float16 statistics overflow at 65504",
            "always_float32": "float32, for a float64 layer too",
        },
        touches="y dx dgamma dbeta running_mean running_var",
    )
    single_value: str = _convention(
        "behaviour",
        "one value per channel in training",
        {
            "beta": "answers beta: the only value is its own mean",
            "raises": "is refused with an error",
            "nan": "answers, but makes the running variance NaN",
        },
        touches="running_var refusal",
        probe="single-value",
    )
    empty_batch: str = _convention(
        "behaviour",
        "an empty batch",
        {
            "keeps": "leaves the running statistics as they are",
            "nan": "makes the running statistics NaN in training",
            "raises": "is refused with an error",
        },
        touches="running_mean running_var refusal",
        probe="empty-batch",
    )
    zero_epsilon: str = _convention(
        "behaviour",
        "epsilon = 0 in training",
        {
            "accepts": "is accepted",
            "raises": "is refused with an error",
        },
        touches="refusal",
        probe="zero-epsilon",
    )
    layer_rank: str = _convention(
        "behaviour",
        "input of a rank the layer's name does not say",
        {
            "any": "is normalised like any other: the layer has no rank",
            "raises": "is refused with an error",
        },
        touches="refusal",
        probe="layer-rank",
    )
    bare_call: str = _convention(
        "behaviour",
        "a bare call, layer(x), on a new layer",
        {
            "trains": "trains: batch statistics, and the running ones move",
            "infers": "infers: running statistics, which stay",
            "raises": "asks: it is refused until told which",
        },
        touches="y running_mean running_var refusal",
        probe="bare-call",
    )
    default_epsilon: float = field(
        default=1e-5,
        metadata={
            "changes": "defaults",
            "question": "epsilon of a bare constructor",
            "probe": "bare-constructor",
        },
    )
    default_momentum: float = field(
        default=0.1,
        metadata={
            "changes": "defaults",
            "question": "weight of the new batch under a bare constructor",
            "probe": "bare-constructor",
        },
    )
    default_channel_axis: int = field(
        default=1,
        metadata={
            "changes": "defaults",
            "question": "channel axis of a bare constructor",
            "probe": "bare-axis",
        },
    )

    def __post_init__(self):
        for name, convention in CONVENTIONS.items():
            if getattr(self, name) not in convention.options:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} is no option of {name}; "
                    f"choose one of: {', '.join(convention.options)}"
                )
        for name in ("default_epsilon", "default_momentum"):
            if not isinstance(getattr(self, name), (int, float)):
                raise ValueError(f"{name}={getattr(self, name)!r} is no number")
        if self.default_channel_axis not in (1, -1):
            raise ValueError(
                f"default_channel_axis={self.default_channel_axis!r}; choose one of: 1, -1"
            )

    def deviations(self) -> dict[str, object]:
        """Return the fields in which these conventions differ from the canonical ones."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if getattr(self, item.name) != getattr(CANONICAL, item.name)
        }

    def but(self, **changed) -> "Conventions":
        """Return these conventions with some fields changed."""
        return replace(self, **changed)

    def weight_of_batch(self, raw_momentum: float) -> float:
        """Translate a number passed as a layer's `momentum` into the weight of the new batch."""
        return raw_momentum if self.momentum_meaning == "weight_of_batch" else 1.0 - raw_momentum


QUESTIONS: dict[str, str] = {item.name: item.metadata["question"] for item in fields(Conventions)}

PROBES: dict[str, str] = {item.name: item.metadata.get("probe", "") for item in fields(Conventions)}
"""The probe that was made to show each convention, "" where every other one may."""

CONVENTIONS: dict[str, Convention] = {
    item.name: Convention(item.name, **item.metadata)
    for item in fields(Conventions)
    if "options" in item.metadata
}

CANONICAL = Conventions()
