"""`python -m conformance explain` as the user's tool: two dumps, JSON for machines, help."""

import json

import numpy as np
import pytest

from explain.checks import OPTIONAL, REQUIRED
from explain.comparison import compare
from tests.explain_runs import explained, run, save_in
from tests.front_door import ROOT, python
from tests.independent_layer import FRAMEWORKS, call, inputs
from tests.test_architecture import HOST_LIBRARIES


@pytest.fixture
def saved(tmp_path):
    """Write arrays to an npz file and return its path."""
    return save_in(tmp_path)


def test_two_dumps_are_compared(saved):
    """PyTorch's and Keras's dumps: the numbers to set, and the divisor that nothing sets."""
    arrays = inputs((2, 3, 4, 5), 1, np.float32)
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
            *("ignored", "notes", "epsilon", "weight_of_batch", "conventions", "error_over_bound"),
            *("findings", "follows", "diagnosis", "hint", "reservations"),
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


def test_python_and_numpy_are_enough(saved):
    """What the page promises: none of the host's other libraries is needed."""
    dump = saved(call(inputs((4, 3, 5), 1, np.float32), 1))
    code = (
        f"import sys; sys.modules |= dict.fromkeys({sorted(HOST_LIBRARIES - {'numpy'})}); "
        f"from conformance.command_line import main; sys.exit(main(['explain', {str(dump)!r}]))"
    )
    done = python("-c", code, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "your numbers follow " in done.stdout
