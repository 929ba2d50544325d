"""Records that nobody thought of: read and shown, or refused in one line; never anything else."""

import contextlib
import json
import unicodedata
from dataclasses import is_dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from records.file import FILE_NAME, RecordsError, line_of, read_run, read_stopped
from records.together import read_runs
from reports.html import render_summary
from reports.payload import Links, embeddable, payload
from reports.releases import as_markdown
from reports.summary import summarize
from tests.faults.fuzzing import fuzz
from tests.gold import gold

ACTING = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
"""The bidirectional classes of what reorders a line."""


def small_run():
    """Return the lines of a run with a record or two of every kind, and few words in its header."""
    run = gold()
    header = json.loads(line_of(run.header))
    header["conventions"] = dict(list(header["conventions"].items())[:2])
    header["formulas"] = dict(list(header["formulas"].items())[:1])
    header |= {"tensors": header["tensors"][:2], "command": header["command"][:2]}
    header["selection"] |= {"keyword": "x or y", "adapter": header["selection"]["adapter"][:1]}
    sound = next(one for one in run.verdicts if one.error_over_bound)
    failing = next(one for one in run.verdicts if one.diagnosis)
    rows = [*run.targets[:2], run.cases[0], sound, failing, run.measured[0]]
    return [header, *(json.loads(line_of(row)) for row in (*rows, run.explanations[0], run.footer))]


def places_in(told, place=()):
    """Return the path of every value within; of a list, of the first two."""
    found = [place] if place else []
    items = told.items() if isinstance(told, dict) else list(enumerate(told))[:2]
    for key, one in items:
        inner = (*place, key)
        found += places_in(one, inner) if isinstance(one, dict | list) else [inner]
    return found


LINES = small_run()
HEADER_PLACES = [(0, place) for place in places_in(LINES[0])]
PLACES = [(at, place) for at, line in enumerate(LINES) if at for place in places_in(line)]
WORDS = """
    nan inf -inf </script> <b> conforms violates crashed header footer verdict 2.0 2.0.dev1 ((( {{
"""
odd_numbers = st.sampled_from([0, -1, 7, 2**31, 2**63, 10**400, 1e308, -0.0, 0.5, 1e-320])
odd_texts = st.sampled_from([*WORDS.split(), "", " ", "\x1b[2J", "\u202e", "\udcff", "a\nb"])
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), odd_numbers, odd_texts, st.text()
)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(odd_texts, scalars, max_size=2)
ALIKE = {str: odd_texts | st.text(), int: odd_numbers, float: odd_numbers | st.floats()}
changes = st.lists(
    st.tuples(
        st.sampled_from([*PLACES * 4, *HEADER_PLACES]), st.sampled_from(["alike", "any", "none"])
    ),
    min_size=1,
    max_size=4,
)
orders = st.just(range(1, len(LINES))) | st.lists(st.integers(1, len(LINES) - 1), max_size=12)
spots = st.tuples(st.integers(0, 2**14), st.sampled_from([0, 1, 3, 10_000]), st.binary(max_size=3))


@st.composite
def files(draw):
    """Return a small run, of which values were changed, lines moved, or bytes lost or added."""
    lines = json.loads(json.dumps(LINES))
    for (at, (*place, name)), how in draw(changes):
        holder = lines[at]
        with contextlib.suppress(KeyError, IndexError, TypeError):  # it was changed before
            for key in place:
                holder = holder[key]
            now = holder[name]
            if how == "none":
                del holder[name]
            else:
                holder[name] = draw(ALIKE.get(type(now), values) if how == "alike" else values)
    rows = [lines[0], *(lines[at] for at in draw(orders))]
    data = bytearray(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
    for at, lost, added in draw(st.just([]) | st.lists(spots, max_size=3)):
        data[at : at + lost] = added
    return bytes(data)


def check_harmless(value):
    """Check that no text within acts on a terminal, or is endless."""
    if isinstance(value, str):
        for letter in set(value) - {"\n", "\t"}:
            assert unicodedata.category(letter) not in ("Cc", "Cs", "Zl", "Zp"), repr(value)
            assert unicodedata.bidirectional(letter) not in ACTING, repr(value)
        assert len(value) < 21_000
    elif is_dataclass(value):
        check_harmless(vars(value))
    elif isinstance(value, dict):
        check_harmless([*value.keys(), *value.values()])
    elif isinstance(value, list | tuple):
        for one in value:
            check_harmless(one)


def check_shown(run):
    """Check that nothing in a run acts, and that every view of it can be drawn; return that."""
    check_harmless(run)
    summary = summarize(run)
    embeddable(payload(summary, Links(summary)))
    as_markdown(summary.releases)
    return summary


@fuzz
@given(files(), st.integers(0, 9))
def test_records(tmp_path_factory, data, chance):
    """Every file is a run that can be shown, or a RecordsError in one line; one in ten is drawn."""
    folder = tmp_path_factory.getbasetemp()
    (folder / FILE_NAME).write_bytes(data)
    try:
        run = read_run(folder)
    except RecordsError as error:
        check_harmless(str(error))
        assert "\n" not in str(error)
        with pytest.raises(RecordsError):
            read_stopped(folder)
        return
    read_stopped(folder)
    summary = check_shown(run)
    if not chance:
        render_summary(summary)
        check_shown(read_runs([folder, folder / ".." / folder.name]))
