"""The mutation score, at the end of the project's own tests."""


def pytest_terminal_summary(terminalreporter):
    rows = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in report.user_properties
        if name == "mutant"
    ]
    if not rows:
        return
    killed, named = (sum(row[place] for row in rows) for place in (1, 2))
    terminalreporter.section("mutation test")
    for mutant, _, _, told, killers, killer in sorted(rows):
        terminalreporter.write_line(
            f"{mutant}: killed by {killers} cases, first {killer}; diagnosed as {told}"
        )
    terminalreporter.write_line(f"{killed} of {len(rows)} mutants killed, {named} named")
