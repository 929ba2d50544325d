"""The gold records: a real run in which everything is that a report must show."""

import json
import re
from dataclasses import fields

import jsonschema
import pytest

from docs.generate import FOLDER as DOCS
from records.file import FILE_NAME, record_of
from records.hypothesis import Kind
from records.schema import RECORDS, ResumedRecord, VerdictRecord
from records.verdict import Verdict
from tests.gold import FOLDER, gold
from tests.gold.__main__ import CASES, MACHINE_PATH

LINES = (FOLDER / FILE_NAME).read_text(encoding="utf-8").splitlines()
SCHEMA = json.loads((DOCS / "records.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_it_has_every_verdict():
    """Each on a target that was run; a violation that is known, and ones that are not."""
    run = gold()
    assert run.complete and not run.damaged
    assert {record.verdict for record in run.verdicts} == set(Verdict)
    assert {case.case for case in run.cases} == set(CASES)
    violations = [record for record in run.verdicts if record.verdict is Verdict.VIOLATES]
    assert {bool(record.known) for record in violations} == {True, False}
    assert {bool(record.diagnosis) for record in violations} == {True, False}
    assert run.header.planned.pairs == len({(one.case, one.target) for one in run.verdicts})


def test_every_target_is_as_it_was_meant():
    """The frameworks were judged; two targets could not be had."""
    broken = {one.target: one.broken.ended for one in gold().targets if one.broken}
    assert broken == {
        "pytorch==0.0.7-cpu-eager": Verdict.UNAVAILABLE,
        "pytorch-functional-cpu-eager": Verdict.BROKEN_ADAPTER,
    }
    sound = {record.target for record in gold().verdicts if record.verdict.sound}
    assert sound == {one.target for one in gold().targets} - broken.keys()


def test_it_has_every_kind_of_explanation():
    """Conventions, a number with its interval, a fault, and nothing."""
    found = [one.hypothesis for one in gold().explanations]
    assert {one and one.kind for one in found} == {*Kind, None}
    diagnosed = [one for record in gold().verdicts for one in record.diagnosis]
    assert {one.kind for one in diagnosed} == set(Kind)
    assert {len(one.changes) for one in diagnosed} >= {0, 1}
    assert all((one.kind is Kind.NUMBER) == (one.interval is not None) for one in diagnosed)


def test_it_has_every_kind_of_measurement():
    """Decided and not; against a declaration and an assumption; known and not."""
    measured = gold().measured
    assert {one.option is None for one in measured} == {True, False}
    wrong = [one for one in measured if not one.agrees]
    assert {one.source is None for one in wrong} == {True, False}
    assert {one.known is None for one in wrong} == {True, False}
    assert {one.known is None for one in measured if one.agrees} == {True}


def test_it_says_nothing_of_the_machine_that_made_it():
    """No path of a machine is left, and the file is small."""
    text = (FOLDER / FILE_NAME).read_text(encoding="utf-8")
    assert not MACHINE_PATH.search(text)
    assert MACHINE_PATH.search('File "/home/me/layer.py"')
    assert len(text.encode()) < 1_500_000


def test_every_line_fits_the_json_schema():
    """What is written is what the published schema says, and each kind of line is there."""
    for number, line in enumerate(LINES, 1):
        wrong = jsonschema.exceptions.best_match(VALIDATOR.iter_errors(json.loads(line)))
        assert wrong is None, f"line {number}: {wrong.message}"
    kinds = {type(record_of(line)) for line in LINES}
    assert kinds == set(RECORDS.values()) - {ResumedRecord}


def renamed(line: str, name: str) -> dict:
    told = json.loads(line)
    return {("x_" + key if key == name else key): value for key, value in told.items()}


def test_the_json_schema_refuses_what_is_none():
    """A field by another name, a word that is no verdict, a number that is a text."""
    (line,) = [line for line in LINES if '"kind": "verdict"' in line and '"known"' in line][:1]
    assert VALIDATOR.is_valid(json.loads(line))
    for name in json.loads(line):
        assert not VALIDATOR.is_valid(renamed(line, name)), name
    for name, value in {"verdict": "fine", "step": "0", "max_ulp": "big", "worst": {}}.items():
        assert not VALIDATOR.is_valid({**json.loads(line), name: value}), name


@pytest.mark.parametrize("name", [field.name for field in fields(VerdictRecord)])
def test_every_field_of_a_verdict_is_used(name):
    """Somewhere in the run it is other than its default, so that the report can show it."""
    defaults = {field.name: field.default for field in fields(VerdictRecord)}
    assert any(getattr(record, name) != defaults[name] for record in gold().verdicts)
    assert re.search(rf'"{name}": ', "\n".join(LINES))
