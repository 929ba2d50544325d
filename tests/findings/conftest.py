"""The real layers that the chosen tests want."""

import pytest

from tests.findings.layers import MARK, Layers, quiet_host, wanted


def pytest_configure(config):
    config.addinivalue_line("markers", f"{MARK}(target, cases): what a test wants of a real layer")


@pytest.fixture(scope="session")
def layers(request):
    with quiet_host() as host:
        yield Layers(host, wanted(request.session.items))
