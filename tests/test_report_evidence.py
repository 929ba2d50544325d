"""The pages behind the figures, in a real browser: what explains a verdict and how to repeat it."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from records.verdict import Verdict
from reports.html import render
from reports.text import figure
from tests import test_report_browser
from tests.gold import first, gold, varied
from tests.test_report_browser import visit

browser = test_report_browser.browser
open_page = test_report_browser.open_page
sample = test_report_browser.sample


def address(record):
    return f"#/case/{quote(record.case, safe='')}/{quote(record.target, safe='')}"


def text_of(browser, address: str) -> str:
    """Open evidence and return all of its text."""
    assert not visit(browser, address).startswith("This report holds no such"), address
    return browser.execute_script("return document.querySelector('#evidence').innerText")


def test_evidence_shows_the_worst_element(sample):
    """The page of a case has formula, source and the four values as hex floats."""
    record = next(
        one for one in gold().verdicts if one.known and one.tensor == "running_var" and one.worst
    )
    case = first(gold().cases, case=record.case)
    text = text_of(sample, address(record))
    values = ("observed", "expected", "canonical", "bound")
    for word in ("running_var ←", record.conventions[0].source, case.reason,
                 f"index [{', '.join(map(str, record.worst.index))}]",
                 f"{record.conventions[0].field} = {record.conventions[0].option}",
                 f"{figure(record.error_over_bound)} × bound",
                 *(getattr(record.worst, f"{name}_hex") for name in values)):  # fmt: skip
        assert word in text, word


def test_evidence_says_what_a_verdict_differs_by(sample):
    """The convention stands in the table of tensors, and with what it means below."""
    record = first(gold().verdicts, differs_by=(("running_variance", "biased"),))
    text = text_of(sample, address(record))
    assert "running_variance=biased" in text
    assert "running variance gathers the batch variance that divides by n" in text


def test_evidence_says_what_explains_a_verdict(sample, open_page):
    """What is known with its link, else the hypotheses; the stack of what died."""
    diagnosed = next(one for one in gold().verdicts if len(one.diagnosis) > 1 and not one.known)
    text = text_of(sample, address(diagnosed))
    for word in ("Explained by", "the simplest first", *(one.name for one in diagnosed.diagnosis)):
        assert word in text, word
    late = first(gold().verdicts, verdict=Verdict.TIMED_OUT)
    assert late.log.strip() in text_of(sample, address(late))
    found = next(one for one in gold().verdicts if one.known)
    known = replace(found, diagnosis=())
    verdicts = tuple(known if one is found else one for one in gold().verdicts)
    text = text_of(open_page(render(replace(gold(), verdicts=verdicts))), address(known))
    assert f"Known: {known.known.what} ({known.known.upstream})." in text
    assert "explains it, alone or in pairs" not in text
    unknown = replace(gold(), verdicts=(replace(known, known=None),))
    text = text_of(open_page(render(unknown)), address(known))
    assert f"{known.message}; no convention, number or known fault explains it, alone or" in text


def test_convention_shows_what_was_measured(sample):
    """Each dtype has its probe and numbers; what is undetermined says why."""
    text = text_of(sample, "#/convention/empty_batch/wrong-layer-cpu-eager")
    for word in ("Measured in float32: keeps, but declared raises", "probe-empty-batch-float32"):
        assert word in text, word
    text = text_of(sample, "#/convention/arithmetic/gluon-cpu-eager")
    for word in ("Measured in float16: rounded_steps", "widened", "VARIANCE_TO_INVSTD"):
        assert word in text, word
    text = text_of(sample, "#/convention/variance_algorithm/wrong-layer-cpu-eager")
    assert "Undetermined: nothing fits dgamma and dx" in text


@pytest.mark.parametrize(
    ("target", "named"), [("keras-cpu-eager", True), ("pytorch-cpu-eager", False)]
)
def test_convention_lists_the_cases_that_confirm_it(sample, target, named):
    """Those that it explains come first; where none names it, that is said."""
    text = text_of(sample, f"#/convention/running_variance/{target}")
    assert ("running_variance=biased" in text) is named
    assert ("No case of this run names it" in text) is not named


def test_what_is_not_declared_is_not_called_declared(sample, open_page):
    """The banner of a mismatch and the facts say that the suite assumes the option."""
    page = "#/convention/single_value/wrong-layer-cpu-eager"
    text = text_of(sample, page)
    assert "Measured raises, not declared; the suite assumes beta." in text
    assert "but declared" not in text
    where = {"target": "wrong-layer-cpu-eager", "field": "single_value"}
    declared = varied(gold().measured, where, source="its docs")
    text = text_of(open_page(render(replace(gold(), measured=declared))), page)
    assert "Measured raises, but declared beta." in text


def test_reproduction_is_copied_by_keyboard(sample):
    """The command of a page reaches the clipboard through the button, without a permission."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    case = gold().cases[0].case
    text_of(sample, address(first(gold().verdicts, case=case, target="flax-cpu-jit")))
    command = sample.execute_script("return document.querySelector('.reproduce code').textContent")
    assert command == (
        f"pytest --implementation flax --mode jit --device cpu --threads 2 "
        f"--case {case} --report=reports/reproduced"
    )
    beside = sample.execute_script("return document.querySelector('.reproduce').textContent")
    assert beside.endswith("with tox: tox -e report -- …the same options")
    for _ in range(30):
        ActionChains(sample).send_keys(Keys.TAB).perform()
        if sample.switch_to.active_element.text == "Copy":
            break
    ActionChains(sample).send_keys(Keys.ENTER).perform()
    told = "return document.querySelector('.reproduce [role=status]').textContent"
    assert sample.execute_script(told) == "Copied."
    assert sample.switch_to.active_element.text == "Copy"  # the focus stays
    visit(sample, "#/cases")
    sample.execute_script("document.getElementById('filter').focus()")
    ActionChains(sample).key_down(Keys.CONTROL).send_keys("v").key_up(Keys.CONTROL).perform()
    assert sample.execute_script("return document.getElementById('filter').value") == command
