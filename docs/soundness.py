"""docs/soundness.md: what the verdicts rest on, drawn from docs/soundness.json and the code.

`python -m tests.soundness` measures the figures, `python -m docs.generate` writes the page.
"""

import json
from pathlib import Path

from diagnosis.sharpness import LOSS
from reference.conventions import CONVENTIONS
from reference.float_formats import FORMATS
from reference.scale import WIDEST
from reference.sums import LAMBDA, OPERATIONS, SEQUENTIAL_MARGIN, SHARES, growth

FILE = Path(__file__).parent / "soundness.json"

LONG, VALUE, EPSILON = 100_000, 1000.1, 1e-5
"""The long constant channel of the catalogue: how many values, which, and the layer's epsilon."""

DRIFT = growth(LONG) * FORMATS["float32"].unit_roundoff * VALUE

PROVED = f"""\
# What the verdicts rest on

<!-- Written by `python -m docs.generate` from docs/soundness.json and docs/soundness.py. -->

A verdict says that a number is, or is not, what correct arithmetic can give. This page says what of
that is proved, what is measured, what is assumed, and what the suite cannot see.

## What is proved

Each bound is derived from the data of its case, step by step. u is the unit roundoff of the format
that a result is rounded to, plus the reference's own; Δ is a bound on an absolute error.

1. One operation: fl(a ∘ b) = (a ∘ b)(1 + δ) + η with |δ| ≤ u, and |η| at most the smallest normal
   number, since frameworks flush to 0 (N. Higham, *Accuracy and Stability of Numerical Algorithms*,
   2nd ed. 2002, section 2.2).
2. A sum of n terms t: Δ ≤ g Σ|t| with g = λ√n u + c u. That the first part grows with √n is theorem
   3.1 of N. Higham and T. Mary, *A new approach to probabilistic rounding error analysis*, SIAM J.
   Sci. Comput. 41(5), 2019: it fails with probability 2 exp(−λ²/2) a sum at worst. λ = {LAMBDA:g}
   is that confidence, and c = {OPERATIONS:g} the roundings that a value passes between two sums.
3. The batch mean: Δμ ≤ g mean|x| + u|μ|.
4. Its variance, in two passes: Δσ² ≤ (g + c u)(σ² + Δμ²) + Δμ² + g|μ|σ. The last term is what
   updating algorithms need (T. Chan, G. Golub and R. LeVeque, *Algorithms for computing the sample
   variance*, The American Statistician 37(3), 1983). In one pass, mean(x²) − μ² cancels, so
   2 g mean(x²) + 2|μ|Δμ comes on top.
5. s = 1/√(σ² + ε): Δs is the farther of s(σ² − Δσ²) and s(σ² + Δσ²), plus c u s. No derivative is
   taken, so it holds for a Δσ² of any size.
6. x̂ = (x − μ)s: Δx̂ ≤ (s + Δs)(Δμ + c u(|x| + |μ|)) + |x̂| Δs/s.
7. y = γx̂ + β: Δy ≤ |γ|Δx̂ + c u(|γx̂| + |β|), and the rounding of the format that y is stored in.
8. dγ = Σ dy x̂: what μ and s err by is the same for all elements, so it enters with |Σ dy| and
   |Σ dy x̂|. What an element errs by itself enters with Σ|dy|, as do the roundings of the sum, and
   those of the sums of dy x and of dy from which it may be made. dβ = Σ dy: g Σ|dy|.
9. dx = γs(dy − mean(dy) − x̂ mean(dy x̂)): the errors of 6 and 8, through the products.
10. The running statistics: the history's bound and the batch's, each by its weight, and the
    rounding of the weight itself.
11. A convention of the kind “{CONVENTIONS["summation"].changes}” changes these: which format u is
    of at which step, that a variance is had in one pass, or that a sum is accumulated one term
    after the other. Of that no bound is assumed: the sum is repeated on the data, in
    {len(SHARES)} numbers of shares, and {SEQUENTIAL_MARGIN:g} times the error that this shows is
    granted.

The reference that this is added to is certified by a second one in exact rational arithmetic, which
shares no code with it, for every convention and pair of conventions
(`tests/test_reference_is_exact.py`).

Two things are outside every bound: a variance below 0, unless one was given or the weights are none
of an average; and NaN in place of a number, unless ε is 0 or the history infinite.

## What a bound says

A bound proves something where it is small beside the values. The size of a channel's values is that
of the terms they are made of, not of what is left where these cancel (`reference/scale.py`); a
channel's bound is the largest of its elements. Above {WIDEST:g} of the size the channel is open: a
value may have the wrong sign and be within its bound. A tensor with an open channel is `undecided`,
unless an element, of that channel or another, is outside its bound: that violates. The step after
it is expected to go on from the target's own statistics, so that what is open is told once.

Where a documented convention lets a tensor be wrong by more than {LOSS:g} of its size, and by more
than half of the digits of its dtype, that is a *documented hazard*: a finding with its error and
its case, which fails nothing."""

WHY = f"""\
They stay open. A sum of {LONG:,} times {VALUE:g} moves a mean by up to {DRIFT:.2g} at √n u, and
√ε is {EPSILON**0.5:.2g}: the variance that this leaves is not to be told from one. In pairs it
would be, but what is asked of a layer is √n. E[x²] − E[x]² at a thousand deviations, or of a
constant, is a difference of two numbers that are each rounded by as much as the difference. With
every step in half precision a mean of 100 deviations, a constant beside the root of ε, and squares
that overflow leave nothing, or β."""

ASSUMED = """\
## What is assumed

- The roundings of a sum behave as if they were independent and of mean 0. For equal terms, added
  one after the other, they do not: that is the convention `summation=sequential`, and measured.
- A layer does at most the operations that are counted, on values of the formats that it declares. A
  layer that computes more precisely is within the bound all the same.
- An adapter hands over what it was given, and answers what the layer said. The worker and the tests
  of the adapters look for the opposite; nothing can prove it.
- What an adapter declares has a source. A looser class that nobody documents is a violation, which
  the diagnosis may explain.

## What the suite cannot see

- An error smaller than the bound. Half of a unit in the last place, in a sum of a hundred thousand
  terms, is the same as none.
- What is open: the table above. Within a bound wider than the value, a wrong answer and a right one
  look alike.
- What no case asks: other shapes, other data, other threads and instruction sets than those that
  were run. A verdict belongs to its target and its case.
- A fault that shows in training only over many batches, or in the gradient of a gradient.
- Whether a convention is a good choice. It has a name and a source, and no grade.
"""


def soundness_page() -> str:
    """Return docs/soundness.md."""
    found = json.loads(FILE.read_text(encoding="utf-8"))
    parts = [PROVED, *_measured(found), *_open(found["widths"]), "", ASSUMED]
    return "\n".join(parts)


def _measured(found: dict) -> list[str]:
    cases, layers = found["cases"], len(found["layers"])
    number = sum(count for count, *_ in found["errors"].values())
    lines = [
        "",
        "## What is measured",
        "",
        f"By `python -m tests.soundness`, on {found['machine']}; another machine's last digits may",
        "differ.",
        "",
        f"**False alarms.** {layers} correct layers ({', '.join(found['layers'])}) answer {cases}",
        f"random cases each, {number:,} tensors in float32: {found['alarms']} of them are not",
        "`conforms`. Their error over their bound:",
        "",
        "| tensor | tensors | median | 95 % | largest |",
        "|---|---|---|---|---|",
    ]
    for name, (count, *quantiles) in found["errors"].items():
        lines.append(f"| `{name}` | {count:,} | {' | '.join(f'{one:.2g}' for one in quantiles)} |")
    lines += ["", "Every run of the tests tries more, and fails at the first alarm:", ""]
    lines += [f"- {what}: {count:,} random cases" for what, count in found["tried"].items()]
    lines += [
        "",
        f"**Mutation score.** {found['mutants']} wrong layers face the core cases: one for each",
        "option of a convention, each wrong number, each known fault of a kernel, and some pairs.",
        "All are caught, and each is diagnosed as itself and nothing else; a test fails otherwise",
        "(`tests/mutants/test_mutants.py`).",
        "",
        "**Width of the bounds.** Over all cases of the catalogue, the bound of every tensor in",
        "units of the size of its values, in the channel where it is widest: under the paper's",
        "conventions, and where a single one loosens it, over the cases in which it plays a part.",
        "",
        "| class | tensors | median | 99 % | open: cases × tensors |",
        "|---|---|---|---|---|",
    ]
    for name, one in found["widths"].items():
        still_open = sum(map(len, one["open"].values()))
        lines.append(
            f"| {_name(name)} | {one['tensors']:,} | {one['median']:.1g} | {one['99%']:.1g} "
            f"| {still_open} |"
        )
    return lines


def _open(widths: dict[str, dict]) -> list[str]:
    """Return the tensors that are open, the case of the paper's class told once."""
    base = next(iter(widths))
    lines = [
        "",
        "These are open, with the width of the bound. What is open under the paper's",
        "conventions is so in every class that it plays a part in, and told once.",
        "",
    ]
    lines += ["| class | case | tensors |", "|---|---|---|"]
    for name, one in widths.items():
        for case, tensors in one["open"].items():
            if name != base and case in widths[base]["open"]:
                continue
            told = ", ".join(f"`{tensor}` {float(width):.2g}" for tensor, width in tensors.items())
            lines.append(f"| {_name(name)} | {case} | {told} |")
    return [*lines, "", WHY]


def _name(name: str) -> str:
    return f"`{name}`" if "=" in name else name
