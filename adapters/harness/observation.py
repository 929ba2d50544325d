"""What a target answered to one case: tensors, a refusal, or the way it died.

Here is the door through which all that a framework or an adapter says comes in: whatever is not of
its form is refused, and whatever is text is made visible.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from adapters.harness import text
from adapters.harness.wire import WireError

ENDS = ("answered", "raised", "declined", "broken adapter")
LARGEST_INTEGER = 2**63
MACHINE = {
    "cpu": str,
    "instructions": list,
    "limits": dict,
    "cores": int,
    "threads": int,
    "threads_reported": str,
    "instructions_reported": str,
}
"""What a worker says of its machine, as `adapters/harness/machine.py` has it."""


@dataclass(frozen=True)
class Observation:
    """One target's answer to one case.

    `ended` says how: "answered" with a dict of arrays per step; "raised" and "declined" with the
    tensors up to there; "crashed", "timed out", "broken adapter", "unavailable" (not to be had on
    this machine) or "not run" without any. What was not run says nothing of the target: it can be
    asked again.
    `withheld` names the tensors that the framework does not give, where it gives others.
    `conventions` are those the adapter declares for this case, `{field: (option, source)}`. `log`
    is the end of what the process wrote, where it died: past a deadline it ends with the Python
    stack of every thread.
    """

    ended: str
    steps: tuple[dict[str, np.ndarray], ...] = ()
    conventions: dict[str, tuple[object, str]] = field(default_factory=dict)
    message: str = ""
    log: str = ""
    retry: str = ""
    seconds: float = 0.0
    withheld: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        for name, visible in (("message", text.one_line), ("retry", str), ("log", text.log)):
            object.__setattr__(self, name, visible(getattr(self, name)))


def read_hello(message: dict) -> dict:
    """Return a hello, checked for its form: versions, devices, conventions, Python, machine.

    A worker that could not import its adapter says so in place of a hello; that is returned too,
    as `{"kind": "failed", "message": ..., "missing": ..., "log": ...}`. Raises WireError.
    """
    kind = message.get("kind")
    if isinstance(kind, str) and kind == "failed":
        told = {"message": text.one_line(_text(message, "message"))}
        missing = message.get("missing") and text.one_line(_text(message, "missing"))
        return {"kind": kind, **told, "missing": missing, "log": text.log(_text(message, "log"))}
    if not isinstance(kind, str) or kind != "hello":
        raise WireError(f"said {_short(kind)} where its hello was due")
    devices = message.get("devices")
    if not isinstance(devices, list) or not all(isinstance(name, str) for name in devices):
        raise WireError(f"its hello has the devices {_short(devices)}, not a list of names")
    versions = message.get("versions")
    if not isinstance(versions, dict):
        raise WireError(f"its hello has the versions {_short(versions)}, not a dict")
    return {
        "kind": kind,
        "python": text.one_line(_text(message, "python")),
        "versions": {text.one_line(one): _version(two) for one, two in versions.items()},
        "devices": list(map(text.one_line, devices)),
        "conventions": _conventions(message.get("conventions")),
        "machine": _machine(message.get("machine")),
    }


def read_answer(message: dict, case: str) -> Observation:
    """Return the answer to a case. Raises WireError where the message is none."""
    kind, found = message.get("kind"), message.get("id")
    if not (isinstance(kind, str) and kind == "answer" and isinstance(found, str)):
        raise WireError(f"said {_short(kind)} where the answer to {case!r} was due")
    if found != case:
        raise WireError(f"answered {_short(found)} when asked for {case!r}")
    ended, steps = message.get("ended"), message.get("steps")
    ended = {"how": "answered"} if ended is None else ended
    if not isinstance(ended, dict) or not isinstance(steps, list):
        raise WireError(f"its answer to {case!r} has no steps or no end")
    how = ended.get("how")
    try:
        if not isinstance(how, str) or how not in ENDS:
            raise WireError(f"an answer cannot end as {_short(how)}")
        told = _text(ended, "message")
        if how == "raised":
            told = f"{_text(ended, 'type')}: {told}"
        given = [_step(number, step) for number, step in enumerate(steps)]
        return Observation(
            ended=how,
            steps=() if how == "broken adapter" else tuple(map(_arrays, given)),
            conventions=_conventions(message.get("conventions", {})),
            message=told,
            log=_text(ended, "traceback"),
            seconds=_seconds(message.get("seconds", 0.0)),
            withheld=frozenset(name for step in given for name in step if step[name] is None),
        )
    except WireError as error:
        return Observation("broken adapter", message=str(error))


def _text(message: dict, name: str) -> str:
    value = message.get(name)
    if value is not None and not isinstance(value, str):
        raise WireError(f"its {name} is {_short(value)}, not a text")
    return value or ""


def _short(value: object) -> str:
    """Return what stands in the place of something else, in a few words."""
    named = value is None or isinstance(value, (str, bool, int, float, list, dict))
    return text.one_line(repr(value), 60) if named else f"a {type(value).__name__}"


def _version(value: object) -> str:
    if not isinstance(value, (str, int, float)):
        raise WireError(f"its hello has the version {_short(value)}")
    return text.one_line(_plain(value), 60)


def _machine(told: object) -> dict:
    """Return what a hello says of the machine; nothing where it says nothing."""
    if told is None:
        return {}
    if not isinstance(told, dict) or {name: type(one) for name, one in told.items()} != MACHINE:
        raise WireError(f"its hello has the machine {_short(told)}")
    if not all(isinstance(one, str) for one in (*told["instructions"], *told["limits"].values())):
        raise WireError("its hello has the machine's instructions or limits in another form")
    return _plain(told)


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise WireError(f"it took {_short(value)} seconds")
    if not math.isfinite(_plain(value)):
        raise WireError(f"it took {value} seconds")
    return float(value)


def _step(number: int, step: object) -> dict[str, np.ndarray | None]:
    if not isinstance(step, dict):
        raise WireError(f"step {number} is a {type(step).__name__}, not a dict of arrays")
    for name, tensor in step.items():
        if tensor is not None and not isinstance(tensor, np.ndarray):
            found = type(tensor).__name__
            name = text.one_line(name, 60)
            raise WireError(f"{name} of step {number} is a {found}, not a NumPy array")
    return {text.one_line(name, 60): tensor for name, tensor in step.items()}


def _arrays(step: dict[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    return {name: tensor for name, tensor in step.items() if tensor is not None}


def _conventions(declared: object) -> dict[str, tuple[object, str]]:
    if not isinstance(declared, dict) or not all(
        isinstance(two, list) and len(two) == 2 and isinstance(two[1], str)
        for two in declared.values()
    ):
        raise WireError("the conventions are not {field: (option, source)}")
    told = {}
    for name, (option, source) in declared.items():
        if isinstance(option, (list, dict)):
            raise WireError(f"the convention {_short(name)} has the option {_short(option)}")
        told[text.one_line(name, 60)] = _plain(option), text.one_line(source)
    return told


def _plain(value):
    """Return what JSON can hold, with its texts visible and its numbers of a bounded length."""
    if isinstance(value, str):
        return text.one_line(value)
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, dict):
        return {text.one_line(name, 60): _plain(one) for name, one in value.items()}
    if isinstance(value, int) and abs(value) >= LARGEST_INTEGER:
        raise WireError("a number is too large")
    if isinstance(value, np.ndarray):
        raise WireError("an array stands where there is none")
    return value
