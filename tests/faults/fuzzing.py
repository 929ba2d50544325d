"""What the tests with invented data share: how many, which, and what must hold of any text.

In a run of the tests each invents EXAMPLES data, the same every time. With the variable
BATCHNORM_CONFORMANCE_EXAMPLES it is as many as that says, and other ones every time.
"""

import os

from hypothesis import HealthCheck, settings

from adapters.harness import text

EXAMPLES = 2000
CHOSEN = os.environ.get("BATCHNORM_CONFORMANCE_EXAMPLES")
fuzz = settings(
    max_examples=int(CHOSEN or EXAMPLES),
    derandomize=not CHOSEN,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def check_visible(value, longest=text.LONGEST_LOG) -> None:
    """Check that every text within is bounded, and acts on no terminal."""
    if isinstance(value, str):
        assert value.replace("\n", "").replace("\t", "").isprintable(), repr(value)
        assert len(value) <= longest
    elif isinstance(value, dict):
        for name, one in value.items():
            check_visible(name, longest)
            check_visible(one, longest)
    elif isinstance(value, (list, tuple, frozenset)):
        for one in value:
            check_visible(one, longest)
