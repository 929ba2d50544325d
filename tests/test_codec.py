"""The codec: whatever the classes of the records can hold comes back, and fits the JSON Schema."""

import json
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum
from functools import partial
from types import NoneType, UnionType
from typing import Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from docs.generate import FOLDER as DOCS
from records.codec import LARGEST, Mistake, decode, derived, encode
from records.file import line_of, record_of
from records.schema import RECORDS, SCHEMA

TEXTS = st.text(st.characters(exclude_categories=()), max_size=8)  # lone surrogates too
SCALARS = {
    str: TEXTS,
    int: st.integers(-LARGEST, LARGEST - 1),
    float: st.floats(),
    bool: st.booleans(),
    NoneType: st.none(),
}
VALIDATOR = jsonschema.Draft202012Validator(
    json.loads((DOCS / "records.schema.json").read_text(encoding="utf-8"))
)


def anything(kind):
    """Return a strategy for all that a field of this type can hold."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        numbers = st.floats(allow_nan=False, allow_infinity=False)  # beside a text they are texts
        finite = {float: numbers} if str in arguments else {}
        return st.one_of(*(finite[one] if one in finite else anything(one) for one in arguments))
    if origin is dict:
        return st.dictionaries(*map(anything, arguments), max_size=2)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(anything(arguments[0]), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*map(anything, arguments))
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        held = {one.name: anything(hints[one.name]) for one in fields(kind)}
        return st.builds(
            partial(_made, kind), **held | ({"schema": st.just(SCHEMA)} if "schema" in held else {})
        )
    return st.sampled_from(kind) if issubclass(kind, StrEnum) else SCALARS[kind]


def _made(kind, /, **words):
    try:
        return kind(**words)
    except Mistake:  # a number that no such record can have
        reject()


@pytest.mark.parametrize("kind", RECORDS.values(), ids=RECORDS)
@settings(
    deadline=None,
    max_examples=60,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_every_record_comes_back(kind, data):
    """As it was, through a line of the file, which is what the JSON Schema says it is."""
    record = data.draw(anything(kind))
    line = line_of(record)
    assert line.count("\n") == 1
    assert repr(record_of(line)) == repr(record)  # NaN differs from itself, its text does not
    wrong = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(json.loads(line)))
    assert wrong is None, wrong.message


@dataclass(frozen=True)
class Point:
    x: float
    names: tuple[str, ...] = ()

    @derived
    def half(self):
        return self.x / 2


def test_what_goes_without_saying_is_not_written():
    """A field at its default is left out; what is derived is written, and not read back."""
    assert encode(Point(3.0)) == {"x": 3.0, "half": 1.5}
    assert encode(Point(3.0, ("a",))) == {"x": 3.0, "names": ["a"], "half": 1.5}
    assert decode(Point, {"x": 3, "half": "anything"}, str) == Point(3.0)


def test_every_text_goes_through_the_door():
    """Keys and words of lists too."""
    told = decode(dict[str, Point], {"a": {"x": 1, "names": ["b"]}}, str.upper)
    assert told == {"A": Point(1.0, ("B",))}


@pytest.mark.parametrize(
    ("kind", "value", "complaint"),
    [
        (Point, {}, "lacks x"),
        (Point, {"x": 1, "y": 2}, "has the unknown field 'y'"),
        (Point, {"x": "one"}, "x is 'one', should be a number"),
        (Point, {"x": 1, "names": "ab"}, "names is a text, should be a list"),
        (tuple[Point, ...], [{"x": 1}, {"x": None}], "[1].x is null, should be a number"),
        (dict[str, Point], {"p": {"x": True}}, "['p'].x is true or false, should be a number"),
        (tuple[str, int], ["a"], "has 1 items, should have 2"),
        (int | None, 2**63, "is too large a number"),
        (str | float, [], "is a list, should be a text or a number"),
    ],
)
def test_a_mistake_names_its_place(kind, value, complaint):
    """What is wrong, where, and what would be right."""
    with pytest.raises(Mistake) as caught:
        decode(kind, value, str)
    assert str(caught.value) == complaint
