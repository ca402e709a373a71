"""Gate's WebSocket by hand: signatures and their refusals, subscriptions, pings, garbage, knobs, lenient spellings."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from harness.venue.control import ApiKey
from suites.self.venue.dialogue import subscribed
from suites.self.venue.gate_workshop import (
    CONTRACT,
    KEY,
    OTHER,
    UID,
    ask,
    gate_client,
    gate_venue,
    private,
    public,
    talk,
)
from suites.self.venue.workshop import BTC, run, until

pytestmark = pytest.mark.self

ORDERS = ("futures.orders", UID, "!all")
ORDER = {"contract": CONTRACT, "size": 10, "price": "40000.1", "text": "t-mine"}


def changed(**auth: Any) -> dict[str, Any]:
    frame = private(*ORDERS)
    return {**frame, "auth": {**frame["auth"], **auth}}


def bad_logins() -> list[tuple[str, dict[str, Any], str]]:
    return [
        ("no signature at all", public(*ORDERS), "MISSING_REQUIRED_HEADER"),
        ("auth is no object", public(*ORDERS, auth="me"), "MISSING_REQUIRED_HEADER"),
        ("unknown key", changed(KEY="nobody"), "INVALID_KEY"),
        ("somebody else's key", changed(KEY=OTHER.key), "INVALID_SIGNATURE"),
        ("wrong secret", private(*ORDERS, key=ApiKey("main", KEY.key, "guess")), "INVALID_SIGNATURE"),
        ("signature of another channel", {**private("futures.balances"), "channel": "futures.orders"},
         "INVALID_SIGNATURE"),
        ("signature of another time", {**private(*ORDERS), "time": int(time.time()) - 3}, "INVALID_SIGNATURE"),
        ("stale", private(*ORDERS, ago_s=62), "REQUEST_EXPIRED"),
        ("ahead", private(*ORDERS, ago_s=-70), "REQUEST_EXPIRED"),
        ("time in milliseconds", {**private(*ORDERS), "time": time.time_ns() // 1_000_000}, "REQUEST_EXPIRED"),
    ]  # fmt: skip


def test_bad_signatures_get_the_native_error_and_no_rights() -> None:
    async def body() -> None:
        async with gate_venue(keys=(KEY, OTHER)) as running, talk(running, "/v4/ws/usdt") as one:
            wrong = []
            for name, frame, label in bad_logins():
                answer = await one.answer({**frame, "id": 7})
                error = answer["error"]
                head = (answer["channel"], answer["event"], answer["id"], answer["result"], error["code"])
                if head != ("futures.orders", "subscribe", 7, None, 4) or f'"label":"{label}"' not in error["message"]:
                    wrong.append((name, label, answer))
            assert wrong == []
            meters = await running.control.meters()
            assert (meters.subscriptions, [one.kind for one in meters.open_sockets]) == ((), ["public"])
            assert {one.outcome for one in meters.logins} == {"refused"}
            answer = await one.answer(private(*ORDERS, id=8))
            assert {name: answer[name] for name in ("id", "channel", "event", "result")} == {
                "id": 8, "channel": "futures.orders", "event": "subscribe", "result": {"status": "success"},
            }  # fmt: skip
            assert isinstance(answer["time"], int)
            assert answer["time_ms"] // 1000 == answer["time"]

    run(body)


def test_ccxt_raises_what_the_contract_says_for_a_refused_subscription() -> None:
    async def body() -> None:
        async with gate_venue() as running:
            for stranger in (ApiKey("main", KEY.key, "guess"), ApiKey("main", "nobody", KEY.secret)):
                async with gate_client(running, stranger) as client:
                    with pytest.raises(ccxt.AuthenticationError):
                        await client.watch_balance()
            async with gate_client(running) as client:
                async with running.control.faulty("reject_login"):
                    with pytest.raises(ccxt.AuthenticationError, match="INVALID_KEY"):
                        await client.watch_orders(BTC)
                async with running.control.faulty("refuse_subscribe", channel="orders"):
                    with pytest.raises(ccxt.BadRequest, match="unknown contract"):
                        await client.watch_orders(BTC)
                async with running.control.faulty("delay_login", delay_s=0.3, count=1):
                    began_s = time.monotonic()
                    async with talk(running) as one:
                        assert (await one.answer(private(*ORDERS)))["result"] == {"status": "success"}
                    assert time.monotonic() - began_s >= 0.3

    run(body)


BAD_FRAMES: list[tuple[str, Any, int]] = [
    ("nothing", "", 1),
    ("no JSON", "{", 1),
    ("null", "null", 1),
    ("a list", "[]", 1),
    ("no channel", {"event": "subscribe"}, 1),
    ("channel is no text", {"channel": ["futures.tickers"], "event": "subscribe"}, 1),
    ("no event", {"channel": "futures.tickers", "payload": [CONTRACT]}, 1),
    ("made-up event", public("futures.tickers", CONTRACT, event="dance"), 1),
    ("unknown channel", public("futures.weather", CONTRACT), 2),
    ("spot channel", public("spot.tickers", CONTRACT), 2),
    ("no payload", {"channel": "futures.tickers", "event": "subscribe"}, 2),
    ("payload is text", {"channel": "futures.tickers", "event": "subscribe", "payload": CONTRACT}, 2),
    ("payload of objects", {"channel": "futures.tickers", "event": "subscribe", "payload": [{}]}, 2),
    ("unknown contract", public("futures.tickers", "BTCUSDT"), 2),
    ("one known and one unknown contract", public("futures.trades", CONTRACT, "NOPE_USDT"), 2),
    ("candles the other way round", public("futures.candlesticks", CONTRACT, "1m"), 2),
    ("candles in one word", public("futures.candlesticks", "1m_BTC_USDT"), 2),
    ("candles of a made-up interval", public("futures.candlesticks", "7m", CONTRACT), 2),
    ("book of a made-up depth", public("futures.order_book_update", CONTRACT, "100ms", "7"), 2),
    ("book of a made-up frequency", public("futures.order_book_update", CONTRACT, "1s"), 2),
    ("deeper than any parser", "[" * 100_000, 1),
]


def test_malformed_frames_are_refused_and_the_socket_goes_on() -> None:
    async def body() -> None:
        async with gate_venue() as running, talk(running) as one:
            wrong = []
            for name, frame, code in BAD_FRAMES:
                answer = await one.answer(frame)
                if (answer["result"], answer["error"]["code"]) != (None, code) or not answer["error"]["message"]:
                    wrong.append((name, code, answer))
            for name, payload in (("no user", ["!all"]), ("nothing", []), ("unknown contract", [UID, "NOPE_USDT"])):
                answer = await one.answer(private("futures.orders", *payload))
                if answer["error"]["code"] != 2:
                    wrong.append((name, 2, answer))
            assert wrong == []
            assert (await running.control.meters()).subscriptions == ()
            assert (await one.answer(public("futures.tickers", CONTRACT, "ETH_USDT", id=3)))["id"] == 3
            assert len((await running.control.meters()).subscriptions) == 2

    run(body)


def test_pings_are_answered_and_unsubscribed_channels_fall_silent() -> None:
    async def body() -> None:
        async with gate_venue() as running, talk(running) as one:
            pong = await one.answer({"time": 1, "channel": "futures.ping"})
            assert (pong["channel"], pong["event"], pong["result"]) == ("futures.pong", "", None)
            await one.say(public("futures.tickers", "!all"))
            await one.say(public("futures.candlesticks", "5m", CONTRACT))
            await one.say(public("futures.trades", CONTRACT, "ETH_USDT"))
            await subscribed(running, 11)
            answer_count = len(one.heard)
            await one.say(public("futures.tickers", "!all", event="unsubscribe"))
            await one.say(public("futures.trades", CONTRACT, event="unsubscribe"))
            await until(lambda: len(one.heard) == answer_count + 2, "both acknowledgements")
            assert [frame["event"] for frame in one.heard[-2:]] == ["unsubscribe"] * 2
            await running.control.move_price("BTCUSDT")
            await running.control.move_price("ETHUSDT")
            await until(lambda: one.data("futures.candlesticks") and one.data("futures.trades"), "what is left")
            assert one.data("futures.tickers") == []
            assert [item["contract"] for item in one.data("futures.trades")] == ["ETH_USDT"]
            (candle,) = one.data("futures.candlesticks")
            assert (candle["n"], type(candle["t"]), type(candle["v"])) == ("5m_BTC_USDT", int, int)

    run(body)


async def all_channels(*flags: str, payload: tuple[str, ...] = (UID, "!all")) -> dict[str, Any]:
    """One item of each private channel after an order was placed and filled in part."""
    async with gate_venue(*flags) as running, talk(running) as one:
        for channel in ("futures.orders", "futures.usertrades", "futures.balances", "futures.positions"):
            await one.say(private(channel, *payload))
        await subscribed(running, 4)
        _, placed = await ask(running, "POST", "orders", body=ORDER)
        await running.control.fill_order(placed["id"], "0.004")
        await until(lambda: one.data("futures.positions"), "the position")
        shown = {frame["channel"].partition(".")[2]: frame["result"][0] for frame in one.heard if "result" in frame
                 and frame["event"] == "update"}  # fmt: skip
        return {**shown, "rest": placed, "contracts": (await ask(running, "GET", "contracts/BTC_USDT"))[1],
                "position": (await ask(running, "GET", "positions/BTC_USDT"))[1]}  # fmt: skip


def test_native_types_of_every_private_item() -> None:
    async def body() -> None:
        got = await all_channels()
        order = got["orders"]
        assert {name: order[name] for name in ("size", "left", "price", "fill_price", "text", "status")} == {
            "size": 10, "left": 6, "price": Decimal("40000.1"), "fill_price": Decimal("40000.1"), "text": "t-mine",
            "status": "open",
        }  # fmt: skip
        for name in ("id", "user", "create_time", "create_time_ms", "finish_time_ms", "size", "left", "refu"):
            assert type(order[name]) is int, name
        assert type(got["rest"]["create_time"]) is float
        assert type(got["rest"]["price"]) is str
        assert type(got["contracts"]["order_size_min"]) is int
        trade, balance, position = got["usertrades"], got["balances"], got["positions"]
        assert (trade["size"], trade["price"], trade["role"], trade["fee"]) == (
            4, "40000.1", "maker", Decimal("0.03200008"),
        )  # fmt: skip
        assert [type(trade[name]) for name in ("id", "order_id", "create_time", "size")] == [str, str, int, int]
        assert (balance["balance"], balance["change"]) == (Decimal("999999.96799992"), Decimal("-0.03200008"))
        assert (type(balance["user"]), type(balance["time"]), balance["currency"]) == (str, int, "usdt")
        assert (position["size"], position["entry_price"], position["mode"]) == (4, Decimal("40000.1"), "single")
        assert (type(position["user"]), type(position["leverage"])) == (str, int)
        assert not {"unrealized_pnl", "margin_mode"} & got["position"].keys()

    run(body)


def test_lenient_spellings_are_taken_and_given() -> None:
    async def body() -> None:
        got = await all_channels("--profile", "lenient", payload=("!all",))
        assert (got["orders"]["price"], got["orders"]["fill_price"]) == ("40000.1", "40000.1")
        assert type(got["rest"]["create_time"]) is int
        assert got["contracts"]["order_size_min"] == "1"
        assert got["position"]["unrealized_pnl"] == got["position"]["unrealised_pnl"]
        assert got["position"]["margin_mode"] == "cross"
        native = await all_channels("--profile", "lenient")
        assert native["orders"]["text"] == "t-mine"
        async with gate_venue() as running, talk(running) as one:
            async with running.control.faulty("lenient_row", message="gate WS orders; candles", how="on"):
                assert "error" not in await one.answer(public("futures.candlesticks", "1m_BTC_USDT"))
                await one.say(public("futures.candlesticks", "1m", CONTRACT))
                await subscribed(running, 2)
                await running.control.move_price("BTCUSDT")
                await until(lambda: len(one.data("futures.candlesticks")) == 2, "both candles")
            kinds = {type(frame["result"]) for frame in one.heard if frame["event"] == "update"}
            assert kinds == {dict, list}
            assert "error" in await one.answer(public("futures.candlesticks", "5m_BTC_USDT"))

    run(body)


def test_knobs_on_batches_and_fields() -> None:
    async def body() -> None:
        async with gate_venue() as running:
            for how, told in (
                ("one_more", ["0", "1", "2", "2"]), ("one_less", ["0", "1"]), ("reordered", ["2", "1", "0"]),
            ):  # fmt: skip
                orders = [{**ORDER, "text": f"t-{how}-{number}"} for number in range(3)]
                async with running.control.faulty("batch_items", how=how):
                    _, answer = await ask(running, "POST", "batch_orders", body=orders)
                assert [one["text"].rpartition("-")[2] for one in answer] == told
            async with running.control.faulty("field_form", how="other_id", path="/api/v4/futures/usdt/orders"):
                _, answer = await ask(running, "POST", "orders", body={**ORDER, "text": "t-other"})
                assert type(answer["id"]) is str
            async with running.control.faulty("field_form", message="create_time", how="whole"):
                _, answer = await ask(running, "GET", "orders/t-other")
                assert type(answer["create_time"]) is int
            async with running.control.faulty("batch_items"):
                _, answer = await ask(running, "POST", "batch_cancel_orders", body=[str(answer["id"]), "t-1"])
            assert [one["succeeded"] for one in answer] == [True, False]

    run(body)
