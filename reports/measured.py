"""What the probes measured of one convention of one target, in each dtype they ran in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from records.hypothesis import UNDETERMINED
from records.pieces import Known
from records.schema import ASSUMED, MeasuredRecord
from reports.text import cut, figure, option_name

SHOWN_DTYPE = "float32"


@dataclass(frozen=True)
class MeasuredView:
    """What one probe measured, as text."""

    record: MeasuredRecord

    @property
    def dtype(self) -> str:
        return self.record.dtype

    @property
    def decided(self) -> bool:
        return self.record.option is not None

    @property
    def option(self) -> str:
        """The measured option, or that there is none."""
        return UNDETERMINED if self.record.option is None else option_name(self.record.option)

    @property
    def declared(self) -> str:
        return option_name(self.record.declared)

    @property
    def source(self) -> str:
        """Who promises the declared option, or that nobody does."""
        return self.record.source or ASSUMED

    @property
    def assumed(self) -> bool:
        """Whether nothing is declared, so that the suite assumes an option."""
        return self.record.source is None

    @property
    def mismatch(self) -> bool:
        return not self.record.agrees

    @property
    def known(self) -> Known | None:
        return self.record.known

    @property
    def excluded(self) -> tuple[tuple[str, str], ...]:
        """The other options, each with the error that it would leave."""
        return tuple((name, figure(error)) for name, error in self.record.excluded.items())

    @property
    def promise(self) -> str:
        """The declared option in words, or that the suite assumes one."""
        return promise(self.declared, self.assumed)

    @property
    def line(self) -> str:
        """Everything that was measured, in one line."""
        option = typeset(self.option)
        if self.mismatch:
            option = f"{option}, {'' if self.assumed else 'but '}{self.promise}"
        others = ", ".join(f"{name} ({error} × bound)" for name, error in self.excluded)
        parts = [self.record.probe, self.record.evidence, others and f"excluded: {others}"]
        told = "; ".join(filter(None, parts))
        return cut(f"{self.dtype}: {option}{told and f' – {told}'}", 600)


def shown_of(measured: Sequence[MeasuredView]) -> MeasuredView | None:
    """Return the measurement to show: that in float32, else in the first dtype."""
    own = [item for item in measured if item.dtype == SHOWN_DTYPE]
    return next(iter([*own, *measured]), None)


def differing(
    measured: Iterable[MeasuredView], shown: MeasuredView | None
) -> tuple[MeasuredView, ...]:
    """Return what was measured in other dtypes and is not what is shown."""
    return tuple(
        item
        for item in measured
        if shown and item.dtype != shown.dtype and (item.decided or item.mismatch)
        if (item.option, item.mismatch) != (shown.option, shown.mismatch)
    )


def promise(option: str, assumed: bool) -> str:
    """Return `declared two_pass`, or that nobody declares it."""
    what = "not declared; the suite assumes" if assumed else "declared"
    return f"{what} {typeset(option)}"


def typeset(option: str) -> str:
    """Return an option with a true minus sign."""
    return f"−{option[1:]}" if option.startswith("-") else option
