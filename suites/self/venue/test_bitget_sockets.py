"""Bitget's WebSocket by hand: logins, acknowledgements, refusals, snapshots, keepalive, and what faults do to them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from harness.venue import server as server_module
from harness.venue.control import ApiKey
from harness.venue.core import instruments
from harness.venue.dialects.bitget import Bitget
from harness.venue.server import VenueServer
from harness.venue.venue import Setup, Venue
from suites.self.venue.bitget_workshop import (
    KEY,
    MIX,
    ORDER,
    OTHER,
    PRODUCT,
    Talk,
    bitget_venue,
    login_of,
    post,
    subscribe_to,
    talk,
)
from suites.self.venue.workshop import Running, run, until

pytestmark = pytest.mark.self

BAD_LOGINS: list[tuple[str, Callable[[], dict[str, Any]], int]] = [
    ("unknown key", lambda: login_of(apiKey="bg_nobody"), 30011),
    ("no key", lambda: login_of(apiKey=None), 30011),
    ("wrong passphrase", lambda: login_of(passphrase="guess"), 30012),
    ("no timestamp", lambda: login_of(timestamp=""), 30013),
    ("timestamp is no time", lambda: login_of(timestamp="now"), 30013),
    ("timestamp is a boolean", lambda: login_of(timestamp=True), 30013),
    ("timestamp is a fraction", lambda: login_of(timestamp=time.time()), 30013),
    ("too old", lambda: login_of(ago_s=40), 30014),
    ("in milliseconds", lambda: login_of(timestamp=str(int(time.time() * 1000))), 30014),
    ("wrong secret", lambda: login_of(ApiKey("main", KEY.key, "guess", KEY.passphrase)), 30015),
    ("no sign", lambda: login_of(sign=7), 30015),
]


def test_bad_logins_are_refused_and_private_channels_stay_closed() -> None:
    async def body() -> None:
        async with bitget_venue() as running, talk(running, "/v2/ws/private") as one:
            answers = [(name, await one.answer(made()), code) for name, made, code in BAD_LOGINS]
            assert [name for name, told, code in answers if (told["event"], told["code"]) != ("error", code)] == []
            assert (await one.answer(subscribe_to("orders", "default")))["code"] == 30004
            counted = {(row.key, row.outcome): row.count for row in await _logins(running)}
            assert counted[KEY.key, "login refused"] == 9
            assert await one.answer(login_of()) == {"event": "login", "code": 0}
            number = login_of()
            number["args"][0]["timestamp"] = int(number["args"][0]["timestamp"])
            assert await one.answer(number) == {"event": "login", "code": 0}
            assert (await one.answer(subscribe_to("orders", "default")))["event"] == "subscribe"
            meters = await running.control.meters()
            assert [(row.kind, row.key, row.now) for row in meters.sockets if row.now] == [("private", KEY.key, 1)]

    run(body)


async def _logins(running: Running) -> Any:
    return (await running.control.meters()).logins


BAD_FRAMES: list[tuple[Any, int]] = [
    ("", 30016), ("{", 30016), ("[]", 30016), ('"ping"', 30016), ("null", 30016), ("[" * 5000, 30016),
    ({}, 30003), ({"op": "dance", "args": [{}]}, 30003), ({"op": 1}, 30003), ({"op": "subscribe"}, 30016),
    ({"op": "subscribe", "args": []}, 30016), ({"op": "subscribe", "args": ["ticker"]}, 30016),
    ({"op": "login", "args": []}, 30016), ({"op": "subscribe", "args": [{}]}, 30001),
    (subscribe_to("ticker", "NOPEUSDT"), 30001), (subscribe_to("ticker", "default"), 30001),
    (subscribe_to("rumours"), 30001), (subscribe_to("ticker", kind="SPOT"), 30001),
    (subscribe_to("ticker", kind="UMCBL"), 30001), (subscribe_to("candle7m"), 30001),
    (subscribe_to("candle1h"), 30001), (subscribe_to("candleundefined"), 30001),
    (subscribe_to("positions", "default"), 30004), (subscribe_to("account", "BTC"), 30001),
    (subscribe_to("ticker", "NOPEUSDT", op="unsubscribe"), 30001),
    ({"op": "subscribe", "args": [{"instType": [], "channel": {}}]}, 30001),
]  # fmt: skip


def test_bad_frames_are_answered_with_an_error_and_the_socket_works_on() -> None:
    async def body() -> None:
        async with bitget_venue() as running, talk(running) as one:
            wrong = []
            for frame, code in BAD_FRAMES:
                told = await one.answer(frame)
                if (told["event"], told["code"]) != ("error", code) or not isinstance(told["msg"], str):
                    wrong.append((frame, code, told))
            assert wrong == []
            assert (await one.answer(subscribe_to("ticker")))["event"] == "subscribe"
            await one.caught_up()

    run(body)


def test_the_arg_is_echoed_exactly_and_each_channel_has_its_form() -> None:
    async def body() -> None:
        async with bitget_venue() as running, talk(running, "/", login=KEY) as one:
            arg = {"instId": "BTCUSDT", "extra": [1, "é"], "channel": "ticker", "instType": "USDT-FUTURES"}
            await one.say({"op": "subscribe", "args": [arg]})
            for channel in ("candle1m", "candle1H", "trade", "books", "books5"):
                await one.say(subscribe_to(channel))
            for channel in ("orders", "fill", "positions", "account"):
                await one.say(subscribe_to(channel, "default"))
            await until(lambda: sum(told.get("event") == "subscribe" for told in one.heard) == 10, "ten answers")
            assert {"event": "subscribe", "arg": arg} in one.heard
            await running.control.move_price("BTCUSDT")
            await post(running, f"{MIX}/order/place-order", {**ORDER, "price": "45100", "clientOid": "seen"})
            await until(lambda: len(one.data("positions")) == 2 and len(one.data("account")) == 2, "the fill's events")
            assert all(frame["arg"] == arg for frame in one.data("ticker"))
            for told in one.heard[1:]:
                assert told.get("event") or (isinstance(told["ts"], int) and isinstance(told["data"], list))
            actions: dict[str, set[str]] = {told["arg"]["channel"]: set() for told in one.heard if "action" in told}
            for told in one.heard:
                if "action" in told:
                    actions[told["arg"]["channel"]].add(told["action"])
            assert actions == {
                "ticker": {"snapshot"}, "candle1m": {"snapshot", "update"}, "candle1H": {"snapshot", "update"},
                "trade": {"snapshot", "update"}, "books": {"snapshot", "update"}, "books5": {"snapshot"},
                "orders": {"snapshot"}, "fill": {"snapshot"}, "positions": {"snapshot"}, "account": {"snapshot"},
            }  # fmt: skip
            assert [frame["data"][0]["status"] for frame in one.data("orders")] == ["live", "filled"]
            filled = one.data("orders")[-1]["data"][0]
            assert (filled["clientOid"], filled["accBaseVolume"], filled["baseVolume"]) == ("seen", "0.010", "0.010")
            assert isinstance(one.data("positions")[-1]["data"][0]["leverage"], int)
            assert all(isinstance(value, str) for value in one.data("ticker")[-1]["data"][0].values())
            assert len(one.data("candle1m")[-1]["data"][0]) == 8
            await running.control.set_position("BTCUSDT", "0")
            await until(lambda: one.data("positions")[-1]["data"] == [], "an empty list once the position is closed")

    run(body)


def test_another_accounts_socket_hears_nothing() -> None:
    async def body() -> None:
        async with bitget_venue(keys=(KEY, OTHER)) as running, talk(running, login=OTHER) as one:
            for channel in ("orders", "account", "positions"):
                assert (await one.answer(subscribe_to(channel, "default")))["event"] == "subscribe"
            await until(lambda: len(one.data("positions")) == 1, "the snapshots")
            await post(running, f"{MIX}/order/place-order", {**ORDER, "price": "45100"})
            await one.caught_up()
            assert one.data("orders") == []
            assert [len(one.data(channel)) for channel in ("account", "positions")] == [1, 1]

    run(body)


def test_faults_on_logins_subscriptions_pings_and_fields() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            control = running.control
            async with control.faulty("reject_login"), talk(running) as one:
                assert (await one.answer(login_of()))["code"] == 30005
            async with control.faulty("reject_login", code=30006), talk(running) as one:
                assert (await one.answer(login_of()))["code"] == 30006
            async with control.faulty("delay_login", delay_s=0.3), talk(running) as one:
                began_s = time.monotonic()
                assert (await one.answer(login_of()))["event"] == "login"
                assert time.monotonic() - began_s >= 0.3
            async with control.faulty("refuse_subscribe", channel="ticker"), talk(running) as one:
                assert (await one.answer(subscribe_to("ticker")))["code"] == 30001
                assert (await one.answer(subscribe_to("trade")))["event"] == "subscribe"
                assert [row.channel for row in (await control.meters()).subscriptions] == ["trade"]
            async with control.faulty("ignore_ping"), talk(running) as one:
                await one.say("ping")
                assert (await one.answer(subscribe_to("ticker")))["event"] == "subscribe"
                await control.move_price("BTCUSDT")
                await until(lambda: len(one.data("ticker")) == 2, "data while pings stay unanswered")
                assert "pong" not in one.heard
                async with control.faulty("field_form", channel="ticker", message="lastPr", how="number"):
                    await control.move_price("BTCUSDT")
                    await until(lambda: len(one.data("ticker")) == 3, "the odd ticker")
                assert isinstance(one.data("ticker")[-1]["data"][0]["lastPr"], float)
            async with control.faulty("field_form", path=f"{MIX}/order", message="orderId", how="number"):
                placed = await post(running, f"{MIX}/order/place-order", ORDER)
                assert isinstance(placed.data["orderId"], int)
            kinds = {mark.kind for mark in await control.marks() if mark.name == "fault.bit"}
            assert kinds == {"reject_login", "delay_login", "refuse_subscribe", "ignore_ping", "field_form"}

    run(body)


def test_a_socket_without_text_pings_is_cut_in_strict_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two minutes are shortened to half a second; ping frames and other traffic do not count."""
    monkeypatch.setattr(server_module, "SWEEP_S", 0.05)

    async def cut(profile: str) -> list[bool]:
        venue = Venue(Setup("bitget", profile, 1, (KEY,), instruments.chosen(("BTCUSDT",))))
        dialect = Bitget(venue)
        assert dialect.idle_cut_s == 120
        dialect.idle_cut_s = 0.4
        server = VenueServer(venue, dialect)
        await server.start("127.0.0.1", 0)
        here: Any = type("Here", (), {"port": server.port})
        try:
            async with talk(here) as silent, talk(here) as framed, talk(here) as pinging:
                end_s = time.monotonic() + 0.8
                while time.monotonic() < end_s:
                    await _keep(framed, pinging)
                    await asyncio.sleep(0.1)
                return [one.ended for one in (silent, framed, pinging)]
        finally:
            await server.stop()

    async def body() -> None:
        strict, lenient = await asyncio.gather(cut("strict"), cut("lenient"))
        assert (strict, lenient) == ([True, True, False], [False, False, False])

    run(body)


async def _keep(framed: Talk, pinging: Talk) -> None:
    if not framed.ended:
        await framed.socket.ping()
        await framed.say({"op": "nothing"})
    await pinging.say("ping")


def test_books_are_exact_for_every_listener_whenever_it_came() -> None:
    async def body() -> None:
        async with bitget_venue() as running, talk(running) as first:
            await first.say(subscribe_to("books"))
            await until(lambda: first.data("books"), "the first snapshot")
            await running.control.move_price("BTCUSDT", times=7)
            await post(running, f"{MIX}/order/place-order", {**ORDER, "price": "44990"})
            async with talk(running) as second:
                await second.say(subscribe_to("books"))
                await until(lambda: second.data("books"), "the second snapshot")
                await running.control.move_price("BTCUSDT", times=7)
                await post(running, f"{MIX}/order/cancel-all-orders", {**PRODUCT})
                books = []
                for one in (first, second):
                    await one.caught_up()
                    books.append(_replayed(one.data("books")))
                assert books[0] == books[1]
                state = (await running.control.state()).market("BTCUSDT")
                bids, asks = books[0]
                assert (max(bids), min(asks)) == (Decimal(state.bid), Decimal(state.ask))
                assert (len(bids), len(asks)) == (50, 50)

    run(body)


def _replayed(frames: list[dict[str, Any]]) -> tuple[dict[Decimal, str], dict[Decimal, str]]:
    sides: tuple[dict[Decimal, str], dict[Decimal, str]] = ({}, {})
    seqs = [frame["data"][0]["seq"] for frame in frames]
    assert seqs == sorted(set(seqs))
    for frame in frames:
        for side, name in zip(sides, ("bids", "asks"), strict=True):
            for price, amount in frame["data"][0][name]:
                side[Decimal(price)] = amount
                if amount == "0":
                    del side[Decimal(price)]
    return sides
