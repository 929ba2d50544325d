"""gamma, beta, epsilon, momentum and the initial state."""

from dataclasses import replace

from test_cases.case import Case, in_dtypes, normal

SHAPE = (4, 3, 5, 5)
TRAIN_INFER = ("train", "infer")

_state = (
    Case(
        name="the-initial-state-is-gamma-1-beta-0-mean-0-var-1",
        reason="nothing is set: the layer's own initial state answers",
        shape=SHAPE,
        state=None,
        steps=("infer", "train", "infer"),
    ),
    Case(
        name="a-negative-gamma-flips-the-sign",
        reason="a layer that takes the absolute value of gamma shows here",
        shape=SHAPE,
        state={"gamma": [-1.5, 0.5, -0.25]},
    ),
    Case(
        name="a-zero-gamma-answers-beta-and-still-has-a-gradient",
        reason="dx is 0, but dgamma is not: a layer can leave gamma = 0",
        shape=SHAPE,
        state={"gamma": [0.0, 2.0, 0.0]},
    ),
    Case(
        name="beta-cancels-the-scaled-value",
        reason="where y is near 0 the error counts against the terms that cancel, not against y",
        shape=SHAPE,
        state={"gamma": [4.0, 4.0, 4.0], "beta": [-4.0, 4.0, 2.0]},
    ),
    Case(
        name="running-statistics-far-from-the-batch",
        reason="history and batch are told apart in the update and in inference",
        shape=SHAPE,
        state={"running_mean": [-8.0, 32.0, 5.0], "running_var": [64.0, 16.0, 0.125]},
        steps=TRAIN_INFER,
    ),
)

_numbers = (
    Case(
        name="epsilon-1e-3-on-a-small-variance",
        reason="epsilon is ten times the variance; 1e-5 in its place would be seen",
        shape=SHAPE,
        x=normal(std=1e-2),
        epsilon=1e-3,
        steps=TRAIN_INFER,
    ),
    Case(
        name="momentum-0-keeps-the-running-statistics",
        reason="a weight of 0 for the new batch",
        shape=SHAPE,
        momentum=0.0,
        steps=TRAIN_INFER,
    ),
    Case(
        name="momentum-1-replaces-the-running-statistics",
        reason="a weight of 1 for the new batch",
        shape=SHAPE,
        momentum=1.0,
        steps=TRAIN_INFER,
    ),
    Case(
        name="the-number-0.1-passed-as-momentum",
        reason="the same raw number weighs the new batch in one layer and the history in another",
        shape=SHAPE,
        momentum=None,
        raw_momentum=0.1,
    ),
    Case(
        name="the-number-0.9-passed-as-momentum",
        reason="the same raw number weighs the new batch in one layer and the history in another",
        shape=SHAPE,
        momentum=None,
        raw_momentum=0.9,
    ),
)

_bare = Case(
    name="a-bare-constructor-trains-with-its-own-defaults",
    reason="epsilon and momentum are left to each layer: the defaults differ",
    shape=SHAPE,
    x=normal(std=0.01),
    epsilon=None,
    momentum=None,
    state=None,
    steps=TRAIN_INFER,
)

_axis = replace(
    _bare,
    name="a-bare-constructor-takes-its-own-channel-axis",
    reason="no axis is named: the layer's default decides which axis has the parameters",
    shape=(4, 3, 5),
    x=normal(),
    channel_axis=None,
)

CASES = in_dtypes(*_state, *_numbers, _bare, _axis)
