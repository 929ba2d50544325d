"""Is an adapter itself sound? What can be told without a word on how its layer normalises.

An adapter that forgets to pass on a number makes its framework look wrong. So each number and each
vector is changed once, and the answer must change with it; the same request twice must have the
same answer; and whatever is answered must have the form that the protocol asks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from adapters.harness.conversation import Request, Settings
from adapters.harness.host import Host
from adapters.harness.observation import Observation
from adapters.harness.registry import Target
from records.verdict import Verdict
from suite.smoke import request_of
from suite.verdicts import judgements
from test_cases.case import Case, numpy_dtype

TRAINING = Case("soundness", "what an adapter is asked for", (4, 3, 5, 5))
INFERENCE = replace(TRAINING, steps=("infer",))
VARIED = {
    "epsilon": (TRAINING, replace(TRAINING, epsilon=1.0), "y"),
    "momentum": (TRAINING, replace(TRAINING, momentum=0.75), "running_mean"),
    "gamma": (TRAINING, replace(TRAINING, state={"gamma": [2.0, 3.0, 5.0]}), "dx"),
    "beta": (TRAINING, replace(TRAINING, state={"beta": [2.0, 3.0, 5.0]}), "y"),
    "running_mean": (INFERENCE, replace(INFERENCE, state={"running_mean": [2.0, 3.0, 5.0]}), "y"),
    "running_var": (INFERENCE, replace(INFERENCE, state={"running_var": [2.0, 3.0, 5.0]}), "y"),
    "dy": (TRAINING, replace(TRAINING, steps=("forward",)), "dx"),
}
"""What the layer is given: two cases that differ in it alone, and a tensor that shows it."""

KINDS = {
    "rank 2": replace(TRAINING, shape=(8, 3)),
    "rank 3": replace(TRAINING, shape=(4, 3, 5)),
    "rank 5": replace(TRAINING, shape=(2, 3, 2, 3, 2)),
    "channels last": replace(TRAINING, shape=(4, 5, 5, 3), channel_axis=-1),
    "float64": replace(TRAINING, dtype="float64"),
    "float16": replace(TRAINING, dtype="float16"),
    "bfloat16": replace(TRAINING, dtype="bfloat16"),
    "a bare constructor": Case(
        "soundness",
        "nothing is given",
        (4, 3, 5, 5),
        epsilon=None,
        momentum=None,
        state=None,
        steps=("forward",),
    ),
    "a bare call": replace(TRAINING, steps=("bare",)),
}
"""What a layer may decline or refuse, but not answer in a wrong form."""


@dataclass(frozen=True)
class Finding:
    """One line about an adapter: what was looked at, and what is wrong with it, if anything."""

    what: str
    wrong: str = ""
    note: str = ""

    @property
    def sound(self) -> bool:
        return not self.wrong

    def __str__(self) -> str:
        if self.wrong:
            return f"WRONG  {self.what}: {self.wrong}"
        return f"ok     {self.what}" + (f": {self.note}" if self.note else "")


class Soundness:
    """Tries one target. Use as a context manager; `findings` yields what it finds, line by line."""

    def __init__(self, target: Target, python: Path | None = None):
        self._target = target
        pythons = {target.implementation.name: python} if python else {}
        self._host = Host(Settings(window=0), pythons=pythons)
        self._answers: dict[str, Observation] = {}
        self._cases: dict[str, Case] = {"training": TRAINING, "training again": TRAINING, **KINDS}
        for name, (usual, other, _) in VARIED.items():
            self._cases |= {f"usual {name}": usual, f"other {name}": other}
        self._cases["inference"] = INFERENCE

    def __enter__(self) -> "Soundness":
        self._host.__enter__()
        plan: dict[str, Request] = {
            name: partial(request_of, case) for name, case in self._cases.items()
        }
        self._host.start(self._target, plan)
        return self

    def __exit__(self, *exception) -> None:
        self._host.__exit__(*exception)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding after the other; the first that makes the rest useless is the last."""
        hello = self._host.greeting(self._target)
        if isinstance(hello, Observation):
            yield Finding("starts", f"{hello.ended}: {hello.message}\n{hello.log}".rstrip())
            return
        yield Finding("starts", note=", ".join(" ".join(one) for one in hello["versions"].items()))
        wrong = self._fault("training")
        yield Finding("answers a training step", wrong)
        if wrong:
            return
        yield self._repeats()
        yield self._keeps_its_state()
        for name in VARIED:
            yield self._uses(name)
        for name in KINDS:
            observation = self._answer(name)
            if observation.ended in (Verdict.DECLINED, Verdict.RAISED):
                yield Finding(name, note=f"{observation.ended}: {_line(observation.message)}")
            else:
                yield Finding(name, self._fault(name))

    def _answer(self, name: str) -> Observation:
        if name not in self._answers:
            self._answers[name] = self._host.observe(self._target, name)
        return self._answers[name]

    def _fault(self, name: str) -> str:
        """Say what is wrong with the form of an answer; "" where nothing is."""
        observation = self._answer(name)
        if observation.ended != "answered":
            return f"{observation.ended}: {observation.message}\n{observation.log}".rstrip()
        for judgement in judgements(self._cases[name], observation):
            if judgement.verdict is Verdict.BROKEN_ADAPTER:
                return judgement.detail
        return ""

    def _repeats(self) -> Finding:
        what = "answers the same to the same"
        first, second = self._answer("training"), self._answer("training again")
        if len(first.steps) != len(second.steps):
            return Finding(what, f"the second time it {second.ended}: {second.message}")
        for one, two in zip(first.steps, second.steps, strict=True):
            for tensor in one:
                if tensor not in two or not _equal(one[tensor], two[tensor]):
                    return Finding(what, f"{tensor} is another the second time")
        return Finding(what)

    def _keeps_its_state(self) -> Finding:
        what = "infers from the state that it is given, and leaves it"
        observation = self._answer("inference")
        if observation.ended != "answered":
            return Finding(
                what, note=f"not told: {observation.ended}: {_line(observation.message)}"
            )
        given = vars(INFERENCE.layer())
        for tensor in ("running_mean", "running_var"):
            if tensor in observation.steps[0]:
                kept = observation.steps[0][tensor]
                if not _equal(kept, given[tensor].astype(numpy_dtype(kept.dtype.name))):
                    return Finding(what, f"{tensor} is {kept}, given was {given[tensor]}")
        return Finding(what)

    def _uses(self, name: str) -> Finding:
        what = f"uses {name}"
        tensor = VARIED[name][2]
        usual, other = self._answer(f"usual {name}"), self._answer(f"other {name}")
        for observation in (usual, other):
            if observation.ended != "answered":
                message = _line(observation.message)
                return Finding(what, note=f"not told: {observation.ended}: {message}")
        if tensor in usual.withheld:
            return Finding(what, note=f"not told: it gives no {tensor}")
        if name == "dy" and tensor not in other.steps[0]:
            return Finding(what)
        if name == "momentum" and _ignores_momentum(usual):
            return Finding(what, note="not told: it declares a rule without momentum")
        if _equal(usual.steps[0][tensor], other.steps[0][tensor]):
            return Finding(what, f"{tensor} is the same whatever {name} is")
        return Finding(what)


def _ignores_momentum(observation: Observation) -> bool:
    declared = {name: option for name, (option, _) in observation.conventions.items()}
    by_rule = declared.get("running_update") in ("never", "cumulative", "first_batch_replaces")
    return by_rule or declared.get("normalizer") == "per_sample"


def _equal(one: np.ndarray, two: np.ndarray) -> bool:
    return one.shape == two.shape and one.tobytes() == two.tobytes()


def _line(text: str) -> str:
    return text.strip().splitlines()[0] if text.strip() else ""
