"""Writes safetensors files for the tests, by the format's description and not by its reader."""

import json

import numpy as np

CODES = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64", "uint16": "BF16"}


def written(arrays, metadata=None):
    """Return the bytes of a file; an array of uint16 is one of bfloat16 bits."""
    header = {"__metadata__": metadata} if metadata else {}
    parts, end = [], 0
    for name, array in arrays.items():
        raw = np.ascontiguousarray(array).tobytes()
        offsets = [end, end := end + len(raw)]
        code = CODES[array.dtype.name]
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": offsets}
        parts.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(parts)
