"""What records are made of: the machine, a selection, a declaration, an element, and the like."""

import dataclasses
from dataclasses import dataclass

from records.codec import derived
from records.hypothesis import Option
from records.verdict import Verdict


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The machine of a run, and the interpreter that ran the suite on it."""

    platform: str
    cpu: str
    cores: int | None
    python: str
    numpy: str


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """What decides, beside its version, which kernels a target computed with, and in what parts.

    `instructions` are those of the processor, `limits` the settings that hold the libraries to
    fewer, `cores` those that the process could use, and `threads` the number that it was given; a
    sum is split among them. What is `reported` is the framework's own word, "" where it has none.
    """

    cpu: str
    instructions: tuple[str, ...] = ()
    limits: dict[str, str] = dataclasses.field(default_factory=dict)
    cores: int
    threads: int
    threads_reported: str = ""
    instructions_reported: str = ""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """How many cases, and pairs of case and target, were chosen."""

    cases: int
    pairs: int


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The options that say what is run and how; a run that is resumed has them from its header.

    They have the names of the command line's options; `keyword` is pytest's `-k`.
    """

    implementation: str | None = None
    adapter: tuple[str, ...] = ()
    device: str | None = None
    mode: str | None = None
    dtype: str | None = None
    case: str | None = None
    python: tuple[str, ...] = ()
    deadline: float
    memory_limit: int | None = None
    threads: int | None = None
    locked: bool = False
    keyword: str = ""


@dataclass(frozen=True, kw_only=True)
class ConventionMeaning:
    """What a convention asks, and what each option answers; of a number there are no options.

    `changes` is `values`, `bound`, `behaviour` or `defaults`.
    """

    question: str
    changes: str
    canonical: Option
    options: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A convention in which an adapter says that its layer is not canonical, and who says so."""

    field: str
    option: Option
    source: str


@dataclass(frozen=True, kw_only=True)
class Broken:
    """Why a target was not judged: the verdict that stands for all of it, and its process's words.

    `retry` is a command that shows the same, where there is one.
    """

    ended: Verdict
    message: str
    log: str = ""
    retry: str = ""


@dataclass(frozen=True, kw_only=True)
class WorstElement:
    """The element that is farthest from what is expected, measured in its bound.

    `expected` follows the declared conventions, `canonical` the paper; it is null where the paper
    expects a tensor of another shape, or none.
    """

    index: tuple[int, ...]
    observed: float
    expected: float
    canonical: float | None = None
    bound: float

    @derived
    def observed_hex(self) -> str:
        """The observed value, exactly."""
        return self.observed.hex()

    @derived
    def expected_hex(self) -> str:
        """The expected value, exactly."""
        return self.expected.hex()

    @derived
    def canonical_hex(self) -> str:
        """The canonical value, exactly; "" where there is none."""
        return "" if self.canonical is None else self.canonical.hex()

    @derived
    def bound_hex(self) -> str:
        """The bound, exactly."""
        return self.bound.hex()


@dataclass(frozen=True, kw_only=True)
class Known:
    """A known divergence: what in the framework's arithmetic does it, and where it is reported.

    `upstream` is a link, or `not reported upstream`.
    """

    what: str
    upstream: str

    @property
    def reported(self) -> bool:
        """Whether those who could mend it know too."""
        return not self.upstream.startswith("not reported")
