"""Adapters that reach for the protocol and break it."""

import os
import sys

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


def a_header_of_60_mb(layer, steps):
    """Say 60 MB of brackets, which take a second to decode and to find wrong."""
    frame = wire.PREFIX.pack(wire.MAGIC, 60_000_000) + b'{"a": ' + b"[[],[]," * 8_571_427
    with open(answers_pipe(), "wb", closefd=False) as pipe:
        pipe.write(frame)
    yield from sound(layer, steps)


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


def malformed(**words):
    """Return a `run` whose answer is in form, but for some words in JSON."""
    told = {"kind": '"answer"', "id": '"struck"', "steps": "[]", "seconds": "0", **words}
    header = in_json(told).encode()

    def run(layer, steps):
        worker = sys.modules["__main__"]
        usual = worker.encoded

        def encoded(reply):
            worker.encoded = usual
            return [wire.PREFIX.pack(wire.MAGIC, len(header)), header]

        worker.encoded = encoded
        return sound(layer, steps)

    return run


def array(**words):
    return in_json({"$array": "0", "dtype": '"float32"', "shape": "[1]", **words})


def in_json(told):
    return "{" + ", ".join(f'"{name}": {one}' for name, one in told.items()) + "}"


in_step = '[{{"y": {}}}]'.format
sixty_five_dimensions = malformed(steps=in_step(array(shape=str([1] * 65))))
a_size_of_2_to_the_63 = malformed(steps=in_step(array(shape=f"[0, {2**63}]")))
a_size_of_10_to_the_400 = malformed(steps=in_step(array(shape=f"[{10**400}]")))
a_size_of_true = malformed(steps=in_step(array(shape="[true]")))
a_shape_that_is_a_text = malformed(steps=in_step(array(shape='"12"')))
a_dtype_that_is_a_list = malformed(steps=in_step(array(dtype="[]")))
an_array_number_of_true = malformed(steps=in_step(array(**{"$array": "true"})))
an_array_as_the_end = malformed(ended=array(shape="[0, 2]"))
an_array_as_the_name = malformed(id=array(shape="[0]"))
an_array_as_the_kind = malformed(kind=array(shape="[0, 2]"))
an_end_of_10_to_the_400 = malformed(ended=f'{{"how": {10**400}}}')
seconds_of_10_to_the_400 = malformed(seconds=str(10**400))
seconds_of_infinity = malformed(seconds="Infinity")
an_option_that_is_a_list = malformed(conventions='{"scale": [["gamma"], "nowhere"]}')
an_option_of_10_to_the_400 = malformed(conventions=f'{{"scale": [{10**400}, "nowhere"]}}')
a_source_that_is_a_number = malformed(conventions='{"scale": ["gamma", 1]}')
nested_a_hundred_deep = malformed(steps="[" * 100 + "]" * 100)
a_number_of_5000_digits = malformed(seconds="1" * 5000)


def no_answer(layer, steps):
    return say(b"".join(wire.encode({"kind": "answer", "id": "struck"})), layer, steps)


run = striking(globals())
