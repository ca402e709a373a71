"""Whoever measures latency does not ask meanwhile: an answer of the connector about itself makes its callers wait."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence.records import Reading
from harness.spec.loader import load_cases
from harness.trial.stage import Stage

from .loads import ROOT, on_stage

pytestmark = pytest.mark.self

CASES = {one.id: one for one in load_cases(ROOT / "specs")}
ASKED = {"connector.runtime_units", "connector.subscriptions", "venue.sockets"}


@pytest.mark.parametrize(("case_id", "asks"), [("5.1.1", False), ("3.1.1", True)])
def test_services_are_asked_about_themselves_where_latency_is_not_what_a_case_is_about(
    case_id: str, asks: bool, tmp_path: Path
) -> None:
    async def body(stage: Stage) -> None:
        stage.case = CASES[case_id]
        await stage.venue("binance")
        await stage.connector("binance")
        await stage.trial.until(lambda: stage.sampler.taken["connector.rss"] > 3, 20, "four looks")

    probes = {one.probe for one in on_stage(tmp_path, body) if isinstance(one, Reading)}
    assert probes >= {"connector.rss", "connector.cpu", "connector.cpu_wait"}
    assert probes & ASKED == (ASKED if asks else set())
