"""Adapters that reach for the protocol and break it."""

import os

from adapters.harness import wire
from tests.faults import miniature
from tests.faults.miniature import answers_pipe, conventions, fault, sound, striking

__all__ = ["conventions", "hello", "run"]


def hello():
    if fault() == "hello_without_devices":
        return {"versions": {}}
    if fault() == "hello_is_a_list":
        return ["miniature", "1.0"]
    if fault() == "hello_for_another_machine":
        return {"versions": {"miniature": "1.0"}, "devices": ["tpu"]}
    return miniature.hello()


def say(data, layer, steps):
    os.write(answers_pipe(), data)
    yield from sound(layer, steps)


def garbage(layer, steps):
    return say(bytes(range(256)) * 16, layer, steps)


def endless_header(layer, steps):
    return say(wire.MAGIC + (10**12).to_bytes(8, "big"), layer, steps)


def another_version(layer, steps):
    return say(b"BNC\x63" + bytes(8), layer, steps)


def no_json(layer, steps):
    return say(wire.PREFIX.pack(wire.MAGIC, 4) + b"{{{{", layer, steps)


def a_list(layer, steps):
    return say(wire.PREFIX.pack(wire.MAGIC, 2) + b"[]", layer, steps)


def nested_for_ever(layer, steps):
    return say(wire.PREFIX.pack(wire.MAGIC, 50000) + b"[" * 50000, layer, steps)


def another_request(layer, steps):
    frame = wire.encode({"kind": "answer", "id": "d", "steps": [], "seconds": 0.0})
    return say(b"".join(frame), layer, steps)


def no_answer(layer, steps):
    return say(b"".join(wire.encode({"kind": "answer", "id": "struck"})), layer, steps)


run = striking(globals())
