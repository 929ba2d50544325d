"""Declared against measured: what each target does, read from its answers alone."""

import pytest


def test_measured_conventions(measured):
    """No convention that is measured contradicts what the adapter declares."""
    assert measured, "nothing was measured"
    mismatches = [
        record["message"] for record in measured if record["message"] and "known" not in record
    ]
    if mismatches:
        pytest.fail("\n".join(mismatches), pytrace=False)
