"""What each kind of intermediate result is rounded to, by the conventions that change bounds."""

from dataclasses import dataclass

import numpy as np

from .conventions import Conventions
from .float_formats import FORMATS, FloatFormat, accumulation_format, reference_unit_roundoff
from .sums import OPERATIONS, SEQUENTIAL_MARGIN, growth, sequential_error


@dataclass(frozen=True)
class Precision:
    """The formats of one layer: what each kind of result is rounded to.

    `sums` is what sums are accumulated in, `gathering` what the results on the way to the batch's
    mean and variance are rounded to, `moments` the mean and 1 / std before they normalise, `steps`
    the results from there to the outputs, `parts` the parts of dx before they are added; `output`
    and `statistics` are the formats of what is stored.
    `reference_unit` is the reference's own unit roundoff, which every bound carries.
    """

    sums: FloatFormat
    gathering: FloatFormat
    steps: FloatFormat
    moments: FloatFormat
    parts: FloatFormat
    output: FloatFormat
    statistics: FloatFormat
    reference_unit: float
    summation: str

    @classmethod
    def of(cls, dtype: str, conventions: Conventions) -> "Precision":
        """Return the formats that a layer of the given dtype has under the conventions."""
        own, wide = FORMATS[dtype], accumulation_format(dtype)
        arithmetic = conventions.arithmetic
        if arithmetic == "float32":
            wide = FORMATS["float32"]
        from_start = arithmetic == "rounded_steps"
        from_moments = from_start or arithmetic == "rounded_normalization"
        statistics = {
            "widened": wide,
            "input_dtype": own,
            "always_float32": FORMATS["float32"],
        }[conventions.statistics_dtype]
        return cls(
            sums=wide,
            gathering=own if from_start else wide,
            steps=own if from_moments else wide,
            moments=own if from_moments or arithmetic == "rounded_statistics" else wide,
            parts=own if from_moments or arithmetic == "rounded_gradients" else wide,
            output=own,
            statistics=statistics,
            reference_unit=reference_unit_roundoff(dtype),
            summation=conventions.summation,
        )

    @property
    def parameters(self) -> FloatFormat:
        """The format in which the gradients of gamma and beta are stored: that of the statistics
        where it is half precision."""
        half = self.statistics.precision < FORMATS["float32"].precision
        return self.statistics if half else self.steps

    @property
    def moving(self) -> FloatFormat:
        """The format in which the running statistics move.

        Half-precision statistics move in float32 and are rounded once, unless the moments are
        rounded too; float32 statistics of a float64 layer move in float32.
        """
        if self.statistics == self.output:
            return self.moments
        return min(self.sums, self.statistics, key=lambda one: one.precision)

    def unit(self, of: FloatFormat) -> float:
        """Return the relative error of one rounding to a format, and of the reference beside it."""
        return of.unit_roundoff + self.reference_unit

    def beyond_steps(self, of: FloatFormat) -> float:
        """Return the relative error of a rounding that the other steps do not have, or 0."""
        return 0.0 if of == self.steps else self.unit(of)

    def sum_error(self, count: int, terms: FloatFormat) -> float:
        """Return g(n), relative to the sum of magnitudes, for terms rounded to a format."""
        return growth(count) * self.unit(self.sums) + OPERATIONS * self.unit(terms)

    def drift(self, terms: np.ndarray, axes: tuple[int, int]) -> np.ndarray | float:
        """Bound what a sum of these very terms errs beyond g(n), by the convention `summation`."""
        if self.summation != "sequential" or terms.size == 0:
            return 0.0
        return SEQUENTIAL_MARGIN * sequential_error(terms, axes, self.sums)
