"""What decides an environment, and what uv is told of pip's settings."""

from dataclasses import replace

import pytest

from adapters.harness import environments, registry

PYTORCH = registry.implementations()["pytorch"]


@pytest.mark.parametrize(("pip", "uv"), environments.FROM_PIP.items())
def test_pips_settings_are_handed_on_to_uv(pip, uv):
    """Each setting of pip reaches uv under uv's name, unless uv has its own."""
    assert environments.uv_settings({pip: "theirs"})[uv] == "theirs"
    assert environments.uv_settings({pip: "theirs", uv: "ours"})[uv] == "ours"
    assert uv not in environments.uv_settings({pip: ""})


@pytest.mark.parametrize(
    "changes",
    [
        {"dependencies": ("torch==2.9.1",)},
        {"requires_python": ">=3.12"},
        {"exclude_newer": "2020-01-01T00:00:00Z"},
    ],
)
def test_another_header_has_another_environment(changes):
    """Whatever decides what is installed decides where."""
    usual = environments.environment_folder(PYTORCH)
    assert environments.environment_folder(replace(PYTORCH, **changes)) != usual
    assert environments.environment_folder(replace(PYTORCH, modes=("other",))) == usual


def test_the_torch_backend_has_its_own_environment(monkeypatch):
    """UV_TORCH_BACKEND decides which build of torch is installed."""
    usual = environments.environment_folder(PYTORCH)
    monkeypatch.setenv("UV_TORCH_BACKEND", "cu128")
    assert environments.environment_folder(PYTORCH) != usual


def test_another_version_replaces_the_pin_and_the_date():
    """`pytorch==2.9.1` asks for that torch, whenever it came out."""
    (other,) = registry.choose("pytorch==2.9.1")
    assert "torch==2.9.1" in other.dependencies
    assert "torch==2.13.0" not in other.dependencies
    assert other.exclude_newer == ""
    assert other.label == "pytorch==2.9.1"


def test_every_adapter_pins_what_it_needs():
    """Each dependency has one version, and a date holds the rest."""
    for one in registry.implementations().values():
        assert all("==" in dependency for dependency in one.dependencies), one.name
        assert one.exclude_newer, one.name
