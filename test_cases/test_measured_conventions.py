"""Declared against measured: what each target does, read from its answers alone."""

import pytest


def test_measured_conventions(measured):
    """No convention that is measured contradicts what the adapter declares."""
    assert measured, "nothing was measured"
    failing = [one.message for one in measured if one.fails]
    if failing:
        pytest.fail("\n".join(failing), pytrace=False)
