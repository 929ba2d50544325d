"""The names that people's arrays have, and which array of a dump each is.

A framework's own name stands for ours, whatever path leads to it and whichever end of it says when
or that it is a gradient: `bn1.running_mean_before`, `before/batch_stats/bn/mean`, `weight.grad`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from explain.checks import OPTIONAL, REQUIRED, listed
from explain.stored import shown

SPELLINGS = {
    "x": ("input", "inputs"),
    "y": ("output", "outputs", "out"),
    "gamma": ("weight", "scale"),
    "beta": ("bias", "offset", "b"),
    "running_mean": ("moving_mean", "avg_mean", "input_mean", "mean"),
    "running_var": (
        *("running_variance", "moving_variance", "moving_var", "avg_var", "input_var"),
        *("running_std", "inv_std", "variance", "var"),
    ),
    "epsilon": ("eps",),
    "momentum": (),
    "calls": ("num_batches_tracked",),
}
"""What PyTorch, Keras, Flax, Gluon, Paddle, Chainer, ONNX, TensorFlow and Lasagne call each."""

MEANINGS = {own: name for name, others in SPELLINGS.items() for own in (name, *others)}
STATE = ("running_mean", "running_var", "calls")
GRADIENTS = {"y": "dy", "x": "dx", "gamma": "dgamma", "beta": "dbeta"}
MARKS = {
    "before": ("before",),
    "after": ("after",),
    "gradient": ("grad", "grads", "gradient", "gradients", "d"),
}
OWN = {*REQUIRED, *OPTIONAL}
SHOWN = 20
"""So many names of a file are told where one is missing."""


@dataclass(frozen=True)
class Named:
    """Which name of a file is which array of a dump, which means nothing, and what is ambiguous.

    `meant` has our names as keys. A running statistic that is not said to be of before or of after
    the call has its plain name there, unless the file has one of the two: then it is the other.
    """

    meant: Mapping[str, str]
    ignored: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()

    @property
    def translated(self) -> dict[str, str]:
        """Our names of what the file calls otherwise."""
        ours = {**REQUIRED, **OPTIONAL}
        order = [
            *(own for own in ours if own in self.meant),
            *sorted(self.meant.keys() - ours.keys()),
        ]
        return {own: self.meant[own] for own in order if own != self.meant[own]}


def meanings(names: Collection[str]) -> Named:
    """Say what each name of a file means. A name of ours is that array, whatever else is there."""
    found: dict[str, list[str]] = {}
    for name in names:
        meaning = name if name in OWN else meaning_of(name)
        if meaning is not None:
            found.setdefault(meaning, []).append(name)
    ambiguous = [
        f"{meaning} may be {' or '.join(map(shown, spelt))}: leave one of them in the file"
        for meaning, spelt in found.items()
        if len(spelt) > 1 and meaning not in spelt
    ]
    meant = {meaning: meaning if meaning in spelt else spelt[0] for meaning, spelt in found.items()}
    for plain in set(STATE) & meant.keys():
        lacks = [side for side in (f"{plain}_before", f"{plain}_after") if side not in meant]
        if len(lacks) == 1:
            meant[lacks[0]] = meant.pop(plain)
        elif not lacks:
            del meant[plain]
    doubtful = {name for spelt in found.values() for name in spelt} if ambiguous else set()
    ignored = [name for name in names if name not in {*meant.values(), *doubtful}]
    return Named(meant, tuple(ignored), tuple(ambiguous))


def meaning_of(name: str) -> str | None:
    """Return which array of a dump a name is, by what its path ends with; None for no such one."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().removesuffix(":0")
    parts = [re.findall(r"[a-z0-9]+", part) for part in re.split(r"[./:]", spaced)]
    words = {word for part in parts for word in part}
    marked = [mark for mark, spelt in MARKS.items() if words & {*spelt}]
    unmarked = {word for spelt in MARKS.values() for word in spelt}
    parts = [[word for word in part if word not in unmarked] for part in parts]
    last = "_".join(next((part for part in reversed(parts) if part), ()))
    if last not in MEANINGS and MEANINGS.get(last[1:]) in GRADIENTS and last[0] == "d":
        last, marked = last[1:], [*marked, "gradient"]  # dout, dweight
    meaning = MEANINGS.get(last)
    match marked:
        case []:
            return meaning
        case ["gradient"]:
            return GRADIENTS.get(meaning or "")
        case ["before" | "after" as when] if meaning in STATE:
            return f"{meaning}_{when}"
    return None


def lacking(name: str, names: Iterable[str]) -> str:
    """Say what else an array may be called where a file lacks it, and which names the file has."""
    others = [one for one in SPELLINGS.get(name, ()) if len(one) > 1]
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return (
        f" (or {', '.join(others)})" if others else ""
    ) + f"; the file has {listed(names[:SHOWN]) or 'no array'}{more}"
