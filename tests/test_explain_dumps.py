"""`explain` over right dumps and wrong ones: no answer that is wrong has exit status 0."""

import pytest

from conformance.commands.explain import status_of
from tests.dumps.catalogue import dumps
from tests.explain_runs import explained, save_in

DUMPS = dumps()


def test_the_set_is_large():
    """A hundred at least, a third of them wrong."""
    wrong = [one for one in DUMPS.values() if 0 not in one.statuses]
    assert len(DUMPS) >= 100
    assert len(wrong) >= 33


@pytest.mark.parametrize("name", DUMPS)
def test_a_dump_is_answered_rightly(name, tmp_path):
    """Its exit status is one that is right for it; what explains it is named."""
    dump = DUMPS[name]
    path = save_in(tmp_path)(dump.make())
    one = explained(path, training=dump.training, channel_axis=dump.axis)
    assert status_of(one) in dump.statuses, (one.diagnosis, one.reservations, one.matches)
    if one.explained:
        assert {*dump.names} <= {match.named.name for match in one.matches}
        fitting = {find.what: {find.option, *find.alternatives} for find in one.findings}
        for convention, option in dump.options.items():
            assert option in fitting[convention]
