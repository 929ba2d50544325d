"""Which conventions and numbers reproduce a dump: the findings, their evidence and their names."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from diagnosis.combinations import Combinations, Fit, fit_of, looser_bounds, same_numbers
from diagnosis.hypotheses import numbered
from diagnosis.judgement import RUNNING
from diagnosis.question import Question
from explain.findings import Finding, findings_of
from explain.hints import hints_of
from explain.misses import diagnosed, missed
from explain.named_conventions import SEEN, Match, documented_bounds, followed
from explain.reading import Dump
from explain.reservations import reservations_of
from records.hypothesis import Hypothesis, described

OTHER_BATCHES = (
    "they may be of other batches than x: more than one step lies between before and after, or one "
    "of them was saved at another time"
)
"""What running statistics that alone fit nothing can be."""


@dataclass(frozen=True)
class Explained:
    """What a dump follows: the simplest combination that fits, or the nearest where none does.

    `hypotheses` are what the diagnosis makes of a dump that nothing fits: of all its tensors, or of
    those `alone` that are outside their bounds. `reservations` say what an explanation rests on
    that a clean fit does not.
    """

    dump: Dump
    fit: Fit
    explained: bool
    findings: tuple[Finding, ...]
    matches: tuple[Match, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    alone: tuple[str, ...] = ()
    hint: str = ""
    reservations: tuple[str, ...] = ()

    @property
    def diagnosis(self) -> str:
        """The hypotheses in one sentence."""
        words = described(self.hypotheses)
        if not self.hypotheses and self.fit.missed and {*self.fit.missed} <= {*RUNNING}:
            words += f"; all else fits, so {OTHER_BATCHES}"
        if self.alone:
            words = f"{' and '.join(self.alone)} alone {words}"
        return "" if self.explained else words

    @property
    def nearest_matches(self) -> list[Match]:
        """Return the frameworks that need the fewest arguments."""
        fewest = min((len(match.arguments) for match in self.matches), default=0)
        return [match for match in self.matches if len(match.arguments) == fewest]


def explain(dump: Dump) -> Explained:
    """Search for the conventions and numbers behind a dump, under the tightest bounds that do."""
    tight = Combinations(dump.question, dump.question.declared)
    if not tight.fits:
        return _explained_with_looser_bounds(dump) or _diagnosed(dump, tight)
    if not tight.fits[0].epsilon.round:
        # One channel's cancellation looks like an odd epsilon; a framework documents such bounds.
        for conventions in documented_bounds(dump):
            looser = Combinations(dump.question, conventions)
            if looser.fits and looser.fits[0].epsilon.round:
                return _explained(dump, looser, looser.fits, less_likely=tight.fits[:1])
    return _explained(dump, tight, tight.fits)


def _explained_with_looser_bounds(dump: Dump) -> Explained | None:
    for conventions in looser_bounds(dump.question, SEEN):
        looser = Combinations(dump.question, conventions)
        if looser.fits:
            return _explained(dump, looser, looser.fits)
    return None


def _explained(
    dump: Dump, searched: Combinations, fits: Sequence[Fit], less_likely: Sequence[Fit] = ()
) -> Explained:
    equal = [fit for fit in fits if same_numbers(fit, fits[0])]
    odd = [fit for fit in fits if not same_numbers(fit, fits[0])]
    matches = followed(equal, dump)
    best = _of_first_match(equal, matches)
    findings = findings_of(dump, best, equal, [*odd, *less_likely], searched.judged)
    reservations = reservations_of(dump, best)
    found = tuple(findings), tuple(matches)
    return Explained(dump, best, True, *found, reservations=reservations)


def _of_first_match(fits: Sequence[Fit], matches: Sequence[Match]) -> Fit:
    """Return the simplest fit, of those that the first framework's conventions are where any is."""
    if not matches or not matches[0].named.numbers:
        return fits[0]
    own = matches[0].named.conventions
    agreeing = [
        fit
        for fit in fits
        if all(getattr(fit.conventions, name) == getattr(own, name) for name in fit.told)
    ]
    return (agreeing or list(fits))[0]


def _diagnosed(dump: Dump, searched: Combinations) -> Explained:
    """Return what the diagnosis makes of the nearest combination.

    Conventions or a number that explain the whole call are its explanation, whoever finds them.
    """
    near = searched.nearest
    weight = near.weight.best if near.weight else 0.1
    layer = numbered(dump.layer, epsilon=near.epsilon.best, momentum=weight)
    question = replace(dump.question, layer=layer, declared=near.conventions)
    hypotheses, alone = diagnosed(question, near.missed)
    found = [] if alone else hypotheses
    fits = [fit for one in found if (fit := fit_of(question, one))]
    if fits:
        return _explained(dump, searched, fits)
    return Explained(
        dump=dump,
        fit=near,
        explained=False,
        findings=tuple(_misfits(question, near)),
        hypotheses=tuple(hypotheses),
        alone=tuple(near.missed if alone and hypotheses else ()),
        hint="; ".join(hints_of(dump, near)),
    )


def _misfits(question: Question, near: Fit) -> Iterator[Finding]:
    places = missed(question, near.missed)
    for name, ratio in near.ratios.items():
        text = "nothing fits" if ratio > 1 else "fits the nearest hypothesis"
        yield Finding(name, None, text, ratio, note=str(places.get(name, "")))
