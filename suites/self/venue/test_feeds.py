"""Feeds and moves: the promised rate, serials without a gap, values that tell updates apart."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import defaultdict
from typing import Any

import pytest

from suites.self.venue.workshop import inside_a_minute, listener, run, until, venue

pytestmark = pytest.mark.self


def test_a_feed_keeps_its_total_rate_and_stops() -> None:
    async def body() -> None:
        await inside_a_minute(15.0)
        async with venue() as running, listener(running, "/btcusdt@bookTicker") as heard:
            control = running.control
            first = await control.serial()
            await control.start_feed(["BTCUSDT", "ETHUSDT"], per_s=400)
            await asyncio.sleep(1.0)
            last = await control.stop_feed()
            sent = {row.serial: row.sent_ns for row in await control.ledger(first) if row.stream == "prices"}
            took_s = (max(sent.values()) - min(sent.values())) / 1e9
            late_s = (await control.meters()).feed_late_s_max  # a stall is caught up with, so only the end may be late
            assert abs((len(sent) - 1) / 400 - took_s) <= late_s + 0.01
            assert await control.serial() == last
            await until(lambda: len(heard.heard) >= len(sent) // 2, "every price of the one symbol")
            updates = [one["u"] for one in heard.heard]
            assert updates == list(range(updates[0], updates[0] + len(updates)))
            meters = await control.meters()
            assert meters.feed_sent == len(sent)
            assert meters.frames_sent == len(heard.heard)

    run(body)


def test_moves_tell_updates_apart_and_serials_have_no_gap() -> None:
    async def body() -> None:
        async with venue() as running:
            control = running.control
            await control.move_price("BTCUSDT", times=3000)
            await control.move_price("XRPUSDT", times=500)
            await control.move_positions(["BTCUSDT", "ETHUSDT"], times=300)
            await control.move_balance(times=500)
            for _ in range(50):
                await control.move_funding("BTCUSDT")
            rows = await control.ledger()
            serials = sorted({row.serial for row in rows})
            assert serials == list(range(1, await control.serial() + 1))
            owners: dict[tuple[str, str, str], set[int]] = defaultdict(set)
            for row in rows:
                owners[row.stream, row.key, row.value].add(row.serial)
            shared = {key: found for key, found in owners.items() if len(found) > 1}
            assert shared == {}
            assert all(earlier.sent_ns <= later.sent_ns for earlier, later in itertools.pairwise(rows))
            assert (await control.state()).account.discrepancy == "0"

    run(body)


def test_paced_moves_take_their_time_and_return_serials() -> None:
    async def body() -> None:
        async with venue() as running:
            began_s = time.monotonic()
            serials = await running.control.move_price("BTCUSDT", times=5, every_s=0.05)
            assert 0.2 <= time.monotonic() - began_s < 2.0
            prices = {row.serial for row in await running.control.ledger() if row.stream == "prices"}
            assert set(serials) == prices
            assert len(serials) == 5

    run(body)


def test_the_background_tick_runs_and_can_be_stopped() -> None:
    async def body() -> None:
        async with venue("--tick-s", "0.05") as running:

            async def moved() -> bool:
                return await running.control.serial() > 20

            await until(moved, "some ticks")
            await running.control.set_tick(0)
            before = await running.control.serial()
            await asyncio.sleep(0.2)
            assert await running.control.serial() == before

    run(body)


def test_every_public_stream_of_a_symbol_follows_one_move() -> None:
    streams = ["bookTicker", "miniTicker", "ticker", "markPrice@1s", "kline_1m", "kline_5m", "trade", "aggTrade"]

    async def body() -> None:
        async with venue() as running:
            path = "/stream?streams=" + "/".join(f"btcusdt@{name}" for name in [*streams, "depth@100ms"])
            async with listener(running, path) as heard, listener(running, "/!miniTicker@arr") as every:
                await running.control.move_price("BTCUSDT")
                await until(lambda: len(heard.heard) == 9, "one event a stream")
                assert {one["stream"] for one in heard.heard} == {
                    f"btcusdt@{name}" for name in [*streams, "depth@100ms"]
                }
                last = (await running.control.state()).market("BTCUSDT").last
                by_event = {one["stream"].partition("@")[2]: one["data"] for one in heard.heard}
                shown = {
                    by_event["miniTicker"]["c"], by_event["ticker"]["c"], by_event["kline_1m"]["k"]["c"],
                    by_event["kline_5m"]["k"]["c"], by_event["trade"]["p"], by_event["aggTrade"]["p"],
                    by_event["markPrice@1s"]["p"],
                }  # fmt: skip
                assert shown == {last if "." in last else f"{last}.0"}
                await running.control.move_price("ETHUSDT")
                await until(lambda: len(every.heard) == 2, "an array a move")
                arrays: list[Any] = list(every.heard)
                assert [one[0]["s"] for one in arrays] == ["BTCUSDT", "ETHUSDT"]
                assert list(by_event["bookTicker"]) == ["e", "u", "s", "b", "B", "a", "A", "T", "E"]

    run(body)
