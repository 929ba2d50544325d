"""The pages about the records: docs/records.md for people, docs/records.schema.json for machines.

Both are drawn from the classes of records/schema.py; `python -m docs.generate` writes them.
"""

import inspect
import json
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from records import file, schema
from records.codec import LARGEST, NUMBERS, default_of, derived_of
from records.schema import RECORDS, SCHEMA, HeaderRecord

WORDS = {str: "text", int: "whole number", float: "number", bool: "true or false", NoneType: "null"}
NUMBER = {"anyOf": [{"type": "number"}, {"enum": list(NUMBERS)}]}
SCALARS: dict[Any, dict] = {
    str: {"type": "string"},
    int: {"type": "integer", "minimum": -LARGEST, "maximum": LARGEST - 1},
    float: {"$ref": "#/$defs/number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
}


def records_page() -> str:
    """Return docs/records.md: every kind of line, and what its fields hold."""
    lines = [
        "# The records of a run",
        "",
        "<!-- Written by `python -m docs.generate` from records/schema.py and pieces.py. -->",
        "",
        f"`{file.FILE_NAME}` is a JSON object a line, with its `kind`. This is schema {SCHEMA};",
        "[records.schema.json](records.schema.json) says the same to machines.",
        "",
        *_text(schema),
        "",
        *_text(file),
        "",
        "A field that holds its default is left out. A number that JSON lacks is one of the texts",
        f"{', '.join(NUMBERS)}. What is *derived* is written for people, and not read back.",
    ]
    for word, kind in RECORDS.items():
        lines += ["", f"## `{word}`", "", *_text(kind), "", *_table(kind)]
    lines += ["", "# What they are made of"]
    for kind in _parts():
        lines += ["", f"## {kind.__name__}", "", *_text(kind), ""]
        lines += _words(kind) if issubclass(kind, StrEnum) else _table(kind)
    return "\n".join(lines) + "\n"


def json_schema() -> str:
    """Return docs/records.schema.json: the JSON Schema of one line."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A line of {file.FILE_NAME}, schema {SCHEMA}",
        "oneOf": [{"$ref": f"#/$defs/{kind.__name__}"} for kind in RECORDS.values()],
        "$defs": {
            "number": NUMBER,
            **{kind.__name__: _object(kind, word) for word, kind in RECORDS.items()},
            **{
                kind.__name__: {"enum": list(kind)} if issubclass(kind, StrEnum) else _object(kind)
                for kind in _parts()
            },
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _text(documented: Any) -> list[str]:
    return (inspect.getdoc(documented) or "").splitlines()


def _table(kind: type) -> list[str]:
    """Return the fields of a class as a table, the derived ones last."""
    hints = get_type_hints(kind)
    rows = ["| field | holds | default |", "|---|---|---|"]
    for one in fields(kind):
        default = default_of(one)
        told = "" if default is MISSING else f"`{json.dumps(default)}`"
        rows.append(f"| `{one.name}` | {_name(hints[one.name])} | {told} |")
    for name, one in derived_of(kind).items():
        rows.append(f"| `{name}` | *derived:* {inspect.getdoc(one)} | |")
    return rows


def _words(kind: type[StrEnum]) -> list[str]:
    """Return the words of an enumeration, with what they mean where they say so."""
    if not hasattr(next(iter(kind)), "meaning"):
        return [", ".join(f"`{word}`" for word in kind)]
    rows = ["| word | | meaning |", "|---|---|---|"]
    return rows + [f"| `{word}` | {word.glyph} | {word.meaning} |" for word in kind]


def _name(kind: Any) -> str:
    """Return the type of a field in words."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(map(_name, arguments))
    if origin is dict:
        return f"object of {_name(arguments[0])}: {_name(arguments[1])}"
    if origin is tuple and arguments[-1] is Ellipsis:
        every = _name(arguments[0])
        return f"list of ({every})" if get_args(arguments[0]) else f"list of {every}"
    if origin is tuple:
        return ", ".join(map(_name, arguments))
    return WORDS.get(kind) or f"[{kind.__name__}](#{kind.__name__.lower()})"


def _parts() -> list[type]:
    """Return the classes and enumerations that the records are made of, in the order of use."""
    found: dict[type, None] = {}

    def look(kind: Any) -> None:
        for one in get_args(kind):
            look(one)
        if is_dataclass(kind) or (isinstance(kind, type) and issubclass(kind, StrEnum)):
            if kind in found:
                return
            if kind not in RECORDS.values():
                found[kind] = None
            if is_dataclass(kind):
                for hint in get_type_hints(kind).values():
                    look(hint)

    for record in RECORDS.values():
        look(record)
    return list(found)


def _object(kind: Any, word: str = "") -> dict:
    """Return the JSON Schema of a class; a record has its `kind` before its fields."""
    hints = get_type_hints(kind)
    properties: dict[str, dict] = {"kind": {"const": word}} if word else {}
    properties |= {one.name: _schema_of(hints[one.name]) for one in fields(kind)}
    properties |= {
        name: {"type": "string", "readOnly": True, "description": inspect.getdoc(one)}
        for name, one in derived_of(kind).items()
    }
    if kind is HeaderRecord:
        properties["schema"] = {"const": SCHEMA}
    required = [one.name for one in fields(kind) if default_of(one) is MISSING]
    return {
        "description": " ".join(_text(kind)),
        "type": "object",
        "properties": properties,
        "required": ["kind", *required] if word else required,
        "additionalProperties": False,
    }


def _schema_of(kind: Any) -> dict:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return {"anyOf": [_schema_of(one) for one in arguments]}
    if origin is dict:
        of_keys = {} if arguments[0] is str else {"propertyNames": _schema_of(arguments[0])}
        return {"type": "object", "additionalProperties": _schema_of(arguments[1]), **of_keys}
    if origin is tuple and arguments[-1] is Ellipsis:
        return {"type": "array", "items": _schema_of(arguments[0])}
    if origin is tuple:
        items = [_schema_of(one) for one in arguments]
        return {"type": "array", "prefixItems": items, "minItems": len(items), "items": False}
    return SCALARS.get(kind) or {"$ref": f"#/$defs/{kind.__name__}"}
