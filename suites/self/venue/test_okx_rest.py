"""ccxt's okx, which nobody here wrote, reads and trades against the venue with only its URLs and options changed."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

from suites.self.venue.dialogue import coins
from suites.self.venue.okx_workshop import okx_client, okx_venue
from suites.self.venue.workshop import BTC, run

pytestmark = pytest.mark.self


def test_public_reads_equal_the_venues_state() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            markets = await client.load_markets()
            market = markets[BTC]
            assert (market["id"], market["contractSize"]) == ("BTC-USDT-SWAP", 0.001)
            assert (market["precision"]["price"], market["precision"]["amount"]) == (0.1, 1)
            await running.control.move_price("BTCUSDT", times=5)
            state = (await running.control.state()).market("BTCUSDT")
            ticker = await client.fetch_ticker(BTC)
            assert (ticker["info"]["last"], ticker["bid"], ticker["ask"]) == (
                state.last, float(state.bid), float(state.ask),
            )  # fmt: skip
            book = await client.fetch_order_book(BTC, limit=5)
            assert (book["bids"][0][0], book["asks"][0][0]) == (float(state.bid), float(state.ask))
            assert [len(book["bids"]), len(book["asks"])] == [5, 5]
            assert (await client.fetch_tickers()).keys() == markets.keys()
            assert (await client.fetch_trades(BTC, limit=3))[-1]["price"] == float(state.last)
            funding = await client.fetch_funding_rate(BTC)
            assert (funding["fundingRate"], funding["fundingTimestamp"]) == (
                float(state.funding_rate), state.next_funding_ms,
            )  # fmt: skip
            assert len(await client.fetch_funding_rate_history(BTC, limit=7)) == 7
            interest = await client.fetch_open_interest(BTC)
            assert Decimal(interest["info"]["oiCcy"]) == Decimal(state.open_interest)
            assert coins(interest["info"]["oi"]) == Decimal(state.open_interest)
            assert abs(await client.fetch_time() - (await running.control.state()).time_ms) < 5000

    run(body)


def test_candles_are_the_venues_and_follow_each_other() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            await running.control.move_price("BTCUSDT", times=5)
            for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
                shown = await client.fetch_ohlcv(BTC, interval, limit=50)
                truth = await running.control.candles("BTCUSDT", interval, 50)
                assert [row[0] for row in shown] == [one.open_ms for one in truth]
                assert {later[0] - earlier[0] for earlier, later in pairwise(shown)} == {length_ms}
                assert [row[4] for row in shown] == [float(one.close) for one in truth]
                since = await client.fetch_ohlcv(BTC, interval, since=truth[10].open_ms, limit=5)
                assert [row[0] for row in since] == [one.open_ms for one in truth[10:15]]

    run(body)


def test_an_order_lives_from_place_to_cancel() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            placed = await client.create_order(BTC, "limit", "buy", 12, 40000.1, {"clientOrderId": "mine1"})
            assert placed["clientOrderId"] == "mine1"
            fetched = await client.fetch_order(placed["id"], BTC)
            assert (fetched["price"], fetched["amount"], fetched["status"]) == (40000.1, 12, "open")
            assert [one["id"] for one in await client.fetch_open_orders(BTC)] == [placed["id"]]
            truth = await running.control.order(placed["id"])
            assert truth is not None
            assert (truth.price, truth.quantity, truth.status, truth.client_order_id) == (
                "40000.1", "0.012", "NEW", "mine1",
            )  # fmt: skip
            by_client_id = await client.fetch_order("", BTC, {"clOrdId": "mine1"})
            assert by_client_id["id"] == placed["id"]
            await client.cancel_order(placed["id"], BTC)
            assert await client.fetch_open_orders() == []
            assert (await client.fetch_order(placed["id"], BTC))["status"] == "canceled"
            assert [one["id"] for one in await client.fetch_canceled_orders(BTC)] == [placed["id"]]

    run(body)


def test_kinds_of_orders_end_as_okx_ends_them() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            ends = {}
            for name, kind, price, params in (
                ("market", "market", None, {}),
                ("crossing limit", "limit", 46000, {}),
                ("ioc that finds nothing", "limit", 40000, {"timeInForce": "IOC"}),
                ("fok that finds all", "limit", 46000, {"timeInForce": "FOK"}),
                ("post-only that rests", "limit", 40000, {"postOnly": True}),
                ("post-only that would take", "limit", 46000, {"postOnly": True}),
            ):
                placed = await client.create_order(BTC, kind, "buy", 2, price, params)
                order = await client.fetch_order(placed["id"], BTC)
                ends[name] = (order["info"]["state"], order["filled"])
            assert ends == {
                "market": ("filled", 2),
                "crossing limit": ("filled", 2),
                "ioc that finds nothing": ("canceled", 0),
                "fok that finds all": ("filled", 2),
                "post-only that rests": ("live", 0),
                "post-only that would take": ("canceled", 0),
            }
            single = await client.create_order(BTC, "limit", "buy", 1, 40000)
            client.options["createOrder"] = "privatePostTradeOrder"
            also_single = await client.create_order(BTC, "limit", "buy", 1, 40000)
            assert int(also_single["id"]) == int(single["id"]) + 1

    run(body)


def test_fills_change_position_balance_and_history() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            await client.load_markets()
            bought = await client.create_order(BTC, "market", "buy", 500)
            order = await client.fetch_order(bought["id"], BTC)
            assert (order["status"], order["filled"], order["average"]) == ("closed", 500, 45000.1)
            (position,) = await client.fetch_positions()
            assert (position["symbol"], position["contracts"], position["side"]) == (BTC, 500, "long")
            await client.create_order(BTC, "market", "sell", 200, None, {"reduceOnly": True})
            (position,) = await client.fetch_positions([BTC])
            assert position["info"]["pos"] == "300"
            fees = Decimal("22500.05") * Decimal("0.0004") + Decimal("0.2") * Decimal("44999.9") * Decimal("0.0004")
            lost = Decimal("0.2") * Decimal("0.2")  # a spread of 0.2 on what was sold again
            balance = await client.fetch_balance()
            (coin,) = balance["info"]["data"][0]["details"]
            assert Decimal(coin["cashBal"]) == Decimal(1_000_000) - fees - lost
            trades = await client.fetch_my_trades(BTC)
            assert [(one["side"], one["amount"], one["takerOrMaker"]) for one in trades] == [
                ("buy", 500, "taker"), ("sell", 200, "taker"),
            ]  # fmt: skip
            assert Decimal(str(sum(one["fee"]["cost"] for one in trades))) == fees
            await client.create_order(BTC, "market", "sell", 400)
            (position,) = await client.fetch_positions()
            assert (position["info"]["pos"], position["side"], position["contracts"]) == ("-100", "short", 100)
            await client.create_order(BTC, "market", "buy", 100)
            assert await client.fetch_positions() == []
            assert len(await client.fetch_closed_orders(BTC)) == 4

    run(body)


def test_batches() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            wanted = [
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 10, "price": 40000 + step}
                for step in range(3)
            ]
            wanted.append({"symbol": BTC, "type": "limit", "side": "buy", "amount": 900_000, "price": 44000})
            await client.load_markets()
            placed = await client.create_orders(wanted)
            assert [one["info"]["sCode"] for one in placed] == ["0", "0", "0", "51008"]
            assert [one["status"] for one in placed][3] == "rejected"
            ids = [one["id"] for one in placed[:3]]
            gone = await client.cancel_orders(ids[:2], BTC)
            assert [(one["id"], one["info"]["sCode"]) for one in gone] == [(one, "0") for one in ids[:2]]
            answer = await client.privatePostTradeCancelBatchOrders(
                [{"instId": "BTC-USDT-SWAP", "ordId": one} for one in (ids[0], "1", ids[2])]
            )
            assert answer["code"] == "2"
            assert [one["sCode"] for one in answer["data"]] == ["51401", "51400", "0"]
            assert (await running.control.state()).open_orders == ()

    run(body)


def test_settings() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            await client.load_markets()
            await client.set_leverage(7, BTC, {"mgnMode": "cross"})
            assert (await client.fetch_leverage(BTC, {"mgnMode": "cross"}))["longLeverage"] == 7
            await client.create_order(BTC, "market", "buy", 10)
            (position,) = await client.fetch_positions([BTC])
            assert (position["leverage"], position["marginMode"]) == (7, "cross")
            assert (await client.fetch_position_mode(BTC))["hedged"] is False
            await client.set_position_mode(False, BTC)
            with pytest.raises(ccxt.ExchangeError, match="59000"):
                await client.set_position_mode(True, BTC)
            with pytest.raises(ccxt.ExchangeError, match="59102"):
                await client.set_leverage(125, "LTC/USDT:USDT", {"mgnMode": "cross", "lever": "126"})

    run(body)


def test_default_settings_with_keys_load_markets_too() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running, options={}) as client:
            client.has["fetchCurrencies"] = True
            assert BTC in await client.load_markets()
            asked = (await running.control.meters()).requests
            assert {one.path for one in asked} == {"/api/v5/public/instruments", "/api/v5/asset/currencies"}
            assert {(one.status, one.code) for one in asked} == {(200, "")}
            assert sum(one.count for one in asked) == 6  # SPOT, FUTURES, SWAP, OPTION twice, currencies

    run(body)
