"""A plugin, `-p tests.faults.twice`: what others do so that a test is run twice.

`--twice=count` plans every test twice, as pytest-repeat does; `--twice=reruns` runs the one that is
planned again, as pytest-rerunfailures does.
"""

import pytest
from _pytest.runner import runtestprotocol


def pytest_addoption(parser):
    parser.addoption("--twice", choices=("count", "reruns"))


@pytest.fixture
def number(request):
    return request.param


def pytest_generate_tests(metafunc):
    if metafunc.config.option.twice == "count":
        metafunc.fixturenames.append("number")
        metafunc.parametrize("number", range(2), indirect=True)


def pytest_runtest_protocol(item, nextitem):
    if item.config.option.twice != "reruns":
        return None
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for _ in range(2):
        item._initrequest()
        runtestprotocol(item, nextitem=nextitem)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
