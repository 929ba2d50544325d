"""An adapter that answers soundly, and warns while it does, as frameworks do."""

import warnings

from tests.faults import miniature
from tests.faults.miniature import conventions, hello

__all__ = ["conventions", "hello", "run"]

warnings.warn("this import is old", DeprecationWarning, stacklevel=1)


def run(layer, steps):
    if not __debug__:
        raise RuntimeError("this framework relies on its assertions")
    warnings.warn("this layer is old", DeprecationWarning, stacklevel=1)
    yield from miniature.sound(layer, steps)
