"""What decides an environment, and what uv is told of pip's settings."""

from dataclasses import replace

import pytest

from adapters.harness import environments, registry, uv

PYTORCH = registry.implementations()["pytorch"]


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch, tmp_path):
    """No setting of this machine's decides here."""
    for name in [*uv.FROM_PIP, *uv.FROM_PIP.values(), *uv.FILES, "UV_TORCH_BACKEND"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(tmp_path / "machine"))


@pytest.mark.parametrize(("pip", "ours"), uv.FROM_PIP.items())
def test_pips_settings_are_handed_on_to_uv(pip, ours):
    """Each setting of pip reaches uv under uv's name, unless uv has its own."""
    assert uv.settings({pip: "theirs"})[ours] == "theirs"
    assert uv.settings({pip: "theirs", ours: "ours"})[ours] == "ours"
    assert ours not in uv.settings({pip: ""})


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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("UV_TORCH_BACKEND", "cu128"),
        ("UV_INDEX_STRATEGY", "unsafe-best-match"),
        ("UV_PRERELEASE", "allow"),
        ("UV_A_SETTING_OF_TOMORROW", "1"),
        ("UV_NO_INDEX", "1"),
        ("PIP_NO_INDEX", "1"),
        ("UV_FIND_LINKS", "wheels"),
        ("PIP_FIND_LINKS", "wheels"),
        ("UV_DEFAULT_INDEX", "https://index.invalid/simple"),
        ("PIP_INDEX_URL", "https://index.invalid/simple"),
        ("UV_INDEX", "https://index.invalid/simple"),
        ("PIP_EXTRA_INDEX_URL", "https://index.invalid/simple"),
    ],
)
def test_another_setting_has_another_environment(monkeypatch, name, value):
    """A setting of uv, by uv's name or pip's; one that is not known yet as well."""
    usual = environments.environment_folder(PYTORCH)
    monkeypatch.setenv(name, value)
    other = environments.environment_folder(PYTORCH)
    assert other != usual
    assert value not in str(other)


@pytest.mark.parametrize("name", ["UV_HTTP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "UV_CACHE_DIR"])
def test_a_setting_that_only_says_how(monkeypatch, name):
    """How long uv waits and where it keeps its cache changes nothing."""
    usual = environments.environment_folder(PYTORCH)
    monkeypatch.setenv(name, "300")
    assert environments.environment_folder(PYTORCH) == usual


@pytest.mark.parametrize("name", uv.FILES)
def test_what_is_in_a_file_decides(monkeypatch, tmp_path, name):
    """Constraints and overrides: the same file with other words is another environment."""
    file = tmp_path / "words.txt"
    file.write_text("numpy==2.4.6\n")
    usual = environments.environment_folder(PYTORCH)
    monkeypatch.setenv(name, str(file))
    first = environments.environment_folder(PYTORCH)
    file.write_text("numpy==2.4.5\n")
    assert len({usual, first, environments.environment_folder(PYTORCH)}) == 3
    moved = file.rename(tmp_path / "elsewhere.txt")
    second = environments.environment_folder(PYTORCH)
    monkeypatch.setenv(name, str(moved))
    assert environments.environment_folder(PYTORCH) != second


@pytest.mark.parametrize("whose", ["own", "machine"])
def test_uvs_own_file_decides(tmp_path, whose, monkeypatch):
    """The user's uv.toml, or the machine's, is handed to uv and is part of the key."""
    usual = environments.environment_folder(PYTORCH)
    assert uv.command("venv")[-1] == "--no-config"
    file = tmp_path / whose / "uv" / "uv.toml"
    file.parent.mkdir(parents=True)
    file.write_text('prerelease = "allow"\n')
    assert uv.command("venv")[-2:] == ["--config-file", str(file)]
    other = environments.environment_folder(PYTORCH)
    file.write_text('prerelease = "disallow"\n')
    assert len({usual, other, environments.environment_folder(PYTORCH)}) == 3


def test_the_folder_that_uv_is_started_in_does_not_decide(tmp_path, monkeypatch):
    """A project's own settings are not those of this suite."""
    usual = environments.environment_folder(PYTORCH)
    (tmp_path / "uv.toml").write_text('prerelease = "allow"\n')
    monkeypatch.chdir(tmp_path)
    assert environments.environment_folder(PYTORCH) == usual
    assert uv.command("venv")[-1] == "--no-config"


def test_no_password_decides(monkeypatch):
    """A token that is renewed builds nothing anew, and no digest has it in it."""
    folders = set()
    for secret in ("", "user:one@", "user:two@"):
        monkeypatch.setenv("UV_INDEX", f"https://{secret}index.invalid/simple")
        monkeypatch.setenv("UV_INDEX_MINE_PASSWORD", secret)
        folders.add(environments.environment_folder(PYTORCH))
        assert uv.decisive({"UV_INDEX": f"https://{secret}index.invalid/simple"}) == {
            "UV_INDEX": "https://index.invalid/simple"
        }
    assert len(folders) == 1


def test_another_python_has_another_environment(monkeypatch):
    """An environment is built with the running Python where that is allowed."""
    usual = environments.environment_folder(PYTORCH)
    monkeypatch.setattr("platform.python_version", lambda: "3.12.1")
    other = environments.environment_folder(PYTORCH)
    monkeypatch.setattr("platform.python_version", lambda: "3.12.2")
    assert environments.environment_folder(PYTORCH) == other != usual


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
