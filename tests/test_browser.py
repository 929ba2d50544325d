"""Which browser shows the page, and what is told where there is none."""

from types import SimpleNamespace

import pytest

from tests import browser
from tests.conftest import pytest_terminal_summary


def refuse(path):
    raise RuntimeError(f"cannot start {path}; see the manual")


@pytest.fixture
def machine(monkeypatch):
    """A machine that has the browsers of this set, by name."""
    has = set()
    monkeypatch.setattr(browser.shutil, "which", lambda name: f"/bin/{name}" * (name in has))
    monkeypatch.setattr(browser, "_chrome", lambda path: f"chrome {path}")
    monkeypatch.setattr(browser, "_firefox", lambda path: f"firefox {path}")
    monkeypatch.delenv("CI", raising=False)
    return has


@pytest.mark.parametrize(
    ("installed", "started"),
    [
        (["chromium", "firefox"], "chrome /bin/chromium"),
        (["google-chrome"], "chrome /bin/google-chrome"),
        (["firefox"], "firefox /bin/firefox"),
        ([], "chrome None"),
    ],
)
def test_an_installed_browser_is_taken_before_one_is_fetched(machine, installed, started):
    """With no path Selenium looks for one itself and fetches it."""
    machine.update(installed)
    assert browser.start() == started


def test_one_that_does_not_start_is_passed_over(machine, monkeypatch):
    """The next is tried; a driver that cannot be fetched is no reason to stop."""
    machine.update(["chromium", "firefox"])
    monkeypatch.setattr(browser, "_chrome", refuse)
    assert browser.start() == "firefox /bin/firefox"


@pytest.mark.parametrize(
    ("setting", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)]
)
def test_without_any_it_is_skipped_and_under_ci_it_fails(machine, monkeypatch, setting, outcome):
    """The reason names what was tried and says what to install."""
    machine.add("chromium")
    monkeypatch.setattr(browser, "_chrome", refuse)
    monkeypatch.setenv("CI", setting)
    with pytest.raises(outcome) as ended:
        browser.start()
    assert str(ended.value) == (
        f"{browser.MISSING} (chromium: cannot start /bin/chromium, Selenium: cannot start None); "
        f"{browser.INSTALL}"
    )


def test_the_last_line_counts_what_was_skipped():
    """One line, of the tests without a browser and of no others."""
    lines = []
    reasons = [f"Skipped: {browser.MISSING} (…); {browser.INSTALL}"] * 3 + ["Skipped: no GPU"]
    reports = [SimpleNamespace(longrepr=("file", 1, reason)) for reason in reasons]
    for report in reports:
        report.user_properties = []
    reporter = SimpleNamespace(stats={"skipped": reports}, write_line=lines.append)
    pytest_terminal_summary(reporter)
    assert lines == [f"3 tests were skipped: {browser.MISSING} (…); {browser.INSTALL}"]
