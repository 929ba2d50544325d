"""`python -m adapters`: is an adapter sound, and what do the environments take?"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.harness import environments, trust

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "add-an-implementation.md"


def adapters(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "adapters", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        **settings,
    )


@pytest.fixture
def layer(tmp_path):
    """The tutorial's layer, without the header, with some text replaced."""
    code = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[1]

    def write(before="", after=""):
        assert before in code
        path = tmp_path / "my_layer.py"
        path.write_text(code.replace(before, after) if before else code, encoding="utf-8")
        return path

    return write


def test_a_sound_adapter(layer):
    """Status 0, and a line for everything that was looked at."""
    done = adapters("smoke", layer())
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("my_layer.py is sound\n")
    assert "WRONG" not in done.stdout
    assert done.stdout.count("ok ") == 20


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("+ epsilon", "+ 1e-5", "uses epsilon: y is the same whatever epsilon is"),
        ("else layer.momentum", "else 0.1", "uses momentum: running_mean is the same"),
        ("else layer.gamma", "else np.ones(channels)", "uses gamma: dx is the same"),
        ("else layer.running_var", "else np.ones(channels)", "infers from the state that it"),
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
    done = adapters("smoke", layer(before, after))
    assert line in done.stdout
    assert done.returncode == (0 if line == "ok " else 1)


def test_a_file_that_is_none(tmp_path):
    """Status 2 and one line."""
    done = adapters("smoke", tmp_path / "nothing.py")
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path / 'nothing.py'}: there is no such Python file\n"


def test_environments_that_nobody_asks_for_are_pruned(tmp_path, monkeypatch):
    """Only those; with their log and lock. What is left is listed with its owner."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path))
    from adapters.harness import registry

    ours = environments.environment_folder(registry.implementations()["pytorch"])
    stray = ours.with_name("pytorch-0123456789abcdef")
    for folder in (ours, stray):
        folder.mkdir(parents=True)
        (folder / "package.py").write_bytes(bytes(3 * 2**20))
        trust.mark(folder, built=True)
        folder.with_suffix(".log").write_text("")
    listed = adapters("environments")
    assert listed.returncode == 0
    assert re.search(rf"3 MB +3 MB own +{re.escape(str(ours))} +pytorch\n", listed.stdout)
    assert re.search(rf"{re.escape(str(stray))} +no header asks for it\n", listed.stdout)
    assert stray.exists()
    pruned = adapters("environments", "--prune")
    assert "6 MB in 2 environments, at least 3 MB freed" in pruned.stdout
    assert sorted(path.name for path in ours.parent.iterdir()) == [ours.name, ours.name + ".log"]
    assert adapters("environments", "--prune").stdout.endswith("at least 0 MB freed\n")


def test_help_teaches(tmp_path):
    """Each command says what it does and what its exit status means."""
    assert "smoke" in adapters("--help").stdout
    assert "1 not" in adapters("smoke", "--help").stdout.replace("\n", " ")
    assert "uv cache prune" in re.sub(r"\s+", " ", adapters("environments", "--help").stdout)
