"""A tiny real run, and every field of a verdict as it stands in the file."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from docs.generate import FOLDER as DOCS
from records.file import FILE_NAME
from tests.faults.whole_run import run

ODD, SINGLE = "an-odd-number-of-values-per-channel", "one-value-per-channel-in-training-float32"
ADAPTER = """\
from dataclasses import replace

from tests.mutants import layer as mutant
from tests.mutants.layer import hello

MISTAKE = "running_variance=biased,dx_without_gamma,single_value=raises"


def conventions(layer, shape):
    return {"running_variance": ("biased", "its author")}


def run(layer, steps):
    return mutant.run(replace(layer, mode=MISTAKE), steps)
"""
KNOWN = """\
[[known]]
implementation = "my-layer"
cases = ["*-float64"]
tensors = ["dx"]
explained_by = [{ fault = "dx_without_gamma" }]
what = "it forgets gamma"
upstream = "not reported upstream"
"""


@pytest.fixture(scope="module")
def lines(tmp_path_factory):
    """The lines of the records of a layer that differs, violates, is known to, and raises."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "my_layer.py").write_text(ADAPTER)
    (folder / "known.toml").write_text(KNOWN)
    cases = f"{ODD}-float32,{ODD}-float64,{SINGLE}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINIATURE_KNOWN", str(folder / "known.toml"))
        plugin = ("-p", "tests.faults.known_elsewhere")
        options = (f"--adapter={folder / 'my_layer.py'}", f"--case={cases}", f"--report={folder}")
        done = run(*plugin, *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "dx_without_gamma: dx lacks gamma" in done.stdout  # composed where it is shown
    text = (folder / FILE_NAME).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def verdict(lines, case, tensor):
    (found,) = [
        line
        for line in lines
        if line["kind"] == "verdict" and (line["case"], line["tensor"]) == (case, tensor)
    ]
    return dict(found)


def test_a_verdict_that_conforms(lines):
    """Names, figures, the worst element with its hex values; nothing that goes without saying."""
    found = verdict(lines, f"{ODD}-float32", "y")
    worst, error, ulp, width = (
        found.pop(name) for name in ("worst", "error_over_bound", "max_ulp", "bound_over_scale")
    )
    message = found.pop("message")
    assert found == {
        "kind": "verdict",
        "target": "my-layer-cpu-eager",
        "implementation": "my-layer",
        "device": "cpu",
        "mode": "eager",
        "case": f"{ODD}-float32",
        "dtype": "float32",
        "tensor": "y",
        "step": 0,
        "verdict": "conforms",
        "conventions": [{"field": "running_variance", "option": "biased", "source": "its author"}],
    }
    assert 0 < error <= 1 and 0 < ulp < 10 and 2**-24 < width < 2**-16
    values = ("observed", "expected", "canonical", "bound")
    assert worst.keys() == {"index", *values, *(f"{name}_hex" for name in values)}
    for name in values:
        assert float.fromhex(worst[f"{name}_hex"]) == worst[name]
    assert abs(worst["observed"] - worst["expected"]) == pytest.approx(error * worst["bound"])
    place = ", ".join(map(str, worst["index"]))
    assert message.startswith(f"my-layer-cpu-eager {ODD}-float32: y[{place}] = ")
    assert f"= {worst['observed_hex']}, should be {worst['expected_hex']} (error" in message


def test_what_a_verdict_differs_by(lines):
    """The convention is a pair, not a text to take apart."""
    found = verdict(lines, f"{ODD}-float32", "running_var")
    assert found["verdict"] == "differs"
    assert found["differs_by"] == [["running_variance", "biased"]]


def test_what_would_explain_a_violation(lines):
    """The hypotheses are typed, and the message says what happened and no more."""
    found = verdict(lines, f"{ODD}-float32", "dx")
    assert found["verdict"] == "violates"
    (hypothesis,) = found["diagnosis"]
    assert hypothesis == {
        "kind": "fault",
        "sentence": "dx lacks gamma",
        "subject": "dx_without_gamma",
        "name": "dx_without_gamma",
    }
    assert "dx_without_gamma" not in found["message"]
    assert "known" not in found


def test_what_is_known(lines):
    """A violation that is known says what and where."""
    found = verdict(lines, f"{ODD}-float64", "dx")
    assert found["known"] == {"what": "it forgets gamma", "upstream": "not reported upstream"}


def test_how_a_case_ended_without_tensors(lines):
    """A refusal has no tensor and no figures, but the traceback."""
    found = verdict(lines, SINGLE, "")
    assert (found["verdict"], found["step"]) == ("raised", 0)
    assert "ValueError: one value per channel" in found["message"]
    assert found["log"].startswith("Traceback (most recent call last):")
    assert not found.keys() & {"worst", "error_over_bound", "max_ulp"}
    assert found["diagnosis"][0]["changes"] == [["single_value", "raises"]]


def test_the_other_lines(lines):
    """The header says how, the target on what, the explanation why, the footer how often."""
    header, footer = lines[0], lines[-1]
    assert header["selection"]["case"].startswith(ODD)
    assert Path(header["selection"]["adapter"][0]).name == "my_layer.py"
    assert header["planned"] == {"cases": 3, "pairs": 3}
    assert header["machine"]["python"] == sys.version.split()[0]
    (target,) = [line for line in lines if line["kind"] == "target"]
    assert target["environment"] == sys.executable
    explanations = [line["hypothesis"]["name"] for line in lines if line["kind"] == "explanation"]
    assert set(explanations) == {"dx_without_gamma", "single_value=raises"}
    verdicts = [line["verdict"] for line in lines if line["kind"] == "verdict"]
    assert footer["verdicts"] == {word: verdicts.count(word) for word in set(verdicts)}
    assert footer["exit_status"] == 1


def test_every_line_fits_the_json_schema(lines):
    """The published schema describes what a run of today writes."""
    schema = json.loads((DOCS / "records.schema.json").read_text(encoding="utf-8"))
    for line in lines:
        jsonschema.validate(line, schema, jsonschema.Draft202012Validator)
