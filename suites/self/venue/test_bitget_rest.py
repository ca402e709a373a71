"""ccxt's bitget, which nobody here wrote, reads and trades against the venue with only its addresses changed."""

from __future__ import annotations

import itertools
from decimal import Decimal

import ccxt
import pytest

from suites.self.venue.bitget_workshop import MIX, PRODUCT, bitget_client, bitget_venue, get
from suites.self.venue.workshop import BTC, run

pytestmark = pytest.mark.self


def test_public_reads_and_candles_equal_the_venues_state() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            markets = await client.load_markets()
            assert {one["id"] for one in markets.values()} >= {"BTCUSDT", "ETHUSDT", "LTCUSDT"}
            state = await running.control.state()
            for one in markets.values():
                truth = state.market(one["id"])
                assert Decimal(str(one["precision"]["price"])) == Decimal(truth.tick_size)
                assert Decimal(str(one["precision"]["amount"])) == Decimal(truth.step_size)
                assert Decimal(str(one["limits"]["cost"]["min"])) == Decimal(truth.min_notional)
            await running.control.move_price("BTCUSDT", times=5)
            await running.control.move_funding("BTCUSDT")
            market = (await running.control.state()).market("BTCUSDT")
            ticker = (await client.fetch_ticker(BTC))["info"]
            assert [Decimal(ticker[name]) for name in ("lastPr", "bidPr", "askPr", "fundingRate", "baseVolume")] == [
                Decimal(one) for one in (market.last, market.bid, market.ask, market.funding_rate, market.volume)
            ]
            book = await client.fetch_order_book(BTC, limit=5)
            assert (book["bids"][0][0], book["asks"][0][0]) == (float(market.bid), float(market.ask))
            assert len(await client.fetch_tickers()) == len(markets)
            assert max(await client.fetch_trades(BTC), key=lambda one: one["id"])["price"] == float(market.last)
            funding = await client.fetch_funding_rate(BTC)
            assert (funding["fundingRate"], funding["interval"]) == (float(market.funding_rate), "8h")
            assert funding["fundingTimestamp"] == market.next_funding_ms
            assert len(await client.fetch_funding_rate_history(BTC, limit=3)) == 3
            assert (await client.fetch_open_interest(BTC))["openInterestAmount"] == float(market.open_interest)
            assert abs(await client.fetch_time() - (await running.control.state()).time_ms) < 5000
            for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
                shown = await client.fetch_ohlcv(BTC, interval, limit=50)
                told = await running.control.candles("BTCUSDT", interval, 50)
                assert [row[0] for row in shown] == [one.open_ms for one in told]
                assert {later[0] - earlier[0] for earlier, later in itertools.pairwise(shown)} == {length_ms}
                assert [row[4] for row in shown] == [float(one.close) for one in told]

    run(body)


def test_an_order_lives_from_place_to_cancel() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            await client.load_markets()
            placed = await client.create_order(BTC, "limit", "buy", 0.012, 40000.1, {"clientOrderId": "mine-1"})
            assert placed["clientOrderId"] == "mine-1"
            fetched = await client.fetch_order(placed["id"], BTC)
            assert (fetched["price"], fetched["amount"], fetched["status"]) == (40000.1, 0.012, "open")
            assert (await client.fetch_order(None, BTC, {"clientOid": "mine-1"}))["id"] == placed["id"]
            assert [one["id"] for one in await client.fetch_open_orders(BTC)] == [placed["id"]]
            assert [one["id"] for one in await client.fetch_open_orders()] == [placed["id"]]
            truth = await running.control.order(placed["id"])
            assert truth is not None
            assert (truth.price, truth.quantity, truth.status) == ("40000.1", "0.012", "NEW")
            assert (await client.cancel_order(placed["id"], BTC))["id"] == placed["id"]
            assert await client.fetch_open_orders(BTC) == []
            assert (await client.fetch_order(placed["id"], BTC))["status"] == "canceled"
            assert [one["id"] for one in await client.fetch_canceled_orders(BTC)] == [placed["id"]]
            # Post-only that would take: booked, then cancelled, as natively.
            taker = await client.create_order(BTC, "limit", "buy", 0.01, 45010, {"postOnly": True})
            assert (await client.fetch_order(taker["id"], BTC))["status"] == "canceled"
            maker = await client.create_order(BTC, "limit", "buy", 0.01, 44000, {"postOnly": True})
            shown = await client.fetch_order(maker["id"], BTC)
            assert (shown["status"], shown["postOnly"]) == ("open", True)
            killed = await client.create_order(BTC, "limit", "buy", 0.01, 40000, {"timeInForce": "IOC"})
            assert (await client.fetch_order(killed["id"], BTC))["status"] == "canceled"
            rows = [one for one in await running.control.ledger() if one.key == str(killed["id"])]
            assert [one.value for one in rows] == ["NEW:0", "CANCELED:0"]

    run(body)


def test_fills_change_position_balance_and_history() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            bought = await client.create_order(BTC, "market", "buy", 0.5)
            fetched = await client.fetch_order(bought["id"], BTC)
            assert (fetched["status"], fetched["filled"], fetched["average"]) == ("closed", 0.5, 45000.1)
            (position,) = await client.fetch_positions()
            assert (position["symbol"], position["contracts"], position["side"]) == (BTC, 0.5, "long")
            await client.create_order(BTC, "market", "sell", 0.2, None, {"reduceOnly": True})
            assert (await client.fetch_position(BTC))["info"]["total"] == "0.300"
            fees = Decimal("22500.05") * Decimal("0.0004") + Decimal("0.2") * Decimal("44999.9") * Decimal("0.0004")
            lost = Decimal("0.2") * Decimal("0.2")  # a spread of 0.2 on what was sold again
            balance = await client.fetch_balance()
            (info,) = balance["info"]
            assert Decimal(info["available"]) == Decimal(1_000_000) - fees - lost
            assert Decimal(info["accountEquity"]) - Decimal(info["unrealizedPL"]) == Decimal(info["available"])
            trades = await client.fetch_my_trades(BTC)
            assert sorted(one["side"] for one in trades) == ["buy", "sell"]
            assert sum(Decimal(str(one["fee"]["cost"])) for one in trades) == fees
            await client.create_order(BTC, "market", "sell", 1.0)
            (short,) = await client.fetch_positions([BTC])
            assert (short["side"], short["contracts"]) == ("short", 0.7)
            await running.control.set_position("BTCUSDT", "0")
            assert await client.fetch_positions() == []
            assert len(await client.fetch_closed_orders(BTC)) == 3

    run(body)


def test_batches_and_cancel_all() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            await client.load_markets()
            wanted = [
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": 40000 + step}
                for step in range(3)
            ]
            booked = await client.create_orders(wanted)
            assert len(booked) == 3
            # Raw, because ccxt leaves out the items of a batch that failed.
            items = [client.create_order_request(BTC, "limit", "buy", size, 44000, {"clientOrderId": f"item-{size}"})
                     for size in (0.01, 900)]  # fmt: skip
            batch = {**items[0], "orderList": items}
            answer = (await client.privateMixPostV2MixOrderBatchPlaceOrder(batch))["data"]
            assert [one["clientOid"] for one in answer["successList"]] == ["item-0.01"]
            assert [(one["clientOid"], one["errorCode"]) for one in answer["failureList"]] == [("item-900", "40762")]
            await client.cancel_order(answer["successList"][0]["orderId"], BTC)
            gone = await client.cancel_orders([booked[0]["id"]], BTC)
            assert [one["id"] for one in gone] == [booked[0]["id"]]
            half = await client.privateMixPostV2MixOrderBatchCancelOrders(
                {"symbol": "BTCUSDT", **PRODUCT, "orderIdList": [{"orderId": "1"}, {"orderId": booked[1]["id"]}]}
            )
            assert [one["orderId"] for one in half["data"]["successList"]] == [booked[1]["id"]]
            assert [one["errorCode"] for one in half["data"]["failureList"]] == ["40768"]
            all_gone = await client.cancel_all_orders(BTC)
            assert [one["id"] for one in all_gone] == [booked[2]["id"]]
            assert (await running.control.state()).open_orders == ()

    run(body)


def test_settings() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            await client.load_markets()
            await client.set_leverage(7, BTC)
            leverage = await client.fetch_leverage(BTC)
            assert (leverage["longLeverage"], leverage["marginMode"]) == (7, "cross")
            await client.set_margin_mode("isolated", BTC)
            assert (await client.fetch_leverage(BTC))["marginMode"] == "isolated"
            await client.set_margin_mode("cross", BTC)
            order = await client.create_order(BTC, "limit", "buy", 0.01, 40000)
            with pytest.raises(ccxt.ExchangeError, match="45117"):
                await client.set_margin_mode("isolated", BTC)
            with pytest.raises(ccxt.ExchangeError, match="45117"):
                await client.set_position_mode(True, BTC)
            await client.cancel_order(order["id"], BTC)
            await client.set_position_mode(True, BTC)
            # Hedge mode: an order's side names the position that it opens or closes.
            opened = await client.create_order(BTC, "market", "buy", 0.5, None, {"hedged": True})
            shown = (await client.fetch_order(opened["id"], BTC))["info"]
            assert [shown[one] for one in ("side", "posSide", "tradeSide")] == ["buy", "long", "open"]
            await client.create_order(BTC, "market", "sell", 0.2, None, {"hedged": True, "reduceOnly": True})
            (position,) = await client.fetch_positions()
            assert (position["contracts"], position["side"], position["hedged"]) == (0.3, "long", True)
            with pytest.raises(ccxt.ExchangeError, match="40919"):  # the core holds one side of a symbol
                await client.create_order(BTC, "market", "sell", 0.2, None, {"hedged": True})
            with pytest.raises(ccxt.InvalidOrder, match="40774"):
                await client.create_order(BTC, "market", "buy", 0.2)

    run(body)


def test_default_settings_with_keys_load_markets_too() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running, options={}) as client:
            client.has["fetchCurrencies"] = True
            assert BTC in await client.load_markets()
            paths = {one.path for one in (await running.control.meters()).requests}
            assert paths >= {
                "/api/v2/spot/public/coins", "/api/v2/spot/public/symbols", "/api/v2/margin/currencies",
                "/api/v3/account/settings",
            }  # fmt: skip
            assert client.options["uta"] is False
            answer = await get(running, "/api/v3/account/settings")
            assert (answer.status, answer.code) == (404, "40404")
            coins = await get(running, f"{MIX}/market/contracts", {"productType": "COIN-FUTURES"})
            assert coins.data == []

    run(body)


CLASSES = [
    (ccxt.AuthenticationError, (40003, 40006, 40009, 40011, 40012, 40037)),
    (ccxt.PermissionDenied, (40014, 40018)),
    (ccxt.InvalidNonce, (40005, 40008)),
    (ccxt.RateLimitExceeded, (1001,)),
    (ccxt.DDoSProtection, (429,)),
    (ccxt.BadRequest, (40017, 40019, 40020)),
    (ccxt.BadSymbol, (40309,)),
    (ccxt.OrderNotFound, (40109, 40768, 43001)),
    (ccxt.InsufficientFunds, (40762, 43012)),
    (ccxt.InvalidOrder, (40774, 40808, 43011, 45110)),
    (ccxt.OnMaintenance, (40200,)),
    (ccxt.ExchangeError, (22002, 40015, 40034, 40786)),
]


def test_each_native_code_raises_the_class_of_the_contract() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            await client.load_markets()
            for expected, codes in CLASSES:
                for code in codes:
                    await running.control.fault(
                        "native_error", path=f"{MIX}/order/place-order", method="POST", code=code, count=1
                    )
                    with pytest.raises(expected) as raised:
                        await client.create_order(BTC, "limit", "buy", 0.01, 40000)
                    assert f'"{code}"' in str(raised.value)
                    if expected is ccxt.ExchangeError:
                        assert raised.type is ccxt.ExchangeError
            assert (await running.control.meters()).orders_accepted == 0

    run(body)
