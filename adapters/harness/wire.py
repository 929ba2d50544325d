"""Frames on a pipe: a JSON header and the raw bytes of its arrays. Never pickle.

A frame is 4 bytes `BNC` + protocol version, the header's length as 8 bytes big-endian, the header
in UTF-8, then the arrays' buffers, C-contiguous and in the machine's byte order, in the order in
which the header names them. In the header an array stands as `{"$array": i, "dtype": name, "shape":
[...]}`; dtypes are names, and bfloat16 travels as its bits.

Everything has a bound, so that neither side can be made to hold or to decode without end what the
other says: what is beyond it is refused in one line before it is read.
"""

import json
import struct

import numpy as np

from adapters.harness.protocol import VERSION

MAGIC = b"BNC" + bytes([VERSION])
PREFIX = struct.Struct(">4sQ")
LARGEST_HEADER = 2**20
LARGEST_MESSAGE = 4 * 2**30
LONGEST_TEXT = 2**14
DEEPEST = 32
MOST_DIMENSIONS = 32  # NumPy 1 has no more
BFLOAT16_BITS = np.dtype([("bfloat16", np.uint16)])
DTYPES = ("float16", "bfloat16", "float32", "float64")


class WireError(Exception):
    """The bytes are no frame of this protocol."""


def numpy_dtype(name):
    """Return the NumPy dtype of a name. Without the package ml_dtypes bfloat16 is its bits."""
    if name == "bfloat16":
        try:
            import ml_dtypes
        except ImportError:
            return BFLOAT16_BITS
        return np.dtype(ml_dtypes.bfloat16)
    if name not in DTYPES:
        raise WireError("dtype {!r} is none of: {}".format(name, ", ".join(DTYPES)))
    return np.dtype(name)


def encode(message):
    """Return a frame as a list of byte buffers; WireError for what cannot be sent."""
    buffers = []

    def pack(value, depth=0):
        if depth > DEEPEST:
            raise WireError(f"cannot be sent: it is nested more than {DEEPEST} deep")
        if isinstance(value, dict):
            if "$array" in value:
                raise WireError("cannot be sent: '$array' is no name")
            return {cut(str(key)): pack(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [pack(item, depth + 1) for item in value]
        if isinstance(value, np.ndarray):
            buffers.append(_in_native_order(value))
            name = "bfloat16" if value.dtype == BFLOAT16_BITS else value.dtype.name
            place = {"$array": len(buffers) - 1, "dtype": name}
            return dict(place, shape=list(value.shape))
        return cut(value) if isinstance(value, str) else value

    try:
        header = json.dumps(pack(message)).encode()
    except (TypeError, ValueError) as error:
        raise WireError(f"cannot be sent: {error}") from None
    _check_length(len(header), "cannot be sent: ")
    _check_arrays(sum(buffer.nbytes for buffer in buffers), LARGEST_MESSAGE, "cannot be sent: ")
    return [PREFIX.pack(MAGIC, len(header)), header] + [
        memoryview(buffer.view(np.uint8).reshape(-1)) if buffer.size else b"" for buffer in buffers
    ]


def cut(text):
    """Return a text as it is sent: of a very long one the beginning and the end."""
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters … {text[-half:]}"


def _in_native_order(array):
    """Return an array as its bytes are sent; WireError for a dtype that has no name here."""
    if array.dtype == BFLOAT16_BITS:
        return np.ascontiguousarray(array)
    return np.ascontiguousarray(array, numpy_dtype(array.dtype.name))


def _check_length(length, where=""):
    if length > LARGEST_HEADER:
        raise WireError(f"{where}a header of {length} bytes; at most {LARGEST_HEADER} are read")


def _check_arrays(size, largest, where=""):
    if size > largest:
        raise WireError(f"{where}arrays of {size} bytes; at most {largest} are read")


def header_length(prefix):
    """Return the header's length from the first bytes of a frame; WireError if they are not."""
    magic, length = PREFIX.unpack(prefix)
    if magic[:3] != MAGIC[:3]:
        raise WireError(f"not a frame: it starts with {magic!r}")
    if magic != MAGIC:
        raise WireError(f"protocol version {magic[3]}, this is version {VERSION}")
    _check_length(length)
    return length


def parse_header(data, largest=LARGEST_MESSAGE):
    """Return the message of a header and its array places, a list of (dtype, shape, bytes).

    Raises WireError, also where the arrays have more than `largest` bytes together.
    """
    try:
        message = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise WireError(f"the header is a {type(message).__name__}, not an object")
    places = []

    def find(value, depth=0):
        if depth > DEEPEST:
            raise WireError(f"the header is nested more than {DEEPEST} deep")
        if isinstance(value, dict) and "$array" in value:
            places.append(_place(value))
        elif isinstance(value, (dict, list)):
            for item in value.values() if isinstance(value, dict) else value:
                find(item, depth + 1)

    find(message)
    places.sort()
    if "$array" in message or [place[0] for place in places] != list(range(len(places))):
        raise WireError("the header's arrays are not numbered 0, 1, ...")
    _check_arrays(sum(place[-1] for place in places), largest)
    return message, [place[1:] for place in places]


def _place(value):
    for key in ("$array", "dtype", "shape"):
        if key not in value:
            raise WireError(f"an array in the header has no {key!r}")
    index, name, shape = value["$array"], value["dtype"], value["shape"]
    if not isinstance(name, str):
        raise WireError("the dtype of an array in the header is no name")
    bounded = isinstance(shape, list) and len(shape) <= MOST_DIMENSIONS
    if not bounded or not all(map(_is_size, [index, *shape])):
        raise WireError(f"an array in the header has the shape {repr(shape)[:60]}")
    size = least = numpy_dtype(name).itemsize
    for length in shape:
        size, least = size * length, least * max(length, 1)
    _check_arrays(least, LARGEST_MESSAGE)  # NumPy has no [0, 2**62] either
    return index, name, shape, size


def _is_size(value):
    return type(value) is int and 0 <= value < 2**64  # True is an int as well


def fill(message, places, buffers):
    """Return the message with its arrays, each a read-only view of its buffer."""
    arrays = [
        np.frombuffer(buffers[index], dtype=numpy_dtype(name)).reshape(shape)
        for index, (name, shape, _) in enumerate(places)
    ]

    def unpack(value):
        if isinstance(value, dict):
            if "$array" in value:
                return arrays[value["$array"]]
            return {key: unpack(item) for key, item in value.items()}
        if isinstance(value, list):
            return [unpack(item) for item in value]
        return value

    return unpack(message)


def read(stream):
    """Read one message from a blocking binary stream; None at its end. Raises WireError."""

    def read_all(size):
        data = stream.read(size)
        if len(data) < size:
            raise WireError("the frame breaks off")
        return data

    prefix = stream.read(PREFIX.size)
    if not prefix:
        return None
    if len(prefix) < PREFIX.size:
        raise WireError("the frame breaks off")
    message, places = parse_header(read_all(header_length(prefix)))
    return fill(message, places, [read_all(size) for _, _, size in places])
