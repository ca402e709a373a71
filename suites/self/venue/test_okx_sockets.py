"""OKX's WebSocket by hand: login and its refusals, subscriptions and theirs, keepalive, garbage, and the knobs."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import aiohttp
import ccxt
import pytest

from harness.venue.control import ApiKey
from suites.self.venue.dialogue import subscribed
from suites.self.venue.okx_workshop import KEY, SWAP, Talk, ask, login_of, okx_client, okx_venue, talk
from suites.self.venue.workshop import BTC, run, until

pytestmark = pytest.mark.self

TICKERS = {"channel": "tickers", "instId": SWAP}
ORDER = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "10", "px": "40000"}


def subscribe(*args: dict[str, Any], op: str = "subscribe", **more: Any) -> dict[str, Any]:
    return {"op": op, "args": list(args), **more}


# Made when used: a login is too old half a minute after it was made.
BAD_LOGINS: list[tuple[str, Callable[[], dict[str, Any]], str]] = [
    ("unknown key", lambda: login_of(apiKey="nobody"), "60005"),
    ("malformed timestamp", lambda: login_of(timestamp="yesterday"), "60004"),
    ("timestamp in milliseconds", lambda: login_of(timestamp="1597026383085"), "60004"),
    ("wrong passphrase", lambda: login_of(passphrase="guess"), "60024"),
    ("wrong secret", lambda: login_of(ApiKey("main", KEY.key, "guess", KEY.passphrase)), "60007"),
    ("signature in hexadecimal", lambda: login_of(sign="ab" * 32), "60007"),
    ("no signature", lambda: {"op": "login", "args": [{**login_of()["args"][0], "sign": None}]}, "60009"),
    ("no args", lambda: {"op": "login"}, "60009"),
    ("args is no list", lambda: {"op": "login", "args": {}}, "60009"),
]


def test_bad_logins_get_the_native_code_and_no_rights() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running, "/ws/v5/private") as one:
            wrong = []
            stale = [("stale", lambda: login_of(ago_s=32), "60006"), ("ahead", lambda: login_of(ago_s=-40), "60006")]
            for name, made, code in [*BAD_LOGINS, *stale]:
                answer = await one.answer(made())
                if (answer["event"], answer["code"]) != ("error", code) or not {"msg", "connId"} <= answer.keys():
                    wrong.append((name, code, answer))
            assert wrong == []
            for channel in ("orders", "account", "positions"):
                assert (await one.answer(subscribe({"channel": channel, "instType": "ANY"})))["code"] == "60011"
            answer = await one.answer(login_of())
            assert (answer["event"], answer["code"], answer["msg"]) == ("login", "0", "")
            counts = {(row.key, row.outcome): row.count for row in (await running.control.meters()).logins}
            assert counts[KEY.key, "login"] == 1
            assert sum(counts.values()) == 1 + len(BAD_LOGINS) + len(stale)

    run(body)


def test_ccxt_raises_what_the_contract_says_for_a_refused_login() -> None:
    async def body() -> None:
        stranger = ApiKey("main", KEY.key, "guess", KEY.passphrase)
        async with okx_venue() as running:
            async with okx_client(running, stranger) as client:
                with pytest.raises(ccxt.AuthenticationError, match="60007"):
                    await client.watch_balance()
            async with okx_client(running) as client, running.control.faulty("reject_login"):
                with pytest.raises(ccxt.AuthenticationError, match="60009"):
                    await client.watch_orders(BTC)

    run(body)


BAD_FRAMES: list[tuple[str, Any, str]] = [
    ("nothing", "", "60012"),
    ("no JSON", "{", "60012"),
    ("null", "null", "60012"),
    ("a list", "[]", "60012"),
    ("a number", "1e999", "60012"),
    ("PING in upper case", "PING", "60012"),
    ("no op", {}, "60012"),
    ("op is no text", {"op": 1, "args": [TICKERS]}, "60012"),
    ("made-up op", subscribe(TICKERS, op="dance"), "60012"),
    ("no args", {"op": "subscribe"}, "60012"),
    ("empty args", subscribe(), "60012"),
    ("args of text", {"op": "subscribe", "args": ["tickers:BTC"]}, "60012"),
    ("channel is no text", subscribe({"channel": ["tickers"], "instId": SWAP}), "60012"),
    ("instrument is no text", subscribe({"channel": "tickers", "instId": {}}), "60012"),
    ("unknown channel", subscribe({"channel": "ticker", "instId": SWAP}), "60018"),
    ("unknown instrument", subscribe({"channel": "tickers", "instId": "BTCUSDT"}), "60018"),
    ("no instrument", subscribe({"channel": "tickers"}), "60018"),
    ("unknown bar", subscribe({"channel": "candle7m", "instId": SWAP}), "60018"),
    ("bar in lower case", subscribe({"channel": "candle1h", "instId": SWAP}), "60018"),
    ("private without login", subscribe({"channel": "account"}), "60011"),
    ("deeper than any parser", "[" * 100_000, "60012"),
]


def test_malformed_frames_are_refused_and_the_socket_goes_on() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running) as one:
            wrong = []
            for name, frame, code in BAD_FRAMES:
                answer = await one.answer(frame)
                if (answer["event"], answer["code"]) != ("error", code):
                    wrong.append((name, code, answer))
            assert wrong == []
            assert (await running.control.meters()).subscriptions == ()
            assert (await one.answer(subscribe(TICKERS, id="7")))["id"] == "7"
            await until(lambda: one.data("tickers"), "a ticker")

    run(body)


def test_subscriptions_are_acknowledged_one_by_one_and_echo_their_arg() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running, "/any/path", login=True) as one:
            args = [
                TICKERS,
                {"instId": SWAP, "channel": "candle1m", "more": "kept"},
                {"channel": "orders", "instType": "SWAP", "instFamily": "BTC-USDT"},
                {"channel": "balance_and_position"},
            ]
            await one.say(subscribe(*args))
            await subscribed(running, 4)
            await one.say(subscribe({"instId": SWAP, "channel": "tickers"}))  # known already
            await running.control.place_order("BTCUSDT", "BUY", "0.01", "40000")
            await running.control.place_order("ETHUSDT", "BUY", "0.01", "2000")
            await running.control.move_price("BTCUSDT")
            await running.control.move_balance()
            await until(lambda: len(one.data("balance_and_position")) >= 2, "the snapshot and the deposit")
            acknowledged = [frame for frame in one.heard if frame.get("event") == "subscribe"]
            assert [frame["arg"] for frame in acknowledged] == [*args, TICKERS]
            assert len({frame["connId"] for frame in acknowledged}) == 1
            assert [item["instId"] for item in one.data("orders")] == [SWAP]
            assert len(one.data("tickers")) == len(one.data("candle1m")) == 2
            echoed = {json.dumps(frame["arg"]) for frame in one.heard if "data" in frame and "uid" not in frame["arg"]}
            assert echoed == {json.dumps(args[0]), json.dumps(args[1])}
            await one.say(subscribe({"channel": "candle1m", "instId": SWAP}, TICKERS, op="unsubscribe"))
            await until(lambda: sum(frame.get("event") == "unsubscribe" for frame in one.heard) == 2, "both")
            left = {row.channel for row in (await running.control.meters()).subscriptions}
            assert left == {"orders", "balance_and_position"}

    run(body)


async def next_book(one: Talk, count: int) -> Any:
    await until(lambda: len(one.data("books")) >= count, f"{count} books")
    return one.data("books")[count - 1]


def test_books_are_a_snapshot_and_changes_that_keep_number_and_checksum() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running) as one:
            await one.say(subscribe({"channel": "books", "instId": SWAP}, {"channel": "bbo-tbt", "instId": SWAP}))
            sides: dict[str, dict[str, list[str]]] = {"asks": {}, "bids": {}}
            before = -1
            for number in range(1, 8):
                item = await next_book(one, number)
                assert item["prevSeqId"] == before
                before = item["seqId"]
                for name, levels in sides.items():
                    for level in item[name]:
                        levels[level[0]] = level
                        if level[1] == "0":
                            del levels[level[0]]
                asks = sorted(sides["asks"].values(), key=lambda level: float(level[0]))
                bids = sorted(sides["bids"].values(), key=lambda level: -float(level[0]))
                text = ":".join(
                    f"{side[index][0]}:{side[index][1]}" for index in range(25) for side in (bids, asks)
                )  # fmt: skip
                assert item["checksum"] & 0xFFFFFFFF == zlib.crc32(text.encode())
                if number == 7:
                    break
                if number % 3:
                    await running.control.move_price("BTCUSDT")
                else:
                    await running.control.place_order("BTCUSDT", "BUY", "0.1", str(float(bids[3][0])))
            best = one.data("bbo-tbt")[-1]
            assert (best["asks"], best["bids"]) == ([asks[0]], [bids[0]])
            actions = [frame["action"] for frame in one.heard if frame.get("arg", {}).get("channel") == "books"
                       and "data" in frame]  # fmt: skip
            assert actions == ["snapshot"] + ["update"] * 6

    run(body)


def test_a_text_ping_gets_a_text_pong_unless_a_knob_says_otherwise() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running) as one:
            assert await one.answer("ping") == "pong"
            await one.say(subscribe(TICKERS))
            await until(lambda: one.data("tickers"), "a ticker")
            async with running.control.faulty("ignore_ping"):
                await one.say("ping")
                await running.control.move_price("BTCUSDT")
                await until(lambda: len(one.data("tickers")) == 2, "data in spite of it")
            assert one.heard.count("pong") == 1
            assert await one.answer("ping") == "pong"

    run(body)


def test_knobs_on_login_subscription_signature_and_batches() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running) as one:
            control = running.control
            async with control.faulty("delay_login", delay_s=0.3):
                await one.say(login_of())
                assert await one.answer("ping") == "pong"  # answered while the login is held
                await until(lambda: one.heard[-1] != "pong", "the login")
                assert one.heard[-1]["event"] == "login"
            async with control.faulty("refuse_subscribe", channel="account", code=60020, message="too many"):
                answer = await one.answer(subscribe({"channel": "account"}))
                assert (answer["code"], answer["msg"]) == ("60020", "too many")
            async with control.faulty("refuse_subscribe"):
                assert (await one.answer(subscribe(TICKERS)))["code"] == "60018"
            assert (await control.meters()).subscriptions == ()
            forged = {**login_of(ApiKey("main", KEY.key, "guess", KEY.passphrase))}
            async with control.faulty("observe_signature"):
                assert (await one.answer(forged))["event"] == "login"
            assert (await one.answer(forged))["code"] == "60007"
            batch = "/api/v5/trade/batch-orders"
            orders = [{**ORDER, "clOrdId": f"batch{number}"} for number in range(3)]
            async with control.faulty("batch_items", path=batch, count=1):
                _, answer = await ask(running, "POST", batch, orders)
                assert (answer["code"], [row["sCode"] for row in answer["data"]]) == ("2", ["0", "50013", "0"])
            for how, wanted in (("one_more", [0, 1, 2, 2]), ("one_less", [0, 1]), ("reordered", [2, 1, 0])):
                named = [{**order, "clOrdId": f"{how.replace('_', '')}{at}"} for at, order in enumerate(orders)]
                async with control.faulty("batch_items", how=how):
                    _, answer = await ask(running, "POST", batch, named)
                    assert [row["clOrdId"][-1] for row in answer["data"]] == [str(at) for at in wanted]
            refused = {**ORDER, "sz": "900000"}
            async with control.faulty("refusal_form"):
                _, answer = await ask(running, "POST", "/api/v5/trade/order", refused)
                assert (answer["code"], answer["data"][0]["sCode"]) == ("0", "51008")
            async with control.faulty("eof_after_accept", path="/api/v5/trade/order"):
                with pytest.raises(aiohttp.ClientError):
                    await ask(running, "POST", "/api/v5/trade/order", {**ORDER, "clOrdId": "unanswered"})
                assert await control.order(client_order_id="unanswered") is not None
            async with control.faulty("field_form", message="ordId", how="number"):
                _, answer = await ask(running, "GET", "/api/v5/trade/orders-pending")
                assert all(isinstance(row["ordId"], int) for row in answer["data"])

    run(body)
