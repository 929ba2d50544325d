"""`explain` and bad input: one clear line each, status 2, and nothing of a file is executed."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from explain.reading import DumpError, read_dump
from tests.explain_runs import explained, run, save_in
from tests.independent_layer import call, inputs


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


GOOD = call(inputs((4, 3, 3), 1, np.float32), 1)
UNIT = call(inputs((4, 3, 5), 1, np.float32), 1)


def without(*names):
    return {name: array for name, array in UNIT.items() if name not in names}


@pytest.mark.parametrize(
    ("arrays", "lines"),
    [
        (without("x", "y"), ["x is missing: the input", "y is missing: the output"]),
        (without("gamma"), ["dgamma tells nothing without gamma: the scale"]),
        (without("dy"), [f"{name} tells nothing without dy" for name in ("dx", "dgamma", "dbeta")]),
        (without("running_var_before"), ["running_var_after tells nothing without running_var_b"]),
        (UNIT | {"y": UNIT["y"][:2]}, ["y has the shape (2, 3, 5), should have that of x"]),
        (UNIT | {"beta": UNIT["beta"][:2]}, ["beta has the shape (2,), should have that of gamma"]),
        (UNIT | {"gamma": np.eye(3, dtype="f4")}, ["gamma has the shape (3, 3), should have the"]),
        (UNIT | {"dgamma": np.ones(1, "f4")}, ["dgamma has the shape (1,), should have that of"]),
        (
            {name: UNIT[name] for name in ("x", "y")},
            ["nothing in the file has the shape (channels,), and x (4, 3, 5) may have its"],
        ),
        (UNIT | {"x": UNIT["x"].ravel()}, ["x has the shape (60,), should have a sample axis"]),
        (GOOD, ["gamma has 3 channels, and so have the axes 1 and 2 of x (4, 3, 3): say which wi"]),
        (
            {
                name: np.ones(7, np.float32) if array.ndim == 1 else array
                for name, array in UNIT.items()
            },
            ["gamma has 7 channels, but no axis of x (4, 3, 5)"],
        ),
        (
            UNIT | {"x": np.full_like(UNIT["x"], np.nan)},
            ["x[0, 0, 0] is nan: 60 not finite in all"],
        ),
        (
            UNIT | {"dbeta": np.array([1, np.inf, 1], "f4")},
            ["dbeta[1] is inf: 1 not finite in all"],
        ),
        (UNIT | {"x": UNIT["x"].astype(int)}, ["x has the dtype int64, should be one of float16"]),
        (UNIT | {"x": np.zeros((4, 3, 5), "u2")}, ["is float32 but x is bfloat16: save bo"] * 3),
        (UNIT | {"x": UNIT["x"].astype("V1")}, ["x has the dtype void8, should be one of float16"]),
        (UNIT | {"y": UNIT["y"].astype("f8")}, ["y is float64 but x is float32: save both as"]),
        (
            UNIT | {"gamma": UNIT["gamma"] + np.float64(1e-12)},
            ["gamma holds float64 numbers"],
        ),
        (UNIT | {"epsilon": np.ones(2)}, ["epsilon should be one number, but it is float64 (2,)"]),
        (UNIT | {"momentum": np.nan}, ["momentum is nan, should be a number from 0 on"]),
        (
            UNIT | {"running_var_before": -UNIT["running_var_before"]},
            ["running_var_before holds a"],
        ),
        (
            {name: array[:0] if array.ndim > 1 else array for name, array in UNIT.items()},
            ["x is empty, its shape is (0, 3, 5)"],
        ),
    ],
)
def test_bad_arrays_are_one_clear_line_each(arrays, lines, saved):
    """Every problem of the arrays is a line of its own, and names the array."""
    with pytest.raises(DumpError) as refusal:
        read_dump(saved(arrays))
    assert len(refusal.value.lines) == len(lines)
    for told, words in zip(refusal.value.lines, lines, strict=True):
        assert words in told


def test_an_unknown_name_is_ignored_and_told(saved):
    """A name that explain does not know is said to be ignored, not silently dropped."""
    done = run(saved(UNIT | {"loss": np.ones(1)}))
    assert "ignored, since explain knows no such name: loss" in done.stdout


def test_the_channel_axis_can_be_said(saved):
    """Where two axes fit, --channel-axis decides; one that does not fit is refused."""
    path = saved(GOOD)
    assert explained(path, channel_axis=1).explained
    assert not explained(path, channel_axis=-1).explained
    hint = explained(path, channel_axis=2).hint
    assert hint.startswith("with --channel-axis 1 the same arrays are explained")
    with pytest.raises(DumpError, match="which axis 0 of x"):
        read_dump(path, channel_axis=0)


class Bomb:
    """Pickled, it creates a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def bad_files(folder):
    """Yield files that hold no arrays, with what is said about each."""
    bomb = np.array([Bomb(folder / "executed")], dtype=object)
    np.savez(folder / "object.npz", **UNIT | {"gamma": bomb})
    yield "object.npz", "gamma is a pickled object, which is not loaded"
    bomb.dump(folder / "pickle.npz")
    yield "pickle.npz", "is no npz file"
    (folder / "text.npz").write_text("x = 1")
    yield "text.npz", "is no npz file"
    (folder / "empty.npz").touch()
    yield "empty.npz", "is no npz file"
    np.save(folder / "single.npy", UNIT["x"])
    yield "single.npy", "holds one array without a name"
    np.savez(folder / "whole.npz", **UNIT)
    whole = (folder / "whole.npz").read_bytes()
    (folder / "cut.npz").write_bytes(whole[: len(whole) // 2])
    yield "cut.npz", "is no npz file"
    (folder / "flipped.npz").write_bytes(
        whole.replace(UNIT["x"].tobytes(), bytes(UNIT["x"].nbytes))
    )
    yield "flipped.npz", "x is damaged"
    long = {
        "x": np.ones((9, 3, 999), "f4"),
        "y": np.ones((9, 3, 999), "f4"),
        "gamma": UNIT["gamma"],
    }
    np.savez(folder / "long.npz", **long)  # its end is far behind its header
    raw = bytearray((folder / "long.npz").read_bytes())
    raw[raw.index(b"y.npy") - 99] ^= 1
    (folder / "long.npz").write_bytes(raw)
    yield "long.npz", "x is damaged"
    with zipfile.ZipFile(folder / "other.npz", "w") as archive:
        archive.writestr("x", "no array")
    yield "other.npz", "x is no NumPy array"
    yield "missing.npz", "there is no such file"
    (folder / "folder.npz").mkdir()
    yield "folder.npz", "cannot be read"


def test_a_bad_file_is_one_line_and_nothing_is_executed(tmp_path):
    """Whatever the file is: one line on stderr, status 2, and no pickle is loaded."""
    for name, words in bad_files(tmp_path):
        with pytest.raises(DumpError) as refusal:
            read_dump(tmp_path / name)
        (line,) = refusal.value.lines
        assert words in line, name
    done = run(tmp_path / "object.npz", tmp_path / "pickle.npz")
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.endswith(
        "object.npz: gamma is a pickled object, which is not loaded: save arrays of plain floats"
    )
    assert "pickle.npz: is no npz file" in second
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: FILE"),
        (["a", "b", "c"], "explain takes one file or two, not 3"),
        (["a", "--channel-axis", "x"], "argument --channel-axis: invalid int value: 'x'"),
        (["a", "--training", "--inference"], "not allowed with argument"),
        (["a", "--loud"], "unrecognized arguments: --loud"),
    ],
)
def test_a_wrong_command_line_is_one_line(arguments, words):
    """Options that do not exist or fit end with status 2 and one line."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert words in line
