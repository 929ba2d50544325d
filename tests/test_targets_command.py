"""`python -m conformance targets`: what can be tested, and what is built?"""

import json

from adapters.harness import environments, registry, trust
from tests.front_door import ROOT, conformance, one_line, python


def test_every_implementation_has_a_row():
    """Its version, devices, modes, environment and state, as the headers say."""
    done = conformance("targets")
    assert (done.returncode, done.stderr) == (0, "")
    header, *rows = done.stdout.splitlines()
    titles = ["implementation", "version", "devices", "modes", "environment", "state"]
    assert header.split() == titles
    assert [row.split()[0] for row in rows] == list(registry.implementations())
    assert python("-m", "pytest", "--targets", cwd=ROOT).stdout == done.stdout


def test_what_is_not_built_is_told(tmp_path, monkeypatch):
    """Built is what has the marker of a whole build, for the version that is asked for."""
    monkeypatch.setenv(environments.CACHE_VARIABLE, str(tmp_path))
    folder = environments.environment_folder(registry.implementations()["keras"])
    python = environments.interpreter_in(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    trust.mark(folder, built=True)
    rows = json.loads(conformance("targets", "--json", "keras", "keras==3.5.0,flax").stdout)
    assert [(row["implementation"], row["version"], row["state"]) for row in rows] == [
        ("keras", f"keras {registry.implementations()['keras'].pinned_version}", "built"),
        ("keras==3.5.0", "keras 3.5.0", "not built"),
        ("flax", f"flax {registry.implementations()['flax'].pinned_version}", "not built"),
    ]
    assert rows[0]["environment"] == str(folder)
    assert (rows[0]["devices"], rows[0]["modes"]) == (["cpu", "gpu"], ["eager", "graph"])


def test_an_unknown_name_is_one_line():
    """With the valid ones; status 2."""
    line = one_line(conformance("targets", "jax"))
    assert line.startswith("python -m conformance targets: unknown implementation 'jax'; choose")
