"""The report in a real browser: hostile records, the keyboard, the policy, the network."""

import json
from pathlib import Path

import pytest

from records.file import FILE_NAME, read_run
from reports.html import render, write
from tests.browser import problems, requests, start
from tests.sample_records import write_sample
from tests.test_report_html import large_run

HOSTILE = (
    '</script><script>alert("pwned")</script>"><img src=x onerror=alert(1)>'
    "'--><svg onload=alert(2)>{{7*7}}{% raw %}"
    "\x1b[31mred\0\u2028\u202e\ud800&lt;javascript:alert(3)"
)
SHOWN = '</script><script>alert("pwned")</script>"><img src=x onerror=alert(1)>'
# Values with a fixed meaning: with them replaced, nearly nothing of the report would be reached.
MEANINGFUL = {"verdict", "error_over_bound", "max_ulp", "changes", "tensor", "tensors", "field"}


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
def sample(open_page, tmp_path):
    write_sample(tmp_path)
    return open_page(write(tmp_path).read_text(encoding="utf-8"))


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


def hostile(value, key="", *, spare=frozenset()):
    """Return the record with a hostile tail on every string, the same for the same string."""
    if isinstance(value, str):
        return value if key == "kind" or key in spare else value + HOSTILE
    if isinstance(value, list):
        return [hostile(item, key, spare=spare) for item in value]
    if isinstance(value, dict):
        return {
            name if name == "kind" or spare or key == "" else name + HOSTILE: hostile(
                item, name, spare=spare
            )
            for name, item in value.items()
        }
    return value


@pytest.mark.parametrize("spare", [frozenset(), MEANINGFUL], ids=["every string", "free text"])
def test_hostile_records_are_text(open_page, tmp_path, spare):
    """Markup, escapes and lone surrogates in any field are shown and never run."""
    path = write_sample(tmp_path)
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_text("\n".join(json.dumps(hostile(line, spare=spare)) for line in lines))
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
    run = read_run(write_sample(tmp_path).parent)
    record = next(item for item in run.verdicts if item["verdict"] == "crashed")
    record["message"] = "x" * 1_000_000
    browser = open_page(render(run))
    visit(
        browser,
        browser.execute_script(
            "return document.querySelector('.kind.crashed ~ div a').getAttribute('href')"
        ),
    )
    text = browser.execute_script("return document.querySelector('#evidence pre').textContent")
    assert text.endswith(f"… [cut here: 980,000 more characters are in {FILE_NAME}]")


def test_every_link_opens_evidence(sample):
    """Each link of the first screen, and each of the pages behind them, leads somewhere."""
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
    assert sum(count for _, count in cells) == 75
    for address, count in cells:
        visit(sample, address)
        rows = sample.execute_script(
            "return document.querySelectorAll('#evidence tbody tr').length"
        )
        assert rows == count, address


def test_heat_cell_lists_its_cases_worst_first(sample):
    """The list behind a cell starts with the infinite error."""
    visit(sample, "#/heat/running_var/keras-cpu-eager")
    errors = sample.execute_script(
        """return [...document.querySelectorAll("#evidence tbody tr")]
               .map((row) => row.cells[5].textContent)"""
    )
    assert errors == ["∞", "0.3", "0.2", "0.15"]


def test_keyboard_reaches_a_heat_cell_and_comes_back(sample):
    """Tab reaches a heat cell, Enter opens its evidence, Escape returns to the cell."""
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


def test_first_screen_reads_without_script(open_page, tmp_path):
    """Matrix, findings, verdicts and distances are plain HTML."""
    write_sample(tmp_path)
    text = write(tmp_path).read_text(encoding="utf-8")
    browser = open_page(text[: text.index('<script type="application/json"')] + "</body></html>")
    shown = browser.execute_script("return document.body.innerText")
    for word in ("the history", "known fault explains it", "NaN in 1", "running_var"):
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
