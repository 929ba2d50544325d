"""Bytes that nobody thought of: read, or refused as a WireError; never anything else."""

import contextlib
import io
import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from adapters.harness import wire
from adapters.harness.observation import Observation, read_answer, read_hello
from tests.faults.fuzzing import check_visible, fuzz

odd_numbers = st.sampled_from([2**31, 2**63, 2**64, -1, 10**400, 1e308, float("nan"), 0.5])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), odd_numbers, st.text(max_size=9)
)
WORDS = """
    kind hello answer failed id case ended how answered raised declined message type traceback
    steps y dx seconds conventions scale gamma devices cpu versions python machine missing log
"""
words = st.sampled_from(WORDS.split())
sizes = st.sampled_from([0, 1, 2, 3, 2**62, 2**63]) | scalars
places = st.fixed_dictionaries(
    {
        "$array": st.just(0) | st.integers(0, 2) | scalars,
        "dtype": st.sampled_from([*wire.DTYPES, "object"]) | scalars,
        "shape": st.lists(sizes, max_size=3) | st.just([1] * 65) | scalars,
    }
)
values = st.recursive(
    scalars | words | places,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)
conventions = st.dictionaries(words, st.lists(scalars | words, min_size=2, max_size=2), max_size=2)
answers = st.fixed_dictionaries(
    {"kind": st.just("answer") | values, "id": st.just("case") | values},
    optional={
        "steps": st.lists(st.dictionaries(words, places | st.none(), max_size=3)) | values,
        "ended": st.fixed_dictionaries({"how": words | values}, optional={"message": values})
        | values,
        "conventions": conventions | values,
        "seconds": scalars | values,
    },
)
machines = st.fixed_dictionaries(
    {
        "cpu": st.text(),
        "instructions": st.lists(words | st.text(), max_size=3) | st.lists(values, max_size=3),
        "limits": st.dictionaries(words, st.text(), max_size=2) | st.dictionaries(words, values),
        "cores": st.integers(),
        "threads": st.integers(),
        "threads_reported": st.text(),
        "instructions_reported": st.text(),
    }
)
hellos = st.fixed_dictionaries(
    {"kind": st.sampled_from(["hello", "failed"]) | values},
    optional={
        "devices": st.lists(words) | values,
        "versions": st.dictionaries(words, scalars) | values,
        "conventions": conventions | values,
        "machine": machines | values,
        "python": st.text() | values,
        "message": st.text() | values,
        "missing": st.text() | values,
    },
)


def framed(message) -> bytes:
    header = json.dumps(message).encode()
    return wire.PREFIX.pack(wire.MAGIC, len(header)) + header


@st.composite
def changed(draw, originals):
    """Return bytes of which some were changed, removed, repeated or added."""
    data = bytearray(draw(originals))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from(["set", "cut", "insert", "remove", "repeat"]))
        if change == "cut":
            del data[at:]
        elif change == "remove":
            del data[at : at + draw(st.integers(1, 8))]
        elif change == "repeat":
            data[at:at] = data[at : at + 40] * draw(st.sampled_from([1, 2, 100]))
        else:
            given = draw(st.binary(min_size=1, max_size=4))
            data[at : at + (len(given) if change == "set" else 0)] = given
    return bytes(data)


arrays = st.binary(max_size=200)


def check_what_is_read(data: bytes) -> None:
    """Read bytes as the host does: what comes of them is in form and visible, or a WireError."""
    with contextlib.suppress(wire.WireError):
        message = wire.read(io.BytesIO(data))
        if message is None:
            return
        with contextlib.suppress(wire.WireError):
            check_visible(read_hello(message))
        observation = read_answer(message, "case")
        assert isinstance(observation, Observation)
        check_visible(vars(observation) | {"steps": list(map(list, observation.steps))})
        assert np.isfinite(observation.seconds)


@fuzz
@given(answers | hellos | values, arrays)
def test_messages_of_any_kind(message, data):
    """JSON of the right words in the wrong places, with arrays of any size."""
    check_what_is_read(framed(message) + data)


@fuzz
@given(changed(st.builds(lambda one, data: framed(one) + data, answers | hellos, arrays)))
def test_frames_that_were_damaged(data):
    """Frames with bytes that were changed, lost, repeated or added."""
    check_what_is_read(data)


def same(sent, back) -> bool:
    """Say whether what came back is what was sent, bit for bit; NaN is NaN, a tuple a list."""
    if isinstance(sent, np.ndarray):
        return (sent.shape, sent.dtype, sent.tobytes()) == (back.shape, back.dtype, back.tobytes())
    if isinstance(sent, dict):
        return sent.keys() == back.keys() and all(same(sent[name], back[name]) for name in sent)
    if isinstance(sent, list):
        return len(sent) == len(back) and all(map(same, sent, back))
    return sent == back or (sent != sent and back != back)


numbers = st.builds(
    lambda data, name: np.frombuffer(data, wire.numpy_dtype(name)),
    st.binary(min_size=64, max_size=64),
    st.sampled_from(wire.DTYPES),
)


@fuzz
@given(st.dictionaries(words, values | numbers | st.lists(st.dictionaries(words, numbers))))
def test_what_can_be_sent_can_be_read(message):
    """Whatever is encoded comes back, or is refused before it is sent."""
    with contextlib.suppress(wire.WireError):
        frame = b"".join(map(bytes, wire.encode(message)))
        assert same(message, wire.read(io.BytesIO(frame)))
