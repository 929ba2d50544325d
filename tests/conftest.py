"""What is told at the end of the project's own tests: the mutation score, and what is missing."""

import pytest

from tests import browser


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    _mutation_score(terminalreporter)
    _injected(terminalreporter)
    _without_browser(terminalreporter)


def _properties(terminalreporter, wanted):
    return [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == wanted
    ]


def _injected(terminalreporter):
    for faults, hidden in _properties(terminalreporter, "injected"):
        line = f"{faults} faults injected into known cases, {faults - hidden} still told"
        terminalreporter.write_line(line)


def _mutation_score(terminalreporter):
    rows = _properties(terminalreporter, "mutant")
    if not rows:
        return
    killed, named = (sum(row[place] for row in rows) for place in (1, 2))
    terminalreporter.section("mutation test")
    for mutant, _, _, told, killers, killer in sorted(rows):
        terminalreporter.write_line(
            f"{mutant}: killed by {killers} cases, first {killer}; diagnosed as {told}"
        )
    terminalreporter.write_line(f"{killed} of {len(rows)} mutants killed, {named} named")


def _without_browser(terminalreporter):
    skipped = [
        report.longrepr[2]
        for report in terminalreporter.stats.get("skipped", ())
        if browser.MISSING in str(report.longrepr[2])
    ]
    if skipped:
        reason = skipped[0].removeprefix("Skipped: ")
        terminalreporter.write_line(f"{len(skipped)} tests were skipped: {reason}")
