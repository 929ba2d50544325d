"""Every mutant: a wrong layer by the name under which the diagnosis must find it."""

import numpy as np

from diagnosis.faults import FAULTS
from records.hypothesis import Kind
from reference.conventions import CANONICAL, CONVENTIONS
from test_cases.cases import all_cases

DEVIATIONS = [
    f"{field}={option}"
    for field, convention in CONVENTIONS.items()
    for option in convention.options
    if option != getattr(CANONICAL, field)
]

NUMBERS = [
    "default_epsilon=0.001",
    "default_momentum=0.01",
    "default_channel_axis=-1",
    "epsilon=0.001",
    "epsilon=1e-12",
    "momentum=0.01",
]

PAIRS = [
    "running_variance=biased,running_update=on_backward",
    "normalizing_variance=unbiased,running_variance=biased",
    "epsilon_placement=outside_sqrt,running_variance=biased",
    "running_variance=biased,momentum_meaning=weight_of_history",
    "scale=absolute,statistics_gradient=blocked",
    "epsilon_placement=both,running_statistic=standard_deviation",
    "running_update=cumulative,running_variance=biased",
]

MUTANTS = [*DEVIATIONS, *NUMBERS, *PAIRS, *FAULTS]


def mutant_cases():
    """Return the core cases that the mutants face: every claim once, and the other dtypes where
    they show something of their own."""
    chosen = {}
    for case in all_cases().values():
        large = np.prod(case.shape) > 50_000 and "constant" not in case.name
        if not large and (case.dtype == "float32" or case.name not in chosen):
            chosen[case.name] = case
    own = ("rank-4", "a-mean-of-10-", "values-of-300", "a-constant-channel", "five-training")
    others = [
        case
        for case in all_cases().values()
        if case.dtype != "float32" and case.name.startswith(own)
    ]
    return list({case.id: case for case in [*chosen.values(), *others]}.values())


def named_as_itself(mutant, explanations):
    """Say whether the explanations of a target, together, are the mutant and nothing else."""
    found = {part for one in explanations for part in parts_of(one.hypothesis)}
    return found == set(mutant.split(","))


def parts_of(hypothesis):
    """Return the words of a mutant's name that a hypothesis stands for."""
    if hypothesis is None:
        return ["nothing"]
    if hypothesis.kind is Kind.CONVENTIONS:
        return [f"{field}={option}" for field, option in hypothesis.changes]
    return [hypothesis.name]
