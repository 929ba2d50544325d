"""Who follows which conventions, for `explain`: what the adapters declare, and nothing else."""

import json

import pytest

from adapters.harness.registry import choose
from docs.named import declared, named_implementations, text_of
from explain.named_conventions import FILE, HISTORICAL, named
from suite.run import IMPLEMENTATIONS

WRITTEN = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.mark.xdist_group("named")
def test_the_file_holds_what_the_core_frameworks_declare():
    """The real layers of the four frameworks are asked again, for every rank and dtype."""
    told = declared(choose(IMPLEMENTATIONS))
    assert len(told) == 4
    for name, one in told.items():
        assert one == WRITTEN[name], f"{name}: write the file again with python -m docs.named"


def test_the_file_has_an_entry_for_every_header_that_names_a_layer():
    """Names, sources and the spelling of arguments are those of the headers."""
    layers = {one.layer["name"]: one for one in named_implementations()}
    assert layers.keys() == WRITTEN.keys()
    for name, one in WRITTEN.items():
        header = layers[name].layer
        assert one["implementation"] == layers[name].name
        assert one["source"] == header["source"]
        assert one["arguments"] == {key: header[key] for key in ("epsilon", "momentum")}
        assert one["settings"] == header.get("settings", {})


def test_the_file_is_as_its_command_writes_it():
    """It was not edited by hand."""
    assert FILE.read_text(encoding="utf-8") == text_of(WRITTEN)


def test_a_layer_has_the_conventions_of_its_rank_and_dtype():
    """tf.keras 2 keeps another variance of float32 images than of rows; a historical one none."""
    of = {rank: {one.name: one for one in named(rank, "float32")} for rank in (2, 4)}
    kept = [of[rank]["tf.keras 2"].conventions.running_variance for rank in (2, 4)]
    assert kept == ["biased", "unbiased"]
    assert {one.name for one in HISTORICAL} <= of[2].keys()
