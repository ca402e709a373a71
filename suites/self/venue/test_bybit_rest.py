"""ccxt's bybit, which nobody here wrote, reads and trades against the venue with only its addresses changed."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal
from typing import Any

import ccxt
import pytest

from suites.self.venue.bybit_workshop import ORDER, bybit_client, bybit_venue, get, post, send
from suites.self.venue.workshop import BTC, KEY, run

pytestmark = pytest.mark.self

SHOWN = {"acknowledged": True}


def test_public_reads_equal_the_venues_state() -> None:
    async def body() -> None:
        async with bybit_venue() as running, bybit_client(running) as client:
            markets = await client.load_markets()
            assert {one["id"] for one in markets.values()} >= {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"}
            assert markets[BTC]["precision"] == {"amount": 0.001, "price": 0.1}
            for _ in range(5):
                await running.control.move_price("BTCUSDT")
                await asyncio.sleep(0.002)  # trades of one millisecond have no order
            await running.control.move_funding("BTCUSDT", "0.00037")
            state = (await running.control.state()).market("BTCUSDT")
            ticker = await client.fetch_ticker(BTC)
            assert (ticker["info"]["lastPrice"], ticker["bid"]) == (f"{Decimal(state.last):.1f}", float(state.bid))
            book = await client.fetch_order_book(BTC, limit=5)
            assert (book["bids"][0][0], book["asks"][0][0]) == (float(state.bid), float(state.ask))
            assert len(await client.fetch_tickers()) == len(markets)
            assert (await client.fetch_trades(BTC, limit=3))[-1]["price"] == float(state.last)
            assert (await client.fetch_funding_rate(BTC))["fundingRate"] == 0.00037
            assert (await client.fetch_funding_rate_history(BTC, limit=2))[-1]["fundingRate"] == 0.00037
            assert (await client.fetch_open_interest(BTC))["openInterestAmount"] == float(state.open_interest)
            assert abs(await client.fetch_time() - (await running.control.state()).time_ms) < 5000
            for interval, core, length_ms in (("1m", "1m", 60_000), ("1h", "1h", 3_600_000), ("1d", "1d", 86_400_000)):
                shown = await client.fetch_ohlcv(BTC, interval, limit=50)
                truth = await running.control.candles("BTCUSDT", core, 50)
                assert [row[0] for row in shown] == [one.open_ms for one in truth]
                assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(shown)} == {length_ms}
                assert [row[4] for row in shown] == [float(one.close) for one in truth]
            since = truth[-10].open_ms
            page = await client.fetch_ohlcv(BTC, "1d", since=since, limit=4)
            assert [row[0] for row in page] == [one.open_ms for one in truth[-10:-6]]

    run(body)


def test_an_order_lives_from_place_to_cancel() -> None:
    async def body() -> None:
        async with bybit_venue() as running, bybit_client(running) as client:
            placed = await client.create_order(BTC, "limit", "buy", 0.012, 40000.1, {"clientOrderId": "mine-1"})
            assert (placed["clientOrderId"], len(placed["id"])) == ("mine-1", 36)
            for fetched in (
                await client.fetch_order(placed["id"], BTC, SHOWN),
                await client.fetch_open_order(placed["id"], BTC),
                (await client.fetch_open_orders())[0],
            ):
                shown = (
                    fetched["price"],
                    fetched["amount"],
                    fetched["status"],
                    fetched["timeInForce"],
                    fetched["side"],
                )
                assert (fetched["id"], *shown) == (placed["id"], 40000.1, 0.012, "open", "GTC", "buy")
            truth = await running.control.order(client_order_id="mine-1")
            assert truth is not None
            assert (truth.price, truth.quantity, truth.status) == ("40000.1", "0.012", "NEW")
            assert (await client.cancel_order(placed["id"], BTC))["id"] == placed["id"]
            assert await client.fetch_open_orders(BTC) == []
            assert (await client.fetch_order(placed["id"], BTC, SHOWN))["status"] == "canceled"
            assert (await client.fetch_closed_orders(BTC)) == []
            assert [one["id"] for one in await client.fetch_canceled_orders(BTC)] == [placed["id"]]
            with pytest.raises(ccxt.OrderNotFound):
                await client.cancel_order(placed["id"], BTC)
            with pytest.raises(ccxt.OrderNotFound):
                await client.fetch_order("0" * 8 + "-0000-4000-8000-000000000001", BTC, SHOWN)
            # A post-only order that would take is accepted, and cancelled at once.
            taker = await client.create_order(BTC, "limit", "buy", 0.01, 45000.1, {"postOnly": True})
            ended = await client.fetch_order(taker["id"], BTC, SHOWN)
            assert (ended["status"], ended["filled"], ended["timeInForce"]) == ("canceled", 0, "PO")
            assert ended["info"]["rejectReason"] == "EC_PostOnlyWillTakeLiquidity"
            maker = await client.create_order(BTC, "limit", "buy", 0.01, 44000, {"postOnly": True})
            assert (await client.fetch_order(maker["id"], BTC, SHOWN))["status"] == "open"

    run(body)


def test_fills_change_position_balance_and_history() -> None:
    async def body() -> None:
        async with bybit_venue() as running, bybit_client(running) as client:
            bought = await client.create_order(BTC, "market", "buy", 0.5)
            shown = await client.fetch_order(bought["id"], BTC, SHOWN)
            assert (shown["status"], shown["filled"], shown["average"]) == ("closed", 0.5, 45000.1)
            (position,) = await client.fetch_positions()
            assert (position["symbol"], position["contracts"], position["side"]) == (BTC, 0.5, "long")
            await client.create_order(BTC, "market", "sell", 0.2, None, {"reduceOnly": True})
            (position,) = await client.fetch_positions([BTC])
            assert (position["info"]["size"], position["info"]["side"]) == ("0.300", "Buy")
            fees = Decimal("22500.05") * Decimal("0.0004") + Decimal("0.2") * Decimal("44999.9") * Decimal("0.0004")
            lost = Decimal("0.2") * Decimal("0.2")  # a spread of 0.2 on what was sold again
            balance = (await client.fetch_balance())["info"]["result"]["list"][0]
            assert Decimal(balance["totalWalletBalance"]) == Decimal(1_000_000) - fees - lost
            trades = await client.fetch_my_trades(BTC)
            assert {(one["side"], one["amount"]) for one in trades} == {("buy", 0.5), ("sell", 0.2)}
            assert [one["side"] for one in await client.fetch_order_trades(bought["id"], BTC)] == ["buy"]
            assert sum(Decimal(one["info"]["execFee"]) for one in trades) == fees
            assert len(await client.fetch_closed_orders(BTC)) == 2
            await running.control.set_position("ETHUSDT", "-2.5")
            held = {one["symbol"]: (one["side"], one["contracts"]) for one in await client.fetch_positions()}
            assert held["ETH/USDT:USDT"] == ("short", 2.5)
            flat = (await get(running, "/v5/position/list", "category=linear&symbol=XRPUSDT")).result["list"][0]
            assert (flat["size"], flat["side"], flat["avgPrice"]) == ("0", "", "0")

    run(body)


def test_batches_and_cancel_all() -> None:
    async def body() -> None:
        async with bybit_venue() as running, bybit_client(running) as client:
            wanted: list[dict[str, Any]] = [
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": 40000 + step}
                for step in range(3)
            ]
            wanted.append({"symbol": BTC, "type": "limit", "side": "buy", "amount": 900, "price": 44000})
            await client.load_markets()
            placed = await client.create_orders(wanted)
            assert [one["status"] for one in placed] == [None, None, None, "rejected"]
            assert placed[3]["info"]["code"] == 110007
            assert sorted(one["price"] for one in await client.fetch_open_orders(BTC)) == [40000, 40001, 40002]
            gone = await client.cancel_orders([placed[0]["id"]], BTC)
            assert [one["id"] for one in gone] == [placed[0]["id"]]
            request = [{"symbol": "BTCUSDT", "orderId": placed[index]["id"]} for index in (0, 1)]
            answer = await post(running, "/v5/order/cancel-batch", {"category": "linear", "request": request})
            assert (answer.code, [one["code"] for one in answer.body["retExtInfo"]["list"]]) == (0, [110001, 0])
            assert "code" not in answer.result["list"][0]
            left = await client.cancel_all_orders(BTC)
            assert [one["id"] for one in left] == [placed[2]["id"]]
            assert (await running.control.state()).open_orders == ()

    run(body)


def test_settings_and_default_client_options_with_keys() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            async with bybit_client(running) as client:
                await client.load_markets()
                await client.set_leverage(7, BTC)
                assert (await running.control.state()).open_orders == ()
                assert (await client.fetch_leverage(BTC))["longLeverage"] == 7
                with pytest.raises(ccxt.BadRequest):  # 110043
                    await client.set_leverage(7, BTC)
                with pytest.raises(ccxt.NoChange):  # 110025
                    await client.set_position_mode(False)
                await client.set_margin_mode("isolated")
                assert (await get(running, "/v5/account/info", "")).result["marginMode"] == "ISOLATED_MARGIN"
            # Nothing told about kinds of market and account: it asks for everything, and nothing of it fails.
            async with bybit_client(running, options={}) as client:
                client.has["fetchCurrencies"] = True
                assert BTC in await client.load_markets()
                assert await client.fetch_positions() == []
                assert await client.is_unified_enabled() == [False, True]
            paths = {one.path for one in (await running.control.meters()).requests}
            assert {"/v5/asset/coin/query-info", "/v5/user/query-api", "/v5/account/info"} <= paths

    run(body)


CLASSES = [
    (ccxt.AuthenticationError, (10003, 10004, 10007)),
    (ccxt.PermissionDenied, (10005, 10010, 10027)),
    (ccxt.InvalidNonce, (10002,)),
    (ccxt.RateLimitExceeded, (10006, 10018)),
    (ccxt.BadRequest, (10001, 110043)),
    (ccxt.OrderNotFound, (110001,)),
    (ccxt.InsufficientFunds, (110004, 110006, 110007, 110012)),
    (ccxt.InvalidOrder, (110003, 110017, 110020, 110072, 110094, 130006, 170193, 170194)),
    (ccxt.NoChange, (110025,)),
    (ccxt.ExchangeError, (10000, 10016)),
]
REASONS = [
    ("rate limit", ccxt.RateLimitExceeded),
    ("overloaded", ccxt.ExchangeError),
    ("unknown key", ccxt.AuthenticationError),
]


def test_each_native_code_raises_the_class_of_the_contract() -> None:
    async def body() -> None:
        async with bybit_venue() as running, bybit_client(running) as client:
            await client.load_markets()
            for expected, codes in CLASSES:
                for code in codes:
                    await running.control.fault("native_error", path="/v5/order/create", code=code, count=1)
                    with pytest.raises(expected) as raised:
                        await client.create_order(BTC, "limit", "buy", 0.01, 40000)
                    assert str(code) in str(raised.value)
                    if expected is ccxt.ExchangeError:
                        assert raised.type is expected
            for reason, expected in REASONS:
                await running.control.fault("native_error", path="/v5/order/create", how=reason, count=1)
                with pytest.raises(expected):
                    await client.create_order(BTC, "limit", "buy", 0.01, 40000)
            assert (await running.control.meters()).orders_accepted == 0

    run(body)


def test_envelope_prefix_slashes_and_types() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            for path in ("/v5/market/time", "//v5/market/time", "/pfx/v5/market/time", "/a/b//v5//market/time"):
                answer = await send(running, "GET", path)
                assert set(answer.body) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
                assert (answer.status, answer.code, answer.body["retMsg"]) == (200, 0, "OK")
                assert isinstance(answer.body["time"], int)
                assert all(isinstance(value, str) for value in answer.result.values())
            for category in ("spot", "inverse", "option"):
                none = await send(running, "GET", "/v5/market/instruments-info", f"category={category}&limit=1000")
                assert none.result == {"category": category, "list": [], "nextPageCursor": ""}
            early = await send(running, "GET", "/v5/market/instruments-info", "category=linear&status=PreLaunch")
            assert early.result["list"] == []
            await asyncio.gather(*(post(running, "/v5/order/create", ORDER) for _ in range(5)))
            first = (await get(running, "/v5/order/realtime", "category=linear&symbol=BTCUSDT&limit=2")).result
            next_query = f"category=linear&symbol=BTCUSDT&limit=3&cursor={first['nextPageCursor']}"
            rest = (await get(running, "/v5/order/realtime", next_query)).result
            assert (len(first["list"]), len(rest["list"]), rest["nextPageCursor"]) == (2, 3, "")
            numbers = {"positionIdx", "triggerDirection", "smpGroup"}
            for name, value in first["list"][0].items():
                if name in ("reduceOnly", "closeOnTrigger"):
                    assert value is False
                elif name != "cumFeeDetail":
                    assert isinstance(value, int if name in numbers else str), name
            wallet = (await get(running, "/v5/account/wallet-balance", "accountType=UNIFIED")).result["list"][0]
            assert all(isinstance(value, str) for name, value in wallet.items() if name != "coin")
            assert wallet["totalInitialMargin"] == "100.00000000"
            who = (await get(running, "/v5/user/query-api", "")).result
            assert (who["uta"], who["readOnly"], who["apiKey"], who["secret"]) == (1, 0, KEY.key, "")

    run(body)
