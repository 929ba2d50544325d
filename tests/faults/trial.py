"""What a trial loses, said at its test: docs/reliability.md is written from it."""

from collections.abc import Callable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable)


def lost(what: str) -> Callable[[Test], Test]:
    """Say what is lost in a trial; where a test does not say it, nothing is."""
    return lambda test: test
