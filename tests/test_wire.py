"""Frames: what is sent comes back, and what is no frame is refused."""

import io

import ml_dtypes
import numpy as np
import pytest

from adapters.harness import wire


def through_the_wire(message):
    return wire.read(io.BytesIO(b"".join(bytes(part) for part in wire.encode(message))))


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, "float32", "float64"])
@pytest.mark.parametrize("shape", [(0, 3), (1,), (2, 3, 4), ()])
def test_arrays_come_back_bit_for_bit(dtype, shape):
    """Every dtype and shape, with NaN, infinities and subnormals among the bits."""
    bits = np.random.default_rng(0).bytes(int(np.prod(shape)) * np.dtype(dtype).itemsize)
    array = np.frombuffer(bits, dtype).reshape(shape)
    back = through_the_wire({"x": array, "more": [{"dy": array[..., ::-1]}] if shape else []})
    assert back["x"].dtype == array.dtype
    assert back["x"].shape == array.shape
    assert back["x"].tobytes() == array.tobytes()
    if shape:
        assert back["more"][0]["dy"].tobytes() == array[..., ::-1].tobytes()


def test_bfloat16_bits_without_the_package_travel_under_the_same_name():
    """An environment without ml_dtypes answers bits; the host reads bfloat16."""
    bits = np.array([0x3F80, 0xC000], np.uint16)
    back = through_the_wire({"y": bits.view(wire.BFLOAT16_BITS)})["y"]
    assert back.dtype == ml_dtypes.bfloat16
    assert back.astype(float).tolist() == [1.0, -2.0]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"Traceback (most recent", "not a frame"),
        (b"BNC\x63" + bytes(8), "protocol version 99"),
        (wire.MAGIC + (10**12).to_bytes(8, "big"), "a header of 1000000000000 bytes"),
        (wire.MAGIC + (4).to_bytes(8, "big") + b"{{{{", "no JSON"),
    ],
)
def test_what_is_no_frame_is_refused_in_one_line(data, complaint):
    """Garbage, another version, an absurd length and a broken header each say what they are."""
    with pytest.raises(wire.WireError, match=complaint):
        wire.read(io.BytesIO(data))


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        ('{"$array": 0, "dtype": "object", "shape": [1]}', "is none of"),
        ('{"$array": 0, "dtype": "float32", "shape": [-1]}', "has the shape"),
        ('{"$array": 0, "dtype": "float32", "shape": [99999999999]}', "at most"),
        ('{"$array": 3, "dtype": "float32", "shape": [1]}', "not numbered"),
        ('{"$array": 0, "dtype": "float32"}', "has no 'shape'"),
    ],
)
def test_an_array_that_cannot_be_is_refused(place, complaint):
    """An object array, a negative or absurd shape, a wrong number, a missing key."""
    with pytest.raises(wire.WireError, match=complaint):
        wire.parse_header(place.encode())
