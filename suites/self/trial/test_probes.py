"""Sampling goes on, whatever one source does; where it cannot, the evidence says so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from harness.evidence.clock import monotonic_s
from harness.evidence.records import Mark, Reading, Record
from harness.trial import probes
from harness.trial.probes import Sampler, Source

pytestmark = pytest.mark.self

LIMIT_S = 10.0


async def sound() -> tuple[Reading, ...]:
    return (Reading(1, "connector.rss", 1.0, "bytes"),)


def failing(error: Exception) -> Source:
    async def source() -> tuple[Reading, ...]:
        raise error

    return source


def recorded(*sources: Source, until: Callable[[list[Record]], bool]) -> list[Record]:
    """What a sampler of these sources records until it is enough, and when it is stopped."""
    records: list[Record] = []

    async def body() -> None:
        sampler = Sampler(records.append)
        sampler.period_s = 0.001
        for source in sources:
            sampler.add(source)
        end_s = monotonic_s() + LIMIT_S
        async with sampler:
            while not until(records):
                assert monotonic_s() < end_s, records[-5:]
                await asyncio.sleep(0.001)

    asyncio.run(body())
    return records


def readings(records: list[Record]) -> int:
    return sum(isinstance(one, Reading) and one.probe == "connector.rss" for one in records)


def marks(records: list[Record]) -> list[Mark]:
    return [one for one in records if isinstance(one, Mark)]


def test_a_source_that_cannot_answer_leaves_a_gap_and_no_word() -> None:
    seen = recorded(failing(ConnectionRefusedError()), sound, until=lambda seen: readings(seen) >= 5)
    assert marks(seen) == []


def test_a_source_that_breaks_is_marked_once_and_silences_nobody() -> None:
    seen = recorded(failing(KeyError("sockets")), sound, until=lambda seen: readings(seen) >= 5)
    assert [(one.name, one.detail["why"]) for one in marks(seen)] == [("probe.broken", "KeyError: 'sockets'")]


def test_sampling_that_broke_off_is_a_failure_of_the_harness(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    async def breaks(self: Sampler) -> None:
        tried.append(self)
        raise RuntimeError("no more")

    monkeypatch.setattr(probes.Sampler, "sample", breaks)
    seen = recorded(sound, until=lambda _: bool(tried))
    assert [(one.name, one.detail["reason"]) for one in marks(seen)] == [
        ("trial.error", "sampling broke off: RuntimeError: no more")
    ]
