"""`python -m conformance smoke`: is an adapter itself sound?"""

import json
import re
import sys

import pytest

from tests.front_door import ROOT, conformance, one_line

PAGE = ROOT / "docs" / "add-an-implementation.md"


@pytest.fixture
def layer(tmp_path):
    """The tutorial's layer, without the header, with some text replaced."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]

    def write(before="", after="", name="my_layer.py"):
        assert before in code
        path = tmp_path / name
        path.write_text(code.replace(before, after) if before else code, encoding="utf-8")
        return path

    return write


def test_a_sound_adapter(layer):
    """Status 0, and a line for everything that was looked at."""
    done = conformance("smoke", layer())
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("my_layer.py is sound\n")
    assert "WRONG" not in done.stdout
    assert done.stdout.count("ok ") == 20


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("+ epsilon", "+ 1e-5", "uses epsilon: y is the same whatever epsilon is"),
        (
            "momentum=layer.weight_of_batch",
            "momentum=0.1",
            "uses momentum: running_mean is the same",
        ),
        (
            "layer.state(channels))",
            "(np.ones(channels), *layer.state(channels)[1:]))",
            "uses gamma: dx is the same",
        ),
        (
            "layer.state(channels))",
            "(*layer.state(channels)[:3], np.ones(channels)))",
            "infers from the state that it",
        ),
        ('["dx"] = gamma', '["dx"] = np.float32(gamma)', "ok "),
        (".astype(step.x.dtype)", "", "answers a training step: broken adapter: the answer dtype"),
        ('"running_variance"', '"variance"', "answers a training step: declares"),
        ("def run(", "CALLS = []\n\n\ndef run(", "ok "),
        (
            "        x = np.moveaxis",
            "        hello.calls = getattr(hello, 'calls', 0) + 1\n"
            "        gamma = gamma + hello.calls\n        x = np.moveaxis",
            "answers the same to the same: y is another the second time",
        ),
        ("def hello():", "def hello(:", "starts: broken adapter: SyntaxError"),
    ],
)
def test_what_an_unsound_adapter_forgets(layer, before, after, line):
    """What is not passed on, kept, or in the wrong form has a line of its own."""
    done = conformance("smoke", layer(before, after))
    assert line in done.stdout
    assert done.returncode == (0 if line == "ok " else 1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing.py"], "nothing.py: there is no such Python file"),
        (["{layer}", "--python", sys.executable], "write NAME=PATH with a NAME of: my-layer"),
        (["{layer}", "--python", f"pytorch={sys.executable}"], "with a NAME of: my-layer"),
        (["{layer}", "--python=my-layer=/no/such"], "there is no file /no/such"),
    ],
)
def test_what_cannot_be_tried_is_one_line(layer, arguments, said):
    """A file that is none, and an interpreter that is not spelled as for pytest; status 2."""
    path = layer()
    line = one_line(conformance("smoke", *(text.format(layer=path) for text in arguments)))
    assert line.startswith("python -m conformance smoke: ")
    assert said in line


def test_several_files_each_with_its_interpreter(layer):
    """Every file is tried and told, and one that is not sound makes the status 1."""
    sound = layer()
    forgetful = layer("+ epsilon", "+ 1e-5", name="other_layer.py")
    done = conformance("smoke", sound, forgetful, "--python", f"other-layer={sys.executable}")
    assert done.returncode == 1
    assert "my_layer.py is sound\n" in done.stdout
    assert done.stdout.endswith("other_layer.py is not sound\n")


def test_json_has_every_finding(layer):
    """The same findings as a document, and nothing else on stdout."""
    done = conformance("smoke", "--json", layer("+ epsilon", "+ 1e-5"))
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert [one["what"] for one in found if not one["sound"]] == ["uses epsilon"]
    assert {one["target"] for one in found} == {"my-layer-cpu-eager"}
    assert len(found) == 20
