"""The floating-point formats of the suite: rounding units, ranges, ULPs and a wider format."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FloatFormat:
    """A binary floating-point format (IEEE 754-2019 section 3.3; bfloat16 as truncated binary32).

    `precision` counts the significand's bits, the hidden one included.
    """

    name: str
    precision: int
    min_exponent: int
    max_exponent: int

    @property
    def unit_roundoff(self) -> float:
        """Half the distance from 1 to the next larger number."""
        return 2.0**-self.precision

    @property
    def smallest_normal(self) -> float:
        return 2.0**self.min_exponent

    @property
    def smallest_subnormal(self) -> float:
        return 2.0 ** (self.min_exponent - self.precision + 1)

    @property
    def largest(self) -> float:
        return (2.0 - 2.0 ** (1 - self.precision)) * 2.0**self.max_exponent

    @property
    def overflow_threshold(self):
        """The least magnitude that rounds to infinity, as a long double."""
        return (2 - np.longdouble(2.0) ** -self.precision) * np.longdouble(2.0) ** self.max_exponent

    @property
    def underflow(self) -> float:
        """The largest absolute error of a result too small to be normal.

        Frameworks set flush-to-zero on the CPU, so a subnormal float32 may become 0. float16 has
        no such mode: its subnormals are rounded.
        """
        return self.smallest_subnormal / 2 if self.name == "float16" else self.smallest_normal

    def ulp(self, values: np.ndarray) -> np.ndarray:
        """Return the distance between neighbouring numbers of this format at each value."""
        _, exponent = np.frexp(np.abs(values))
        exponent = np.maximum(exponent - 1, self.min_exponent)
        return np.ldexp(np.ones_like(values), exponent - self.precision + 1)


FORMATS = {
    "float16": FloatFormat("float16", 11, -14, 15),
    "bfloat16": FloatFormat("bfloat16", 8, -126, 127),
    "float32": FloatFormat("float32", 24, -126, 127),
    "float64": FloatFormat("float64", 53, -1022, 1023),
}


def wider_dtype(name: str) -> type:
    """Return the NumPy type one width above a format: float64, or longdouble for float64."""
    return np.longdouble if name == "float64" else np.float64


def accumulation_format(name: str) -> FloatFormat:
    """Return the format that `arithmetic=widened` computes in: float32 at least."""
    return FORMATS["float64"] if name == "float64" else FORMATS["float32"]


def reference_unit_roundoff(name: str) -> float:
    """Return the unit roundoff of the reference's own working dtype for a case of this format."""
    return float(np.finfo(wider_dtype(name)).eps) / 2
