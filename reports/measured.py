"""What the probes measured of one convention of one target, in each dtype they ran in."""

from collections.abc import Iterable
from dataclasses import dataclass

from reports.evidence import option_name
from reports.text import cut, figure, mapping, plain, safe_number

UNDETERMINED = "undetermined"
"""The option of a measurement that cannot tell the options apart; its evidence says why."""

SHOWN_DTYPE = "float32"


@dataclass(frozen=True)
class Measured:
    """What one probe measured; `excluded` holds the other options with their error/bound."""

    dtype: str
    option: str
    declared: str
    source: str
    probe: str
    evidence: str
    excluded: tuple[tuple[str, str], ...]
    mismatch: bool
    known: str = ""
    upstream: str = ""

    @property
    def promise(self) -> str:
        """The declared option in words, or that the suite assumes one."""
        return promise(self.declared, self.source)

    @property
    def line(self) -> str:
        """Everything that was measured, in one line."""
        option = typeset(self.option)
        if self.mismatch:
            but = "" if assumed(self.source) else "but "
            option = f"{option}, {but}{self.promise}"
        others = ", ".join(f"{name} ({error} × bound)" for name, error in self.excluded)
        parts = [self.probe, self.evidence, others and f"excluded: {others}"]
        told = "; ".join(filter(None, parts))
        return cut(f"{self.dtype or 'measured'}: {option}{told and f' – {told}'}", 600)


def measured_of(records: Iterable[dict], promised: str, source: str) -> tuple[Measured, ...]:
    """Read the records of one convention of one target, which promises an option."""
    return tuple(_measured(record, promised, source) for record in records)


def shown_of(measured: tuple[Measured, ...]) -> Measured | None:
    """Return the measurement to show: that in float32, else in the first dtype.

    Where several probes of that dtype disagree, one that contradicts the promise is shown, and one
    that could not decide only where no other did.
    """
    dtypes = [item.dtype for item in measured]
    dtype = SHOWN_DTYPE if SHOWN_DTYPE in dtypes else dtypes[0] if dtypes else ""
    own = [item for item in measured if item.dtype == dtype]
    return min(own, key=lambda item: (not item.mismatch, item.option == UNDETERMINED), default=None)


def differing(measured: tuple[Measured, ...], shown: Measured | None) -> tuple[Measured, ...]:
    """Return what was measured in other dtypes and is not what is shown."""
    return tuple(
        item
        for item in measured
        if shown and item.dtype != shown.dtype and item.option != UNDETERMINED
        if (item.option, item.mismatch) != (shown.option, shown.mismatch)
    )


def assumed(source: str) -> bool:
    """Whether the source says that nothing is declared, so that the suite assumes an option."""
    return source.startswith("not declared")


def promise(option: str, source: str) -> str:
    """Return `declared two_pass`, or that nobody declares it."""
    what = "not declared; the suite assumes" if assumed(source) else "declared"
    return f"{what} {typeset(option)}"


def typeset(option: str) -> str:
    """Return an option with a true minus sign."""
    return f"−{option[1:]}" if option.startswith("-") else option


def _measured(record: dict, promised: str, source: str) -> Measured:
    option = option_name(record.get("option"))
    promised = option_name(record.get("declared")) or promised
    agrees = option in (promised, UNDETERMINED) or record.get("verdict") == "conforms"
    known = mapping(record.get("known"))
    return Measured(
        dtype=plain(record.get("dtype")),
        option=option,
        declared=promised,
        source=plain(record.get("source")) or source,
        probe=plain(record.get("probe")),
        evidence=plain(record.get("evidence")),
        excluded=tuple(
            (option_name(name), figure(safe_number(error)))
            for name, error in mapping(record.get("excluded")).items()
        ),
        mismatch=not agrees,
        known=plain(known.get("what")),
        upstream=plain(known.get("upstream")),
    )
