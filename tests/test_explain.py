"""`explain`: dumps of an independent layer are recognised, wrong ones and bad files are refused."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from reference.comparison import compare
from reference.dump_checks import OPTIONAL, REQUIRED
from reference.dumps import DumpError, read_dump
from reference.explain import explain
from reference.named_conventions import NAMED
from tests.independent_layer import call, inputs

ROOT = Path(__file__).parent.parent
SHAPES = [((6, 3), 1), ((4, 3, 5), 1), ((4, 5, 3), -1), ((2, 3, 4, 5), 1), ((2, 4, 5, 3), -1)]
FRAMEWORKS = {
    "PyTorch": {"epsilon": 1e-5, "weight": 0.1, "running": "n - 1"},
    "Keras 3": {"epsilon": 1e-3, "weight": 0.01, "running": "n"},
    "Flax": {"epsilon": 1e-5, "weight": 0.01, "running": "n"},
    "Gluon": {"epsilon": 1e-5, "weight": 0.1, "running": "n"},
    "ONNX": {"epsilon": 1e-5, "weight": 0.1, "running": "n"},
    "TensorFlow's fused kernel (tf.keras 2 on images)": {
        **{"epsilon": 1e-3, "weight": 0.01, "running": "n - 1"}
    },
    "Keras 2.1.4 to 2.3.1": {"epsilon": 1e-3, "weight": 0.01, "running": "n - 1 - epsilon"},
    "Keras 0.2": {
        **{"epsilon": 1e-6, "weight": 0.1, "running": "n", "by_running": True},
        **{"placement": "both", "kept": "standard_deviation"},
    },
}


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""

    def save(arrays, name="dump.npz"):
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    return save


def explained(path, **options):
    return explain(read_dump(path, **options))


def options_of(one):
    return {finding.what: finding.option for finding in one.findings}


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "reference", "explain", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_every_named_convention_has_its_dumps():
    """The frameworks of this file are those of the table."""
    assert set(FRAMEWORKS) == {named.name for named in NAMED}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "axis"), SHAPES)
@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_framework_is_recognised_by_its_numbers(framework, shape, axis, dtype, saved):
    """A dump made by a framework's conventions and defaults names it, and no setting."""
    axis %= len(shape)
    path = saved(call(inputs(shape, axis, dtype), axis, **FRAMEWORKS[framework]))
    one = explained(path, channel_axis=axis)
    assert one.explained
    assert framework in [str(match) for match in one.matches]
    epsilon, weight = FRAMEWORKS[framework]["epsilon"], FRAMEWORKS[framework]["weight"]
    assert one.fit.epsilon.low <= epsilon <= one.fit.epsilon.high
    assert one.fit.weight.low <= dtype(weight) <= one.fit.weight.high
    assert all(ratio <= 1 for ratio in one.fit.ratios.values())


def test_float16_is_explained(saved):
    """A float16 layer that computes in float32 follows its framework, epsilon being hidden."""
    arrays = inputs((8, 3, 4), 1, np.float16)
    wide = {name: array.astype(np.float32) for name, array in arrays.items()}
    made = call(wide, 1, **FRAMEWORKS["PyTorch"])
    halves = ("x", "y", "dx", "dy", "gamma", "beta")
    made |= {name: made[name].astype(np.float16) for name in halves}
    one = explained(saved(made))
    assert "PyTorch" in [str(match) for match in one.matches]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("placement", ["in_sqrt", "outside_sqrt", "both"])
@pytest.mark.parametrize("divisor", ["n", "n - 1"])
def test_placement_and_divisor_are_found(divisor, placement, dtype, saved):
    """Each of the six ways to divide is told from the other five."""
    arrays = inputs((4, 3, 5), 1, dtype)
    path = saved(call(arrays, 1, epsilon=2e-3, divisor=divisor, placement=placement))
    one = explained(path)
    found = options_of(one)
    assert found["epsilon_placement"] == placement
    assert found["normalizing_variance"] == {"n": "biased", "n - 1": "unbiased"}[divisor]
    assert one.fit.epsilon.value == 2e-3
    decided = {finding.what: finding.decided for finding in one.findings}
    assert decided["epsilon_placement"] and decided["normalizing_variance"]


@pytest.mark.parametrize(
    ("choice", "field", "option"),
    [
        ({"blocked": True}, "statistics_gradient", "blocked"),
        ({"scale": np.abs}, "scale", "absolute"),
        ({"scale": np.ones_like}, "scale", "ones"),
        ({"kept": "standard_deviation"}, "running_statistic", "standard_deviation"),
        ({"by_running": True}, "normalizer", "running"),
    ],
)
def test_rarer_choices_are_found(choice, field, option, saved):
    """Every other convention that one call shows is recovered from y and dx."""
    arrays = call(inputs((4, 3, 5), 1, np.float64), 1, epsilon=1e-3, **choice)
    for name in ("dgamma", "dbeta"):  # the layer above does not bother about their signs
        del arrays[name]
    one = explained(saved(arrays))
    assert one.explained
    assert options_of(one)[field] == option


def test_inference_normalises_by_the_running_statistics(saved):
    """With --inference y follows, and the running statistics stay."""
    path = saved(call(inputs((4, 3, 5), 1, np.float32), 1, training=False))
    one = explained(path, training=False)
    assert one.explained
    assert one.fit.epsilon.low <= 1e-5 <= one.fit.epsilon.high
    other = explained(path)
    assert not other.explained or options_of(other)["normalizer"] == "running"


def test_cancellation_is_the_one_pass_variance(saved):
    """E[x^2] - E[x]^2 at a large mean names the algorithm and, of the frameworks, Flax."""
    arrays = inputs((16, 3, 5), 1, np.float32, mean=100.0)
    one = explained(saved(call(arrays, 1, one_pass=True, running="n", weight=0.01)))
    assert options_of(one)["variance_algorithm"] == "one_pass"
    assert [match.named.name for match in one.matches] == ["Flax"]


def test_momentum_of_the_file_is_translated(saved):
    """A momentum in the file is said to weigh the batch or the history."""
    arrays = call(inputs((4, 3, 5), 1, np.float32), 1, weight=0.3)
    for momentum, words in (
        (0.3, "weighs the batch"),
        (0.7, "weighs the history"),
        (0.2, "neither"),
    ):
        one = explained(saved(arrays | {"momentum": momentum, "epsilon": 1e-5}))
        finding = next(finding for finding in one.findings if finding.what == "momentum")
        assert words in finding.note
        assert one.explained


def test_a_wrong_epsilon_in_the_file_is_contradicted(saved):
    """The numbers count, not what the file says of them."""
    arrays = call(inputs((4, 3, 5), 1, np.float32), 1, epsilon=1e-3)
    one = explained(saved(arrays | {"epsilon": np.float64(1e-5)}))
    assert one.fit.epsilon.value == 1e-3
    assert "the file says 1e-05, which does not fit" in one.findings[0].note


def test_a_large_n_cannot_decide(saved):
    """With 100 000 values per channel, n and n - 1 are the same to float32."""
    arrays = inputs((1000, 2, 100), 1, np.float32)
    one = explained(saved(call(arrays, 1)))
    finding = next(finding for finding in one.findings if finding.what == "running_variance")
    assert {finding.option, *finding.alternatives} >= {"biased", "unbiased"}
    assert "n = 100000 is too large to tell" in finding.note
    done = run(saved(call(arrays, 1)))
    assert "the data cannot decide running_variance: " in done.stdout
    assert done.returncode == 0


def test_a_constant_input_cannot_decide(saved):
    """Where y is beta throughout, epsilon and its place are open, and the reason is told."""
    arrays = inputs((4, 3, 4), 1, np.float32)
    arrays["x"][:] = 0.5
    one = explained(saved(call(arrays, 1)))
    assert one.explained
    assert np.isinf(one.fit.epsilon.high)
    finding = next(finding for finding in one.findings if finding.what == "normalizing_variance")
    assert set(finding.alternatives) == {"unbiased"}
    assert finding.note == "x is constant in every channel"


def test_beta_only_cannot_decide(saved):
    """A gamma of zeros leaves beta, which every convention gives."""
    arrays = inputs((4, 3, 5), 1, np.float32)
    arrays["gamma"][:] = 0
    made = call(arrays, 1)
    one = explained(saved({name: made[name] for name in ("x", "gamma", "beta", "y")}))
    assert one.explained
    finding = next(finding for finding in one.findings if finding.what == "epsilon_placement")
    assert finding.note == "every gamma is 0"
    assert not finding.decided


def test_a_positive_gamma_cannot_decide_the_scale(saved):
    """|gamma| is gamma where no gamma is negative."""
    one = explained(saved(call(inputs((4, 3, 5), 1, np.float32, positive=True), 1)))
    finding = next(finding for finding in one.findings if finding.what == "scale")
    assert (finding.option, finding.alternatives) == ("gamma", ("absolute",))
    assert finding.note == "no gamma is negative"


def test_without_running_statistics_nothing_is_said_of_them(saved):
    """x, gamma, beta and y suffice; the rest is 'not told'."""
    made = call(inputs((4, 3, 5), 1, np.float32), 1)
    one = explained(saved({name: made[name] for name in REQUIRED}))
    assert one.explained
    assert options_of(one)["running_variance"] is None
    assert options_of(one)["momentum"] is None


def test_statistics_that_stay_are_gluons(saved):
    """Statistics unmoved by a training forward: they move in backward, as Gluon's."""
    made = call(inputs((4, 3, 5), 1, np.float32), 1, weight=0.0)
    forward = {name: made[name] for name in made if name not in ("dy", "dx", "dgamma", "dbeta")}
    assert [str(match) for match in explained(saved(forward)).matches] == ["Gluon"]


def wrong_dumps():
    made = call(inputs((4, 3, 5), 1, np.float32), 1)
    yield "zeros", made | {"y": np.zeros_like(made["y"])}, "y"
    noise = np.random.default_rng(1).normal(size=made["y"].shape).astype(np.float32)
    yield "noise", made | {"y": made["y"] + noise}, "y"
    moved = made["y"].copy()
    moved[1, 2, 3] += np.float32(1e-3)
    yield "one element", made | {"y": moved}, "y"
    yield "no mean term in dx", made | {"dx": made["dx"] + np.float32(0.25)}, "dx"
    yield (
        "a running variance doubled",
        made | {"running_var_after": made["running_var_after"] * [1, 2, 1]},
        "running_var",
    )
    swapped = call(made | {"gamma": made["beta"], "beta": made["gamma"]}, 1)
    yield "gamma and beta swapped", made | {"y": swapped["y"]}, "y"


@pytest.mark.parametrize(
    ("arrays", "tensor"), [pytest.param(*rest, id=name) for name, *rest in wrong_dumps()]
)
def test_a_wrong_dump_is_not_explained(arrays, tensor, saved):
    """Nothing fits, the tensor that is off is named, and the nearest hypothesis with its error."""
    one = explained(saved(arrays))
    assert not one.explained
    assert one.fit.ratios[tensor] > 1
    assert one.diagnosis


def test_a_wrong_dump_ends_with_status_1(saved):
    """The command says so plainly, with the nearest hypothesis and the diagnosis."""
    name, arrays, _ = next(wrong_dumps())
    done = run(saved(arrays))
    assert (name, done.returncode, done.stderr) == ("zeros", 1, "")
    alone = "diagnosis: y alone explained by zeros: the tensors are all zero"
    for words in ("nothing fits: no combination", "nearest: ", alone):
        assert words in done.stdout


def test_the_other_mode_is_hinted_at(saved):
    """A training call explained as inference says which option is right."""
    made = call(inputs((4, 3, 5), 1, np.float32), 1)
    one = explained(saved(made), training=False)
    assert not one.explained
    assert one.hint == "with --training the same arrays are explained"


def test_two_dumps_are_compared(saved):
    """PyTorch's and Keras's dumps: the numbers to set, and the divisor that nothing sets."""
    arrays = inputs((4, 3, 5), 1, np.float32)
    a = saved(call(arrays, 1, **FRAMEWORKS["PyTorch"]), "a.npz")
    b = saved(call(arrays, 1, **FRAMEWORKS["Keras 3"]), "b.npz")
    comparison = compare(explained(a), explained(b))
    assert "A is PyTorch's convention with ε = 1e-05" in comparison.summary
    assert "B is Keras 3's convention with ε = 0.001" in comparison.summary
    assert comparison.settings == ("epsilon=1e-05, momentum=0.9 in Keras 3",)
    (fixed,) = comparison.unchangeable
    assert fixed.startswith("running_variance is unbiased in A and biased in B")
    assert comparison.inputs == ()
    done = run(a, b)
    assert done.returncode == 0
    assert "to make B answer as A, set epsilon=1e-05, momentum=0.9 in Keras 3" in done.stdout


def test_equal_dumps_have_nothing_to_set(saved):
    """The same convention twice: nothing separates them; other inputs are noted."""
    a = saved(call(inputs((4, 3, 5), 1, np.float32), 1), "a.npz")
    b = saved(call(inputs((4, 3, 5), 1, np.float32, seed=1), 1), "b.npz")
    done = run(a, b)
    assert "no convention and no number separates them" in done.stdout
    assert "note: x holds other numbers in B than in A" in done.stdout


def test_json_is_for_machines(saved):
    """The schema: one document, plain data, nothing infinite."""
    arrays = inputs((4, 3, 5), 1, np.float32)
    paths = [saved(call(arrays, 1, **FRAMEWORKS[n]), f"{n[0]}.npz") for n in ("PyTorch", "Flax")]
    done = run("--json", *paths)
    document = json.loads(done.stdout)
    assert set(document) == {"schema", "dumps", "comparison"}
    assert document["schema"] == 1
    assert set(document["comparison"]) == {"summary", "inputs", "settings", "unchangeable"}
    for dump in document["dumps"]:
        assert set(dump) == {
            *("file", "explained", "dtype", "shape", "channel_axis", "values_per_channel", "mode"),
            *("ignored", "epsilon", "weight_of_batch", "conventions", "error_over_bound"),
            *("findings", "follows", "diagnosis", "hint"),
        }
        assert set(dump["epsilon"]) == {"value", "low", "high", "usual"}
        for finding in dump["findings"]:
            assert set(finding) == {
                *("what", "finding", "text", "decided", "error_over_bound"),
                *("alternatives", "less_likely", "excluded", "note"),
            }
        for follows in dump["follows"]:
            assert set(follows) == {"name", "arguments", "source"}
    assert document["dumps"][0]["follows"][0]["name"] == "PyTorch"
    assert document["dumps"][1]["epsilon"]["value"] == 1e-5


def test_help_teaches():
    """`--help` names every array and shows how to write the file."""
    text = run("--help").stdout
    for name in (*REQUIRED, *OPTIONAL, "np.savez", "--inference", "--channel-axis", "--json"):
        assert name in text


GOOD = call(inputs((4, 3, 3), 1, np.float32), 1)
UNIT = call(inputs((4, 3, 5), 1, np.float32), 1)


def without(*names):
    return {name: array for name, array in UNIT.items() if name not in names}


@pytest.mark.parametrize(
    ("arrays", "lines"),
    [
        (without("gamma", "y"), ["gamma is missing: ", "y is missing: the output"]),
        (without("dy"), [f"{name} tells nothing without dy" for name in ("dx", "dgamma", "dbeta")]),
        (without("running_var_before"), ["running_var_after tells nothing without running_var_b"]),
        (UNIT | {"y": UNIT["y"][:2]}, ["y has the shape (2, 3, 5), should have that of x"]),
        (UNIT | {"beta": UNIT["beta"][:2]}, ["beta has the shape (2,), should have that of gamma"]),
        (UNIT | {"gamma": UNIT["gamma"][None]}, ["gamma has the shape (1, 3), should have the"]),
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
        (UNIT | {"x": UNIT["x"].astype("u2")}, ["bfloat16 kept as uint16 is not understood"]),
        (UNIT | {"y": UNIT["y"].astype("f8")}, ["y is float64 but x is float32: save both as"]),
        (UNIT | {"gamma": UNIT["gamma"] + np.float64(1e-12)}, ["gamma holds float64 numbers that float32 ro"]),
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
    assert (
        explained(path, channel_axis=2).hint
        == "with --channel-axis 1 the same arrays are explained"
    )
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
        ([], "the following arguments are required: FILE.npz"),
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
