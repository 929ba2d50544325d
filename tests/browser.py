"""A real browser for the tests of the page: one that is installed, or one that Selenium fetches.

An installed browser needs its driver, on the path or fetched by Selenium as well. Where neither is
to be had the tests are skipped with the reason, and told in the last line of the run; with `CI`
set they fail.
"""

import json
import os
import re
import shutil

import pytest

MISSING = "no browser to show the page in"
INSTALL = "install one: apt-get install -y chromium chromium-driver"
CHROME = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run "
    "--disable-background-networking --disable-component-update --disable-sync "
    "--window-size=1400,1000"
)
FIREFOX = "-headless --width=1400 --height=1000"
SENTINEL = "the tests have read so far"


def start():
    """Return a headless browser with an empty console; skip or fail where there is none."""
    os.environ["SE_AVOID_STATS"] = "true"
    reasons = []
    for name, begin in (
        ("chromium", _chrome),
        ("chromium-browser", _chrome),
        ("google-chrome", _chrome),
        ("firefox", _firefox),
        ("firefox-esr", _firefox),
        ("", _chrome),
    ):
        path = shutil.which(name) if name else None
        if path or not name:
            try:
                return begin(path)
            except Exception as error:
                told = re.split(r"[;\n]", getattr(error, "msg", None) or str(error))[0]
                reasons.append(f"{name or 'Selenium'}: {told}")
    end = pytest.fail if os.environ.get("CI") else pytest.skip
    end(f"{MISSING} ({', '.join(reasons)}); {INSTALL}")


def problems(browser) -> list:
    """Return what the console said since it was last read: messages, errors, refused resources."""
    if browser.name != "firefox":
        return browser.get_log("browser")
    from selenium.webdriver.support.wait import WebDriverWait

    # The messages come on a line of their own: what was said before the sentinel is there with it.
    browser.execute_script("console.info(arguments[0])", SENTINEL)
    WebDriverWait(browser, 10).until(lambda _: SENTINEL in map(_text, browser.console))
    said = list(map(_text, browser.console))
    browser.console.clear()
    return said[: said.index(SENTINEL)]


def requests(browser) -> list[str]:
    """Return the addresses asked for since they were last read, the page's own first.

    Firefox tells those of the page that is open, without other files of this machine.
    """
    if browser.name == "firefox":
        asked = "return performance.getEntriesByType('resource').map((one) => one.name)"
        return [browser.current_url, *browser.execute_script(asked)]
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return [
        event["params"]["request"]["url"]
        for event in events
        if event["method"] == "Network.requestWillBeSent"
    ]


def _chrome(path: str | None):
    """Start a Chromium, the one that Selenium finds or fetches where there is no path."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in CHROME.split():
        options.add_argument(flag)
    if path:
        options.binary_location = path
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    options.set_capability("unhandledPromptBehavior", "ignore")  # an alert must fail the test
    return webdriver.Chrome(options=options)


def _firefox(path: str):
    """Start a Firefox, whose driver keeps no log: what the console says is gathered as it comes."""
    from selenium import webdriver

    options = webdriver.FirefoxOptions()
    for flag in FIREFOX.split():
        options.add_argument(flag)
    options.binary_location = path
    options.enable_bidi = True
    options.set_capability("unhandledPromptBehavior", "ignore")
    browser = webdriver.Firefox(options=options)
    browser.console = []
    browser.script.add_console_message_handler(browser.console.append)
    browser.script.add_javascript_error_handler(browser.console.append)
    return browser


def _text(entry) -> str:
    return entry.text
