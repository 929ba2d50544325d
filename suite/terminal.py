"""What a run says in the terminal: the divergence summary, and why a test failed.

Foreign text is made visible here on its way out, whatever door it came in by: of a framework, of
records that are resumed, of an exception that nobody thought of.
"""

from collections import Counter

from adapters.harness.text import one_line
from records.text import visible
from reports.title import told_of_damage
from suite.run import Suite

FINDINGS_SHOWN = 20


def make_visible(report) -> None:
    """Make what pytest will show of a test visible; what already is stays as it is."""
    if isinstance(report.longrepr, tuple):  # the file, the line and the reason of a skip
        report.longrepr = *report.longrepr[:2], _visible(report.longrepr[2])
    elif (told := str(report.longrepr)) != (shown := _visible(told)):
        report.longrepr = shown
    report.sections = [(name, _visible(text)) for name, text in report.sections]


def _visible(text: str) -> str:
    return visible(text, len(text))


def summarise(reporter, suite: Suite) -> None:
    """Write what broke, the verdicts of each target, the findings worst first, and the path."""
    reporter.section("BatchNorm divergences")

    def write(line: str) -> None:
        reporter.write_line(one_line(line))

    recording = suite.recording
    assert recording, "an -n worker tells nothing"
    if recording.stopped and recording.stopped.damaged:
        write(f"damaged in the records, and run again: {told_of_damage(recording.stopped)}")
    for target, broken in recording.broken.items():
        write(f"{target}: {broken.ended}: {broken.message}")
        if not broken.ended.failing:
            continue
        for line in broken.log.splitlines()[-15:]:
            write(f"    {line}")
        if broken.retry:
            write(f"  retry: {broken.retry}")
    counts: dict[str, Counter] = {}
    for record in recording.verdicts:
        counts.setdefault(record.target, Counter())[record.verdict] += 1
    for target, row in counts.items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(row.items()))
        write(f"{target}: {told}")
    failing = [record for record in recording.verdicts if record.fails]
    failing.sort(key=lambda record: -(record.error_over_bound or 0))
    for record in failing[:FINDINGS_SHOWN]:
        if record.target not in recording.broken:
            write(record.explained)
    if len(failing) > FINDINGS_SHOWN:
        write(f"… and {len(failing) - FINDINGS_SHOWN} more in the report")
    for line in suite.unfit:
        write(line)
    known: dict[str, list[str]] = {}
    for record in recording.verdicts:
        if record.known:
            known.setdefault(record.known.what, []).append(record.target)
    for what, targets in known.items():
        names = ", ".join(dict.fromkeys(targets))
        write(f"known: {names}, {len(targets)} verdicts: {what}")
    for line in suite.trouble:
        write(line)
    if suite.report:
        write(f"report: {suite.report}")
