"""The short divergence summary at the end of a run in the terminal."""

from collections import Counter

from suite.run import Suite

FINDINGS_SHOWN = 20


def summarise(reporter, suite: Suite) -> None:
    """Write what broke, the verdicts of each target, the findings worst first, and the path."""
    reporter.section("BatchNorm divergences")
    recording = suite.recording
    assert recording, "an -n worker tells nothing"
    for target, broken in recording.broken.items():
        reporter.write_line(f"{target}: {broken.ended}: {broken.message}")
        if not broken.ended.failing:
            continue
        for line in broken.log.splitlines()[-15:]:
            reporter.write_line(f"    {line}")
        if broken.retry:
            reporter.write_line(f"  retry: {broken.retry}")
    counts: dict[str, Counter] = {}
    for record in recording.verdicts:
        counts.setdefault(record.target, Counter())[record.verdict] += 1
    for target, row in counts.items():
        told = ", ".join(f"{count} {verdict}" for verdict, count in sorted(row.items()))
        reporter.write_line(f"{target}: {told}")
    failing = [record for record in recording.verdicts if record.fails]
    failing.sort(key=lambda record: -(record.error_over_bound or 0))
    for record in failing[:FINDINGS_SHOWN]:
        if record.target not in recording.broken:
            reporter.write_line(record.explained)
    if len(failing) > FINDINGS_SHOWN:
        reporter.write_line(f"… and {len(failing) - FINDINGS_SHOWN} more in the report")
    for line in suite.unfit:
        reporter.write_line(line)
    known: dict[str, list[str]] = {}
    for record in recording.verdicts:
        if record.known:
            known.setdefault(record.known.what, []).append(record.target)
    for what, targets in known.items():
        names = ", ".join(dict.fromkeys(targets))
        reporter.write_line(f"known: {names}, {len(targets)} verdicts: {what}")
    for line in suite.trouble:
        reporter.write_line(line)
    if suite.report:
        reporter.write_line(f"report: {suite.report}")
