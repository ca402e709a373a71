"""What the instrument can do at all, against the null server, and that nothing is judged beyond it."""

from __future__ import annotations

import dataclasses
import os
from datetime import date
from pathlib import Path

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Fact, Record
from harness.spec.loader import load_cases
from harness.trial.load.plan import NULL, LoadPlan, Shape
from harness.verdict.judge import judge
from harness.verdict.verdict import CaseVerdict, Status
from suites.self.shell.ran import ROOT
from suites.self.truth.loaded import carried_out, null_server, serving

pytestmark = [pytest.mark.self, pytest.mark.slow]

CALLS_PER_S, MESSAGES_PER_S = 3000, 50_000
PROCESSES, USERS_EACH, TRIES = 2, 2, 3
CALLS_S, MESSAGES_S = 2.5, 1.0
"""Each message is decoded afterwards: a hundred thousand are enough."""
DEDICATED = os.environ.get("NFR_TRUTH") == "1"
"""On a machine that is shared the numbers are told but not insisted on."""
LEAST_SHARE = 1.0 if DEDICATED else 0.2


def ceiling_plan(address: str, subject: str) -> LoadPlan:
    if subject == "calls":
        users = PROCESSES * USERS_EACH
        return LoadPlan(address, "GetAccount", 0.0, CALLS_S, users, NULL, shape=Shape.CLOSED, processes=PROCESSES)
    request = {"symbols": ["BTCUSDT"]}
    return LoadPlan(address, "SubscribePrice", 0.0, MESSAGES_S, 1, NULL, shape=Shape.CLOSED, request=request)


@pytest.mark.parametrize(("subject", "wanted_per_s"), [("calls", CALLS_PER_S), ("messages", MESSAGES_PER_S)])
def test_the_ceiling_of_the_instrument(
    subject: str, wanted_per_s: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reached: list[float] = []
    while len(reached) < TRIES and (not reached or max(reached) < wanted_per_s):
        with null_server() as server:
            (result,) = carried_out(tmp_path / str(len(reached)), ceiling_plan(server.address, subject))
        assert result.failed == 0
        reached.append(result.achieved_per_s)
    with capsys.disabled():
        tries = ", ".join(f"{one:,.0f}" for one in reached)
        print(f"\nceiling: {tries} {subject}/s (wanted: {wanted_per_s:,})")  # noqa: T201 (the answer)
    assert max(reached) >= LEAST_SHARE * wanted_per_s


def judged(records: list[Record], ceiling_per_s: float) -> CaseVerdict:
    """5.1.1 by its real criteria, as if the instrument could do so much."""
    case = next(one for one in load_cases(ROOT / "specs") if one.id == "5.1.1")
    evidence = Evidence.of(*records, Fact("instrument.ceiling", ceiling_per_s, "calls/s", "calls"))
    return judge(case, [evidence], today=date(2026, 1, 1))


def test_nothing_is_judged_beyond_the_ceiling(tmp_path: Path) -> None:
    """The same measured trial: with room above it the limits decide, without any nobody does."""
    records: list[Record] = []
    with null_server() as null, serving("plain") as server:
        floor = LoadPlan(null.address, "GetAccount", 250, 2, 5, NULL, "floor", warm_s=0.5)
        load = dataclasses.replace(floor, address=server.address, duration_s=4.2, client="load", window="steady")
        carried_out(tmp_path, floor, load, keep=records)
    beyond = judged(records, 260)
    assert beyond.status is Status.INCONCLUSIVE, beyond
    assert "ceiling too near" in {doubt.name for doubt in beyond.doubts}
    within = judged(records, 2500)
    assert "ceiling too near" not in {doubt.name for doubt in within.doubts}
