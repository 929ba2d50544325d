"""Half-precision numbers held in something wider: bfloat16 as its bits, or as float32.

NumPy has no bfloat16. An array of it becomes one of float32, which holds the same numbers, and the
layer's dtype says what they are; nothing else is needed to read it.
"""

from collections.abc import Iterator

import numpy as np

NARROW = ("bfloat16", "float16")
BITS = ("bfloat16", "uint16", "int16")
"""What an array of bfloat16 bits is called: by its dtype, or by that of its bits."""
BLOCK = 2**20


def widened(bits: np.ndarray) -> np.ndarray:
    """Return the bfloat16 numbers with these 16 bits, as float32."""
    high = np.asarray(bits).view(np.uint16).astype(np.uint32)
    high <<= 16
    return high.view(np.float32)


def blocks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the elements of an array, some at a time: what is mapped is never in memory whole."""
    flat = array.reshape(-1) if array.flags.c_contiguous else array.T.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        yield flat[start : start + BLOCK]


def holds(array: np.ndarray, dtype: str) -> bool:
    """Say whether every element is a number of a half-precision format."""
    return all(_holds(block, dtype) for block in blocks(array))


@np.errstate(over="ignore", invalid="ignore")
def _holds(block: np.ndarray, dtype: str) -> bool:
    if dtype == "float16":
        return bool(np.all(block.astype(np.float16) == block))
    short = block.astype(np.float32)
    return bool(np.all(short == block) and not np.any(short.view(np.uint32) & 0xFFFF))
