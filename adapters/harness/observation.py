"""What a target answered to one case: tensors, a refusal, or the way it died."""

from dataclasses import dataclass, field

import numpy as np

from adapters.harness.wire import WireError


@dataclass(frozen=True)
class Observation:
    """One target's answer to one case.

    `ended` says how: "answered" with a dict of arrays per step; "raised" and "declined" with the
    tensors up to there; "crashed", "timed out", "broken adapter", "unavailable" (not to be had on
    this machine) or "not run" without any.
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


def read_hello(message: dict) -> dict:
    """Return a hello, checked for its form. Raises WireError in one line.

    A worker that could not import its adapter says so in place of a hello; that is returned too,
    as `{"kind": "failed", "message": ..., "missing": ..., "log": ...}`.
    """
    kind = message.get("kind")
    if kind == "failed":
        return {"kind": kind, **{name: message.get(name) for name in ("message", "missing", "log")}}
    if kind != "hello":
        raise WireError(f"said {kind!r} where its hello was due")
    devices = message.get("devices")
    if not isinstance(devices, list) or not all(isinstance(name, str) for name in devices):
        raise WireError(f"its hello has the devices {devices!r}, not a list of names")
    versions = message.get("versions")
    if not isinstance(versions, dict):
        raise WireError(f"its hello has the versions {versions!r}, not a dict")
    return {
        **message,
        "versions": {name: str(version) for name, version in versions.items()},
        "conventions": _conventions(message.get("conventions")),
    }


def read_answer(message: dict, case: str) -> Observation:
    """Return the answer to a case. Raises WireError where the message is none."""
    if message.get("kind") != "answer" or message.get("id") != case:
        found = message.get("id", message.get("kind"))
        raise WireError(f"answered {found!r} when asked for {case!r}")
    ended = message.get("ended") or {"how": "answered"}
    steps, seconds = message.get("steps"), message.get("seconds")
    if not isinstance(ended, dict) or not isinstance(steps, list):
        raise WireError(f"its answer to {case!r} has no steps or no end")
    text = str(ended.get("message", ""))
    if ended.get("how") == "raised":
        text = f"{ended.get('type')}: {text}"
    how = ended.get("how")
    try:
        conventions = _conventions(message.get("conventions", {}))
        if how not in ("answered", "raised", "declined", "broken adapter"):
            raise WireError(f"an answer cannot end as {how!r}")
        for number, step in enumerate(steps):
            _check_step(number, step)
    except WireError as error:
        return Observation("broken adapter", message=str(error))
    given = [{name: one for name, one in step.items() if one is not None} for step in steps]
    return Observation(
        ended=how,
        steps=() if how == "broken adapter" else tuple(given),
        conventions=conventions,
        message=text,
        log=str(ended.get("traceback", "")),
        seconds=float(seconds) if isinstance(seconds, (int, float)) else 0.0,
        withheld=frozenset(name for step in steps for name in step if step[name] is None),
    )


def _check_step(number: int, step: object) -> None:
    if not isinstance(step, dict):
        raise WireError(f"step {number} is a {type(step).__name__}, not a dict of arrays")
    for name, tensor in step.items():
        if tensor is not None and not isinstance(tensor, np.ndarray):
            found = type(tensor).__name__
            raise WireError(f"{name} of step {number} is a {found}, not a NumPy array")


def _conventions(declared: object) -> dict[str, tuple[object, str]]:
    if not isinstance(declared, dict) or not all(
        isinstance(two, list) and len(two) == 2 for two in declared.values()
    ):
        raise WireError("the conventions are not {field: (option, source)}")
    return {name: (option, str(source)) for name, (option, source) in declared.items()}
