"""A baseline is taken at rest: when no probe has changed for so many readings in a row, all of them new."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from harness.evidence.records import Reading
from harness.trial import stage
from harness.trial.probes import KEPT_READINGS, Sampler
from harness.trial.stage import Stage

pytestmark = pytest.mark.self

ROUNDS = 3


def rounds_until_rest(monkeypatch: pytest.MonkeyPatch, values: list[float], before: int = 0) -> int:
    """How many readings it takes, of a probe that reads these values and then the last one for ever."""
    monkeypatch.setattr(stage, "PERIOD_S", 1.0)
    monkeypatch.setattr(stage, "REST_S", float(ROUNDS))
    sampler = Sampler(lambda record: None)
    taken = 0

    async def source() -> tuple[Reading, ...]:
        nonlocal taken
        taken += 1
        return (Reading(1, "connector.threads", values[min(taken, len(values)) - 1], ""),)

    async def observe(_for_s: float) -> None:
        await sampler.sample()

    async def body() -> None:
        sampler.add(source)
        for _ in range(before):
            await sampler.sample()
        scene: Any = SimpleNamespace(sampler=sampler, trial=SimpleNamespace(observe=observe))
        await Stage.at_rest(scene, "connector.threads")

    asyncio.run(body())
    return taken - before


def test_it_waits_until_a_probe_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds_until_rest(monkeypatch, [1, 2, 3, 4, 5], before=1) == 3 + ROUNDS


def test_readings_from_before_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds_until_rest(monkeypatch, [5], before=2 * ROUNDS) == ROUNDS


def test_it_does_so_too_when_the_oldest_readings_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rounds_until_rest(monkeypatch, [5], before=2 * KEPT_READINGS) == ROUNDS
    assert rounds_until_rest(monkeypatch, [float(number) for number in range(150)], before=KEPT_READINGS) == 49 + ROUNDS
