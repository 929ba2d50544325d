"""The pages behind the figures, in a real browser: what explains a verdict and how to repeat it."""

from urllib.parse import quote

from records.file import read_run
from reports.html import render
from tests import test_report_browser
from tests.sample_records import (
    DIAGNOSIS,
    FAR,
    HALF,
    KNOWN,
    LOG,
    SLOW,
    UNEXPLAINED,
    write_sample,
)
from tests.test_report_browser import visit

browser = test_report_browser.browser
open_page = test_report_browser.open_page
sample = test_report_browser.sample


def test_evidence_shows_the_worst_element(sample):
    """The page of a case has formula, source and the four values as hex floats."""
    visit(sample, "#/case/float16%20statistics%20overflow%20is%20no%20surprise/keras-cpu-eager")
    text = sample.execute_script("return document.querySelector('#evidence').innerText")
    for word in ("running_var ←", "https://keras.io/", "0x1.8000000000000p-1", "index [2]",
                 "0x1.7000000000000p-1", "0x1.a000000000000p-1", "running_variance = biased",
                 "65504 is the largest float16", "error inf × bound"):  # fmt: skip
        assert word in text, word


def text_of(browser, address: str) -> str:
    """Open evidence and return all of its text."""
    assert not visit(browser, address).startswith("This report holds no such"), address
    return browser.execute_script("return document.querySelector('#evidence').innerText")


def test_evidence_says_what_explains_a_verdict(sample):
    """What is known with its link, else the hypotheses; the stack of what died."""
    half, far, slow = (quote(name, safe="") for name in (HALF, FAR, SLOW))
    known = text_of(sample, f"#/case/{half}/flax-cpu-jit")
    assert f"Known: {KNOWN['what']} ({KNOWN['upstream']})." in known
    assert "explains it" not in known
    diagnosed = text_of(sample, f"#/case/{far}/keras-cpu-eager")
    for word in ("Explained by", "the simplest first", *DIAGNOSIS):
        assert word in diagnosed, word
    assert UNEXPLAINED in text_of(sample, f"#/case/{half}/keras-cpu-eager")
    assert LOG.strip() in text_of(sample, f"#/case/{slow}/gluon-cpu-eager")


def test_convention_shows_what_was_measured(sample):
    """Each dtype has its probe and numbers; what is undetermined says why."""
    text = text_of(sample, "#/convention/statistics_dtype/pytorch-cpu-eager")
    for word in ("Measured in float32: float32", "Measured in float16: input_dtype"):
        assert word in text, word
    text = text_of(sample, "#/convention/variance_algorithm/keras-cpu-eager")
    for word in ("one_pass, but declared two_pass", "1.0 × 10³", "probe of variance algorithm"):
        assert word in text, word
    text = text_of(sample, "#/convention/single_value/flax-cpu-jit")
    assert "Undetermined: both options give these numbers" in text


def test_what_is_not_declared_is_not_called_declared(open_page, tmp_path):
    """The banner of a mismatch and the facts say that the suite assumes the option."""
    run = read_run(write_sample(tmp_path).parent)
    for record in run.measured:
        if (record["target"], record["field"]) == ("keras-cpu-eager", "variance_algorithm"):
            record["source"] = "not declared: assumed by the suite"
    text = text_of(open_page(render(run)), "#/convention/variance_algorithm/keras-cpu-eager")
    assert "Measured one_pass, not declared; the suite assumes two_pass." in text
    assert "but declared" not in text


def test_reproduction_is_copied_by_keyboard(sample):
    """The command of a page reaches the clipboard through the button, without a permission."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    text_of(sample, f"#/case/{quote(SLOW, safe='')}/flax-cpu-jit")
    command = sample.execute_script("return document.querySelector('.reproduce code').textContent")
    assert command == (
        f"pytest --implementation flax --mode jit --device cpu --case '{SLOW}' "
        "--report=reports/reproduced"
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
