"""ccxt.pro's bybit watches the venue: what it sees is what the ledger says was sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from harness.venue.control import ApiKey
from suites.self.venue.bybit_workshop import (
    ORDER,
    PRIVATE,
    PUBLIC,
    auth_of,
    bybit_client,
    bybit_venue,
    post,
    subscribe_to,
    talk,
)
from suites.self.venue.dialogue import subscribed, values_of, watching
from suites.self.venue.workshop import BTC, KEY, OTHER, inside_a_minute, run, until

pytestmark = pytest.mark.self


def test_watch_ticker_ohlcv_trades_and_book_see_every_move() -> None:
    async def body() -> None:
        await inside_a_minute(20.0)
        async with bybit_venue() as running, bybit_client(running, newUpdates=True) as client:
            await client.load_markets()
            watches = (
                lambda: client.watch_ticker(BTC),
                lambda: client.watch_ohlcv(BTC),
                lambda: client.watch_trades(BTC),
                lambda: client.watch_order_book(BTC),
            )
            async with watching(*watches) as (tickers, candles, trades, books):
                await subscribed(running, 4)
                await until(lambda: tickers and books, "both snapshots")
                serial = await running.control.serial()
                told = len(tickers)
                for step in range(1, 21):  # one by one: ccxt keeps only the latest state between two awaits
                    await running.control.move_price("BTCUSDT")
                    await until(lambda: len(tickers) == told + step, "the ticker")  # noqa: B023
                    await until(lambda: len(candles) == len(trades) == step, "candle and trade")  # noqa: B023
                sent = await running.control.ledger(serial)
                prices = {float(row.value) for row in sent if row.stream == "prices"}
                closes = [float(value.split(":")[1]) for value in values_of(sent, "klines")]
                assert [one["last"] for one in tickers[told:]] == closes
                assert set(closes) <= prices
                assert [one[-1][4] for one in candles] == closes
                assert [one["price"] for batch in trades for one in batch] == closes
                state = (await running.control.state()).market("BTCUSDT")
                await until(lambda: books[-1]["bids"][0][0] == float(state.bid), "the last book")
                assert (books[-1]["asks"][0][0], len(books[-1]["bids"])) == (float(state.ask), 50)
                async with bybit_client(running) as another:  # in one client the two depths would mix
                    assert (await another.watch_bids_asks([BTC]))[BTC]["ask"] == float(state.ask)
                # A resting order is a level that comes and goes, for those who listen and for a newcomer alike.
                await running.control.place_order("BTCUSDT", "BUY", "3.5", str(Decimal(state.bid)))
                shown = Decimal(str(books[0]["bids"][0][1]))
                await until(lambda: books[-1]["bids"][0][1] > float(shown + 3), "the level")
                async with talk(running) as newcomer:
                    await newcomer.answer(subscribe_to("orderbook.50.BTCUSDT"))
                    await until(lambda: newcomer.frames("orderbook.50.BTCUSDT"), "the snapshot")
                    (told,) = newcomer.frames("orderbook.50.BTCUSDT")
                    assert [float(size) for _, size in told["data"]["b"]] == [row[1] for row in books[-1]["bids"]]

    run(body)


def test_the_private_socket_brings_orders_balances_positions_and_fills() -> None:
    async def body() -> None:
        async with bybit_venue() as running, bybit_client(running, newUpdates=True) as client:
            await client.load_markets()
            watches = (
                lambda: client.watch_orders(BTC),
                lambda: client.watch_balance(),
                lambda: client.watch_positions([BTC]),
                lambda: client.watch_my_trades(BTC),
            )
            async with watching(*watches) as (orders, balances, positions, trades):
                await subscribed(running, 4)
                serial = await running.control.serial()
                await client.create_order(BTC, "limit", "buy", 0.03, 40000, {"clientOrderId": "watched"})
                await until(lambda: orders, "the new order")
                truth = await running.control.order(client_order_id="watched")
                assert truth is not None
                await running.control.fill_order(truth.order_id, "0.01")
                await until(lambda: any(one["filled"] == 0.01 for batch in orders for one in batch), "the partial fill")
                await running.control.cancel_order(truth.order_id)
                await until(lambda: orders[-1][-1]["status"] == "canceled", "the cancel")
                await running.control.move_balance()
                await running.control.set_position("BTCUSDT", "-0.02")
                await until(lambda: positions[-1] and positions[-1][-1]["side"] == "short", "the short position")
                await running.control.set_position("BTCUSDT", "0")
                await until(lambda: positions[-1][-1]["contracts"] == 0, "the closed position")
                sent = await running.control.ledger(serial)
                seen = [(one["info"]["orderStatus"], one["info"]["cumExecQty"]) for b in orders for one in b]
                assert seen == [("New", "0.000"), ("PartiallyFilled", "0.010"), ("Cancelled", "0.010")]
                assert values_of(sent, "orders") == ["NEW:0", "PARTIALLY_FILLED:0.01", "CANCELED:0.01"]
                wallets = values_of(sent, "account")
                await until(lambda: len(balances) == len(wallets), "every balance")
                assert [Decimal(one["info"][0]["totalWalletBalance"]) for one in balances] == [*map(Decimal, wallets)]
                told = [one["info"] for batch in positions for one in batch]
                sizes = [Decimal(one["size"]) * {"Buy": 1, "Sell": -1, "": 0}[one["side"]] for one in told]
                assert sizes == [Decimal(value) for value in values_of(sent, "positions")]
                assert (told[-1]["size"], told[-1]["side"]) == ("0", "")
                assert [(one["amount"], one["price"], one["takerOrMaker"]) for b in trades for one in b] == [
                    (0.01, 40000, "maker")
                ]
                private = [one for one in (await running.control.meters()).sockets if one.kind == "private"]
                assert [(one.now, one.key) for one in private] == [(1, KEY.key)]

            async def gone() -> bool:
                return (await running.control.meters()).sockets_now == 0

            await client.close()
            await until(gone, "the sockets' end")

    run(body)


def test_tickers_are_a_snapshot_and_then_deltas() -> None:
    async def body() -> None:
        async with bybit_venue() as running, talk(running, PUBLIC) as socket:
            topic = "tickers.BTCUSDT"
            ack = await socket.answer(subscribe_to(topic, number="abc"))
            assert {name: ack[name] for name in ("success", "ret_msg", "req_id", "op")} == {
                "success": True, "ret_msg": "", "req_id": "abc", "op": "subscribe",
            }  # fmt: skip
            await running.control.move_price("BTCUSDT")
            await running.control.move_funding("BTCUSDT", "0.00021")
            async with running.control.faulty("bare_delta", channel="tickers"):
                await running.control.move_price("BTCUSDT")
            await until(lambda: len(socket.frames(topic)) == 4, "four frames")
            snapshot, moved, funded, bare = socket.frames(topic)
            assert [one["type"] for one in socket.frames(topic)] == ["snapshot", "delta", "delta", "delta"]
            assert snapshot["data"].keys() > moved["data"].keys() > {"lastPrice", "bid1Price", "ask1Price"}
            assert (funded["data"]["fundingRate"], "lastPrice" in funded["data"]) == ("0.00021", True)
            assert "lastPrice" not in bare["data"]
            assert all(isinstance(one["ts"], int) and isinstance(one["cs"], int) for one in (snapshot, moved))
            assert all(isinstance(value, str) for value in (snapshot["data"] | moved["data"]).values())
            assert (await socket.answer({"op": "unsubscribe", "args": [topic]}))["op"] == "unsubscribe"
            await running.control.move_price("BTCUSDT")
            assert (await socket.answer({"op": "ping", "req_id": "7"}))["ret_msg"] == "pong"
            assert len(socket.frames(topic)) == 4

    run(body)


LOGIN_REFUSALS: list[tuple[str, dict[str, Any]]] = [
    ("unknown key", {"key": "nobody"}),
    ("wrong signature", {"sign": "00"}),
    ("somebody else's key", {"key": OTHER.key}),
    ("expired", {"ahead_ms": -1000}),
    ("expires is no number", {"expires": "soon"}),
    ("signature is no string", {"sign": 5}),
]


def test_logins_are_checked_counted_and_needed() -> None:
    async def body() -> None:
        async with bybit_venue(keys=(KEY, OTHER)) as running, talk(running, PRIVATE) as socket:
            early = await socket.answer(subscribe_to("order"))
            assert (early["success"], early["op"]) == (False, "subscribe")
            for name, changed in LOGIN_REFUSALS:
                refused = await socket.answer(auth_of(**changed))
                assert (refused["success"], refused["op"], bool(refused["ret_msg"])) == (False, "auth", True), name
                assert not (await socket.answer(subscribe_to("wallet")))["success"]
            for args in (None, [], ["a", "b"], "abc", [1, 2, 3]):
                assert not (await socket.answer({"op": "auth", "args": args}))["success"]
            numeric = auth_of()
            numeric["args"][1] = int(numeric["args"][1])
            welcome = await socket.answer(numeric)
            assert set(welcome) == {"success", "ret_msg", "op", "conn_id"}
            assert (await socket.answer(subscribe_to("order", "wallet", "position", "execution")))["success"]
            pong = await socket.answer({"op": "ping", "req_id": "9"})
            assert (pong["op"], pong["req_id"]) == ("pong", "9")
            assert not (await socket.answer(auth_of(OTHER)))["success"]
            logins = {(one.key, one.outcome): one.count for one in (await running.control.meters()).logins}
            assert logins[KEY.key, "success"] == 1
            assert logins[KEY.key, "refused"] == 4
            assert logins["nobody", "refused"] == 1

    run(body)


def test_faults_on_logins_and_subscriptions() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            async with running.control.faulty("reject_login"), bybit_client(running) as client:
                with pytest.raises(ccxt.ExchangeError):
                    await asyncio.wait_for(client.watch_orders(), 5)
            async with talk(running) as socket:
                await running.control.fault("delay_login", delay_s=0.2, count=1)
                await socket.say(auth_of())
                assert not (await socket.answer(subscribe_to("order")))["success"]
                await until(lambda: any(one["op"] == "auth" for one in socket.heard), "the late answer")
                await running.control.fault("refuse_subscribe", channel="orders", count=1)
                assert not (await socket.answer(subscribe_to("order")))["success"]
                assert (await running.control.meters()).subscriptions == ()
                assert (await socket.answer(subscribe_to("order")))["success"]
                await running.control.fault("ignore_ping", count=1)
                await socket.say({"op": "ping", "req_id": "lost"})
                assert (await socket.answer({"op": "ping", "req_id": "8"}))["req_id"] == "8"
                await running.control.fault("field_form", how="other_id", channel="orders", count=1)
                await running.control.fault("field_form", message="cumExecQty", how="number", channel="order")
                await post(running, "/v5/order/create", ORDER)
                await until(lambda: socket.frames("order"), "the order")
                (row,) = socket.frames("order")[0]["data"]
                assert (row["orderId"].isdigit(), row["cumExecQty"]) == (True, 0.0)

    run(body)


BAD_FRAMES: list[Any] = [
    "no json", "[]", "5", "{}", {"op": 5}, {"op": "dance"}, {"op": "subscribe"}, {"op": "subscribe", "args": []},
    {"op": "subscribe", "args": [5]}, subscribe_to("tickers.NOPEUSDT"), subscribe_to("nothing.BTCUSDT"),
    subscribe_to("kline.7.BTCUSDT"), subscribe_to("orderbook.3.BTCUSDT"), subscribe_to("tickers"),
    subscribe_to("tickers.BTCUSDT", "nothing"), {"op": "unsubscribe", "args": ["nothing.BTCUSDT"]},
]  # fmt: skip


def test_bad_frames_are_refused_and_do_no_harm() -> None:
    async def body() -> None:
        async with bybit_venue() as running, talk(running, "/any/path") as socket:
            for bad in BAD_FRAMES:
                assert (await socket.answer(bad))["success"] is False, bad
            assert (await running.control.meters()).subscriptions == ()
            assert (await socket.answer(subscribe_to("publicTrade.BTCUSDT", "kline.D.BTCUSDT")))["success"]
            assert not socket.ended

    run(body)


def test_a_wrong_secret_cannot_listen() -> None:
    async def body() -> None:
        wrong = ApiKey(KEY.name, KEY.key, "guess")
        async with bybit_venue() as running, bybit_client(running, wrong) as client:
            await client.load_markets()
            with pytest.raises(ccxt.ExchangeError):
                await asyncio.wait_for(client.watch_balance(), 5)
            with pytest.raises(ccxt.AuthenticationError):
                await client.fetch_balance()

    run(body)
