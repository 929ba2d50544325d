"""From an object to JSON and back, driven by the fields of its class and their types.

A field is a text, a number, a truth value, a word of an enumeration, an object of another class,
`tuple[T, ...]`, a tuple of fixed length, `dict[K, T]`, or a union of these, None included. One that
holds its default is not written. A number that JSON lacks is the text "nan", "inf" or "-inf";
where a field may be a text as well, that text is what is read back.
"""

import math
from collections.abc import Callable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

LARGEST = 2**63
"""No whole number is as large: it fits every reader's integers."""

NUMBERS = ("nan", "inf", "-inf")
"""How the numbers that JSON lacks are written."""

Text = Callable[[str], str]
"""What becomes of a foreign text."""

Read = Callable[[Any, Text], Any]

_JSON_NAMES = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
    dict: "an object",
    list: "a list",
}


class Mistake(Exception):
    """A value is not what its field takes; the message is one line that names the field."""

    def __init__(self, what: str, place: str = ""):
        super().__init__(f"{place} {what}" if place else what)
        self.what, self.place = what, place

    def within(self, name: str) -> "Mistake":
        """Return the mistake as seen from the object that has the value in its field `name`."""
        dot = "." if self.place and not self.place.startswith("[") else ""
        return Mistake(self.what, f"{name}{dot}{self.place}")


class derived(property):
    """A property that is written beside the fields, for people, and not read back."""


def derived_of(kind: type) -> dict[str, derived]:
    """Return the derived properties of a class, by name."""
    return {
        name: one
        for parent in reversed(kind.__mro__)
        for name, one in vars(parent).items()
        if isinstance(one, derived)
    }


def encode(value: Any) -> Any:
    """Return a value as what `json.dumps` takes."""
    if value is None or isinstance(value, str | int):  # nearly all are
        return value
    if is_dataclass(value):
        kind: type = type(value)
        told = ((name, getattr(value, name), default) for name, default in _told(kind))
        return {name: encode(one) for name, one, default in told if one != default}
    if isinstance(value, tuple | list):
        return [encode(one) for one in value]
    if isinstance(value, dict):
        return {str(key): encode(one) for key, one in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def decode(kind: Any, value: object, text: Text) -> Any:
    """Return what JSON holds as a `kind`, with every text in it passed through `text`.

    Raises Mistake for what a field does not take: another type, a number that is too large, an
    unknown word, a field that is missing or unknown.
    """
    return _reader(kind)(value, text)


@cache
def _told(kind: type) -> list[tuple[str, object]]:
    """Return the names that are written, each with the value that goes without saying."""
    return [(one.name, default_of(one)) for one in fields(kind)] + [
        (name, MISSING) for name in derived_of(kind)
    ]


def default_of(one: Field) -> object:
    """Return the default of a field; MISSING where it must be given."""
    return one.default_factory() if one.default_factory is not MISSING else one.default


@cache
def _reader(kind: Any) -> Read:
    by_type: dict[type, Read] = {}
    union = get_origin(kind) in (Union, UnionType)
    members = get_args(kind) if union else (kind,)
    for member in sorted(members, key=lambda member: member is float):  # it takes the others' too
        for json_type, own in _readers_of(member).items():
            by_type.setdefault(json_type, own)
    due = " or ".join(map(name_of, members))

    def read(value, text):
        own = by_type.get(type(value))
        if own is None:
            raise Mistake(f"is {_JSON_NAMES[type(value)]}, should be {due}")
        return own(value, text)

    return read


def _readers_of(kind: Any) -> dict[type, Read]:
    """Return how a kind is read from each type of JSON value that it can be."""
    origin = get_origin(kind)
    if origin is dict:
        return {dict: _mapping(*get_args(kind))}
    if origin is tuple:
        return {list: _row(get_args(kind))}
    if is_dataclass(kind):
        return {dict: _object(kind)}
    if issubclass(kind, StrEnum):
        return {str: _word(kind)}
    return _SCALARS[kind]


def name_of(kind: Any) -> str:
    """Say in words what a kind of value is in JSON."""
    if is_dataclass(kind) or get_origin(kind) is dict:
        return _JSON_NAMES[dict]
    if get_origin(kind) is tuple:
        return _JSON_NAMES[list]
    return "a word" if issubclass(kind, StrEnum) else _JSON_NAMES[kind]


def _same(value, text):
    return value


def _whole(value, text):
    if not -LARGEST <= value < LARGEST:
        raise Mistake("is too large a number")
    return value


def _number(value, text):
    if isinstance(value, str) and value not in NUMBERS:
        raise Mistake(f"is {value[:40]!r}, should be a number")
    try:
        return float(value)
    except OverflowError:
        raise Mistake("is too large a number") from None


_SCALARS: dict[type, dict[type, Read]] = {
    str: {str: lambda value, text: text(value)},
    int: {int: _whole},
    float: {float: _same, int: _number, str: _number},
    bool: {bool: _same},
    NoneType: {NoneType: _same},
}


def _word(kind: type[StrEnum]) -> Read:
    words = {word.value: word for word in kind}

    def read(value, text):
        if value not in words:
            raise Mistake(f"is {value[:40]!r}, should be one of: {', '.join(words)}")
        return words[value]

    return read


def _row(kinds: tuple) -> Read:
    if kinds[-1] is Ellipsis:
        every = _reader(kinds[0])
        return lambda values, text: tuple(_item(every, *one, text) for one in enumerate(values))
    readers = [_reader(kind) for kind in kinds]

    def read(values, text):
        if len(values) != len(readers):
            raise Mistake(f"has {len(values)} items, should have {len(readers)}")
        return tuple(
            _item(one, at, value, text)
            for at, (one, value) in enumerate(zip(readers, values, strict=True))
        )

    return read


def _item(read: Read, at: int, value, text: Text):
    try:
        return read(value, text)
    except Mistake as mistake:
        raise mistake.within(f"[{at}]") from None


def _mapping(key_kind, kind) -> Read:
    read_key, read_value = _reader(key_kind), _reader(kind)

    def read(values, text):
        found = {}
        for key, value in values.items():
            try:
                found[read_key(key, text)] = read_value(value, text)
            except Mistake as mistake:
                raise mistake.within(f"[{key[:40]!r}]") from None
        return found

    return read


def _object(kind: Any) -> Read:
    hints = get_type_hints(kind)
    readers = {one.name: _reader(hints[one.name]) for one in fields(kind)}
    required = {one.name for one in fields(kind) if default_of(one) is MISSING}
    unread = derived_of(kind).keys()

    def read(values, text):
        given = {}
        for name, value in values.items():
            own = readers.get(name)
            if own is not None:
                try:
                    given[name] = own(value, text)
                except Mistake as mistake:
                    raise mistake.within(name) from None
            elif name not in unread:
                raise Mistake(f"has the unknown field {name[:40]!r}")
        if not required <= given.keys():
            raise Mistake(f"lacks {', '.join(sorted(required - given.keys()))}")
        return kind(**given)

    return read
