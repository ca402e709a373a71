"""Whether a connector serves after a fault is asked once it has had its time: its own question may have met it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.evidence.records import Fact
from harness.trial.stage import Stage

from .loads import on_stage

pytestmark = pytest.mark.self


def test_a_connector_that_recovers_in_time_serves_and_one_that_does_not_is_told_of(tmp_path: Path) -> None:
    async def body(stage: Stage) -> None:
        venue = await stage.venue("binance")
        connector = await stage.connector("binance")
        refusal = await venue.fault("refuse")
        async with connector.health() as health:
            assert await health.until("NOT_SERVING", 20)
        await connector.record_health(0.5)
        await venue.heal(refusal)
        await connector.record_health(20)

    facts = [one for one in on_stage(tmp_path, body) if isinstance(one, Fact)]
    assert [one.value for one in facts if one.name == "connector.serving"] == [0, 1]
    assert [one.value for one in facts if one.name == "connector.alive"] == [1, 1]
