"""Faults that kernels really have: wrong layers that no convention describes, each with a name.

A fault turns the expectation of a correct layer into that of the faulty one, so that a violation
can be recognised as it. The values are the faulty layer's; the bounds are the correct layer's,
taken at the faulty value, which is near enough to recognise a fault by. Those of `PECULIAR` are one
framework's at one edge: a known divergence names them, and no search looks for them.
"""

from diagnosis.faults import edges, gradients, inputs, states, statistics  # noqa: F401 (they register)
from diagnosis.faults.fault import FAULTS, PECULIAR, Fault

__all__ = ["FAULTS", "PECULIAR", "Fault"]
