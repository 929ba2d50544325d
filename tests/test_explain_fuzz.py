"""Files that nobody thought of: read, or refused in one line each; never anything else."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explain.reading import DumpError, read_dump
from tests.faults.fuzzing import fuzz
from tests.independent_layer import call, inputs
from tests.safetensors_files import written

CALL = call(inputs((2, 3, 4), 1, np.float32), 1)
NAMES = [*CALL, "weight", "a.weight", "num_batches_tracked", "epsilon", "\x1b[2J\n", "é", ""]
NUMBERS = st.sampled_from(
    [0, 1, 2, 3, 24, 96, 2**31, 2**62, 2**63, 2**64, -1, True, 1.5, None, "2"]
)
SHAPES = st.lists(NUMBERS, max_size=4) | st.sampled_from([[2, 3, 4], [3], [], [1] * 40])
DTYPES = st.sampled_from(["F32", "BF16", "F16", "F64", "I64", "BOOL", "F8_E4M3", "F128", 7, [], {}])
ENTRY = st.fixed_dictionaries(
    {"dtype": DTYPES, "shape": SHAPES},
    optional={"data_offsets": st.lists(NUMBERS, max_size=3), "more": NUMBERS},
)
HEADERS = st.dictionaries(st.sampled_from([*NAMES, "__metadata__"]), ENTRY | NUMBERS, max_size=6)

share = settings(fuzz, max_examples=max(1, fuzz.max_examples // 5))
"""Of the examples of a run, those of each of the five tests."""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file that each example writes again."""
    return tmp_path_factory.mktemp("fuzz") / "dump"


def check(path, data):
    """Read a file of these bytes; what is refused is refused in lines that act on no terminal."""
    path.write_bytes(data)
    try:
        dump = read_dump(path, training=True)
    except DumpError as error:
        assert error.lines
        for line in error.lines:
            assert line and line.isprintable(), repr(line)
            assert len(line) < 4000
        return None
    assert dump.step.x.shape == dump.answer["y"].shape
    assert len(dump.gamma) == dump.step.x.shape[dump.channel_axis]
    assert np.isfinite(dump.step.x).all()
    return dump


def damaged(data, draw):
    """Return bytes with some overwritten, left out or put in."""
    raw = bytearray(data)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(raw)))
        end = draw(st.sampled_from([at, at + 1, at + 8, len(raw)]))
        raw[at:end] = draw(st.binary(max_size=9) | st.sampled_from([b"\xff" * 8, bytes(8)]))
    return bytes(raw)


def saved(arrays, **options):
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    if options:
        np.savez_compressed(stream := io.BytesIO(), **arrays)
    return stream.getvalue()


WHOLE = [written(CALL), saved(CALL), saved(CALL, compressed=True)]


@share
@given(st.data())
def test_damaged_bytes(path, data):
    """Bytes changed anywhere in a safetensors file, an npz file, and a compressed one."""
    check(path, damaged(data.draw(st.sampled_from(WHOLE)), data.draw))


@share
@given(HEADERS, st.integers(0, 300))
def test_invented_safetensors_headers(path, header, size):
    """Headers of the form that the format asks for, and nearly."""
    text = json.dumps(header).encode()
    check(path, len(text).to_bytes(8, "little") + text + bytes(size))


@share
@given(st.data())
def test_safetensors_entries_changed(path, data):
    """A sound file with one thing of one entry other than it should be."""
    whole = written(CALL)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    entry = header[data.draw(st.sampled_from([*CALL]))]
    entry |= data.draw(st.fixed_dictionaries({}, optional={"dtype": DTYPES, "shape": SHAPES}))
    text = json.dumps(header).encode()
    check(path, len(text).to_bytes(8, "little") + text + whole[8 + length :])


ARRAYS = st.builds(
    lambda shape, dtype, fill: np.full(shape, fill).astype(dtype),
    st.sampled_from([(2, 3, 4), (3,), (1, 3, 1), (), (1,), (2, 3), (0, 3), (4, 3, 2)]),
    st.sampled_from(["f2", "f4", "f8", ">f4", "u2", "V2", "i8", "?", "c8", "U3", "M8[s]"]),
    st.sampled_from([0, 1, 2]),
)


@share
@given(st.dictionaries(st.sampled_from([name for name in NAMES if name]), ARRAYS, max_size=8))
def test_invented_arrays(path, arrays):
    """Any arrays under the names that mean something, of any shape and dtype."""
    given_x = {"x": CALL["x"], "y": CALL["y"], "gamma": CALL["gamma"]}
    with np.errstate(all="ignore"):
        check(path, saved({**given_x, **arrays}))


@share
@given(st.data())
def test_npy_headers_and_zip_members(path, data):
    """Members whose npy header, sizes and names are not those of np.savez."""
    shape = data.draw(SHAPES)
    described = {
        "descr": data.draw(st.sampled_from(["<f4", "|O", "<V2", ">f8", "<f4,<f4", "x", 3, "|V0"])),
        "fortran_order": data.draw(st.sampled_from([True, False, 1, None])),
        "shape": tuple(shape) if data.draw(st.booleans()) else shape,
    }
    text = (repr(described) + data.draw(st.sampled_from(["", "\n", "#", "("]))).encode()
    version = data.draw(st.sampled_from([b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x09"]))
    length = struct.pack("<H" if version == b"\x01\x00" else "<I", len(text))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("y", "gamma"):
            np.save(member := io.BytesIO(), CALL[name])
            archive.writestr(f"{name}.npy", member.getvalue())
        body = bytes(data.draw(st.sampled_from([0, 4, 96, 97])))
        method = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
        head = b"\x93NUMPY" + version + length + text
        archive.writestr(data.draw(st.sampled_from(["x.npy", "x"])), head + body, method)
    check(path, stream.getvalue())


def test_whole_files_are_read(path):
    """What the fuzzed files are made of is itself read."""
    for data in WHOLE:
        assert check(path, data) is not None
