"""Nothing in the harness grows with the time that a soak lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.evidence.records import VENUE, Call, Mark, Message, Outcome, Reading
from harness.soak import watch as watching
from harness.trial import browser, followed, oracle, orders, probes
from harness.venue.control import LedgerRow, VenueControl

pytestmark = pytest.mark.self


def order(number: int, state: str = "FILLED:1") -> Message:
    return Message("market_maker", "orders", f"o{number}", state, 0, 0, number)


def test_deliveries_are_remembered_as_far_back_as_anybody_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(followed, "KEPT", 100)
    one = followed.Followed(cast(Any, SimpleNamespace(stream="orders", keys=())))
    for number in range(1_000):
        one.heard(order(number))
    assert len(one.seen) == 100
    assert one.has(oracle.Update(1, "orders", frozenset({("o999", "FILLED:1")})))
    assert not one.has(oracle.Update(1, "orders", frozenset({("o0", "FILLED:1")})))


def test_the_last_update_is_known_of_what_moved_lately(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(oracle, "RECENT_KEYS", 50)

    class Venue:
        async def ledger_pages(self, since: int) -> AsyncIterator[tuple[LedgerRow, ...]]:
            for serial in range(since + 1, since + 1_001):
                rows = (LedgerRow(serial, "orders", f"o{serial}", "NEW:0", serial),)
                yield (*rows, LedgerRow(serial, "prices", "BTCUSDT", str(serial), serial))

    rows: list[LedgerRow] = []
    tail = oracle.LedgerTail(cast(VenueControl, Venue()), 0)
    asyncio.run(tail.pull(rows.append))
    assert len(rows) == 2_000, "every row is handed on all the same"
    assert len(tail.last()) == 50
    assert ("prices", 1_000) in {(one.stream, one.serial) for one in tail.last()}
    assert tail.end == (1_000, 1_000)


def test_orders_that_are_over_are_forgotten_and_open_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "KEPT_ORDERS", 100)
    told = orders.Told(lambda record: None)
    for number in range(5):
        told.record(order(number, "NEW:0"))
    for number in range(5, 5_000):
        told.record(order(number))
    assert len(told.state) <= 100
    assert {f"o{number}" for number in range(5)} <= set(told.state)


def test_a_page_is_remembered_by_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browser, "KEPT", 10)
    known = dict.fromkeys(range(100), "x")
    browser._bound(known)
    assert list(known) == list(range(90, 100))


def test_a_probe_is_remembered_by_its_last_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "KEPT_READINGS", 100)
    sampler = probes.Sampler(lambda record: None)
    values = iter(range(10_000))

    async def source() -> tuple[Reading, ...]:
        return (Reading(1, "connector.rss", float(next(values)), "bytes"),)

    sampler.add(source)

    async def sample() -> None:
        for _ in range(1_000):
            await sampler.sample()

    asyncio.run(sample())
    assert len(sampler.latest["connector.rss"]) <= 100
    assert sampler.latest["connector.rss"][-1] == 999.0


def test_a_watch_holds_a_slice_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "MOST_HELD", 200)
    watch = watching.Watch()
    watch.begin_steady(1)
    for number in range(2, 10_000):
        watch.hear(Message(VENUE, "prices", "ETHUSDT", str(number), number, number, number))
        watch.hear(Call(number, "load-1", "GetAccount", number, number, number + 1, Outcome.OK, "OK"))
        watch.hear(Mark(number, "stream.opened", {"client": "c", "stream": "prices"}))
    assert len(watch._held) <= 200
    assert len(watch._took_ms) <= watching.RECENT_CALLS
    assert watch.next_slice(9_999, 9_999) is None, "nothing is said of a slice that is not whole"
    assert watch.progress(()).updates == 9_998
