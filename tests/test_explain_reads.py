"""`explain` reads what people have: frameworks' names, shapes, half precision, three formats."""

import json
import pickle
import subprocess
import sys
import zipfile

import ml_dtypes
import numpy as np
import pytest

from adapters.harness.environments import interpreter
from adapters.harness.registry import implementations
from explain.names import MEANINGS, SPELLINGS, meaning_of
from explain.reading import DumpError, read_dump
from tests.explain_runs import ROOT, explained, save_in
from tests.independent_layer import FRAMEWORKS, call, inputs
from tests.safetensors_files import written
from tests.test_explain_bad_input import Bomb

CALL = call(inputs((4, 3, 5), 1, np.float32), 1)

PYTORCH = {
    **{"x": "input", "y": "output", "gamma": "bn1.weight", "beta": "bn1.bias", "dx": "input.grad"},
    **{"dy": "output.grad", "dgamma": "bn1.weight.grad", "dbeta": "bn1.bias.grad"},
    **{"running_mean_before": "before.bn1.running_mean", "running_mean_after": "bn1.running_mean"},
    **{"running_var_before": "before.bn1.running_var", "running_var_after": "bn1.running_var"},
}
FLAX = {
    **{"x": "x", "y": "y", "gamma": "params/bn/scale", "beta": "params/bn/bias", "dx": "grads/x"},
    **{"dy": "grads/y", "dgamma": "grads/bn/scale", "dbeta": "grads/bn/bias"},
    **{
        f"running_{what}_{when}": f"{when}/batch_stats/bn/{what}"
        for what in ("mean", "var")
        for when in ("before", "after")
    },
}
KERAS = {
    **{"x": "inputs", "y": "outputs", "gamma": "bn/gamma:0", "beta": "bn/beta:0", "dx": "dX"},
    **{"dy": "dout", "dgamma": "gamma_grad", "dbeta": "beta_grad"},
    **{f"running_mean_{when}": f"bn/moving_mean_{when}:0" for when in ("before", "after")},
    **{f"running_var_{when}": f"bn/moving_variance_{when}:0" for when in ("before", "after")},
}


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def same(dump, arrays):
    """Check that a dump holds the numbers of a call."""
    assert np.array_equal(dump.step.x, arrays["x"])
    assert np.array_equal(dump.step.dy, arrays["dy"])
    for name in ("gamma", "beta"):
        assert np.array_equal(getattr(dump.layer, name), arrays[name])
    for name in ("running_mean", "running_var"):
        assert np.array_equal(getattr(dump.layer, name), arrays[f"{name}_before"])
        assert np.array_equal(dump.answer[name], arrays[f"{name}_after"])
    for name in ("y", "dx", "dgamma", "dbeta"):
        assert np.array_equal(dump.answer[name], arrays[name])


@pytest.mark.parametrize("names", [PYTORCH, FLAX, KERAS], ids=["PyTorch", "Flax", "Keras"])
def test_a_frameworks_names_are_read(names, saved):
    """What state_dict, batch_stats and weights call their arrays stands for ours, and is told."""
    assert names.keys() == CALL.keys()
    dump = read_dump(saved({names[own]: array for own, array in CALL.items()}))
    same(dump, CALL)
    (note,) = dump.notes
    assert f"gamma from {names['gamma']}, " in note


def test_no_spelling_means_two_arrays():
    """Each of the other names belongs to one array, and what is near them to none."""
    assert len(MEANINGS) == sum(1 + len(others) for others in SPELLINGS.values())
    for name in ("loss_weight", "batch_mean", "save_mean", "w", "grad", "d", "", "...", "after"):
        assert meaning_of(name) is None, name


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (
            {"a.weight": "gamma", "b.weight": "gamma"},
            ["gamma may be a.weight or b.weight: leave one of them in the file"],
        ),
        (
            {"mean_before": "beta", "running_mean.before": "beta"},
            ["running_mean_before may be mean_before or running_mean.before: leave one of them in"],
        ),
        (
            {"a\n\x1b[2J.weight": "gamma", "b.weight": "gamma"},
            ["gamma may be a\\n\\x1b[2J.weight or b.weight: leave one of them in the file"],
        ),
    ],
)
def test_an_ambiguous_name_is_one_clear_line(names, lines, saved):
    """Two layers in one file, or one array twice: the line names both."""
    arrays = {name: CALL[own] for name, own in names.items()}
    with pytest.raises(DumpError) as refusal:
        read_dump(saved({"x": CALL["x"], "y": CALL["y"], **arrays}))
    assert len(refusal.value.lines) == 1
    assert refusal.value.lines[0].startswith(lines[0])


def test_our_own_name_is_taken_first(saved):
    """Beside gamma a weight means nothing, and is told as that."""
    dump = read_dump(saved(CALL | {"conv.weight": CALL["x"]}))
    assert dump.ignored == ("conv.weight",)
    same(dump, CALL)


def test_what_is_missing_is_told_with_what_is_there(saved):
    """The line names the array, what else it may be called, and the names of the file."""
    with pytest.raises(DumpError) as refusal:
        read_dump(saved({"x": CALL["x"], "result": CALL["y"]}))
    assert refusal.value.lines == (
        "y is missing: the output of the layer (or output, outputs, out); the file has x, result",
    )


@pytest.mark.parametrize("shape", [(1, 3, 1), (3, 1), (1, 3), (3,)])
def test_a_vector_has_any_shape_that_broadcasts(shape, saved):
    """(1, C, 1, 1) and (C, 1, 1) are (C,)."""
    turned = {n: a.reshape(shape) if a.ndim == 1 else a for n, a in CALL.items()}
    same(read_dump(saved(turned)), CALL)


def test_one_number_is_that_of_every_channel(saved):
    """The state of a new layer may be written as 0 and 1, and gamma as one number."""
    whole = CALL | {"gamma": np.full(3, 2, "f4"), "running_mean_before": np.zeros(3, "f4")}
    made = call({name: whole[name] for name in inputs((4, 3, 5), 1, np.float32)}, 1)
    short = made | {"gamma": np.float32(2), "running_mean_before": np.zeros(1, "f4")}
    same(read_dump(saved(short)), made)


def test_a_vectors_own_axis_says_where_the_channels_are(saved):
    """(1, 3, 1) belongs to axis 1 of (4, 3, 3), which (3,) leaves open."""
    square = call(inputs((4, 3, 3), 1, np.float32), 1)
    with pytest.raises(DumpError, match="say which with --channel-axis"):
        read_dump(saved(square))
    turned = {n: a.reshape(1, 3, 1) if a.ndim == 1 else a for n, a in square.items()}
    assert read_dump(saved(turned)).channel_axis == 1


def test_a_layer_without_gamma_and_beta_is_explained(saved):
    """x and y are enough where the axis is said, and that gamma is taken as 1 is told."""
    plain = inputs((4, 3, 5), 1, np.float32)
    plain |= {"gamma": np.ones(3, "f4"), "beta": np.zeros(3, "f4")}
    made = call(plain, 1, **FRAMEWORKS["Keras 3"])
    path = saved({"x": made["x"], "y": made["y"]})
    one = explained(path, channel_axis=1)
    assert one.explained
    assert one.fit.epsilon.best == 1e-3
    assert one.dump.notes == ("the file has no gamma and no beta, taken as 1 and 0",)
    rows = saved({"x": made["x"][..., 0], "y": made["y"][..., 0]})
    assert read_dump(rows).channel_axis == 1


def rounded(array):
    """Return the bfloat16 numbers next to those of an array."""
    return np.asarray(array).astype(ml_dtypes.bfloat16)


def bfloat16_call():
    """Return a call of a layer that computes in float32 and gets and gives bfloat16."""
    given = inputs((8, 3, 5), 1, np.float32)
    halves = ("x", "y", "dx", "dy", "gamma", "beta")
    given |= {name: rounded(given[name]).astype("f4") for name in halves if name in given}
    made = call(given, 1, **FRAMEWORKS["PyTorch"])
    return {name: rounded(made[name]) if name in halves else made[name] for name in made}


@pytest.mark.parametrize("bits", [None, np.uint16, np.int16])
def test_bfloat16_is_read_as_it_is_saved(bits, saved):
    """As the two bytes that ml_dtypes leaves in an npz file, or as 16-bit integers."""
    made = bfloat16_call()
    stored = {n: a.view(bits) if bits and a.dtype.itemsize == 2 else a for n, a in made.items()}
    dump = read_dump(saved(stored))
    assert dump.layer.dtype == "bfloat16"
    same(dump, {name: array.astype("f4") for name, array in made.items()})


def test_bfloat16_is_explained(saved, tmp_path):
    """A layer of bfloat16 follows PyTorch: from npz, from safetensors, and widened with --dtype."""
    made = bfloat16_call()
    bits = {n: a.view(np.uint16) if a.dtype.itemsize == 2 else a for n, a in made.items()}
    (tmp_path / "dump.safetensors").write_bytes(written(bits))
    wide = {name: array.astype("f4") for name, array in made.items()}
    for one in (
        explained(saved(made)),
        explained(tmp_path / "dump.safetensors"),
        explained(saved(wide), dtype="bfloat16"),
    ):
        assert one.explained
        assert "PyTorch" in [str(match) for match in one.matches]


def test_a_dtype_that_the_numbers_have_not_is_refused(saved):
    """--dtype cannot make float32 numbers bfloat16 ones."""
    with pytest.raises(DumpError) as refusal:
        read_dump(saved(CALL), dtype="bfloat16")
    assert refusal.value.lines == tuple(
        f"{name} holds numbers that bfloat16 has not: --dtype bfloat16 cannot be right"
        for name in ("x", "y", "dy", "dx")
    )


def test_safetensors_are_read(tmp_path):
    """Every array of a call, with metadata beside them."""
    path = tmp_path / "dump.safetensors"
    path.write_bytes(written({PYTORCH[n]: a for n, a in CALL.items()}, {"format": "pt"}))
    same(read_dump(path), CALL)


def damaged(change):
    """Return the bytes of a file whose header was changed."""
    whole = written(CALL)
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    header = change(header) or header
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + whole[8 + length :]


def put(name, **changed):
    return lambda header: header[name].update(changed)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (written(CALL)[:-1], "bytes follow the header"),
        (written(CALL) + b"0", "bytes follow the header"),
        (b"\xff" * 7 + b"\x7f{" + bytes(9), "its header should have 9223372036854775807 bytes"),
        (damaged(lambda _: b"{" + b"[" * 99), "its header is no JSON"),
        (damaged(lambda _: b'{"x":' + b"[" * 10**5), "its header is nested too deeply"),
        (damaged(lambda _: b'{"x": NaN}'), "its header holds NaN"),
        (damaged(lambda _: b'{"x": {}, "x": {}}'), "its header has a name twice"),
        (damaged(lambda _: b'{"\xff": {}}'), "its header is no JSON"),
        (damaged(put("x", dtype="F128")), "x has the dtype F128, which is not known"),
        (damaged(put("x", dtype=["F32"])), "x has the dtype ['F32'], which is not known"),
        (damaged(put("x", shape=[4, 3, 6])), "x has 240 bytes, which its shape has not"),
        (damaged(put("x", shape=[2**40] * 9)), "x has 240 bytes, which its shape has not"),
        (damaged(put("x", shape=[4, 3, 5.0])), "x should have a shape and two data_offsets"),
        (damaged(put("x", shape=[4, 3, True])), "x should have a shape and two data_offsets"),
        (damaged(put("x", shape=[1] * 99)), "x should have a shape and two data_offsets"),
        (damaged(put("x", data_offsets=[0, 240, 0])), "x should have a shape and two data_off"),
        (damaged(put("x", data_offsets=[-240, 0])), "x should have a shape and two data_offsets"),
        (damaged(put("gamma", data_offsets=[0, 12])), "begins at 0, should begin at 12"),
        (damaged(put("x", more=1)), "x should have dtype, shape and data_offsets"),
        (damaged(lambda header: {**header, "x": []}), "x should have dtype, shape and data_off"),
        (damaged(lambda header: {**header, "__metadata__": {"a": 1}}), "is not made of strings"),
    ],
)
def test_a_damaged_safetensors_file_is_one_line(data, words, tmp_path):
    """Whatever breaks a rule of the format is refused, and the line says which."""
    path = tmp_path / "dump.safetensors"
    path.write_bytes(data)
    with pytest.raises(DumpError) as refusal:
        read_dump(path)
    (line,) = refusal.value.lines
    assert line.startswith("is a damaged safetensors file: ")
    assert words in line


def test_a_pytorch_file_wants_pytorch(tmp_path, monkeypatch):
    """Without it the file is refused in one line, and no pickle is looked at."""
    monkeypatch.setitem(sys.modules, "torch", None)
    with zipfile.ZipFile(tmp_path / "new.pt", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Bomb(tmp_path / "executed")))
    (tmp_path / "old.pth").write_bytes(pickle.dumps(Bomb(tmp_path / "executed")))
    for name in ("new.pt", "old.pth"):
        with pytest.raises(DumpError) as refusal:
            read_dump(tmp_path / name)
        (line,) = refusal.value.lines
        assert line.startswith("is a PyTorch file, and this Python has no PyTorch to read it: ")
    assert not (tmp_path / "executed").exists()


WITH_PYTORCH = """
import pathlib, pickle, sys
sys.path.insert(0, ROOT)
import torch
from explain.explain import explain
from explain.reading import DumpError, read_dump

def saved(name, held, **options):
    torch.save(held, name, **options)
    return name

bn = torch.nn.BatchNorm2d(3)
before = {name: value.clone() for name, value in bn.state_dict().items()}
x = (torch.randn(8, 3, 5, 5) * torch.tensor([0.02, 1, 3])[:, None, None]).requires_grad_()
y = bn(x)
held = {"x": x, "y": y, "before": before, "after": bn.state_dict(), "momentum": 0.1}
held |= {"weight": bn.weight, "bias": bn.bias}
for options in ({}, {"_use_new_zipfile_serialization": False}):
    one = explain(read_dump(saved("call.pt", held, **options)))
    assert one.explained and one.dump.counted == 1, one
    assert "PyTorch" in map(str, one.matches)
halves = {name: held[name].bfloat16() for name in ("x", "y")}
dump = read_dump(saved("half.pt", halves), channel_axis=1)
assert dump.layer.dtype == "bfloat16"
assert (torch.from_numpy(dump.step.x) == halves["x"]).all()

class Bomb:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path("executed"),)

for wrong in ({"x": x, "y": Bomb()}, [x, y], {"x": x.to_sparse(), "y": y}):
    try:
        read_dump(saved("wrong.pt", wrong), channel_axis=1)
    except DumpError as error:
        for line in error.lines:
            print(line)
assert not pathlib.Path("executed").exists()
"""


def test_a_pytorch_file_is_read_by_pytorch(tmp_path):
    """state_dict before and after, in both of torch.save's formats; what runs code is refused."""
    python = interpreter(implementations()["pytorch"])
    done = subprocess.run(
        [python, "-c", WITH_PYTORCH.replace("ROOT", repr(str(ROOT)))],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert done.stdout.splitlines() == [
        "is refused by torch.load(weights_only=True): save a dictionary of tensors",
        "holds no dictionary of tensors: save one with torch.save",
        "x is no dense tensor on the CPU",
    ]
