"""Frames on a pipe: a JSON header and the raw bytes of its arrays. Never pickle.

A frame is 4 bytes `BNC` + protocol version, the header's length as 8 bytes big-endian, the header
in UTF-8, then the arrays' buffers, C-contiguous, in the order in which the header names them. In
the header an array stands as `{"$array": i, "dtype": name, "shape": [...]}`; dtypes are names, and
bfloat16 travels as its bits.
"""

import json
import struct

import numpy as np

from adapters.harness.protocol import VERSION

MAGIC = b"BNC" + bytes([VERSION])
PREFIX = struct.Struct(">4sQ")
LARGEST_HEADER = 64 * 2**20
LARGEST_MESSAGE = 4 * 2**30
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

    def pack(value):
        if isinstance(value, dict):
            return {str(key): pack(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [pack(item) for item in value]
        if isinstance(value, np.ndarray):
            name = "bfloat16" if value.dtype == BFLOAT16_BITS else value.dtype.name
            numpy_dtype(name)
            buffers.append(np.ascontiguousarray(value))
            place = {"$array": len(buffers) - 1, "dtype": name}
            return dict(place, shape=list(value.shape))
        return value

    try:
        header = json.dumps(pack(message)).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise WireError(f"cannot be sent: {error}") from None
    return [PREFIX.pack(MAGIC, len(header)), header] + [
        memoryview(buffer.view(np.uint8).reshape(-1)) if buffer.size else b"" for buffer in buffers
    ]


def header_length(prefix):
    """Return the header's length from the first bytes of a frame; WireError if they are not."""
    magic, length = PREFIX.unpack(prefix)
    if magic[:3] != MAGIC[:3]:
        raise WireError(f"not a frame: it starts with {magic!r}")
    if magic != MAGIC:
        raise WireError(f"protocol version {magic[3]}, this is version {VERSION}")
    if length > LARGEST_HEADER:
        raise WireError(f"a header of {length} bytes; at most {LARGEST_HEADER} are read")
    return length


def parse_header(data):
    """Return the message of a header and its array places, a list of (dtype, shape, bytes)."""
    try:
        message = json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise WireError(f"the header is no JSON: {error}") from None
    if not isinstance(message, dict):
        raise WireError(f"the header is a {type(message).__name__}, not an object")
    places = []

    def find(value):
        if isinstance(value, dict):
            if "$array" in value:
                places.append(_place(value))
            else:
                for item in value.values():
                    find(item)
        elif isinstance(value, list):
            for item in value:
                find(item)

    try:
        find(message)
    except RecursionError:
        raise WireError("the header is nested too deeply") from None
    places.sort()
    if [place[0] for place in places] != list(range(len(places))):
        raise WireError("the header's arrays are not numbered 0, 1, ...")
    size = sum(place[-1] for place in places)
    if size > LARGEST_MESSAGE:
        raise WireError(f"arrays of {size} bytes; at most {LARGEST_MESSAGE} are read")
    return message, [place[1:] for place in places]


def _place(value):
    try:
        index, name, shape = value["$array"], value["dtype"], tuple(value["shape"])
    except KeyError as error:
        raise WireError(f"an array in the header has no {error}") from None
    except TypeError:
        raise WireError(f"an array in the header has the shape {value['shape']!r}") from None
    if not all(isinstance(size, int) and size >= 0 for size in (index, *shape)):
        raise WireError(f"an array in the header has the shape {shape!r}")
    size = numpy_dtype(name).itemsize
    for length in shape:
        size *= length
    return index, name, shape, size


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
    """Read one message from a blocking binary stream; None at its end."""
    prefix = stream.read(PREFIX.size)
    if not prefix:
        return None
    message, places = parse_header(stream.read(header_length(prefix)))
    return fill(message, places, [stream.read(size) for _, _, size in places])
