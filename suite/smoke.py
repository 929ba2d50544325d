"""The case that every target answers before all others: is its adapter able to answer at all?"""

from adapters.harness.conversation import Smoke
from adapters.harness.observation import Observation
from records.verdict import Verdict
from suite.verdicts import judgements
from test_cases.case import Case

CASE = Case("smoke", "a broken adapter is told before its framework is blamed", (4, 3))


def request_of(case: Case) -> dict:
    """Return the request of a case, as the harness sends it."""
    return {"layer": vars(case.layer()), "steps": [vars(step) for step in case.inputs()]}


def fault(observation: Observation) -> str | None:
    """Say what is wrong with the form of the answer to the smoke case; its values may be any."""
    for judgement in judgements(CASE, observation):
        if judgement.verdict is Verdict.BROKEN_ADAPTER:
            return judgement.detail
    return None


SMOKE = Smoke(lambda: request_of(CASE), fault)
