"""An adapter without a fault and without a header."""

from tests.faults.miniature import conventions, hello, sound

__all__ = ["conventions", "hello", "run"]

run = sound
