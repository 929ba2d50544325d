"""Several calls in a row: what moves the running statistics, and what inference does with them."""

from test_cases.case import Case, in_dtypes

SHAPE = (4, 3, 5, 5)

CASES = in_dtypes(
    Case(
        name="five-training-steps-then-inference",
        reason="errors of the running statistics add up, and inference uses them",
        shape=SHAPE,
        steps=("train",) * 5 + ("infer",),
    ),
    Case(
        name="inference-uses-the-running-statistics",
        reason="no training step: the given statistics normalise, and stay",
        shape=SHAPE,
        steps=("infer",),
    ),
    Case(
        name="inference-with-a-gradient-takes-the-statistics-as-constants",
        reason="dx is gamma dy / sqrt(running_var + epsilon): nothing flows through the batch",
        shape=SHAPE,
        steps=("infer-backward", "train", "infer-backward"),
    ),
    Case(
        name="a-forward-pass-alone-moves-the-statistics",
        reason="training without a backward pass: MXNet on the CPU leaves the statistics alone",
        shape=SHAPE,
        steps=("forward", "infer"),
    ),
    Case(
        name="two-forward-passes-move-the-statistics-twice",
        reason="a step without a backward pass, then one with it",
        shape=SHAPE,
        steps=("forward", "train", "infer"),
    ),
    Case(
        name="training-goes-on-after-inference",
        reason="an inference step between two training steps leaves no trace",
        shape=SHAPE,
        steps=("train", "infer", "train", "infer"),
    ),
)
