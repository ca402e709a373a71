"""ccxt's gate, which nobody here wrote, reads and trades against the venue with only its URLs and options changed."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

from suites.self.venue.dialogue import coins
from suites.self.venue.gate_workshop import FUTURES, ask, gate_client, gate_venue, send
from suites.self.venue.workshop import BTC, run

pytestmark = pytest.mark.self


def test_public_reads_equal_the_venues_state() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            markets = await client.load_markets()
            market = markets[BTC]
            assert (market["id"], market["contractSize"], market["linear"]) == ("BTC_USDT", 0.001, True)
            assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 1)
            await running.control.move_price("BTCUSDT", times=5)
            state = (await running.control.state()).market("BTCUSDT")
            ticker = await client.fetch_ticker(BTC)
            assert (ticker["info"]["last"], ticker["bid"], ticker["ask"]) == (
                state.last, float(state.bid), float(state.ask),
            )  # fmt: skip
            assert ticker["markPrice"] == float(state.mark)
            assert coins(ticker["info"]["total_size"]) == Decimal(state.open_interest)
            book = await client.fetch_order_book(BTC, limit=5)
            assert (book["bids"][0][0], book["asks"][0][0]) == (float(state.bid), float(state.ask))
            assert [len(book["bids"]), len(book["asks"])] == [5, 5]
            assert (await client.fetch_tickers()).keys() == markets.keys()
            assert (await client.fetch_trades(BTC, limit=3))[-1]["price"] == float(state.last)
            funding = await client.fetch_funding_rate(BTC)
            assert (funding["fundingRate"], funding["fundingTimestamp"]) == (
                float(state.funding_rate), state.next_funding_ms,
            )  # fmt: skip
            assert (await client.fetch_funding_rates([BTC]))[BTC]["fundingRate"] == float(state.funding_rate)
            assert len(await client.fetch_funding_rate_history(BTC, limit=7)) == 7
            interest = await client.fetch_open_interest_history(BTC, limit=3)
            assert [coins(one["openInterestAmount"]) for one in interest] == [Decimal(state.open_interest)] * 3
            assert abs(await client.fetch_time() - (await running.control.state()).time_ms) < 5000
            one = await send(running, "GET", f"{FUTURES}contracts/ETH_USDT")
            assert (one[0], one[1]["name"], one[1]["order_size_min"]) == (200, "ETH_USDT", 1)

    run(body)


def test_candles_are_the_venues_and_follow_each_other() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            await running.control.move_price("BTCUSDT", times=5)
            for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
                shown = await client.fetch_ohlcv(BTC, interval, limit=50)
                truth = await running.control.candles("BTCUSDT", interval, 50)
                assert [row[0] for row in shown] == [one.open_ms for one in truth]
                assert {later[0] - earlier[0] for earlier, later in pairwise(shown)} == {length_ms}
                assert [row[4] for row in shown] == [float(one.close) for one in truth]
                assert [coins(row[5]) for row in shown] == [Decimal(one.volume) for one in truth]
                since = await client.fetch_ohlcv(BTC, interval, since=truth[10].open_ms, limit=5)
                assert [row[0] for row in since] == [one.open_ms for one in truth[10:15]]

    run(body)


def test_an_order_lives_from_place_to_cancel() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            placed = await client.create_order(BTC, "limit", "buy", 12, 40000.1, {"clientOrderId": "mine1"})
            assert placed["clientOrderId"] == "t-mine1"
            fetched = await client.fetch_order(placed["id"], BTC)
            assert (fetched["price"], fetched["amount"], fetched["status"]) == (40000.1, 12, "open")
            assert [one["id"] for one in await client.fetch_open_orders(BTC)] == [placed["id"]]
            truth = await running.control.order(placed["id"])
            assert truth is not None
            assert (truth.price, truth.quantity, truth.status, truth.client_order_id) == (
                "40000.1", "0.012", "NEW", "mine1",
            )  # fmt: skip
            by_client_id = await client.fetch_order("", BTC, {"clientOrderId": "mine1"})
            assert by_client_id["id"] == placed["id"]
            ledger = [row for row in await running.control.ledger() if row.stream == "orders"]
            assert {row.key for row in ledger} == {placed["id"], "mine1", "t-mine1"}
            assert {row.serial for row in ledger} == {ledger[0].serial}
            await client.cancel_order(placed["id"], BTC)
            assert await client.fetch_open_orders() == []
            assert (await client.fetch_order(placed["id"], BTC))["status"] == "canceled"
            assert [one["id"] for one in await client.fetch_closed_orders(BTC)] == [placed["id"]]
            assert [one["id"] for one in await client.fetch_closed_orders(BTC, since=placed["timestamp"] - 5000)] == [
                placed["id"]
            ]

    run(body)


def test_kinds_of_orders_end_as_gate_ends_them() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            ends = {}
            for name, kind, price, params in (
                ("market", "market", None, {}),
                ("crossing limit", "limit", 46000, {}),
                ("ioc that finds nothing", "limit", 40000, {"timeInForce": "IOC"}),
                ("fok that finds nothing", "limit", 40000, {"timeInForce": "FOK"}),
                ("fok that finds all", "limit", 46000, {"timeInForce": "FOK"}),
                ("post-only that rests", "limit", 40000, {"postOnly": True}),
            ):
                placed = await client.create_order(BTC, kind, "buy", 2, price, params)
                order = await client.fetch_order(placed["id"], BTC)
                info = order["info"]
                ends[name] = (info["tif"], info["status"], info["finish_as"], order["filled"])
            assert ends == {
                "market": ("ioc", "finished", "filled", 2),
                "crossing limit": ("gtc", "finished", "filled", 2),
                "ioc that finds nothing": ("ioc", "finished", "ioc", 0),
                "fok that finds nothing": ("fok", "finished", "ioc", 0),
                "fok that finds all": ("fok", "finished", "filled", 2),
                "post-only that rests": ("poc", "open", None, 0),
            }
            with pytest.raises(ccxt.OrderImmediatelyFillable):
                await client.create_order(BTC, "limit", "buy", 2, 46000, {"postOnly": True})
            long = await running.control.set_position("BTCUSDT", "0.003")
            first = await client.create_order(BTC, "limit", "sell", 3, 46000, {"reduceOnly": True})
            second = await client.create_order(BTC, "limit", "sell", 3, 46000, {"reduceOnly": True})
            await running.control.set_price("BTCUSDT", "47000")
            told = [(await client.fetch_order(one["id"], BTC))["info"] for one in (first, second)]
            assert [(one["finish_as"], one["left"], one["is_reduce_only"]) for one in told] == [
                ("filled", 0, True), ("reduce_only", -3, True),
            ]  # fmt: skip
            assert long

    run(body)


def test_fills_change_position_balance_and_history() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            await client.load_markets()
            bought = await client.create_order(BTC, "market", "buy", 500)
            order = await client.fetch_order(bought["id"], BTC)
            assert (order["status"], order["filled"], order["average"]) == ("closed", 500, 45000.1)
            (position,) = await client.fetch_positions()
            assert (position["symbol"], position["contracts"], position["side"]) == (BTC, 500, "long")
            assert (position["marginMode"], position["entryPrice"]) == ("cross", 45000.1)
            await client.create_order(BTC, "market", "sell", 200, None, {"reduceOnly": True})
            position = await client.fetch_position(BTC)
            assert position["info"]["size"] == 300
            fees = Decimal("22500.05") * Decimal("0.0004") + Decimal("0.2") * Decimal("44999.9") * Decimal("0.0004")
            lost = Decimal("0.2") * Decimal("0.2")  # a spread of 0.2 on what was sold again
            balance = await client.fetch_balance()
            assert Decimal(balance["info"][0]["total"]) == Decimal(1_000_000) - fees - lost
            state = (await running.control.state()).account
            assert balance["USDT"]["free"] == float(state.available_balance)
            trades = await client.fetch_my_trades(BTC)
            assert [(one["side"], one["amount"], one["takerOrMaker"]) for one in trades] == [
                ("buy", 500, "taker"), ("sell", 200, "taker"),
            ]  # fmt: skip
            assert Decimal(str(sum(one["fee"]["cost"] for one in trades))) == fees
            await client.create_order(BTC, "market", "sell", 400)
            (position,) = await client.fetch_positions([BTC])
            assert (position["info"]["size"], position["side"], position["contracts"]) == (-100, "short", 100)
            status, closed = await ask(
                running, "POST", "orders", body={"contract": "BTC_USDT", "size": 0, "close": True, "tif": "ioc"}
            )
            assert (status, closed["size"], closed["is_close"], closed["finish_as"]) == (201, 100, True, "filled")
            assert (await client.fetch_position(BTC))["info"]["size"] == 0
            assert [one["info"]["size"] for one in await client.fetch_positions()] == [0]
            assert (await ask(running, "GET", "positions", "holding=true"))[1] == []
            assert len(await client.fetch_closed_orders(BTC)) == 4

    run(body)


def test_batches_and_cancel_all() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            wanted = [
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 10, "price": 40000 + step}
                for step in range(3)
            ]
            wanted.append({"symbol": BTC, "type": "limit", "side": "buy", "amount": 900_000, "price": 44000})
            await client.load_markets()
            failed, *placed = await client.create_orders(wanted)  # ccxt sorts by time, and a failed one has none
            assert [one["info"]["succeeded"] for one in placed] == [True, True, True]
            assert (failed["status"], failed["info"]["label"]) == ("rejected", "INSUFFICIENT_AVAILABLE")
            ids = [one["id"] for one in placed]
            gone = await client.cancel_orders(ids[:2], BTC)
            assert [(one["id"], one["info"]["succeeded"]) for one in gone] == [(one, True) for one in ids[:2]]
            path = "/api/v4/futures/USDT/batch_cancel_orders"
            status, answer = await ask(running, "POST", path, body=[ids[0], "1", ids[2], "t-nobodys", 5])
            assert status == 200
            assert [(one["id"], one["succeeded"], one["message"]) for one in answer] == [
                (ids[0], False, "ORDER_FINISHED"), ("1", False, "ORDER_NOT_FOUND"), (ids[2], True, ""),
                ("t-nobodys", False, "ORDER_NOT_FOUND"), ("5", False, "INVALID_REQUEST_BODY"),
            ]  # fmt: skip
            for side, price in (("buy", 40000), ("buy", 40001), ("sell", 50000)):
                await client.create_order(BTC, "limit", side, 1, price)
            _, answer = await ask(running, "DELETE", "orders", "contract=BTC_USDT&side=ask")
            assert [(one["size"], one["finish_as"]) for one in answer] == [(-1, "cancelled")]
            assert len(await client.cancel_all_orders(BTC)) == 2
            assert (await running.control.state()).open_orders == ()

    run(body)


def test_settings() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            await client.load_markets()
            await client.create_order(BTC, "market", "buy", 10)
            await client.set_leverage(7, BTC, {"marginMode": "cross"})
            (position,) = await client.fetch_positions([BTC])
            assert (position["info"]["leverage"], position["info"]["cross_leverage_limit"]) == ("0", "7")
            await client.set_leverage(9, BTC)
            (position,) = await client.fetch_positions([BTC])
            assert (position["leverage"], position["marginMode"]) == (9, "isolated")
            truth = (await running.control.state()).position("BTCUSDT")
            assert truth is not None
            assert (truth.leverage, truth.margin_type) == (9, "isolated")
            for query, label in (
                ("leverage=126", "LEVERAGE_TOO_HIGH"), ("leverage=0.5", "LEVERAGE_TOO_LOW"),
                ("leverage=", "MISSING_REQUIRED_PARAM"),
            ):  # fmt: skip
                assert (await ask(running, "POST", "positions/BTC_USDT/leverage", query))[1]["label"] == label
            await client.set_position_mode(False, BTC)
            with pytest.raises(ccxt.BadRequest):
                await client.set_position_mode(True, BTC)

    run(body)


def test_default_settings_with_keys_load_markets_too() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running, options={}) as client:
            client.has["fetchCurrencies"] = True
            assert BTC in await client.load_markets()
            await client.fetch_balance({"type": "swap"})
            asked = (await running.control.meters()).requests
            assert {one.path.removeprefix("/api/v4") for one in asked} == {
                "/spot/currencies", "/spot/currency_pairs", "/margin/currency_pairs", "/futures/usdt/contracts",
                "/futures/btc/contracts", "/delivery/usdt/contracts", "/options/underlyings", "/account/detail",
                "/futures/usdt/accounts",
            }  # fmt: skip
            assert {(one.status, one.code) for one in asked} == {(200, "")}

    run(body)
