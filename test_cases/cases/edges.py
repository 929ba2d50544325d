"""Where layers refuse, or answer something that is no number."""

from test_cases.case import Case, in_dtypes

CASES = (
    Case(
        name="one-value-per-channel-in-training",
        reason="a single value is its own mean; its unbiased variance does not exist",
        shape=(1, 3),
    ),
    Case(
        name="one-pixel-per-channel-in-training",
        reason="a 1 x 1 image in a batch of one: the same, through the image kernels",
        shape=(1, 3, 1, 1),
    ),
    Case(
        name="one-value-per-channel-in-inference",
        reason="inference needs no variance of the batch",
        shape=(1, 3),
        steps=("infer",),
    ),
    Case(
        name="an-empty-batch-in-training",
        reason="the mean of no values is NaN unless the layer takes care",
        shape=(0, 3),
        steps=("forward",),
    ),
    Case(
        name="an-empty-batch-in-inference",
        reason="the answer is empty and the statistics stay",
        shape=(0, 3),
        steps=("infer",),
    ),
    Case(
        name="images-given-to-a-1d-layer",
        reason="a layer made for (N, C) or (N, C, L) is given (N, C, H, W)",
        shape=(4, 3, 5, 5),
        layer_rank=3,
    ),
    Case(
        name="epsilon-0-in-training",
        reason="epsilon only guards against a variance of 0; without one it is not needed",
        shape=(8, 3),
        epsilon=0.0,
    ),
    Case(
        name="epsilon-0-in-inference",
        reason="frozen statistics need no guard; PyTorch 2.10 refused it all the same",
        shape=(8, 3),
        epsilon=0.0,
        steps=("infer",),
    ),
    *in_dtypes(
        Case(
            name="a-bare-call-on-a-new-layer",
            reason="layer(x) and no word about training: some train, some infer, some ask",
            shape=(4, 3, 5, 5),
            steps=("bare",),
        ),
        dtypes=("float32",),
    ),
)
