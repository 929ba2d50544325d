"""The report in a real browser: hostile records, the keyboard, the policy, the network."""

import dataclasses
from collections import Counter
from dataclasses import replace
from enum import Enum
from pathlib import Path

import pytest

from records.file import RecordWriter, read_run
from records.verdict import Verdict
from reports.html import render
from tests.browser import problems, requests, start
from tests.gold import first, gold
from tests.test_report_html import large_run

HOSTILE = (
    '</script><script>alert("pwned")</script>"><img src=x onerror=alert(1)>'
    "'--><svg onload=alert(2)>{{7*7}}{% raw %}"
    "\x1b[31mred\0\u2028\u202e\ud800&lt;javascript:alert(3)"
)
SHOWN = '</script><script>alert("pwned")</script>"><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def browser():
    """A headless browser, the same for all tests."""
    started = start()
    yield started
    started.quit()


@pytest.fixture
def open_page(browser, tmp_path):
    """Write a page, open it from its file and return the browser, with empty logs."""

    def open_text(text: str):
        path = tmp_path / "index.html"
        path.write_text(text, encoding="utf-8")
        browser.get("about:blank")
        problems(browser)
        requests(browser)
        browser.get(path.as_uri())
        return browser

    return open_text


@pytest.fixture
def sample(open_page):
    return open_page(render(gold()))


def visit(browser, address: str) -> str:
    """Follow an address inside the page and return the heading of what it opens."""
    return browser.execute_async_script(
        """
        const [address, done] = arguments;
        const heading = () => done(document.querySelector("#evidence h2")?.textContent ?? "");
        if (location.hash === address) return heading();
        addEventListener("hashchange", () => setTimeout(heading), { once: true });
        location.hash = address;
        """,
        address,
    )


def addresses(browser) -> list[str]:
    """Return every address inside the page that the shown view links to."""
    return browser.execute_script(
        """return [...new Set([...document.querySelectorAll("a[href^='#/']")]
               .map((link) => link.getAttribute("href")))]"""
    )


def hostile(value):
    """Return a record with a hostile tail on every text, the same for the same text."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return value + HOSTILE
    if isinstance(value, tuple):
        return tuple(map(hostile, value))
    if isinstance(value, dict):
        return {hostile(name): hostile(item) for name, item in value.items()}
    if dataclasses.is_dataclass(value):
        return replace(value, **{name: hostile(item) for name, item in vars(value).items()})
    return value


def some_of(run):
    """Return a few cases of a run on a few targets: every kind of evidence, and few of each."""
    cases = [run.cases[at].case for at in (0, 1, -1)]
    targets = ("gluon-cpu-eager", "wrong-layer-cpu-eager", "dying-cpu-eager")
    targets += ("pytorch-functional-cpu-eager",)
    own = {
        name: tuple(one for one in getattr(run, name) if one.target in targets)
        for name in ("targets", "verdicts", "measured", "explanations")
    }
    own["verdicts"] = tuple(one for one in own["verdicts"] if one.case in cases)
    return replace(run, **own, cases=tuple(one for one in run.cases if one.case in cases))


def test_hostile_records_are_text(open_page, tmp_path):
    """Markup, escapes and lone surrogates in any text are shown and never run."""
    run = some_of(gold())
    writer = RecordWriter(tmp_path, hostile(run.header))
    kinds = run.targets, run.cases, run.verdicts, run.measured, run.explanations
    writer.write(*(hostile(record) for kind in kinds for record in kind))
    writer.close(run.footer)
    browser = open_page(render(read_run(tmp_path)))
    assert SHOWN in browser.execute_script("return document.body.innerText")
    assert r"\x1b[31mred\x00" in browser.execute_script("return document.body.innerText")
    seen = addresses(browser)
    assert len(seen) > 60
    visit(browser, "#/cases")
    for address in {*seen, *addresses(browser)}:
        heading = visit(browser, address)
        assert heading and not heading.startswith("This report holds no such"), address
        counts = browser.execute_script(
            "return [document.scripts.length, document.images.length,"
            " document.querySelectorAll('svg').length]"
        )
        assert counts == [2, 0, 0], address
    assert problems(browser) == []


def test_long_text_is_cut_with_a_note(open_page, tmp_path):
    """A message of a megabyte is cut, and the page says where the rest is."""
    record = first(gold().verdicts, verdict=Verdict.CRASHED)
    writer = RecordWriter(tmp_path, gold().header)
    writer.write(replace(record, message="x" * 1_000_000))
    writer.close(gold().footer)
    browser = open_page(render(read_run(tmp_path)))
    visit(
        browser,
        browser.execute_script(
            "return document.querySelector('.kind.crashed ~ div a').getAttribute('href')"
        ),
    )
    text = browser.execute_script("return document.querySelector('#evidence pre').textContent")
    assert text.endswith("… [cut here: 980,000 more characters are in the records]")


def test_every_link_opens_evidence(open_page):
    """Each link of the first screen, and each of the pages behind them, leads somewhere."""
    sample = open_page(render(some_of(gold())))
    todo, seen = addresses(sample), set()
    while todo:
        address = todo.pop()
        if address in seen:
            continue
        seen.add(address)
        assert not visit(sample, address).startswith("This report holds no such"), address
        todo += addresses(sample)
    assert problems(sample) == []


def test_counts_lead_to_as_many_verdicts(sample):
    """The number in a cell of the strip is the number of rows it opens."""
    cells = sample.execute_script(
        """return [...document.querySelectorAll(".strip td a")]
               .map((link) => [link.getAttribute("href"), Number(link.textContent)])"""
    )
    verdicts = gold().verdicts
    assert sum(count for _, count in cells) == len(verdicts)
    assert Counter(count for _, count in cells) == Counter(
        Counter((one.verdict, one.target) for one in verdicts).values()
    )
    for address, count in cells:
        visit(sample, address)
        rows = sample.execute_script(
            "return document.querySelectorAll('#evidence tbody tr').length"
        )
        assert rows == count, address


def test_heat_cell_lists_its_cases_worst_first(open_page):
    """The list behind a cell starts with the infinite error."""
    where = {"target": "keras-cpu-eager", "tensor": "running_var"}
    alike = replace(first(gold().verdicts, **where), verdict=Verdict.CONFORMS)
    errors = (0.2, float("inf"), 0.15, 0.3)
    few = replace(
        gold(), verdicts=tuple(replace(alike, error_over_bound=error) for error in errors)
    )
    sample = open_page(render(few))
    visit(sample, "#/heat/running_var/keras-cpu-eager")
    errors = sample.execute_script(
        """return [...document.querySelectorAll("#evidence tbody tr")]
               .map((row) => row.cells[5].textContent)"""
    )
    assert errors == ["∞", "0.3", "0.2", "0.15"]


def test_keyboard_reaches_a_heat_cell_and_comes_back(open_page):
    """Tab reaches a heat cell, Enter opens its evidence, Escape returns to the cell."""
    own = {name: tuple(one for one in getattr(gold(), name) if one.target == "flax-cpu-jit")
           for name in ("targets", "verdicts", "measured", "explanations")}  # fmt: skip
    sample = open_page(render(replace(gold(), **own)))
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    def focused(selector):
        return sample.execute_script(
            "return document.activeElement.matches(arguments[0])", selector
        )

    press = lambda key: ActionChains(sample).send_keys(key).perform()  # noqa: E731
    press(Keys.TAB)
    assert focused(".skip")
    for _ in range(300):
        press(Keys.TAB)
        if focused(".heat td a"):
            break
    assert focused(".heat td a"), "Tab never reached a heat cell"
    outline = sample.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    cell = sample.switch_to.active_element
    press(Keys.ENTER)
    wait = WebDriverWait(sample, 10)  # the page answers a changed address a moment later
    wait.until(lambda _: focused("#evidence h2"), "the evidence never got the focus")
    assert sample.execute_script("return document.getElementById('overview').hidden") is True
    press(Keys.ESCAPE)
    wait.until(lambda _: sample.switch_to.active_element == cell, "the cell never got it back")
    assert sample.execute_script("return document.getElementById('overview').hidden") is False


def test_nothing_is_requested_but_the_page(sample):
    """The policy is in the page, an injected script is refused, no other address is asked for."""
    visit(sample, "#/cases")
    refused = sample.execute_script(
        """const script = document.createElement("script");
           script.textContent = "window.injected = true";
           document.body.append(script);
           return [window.injected ?? null,
                   document.querySelector("meta[http-equiv=Content-Security-Policy]").content];"""
    )
    assert refused[0] is None
    assert refused[1].startswith("default-src 'none'; style-src 'sha256-")
    requested = [url.split("#")[0] for url in requests(sample)]
    assert requested and {Path(url).name for url in requested} == {"index.html"}
    assert all(url.startswith("file://") for url in requested)


def test_first_screen_reads_without_script(open_page):
    """Matrix, findings, verdicts and distances are plain HTML."""
    text = render(gold())
    browser = open_page(text[: text.index('<script type="application/json"')] + "</body></html>")
    shown = browser.execute_script("return document.body.innerText")
    for word in ("the batch variance that divides by n", "known fault explains", "running_var"):
        assert word in shown


def test_large_report_opens(open_page):
    """50,000 verdicts: the page opens and shows the first rows of a long list."""
    browser = open_page(render(large_run()))
    heading = visit(browser, "#/verdict/target-3/conforms")
    assert heading == "target-3: conforms"
    rows = "return document.querySelectorAll('#evidence tbody tr').length"
    assert browser.execute_script(rows) == 250
    browser.execute_script("document.querySelector('#evidence button').click()")
    assert browser.execute_script(rows) == 1250
    assert problems(browser) == []
