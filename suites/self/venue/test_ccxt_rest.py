"""ccxt's binanceusdm, which nobody here wrote, reads and trades against the venue with only its URLs changed."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

from suites.self.venue.workshop import BTC, ccxt_client, run, venue

pytestmark = pytest.mark.self


def test_public_reads_equal_the_venues_state() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            markets = await client.load_markets()
            assert {one["id"] for one in markets.values()} >= {"BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"}
            await running.control.move_price("BTCUSDT", times=5)
            state = (await running.control.state()).market("BTCUSDT")
            assert (await client.fetch_ticker(BTC))["info"]["lastPrice"] == f"{Decimal(state.last):.1f}"
            book = await client.fetch_order_book(BTC, limit=5)
            assert (book["bids"][0][0], book["asks"][0][0]) == (float(state.bid), float(state.ask))
            assert len((await client.fetch_tickers()).keys()) == len(markets)
            assert (await client.fetch_trades(BTC, limit=3))[-1]["price"] == float(state.last)
            assert (await client.fetch_funding_rate(BTC))["fundingRate"] == float(state.funding_rate)
            assert (await client.fetch_open_interest(BTC))["openInterestAmount"] == float(state.open_interest)
            assert abs(await client.fetch_time() - (await running.control.state()).time_ms) < 5000

    run(body)


def test_candles_are_the_venues_and_follow_each_other() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            await running.control.move_price("BTCUSDT", times=5)
            for interval, length_ms in (("1m", 60_000), ("1h", 3_600_000), ("1d", 86_400_000)):
                shown = await client.fetch_ohlcv(BTC, interval, limit=50)
                truth = await running.control.candles("BTCUSDT", interval, 50)
                assert [row[0] for row in shown] == [one.open_ms for one in truth]
                assert {later[0] - earlier[0] for earlier, later in pairwise(shown)} == {length_ms}
                assert [row[4] for row in shown] == [float(one.close) for one in truth]
                assert all(row[2] >= max(row[1], row[4]) and row[3] <= min(row[1], row[4]) for row in shown)

    run(body)


def test_an_order_lives_from_place_to_cancel() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            placed = await client.create_order(BTC, "limit", "buy", 0.012, 40000.1, {"clientOrderId": "mine-1"})
            assert (placed["status"], placed["clientOrderId"]) == ("open", "mine-1")
            fetched = await client.fetch_order(placed["id"], BTC)
            assert (fetched["price"], fetched["amount"], fetched["status"]) == (40000.1, 0.012, "open")
            assert [one["id"] for one in await client.fetch_open_orders(BTC)] == [placed["id"]]
            truth = await running.control.order(placed["id"])
            assert truth is not None
            assert (truth.price, truth.quantity, truth.status) == ("40000.1", "0.012", "NEW")
            assert (await client.cancel_order(placed["id"], BTC))["status"] == "canceled"
            assert await client.fetch_open_orders(BTC) == []
            assert (await client.fetch_order(placed["id"], BTC))["status"] == "canceled"

    run(body)


def test_fills_change_position_balance_and_history() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            bought = await client.create_order(BTC, "market", "buy", 0.5)
            assert (bought["status"], bought["filled"]) == ("closed", 0.5)
            assert bought["average"] == 45000.1  # the venue's ask
            (position,) = await client.fetch_positions()
            assert (position["symbol"], position["contracts"], position["side"]) == (BTC, 0.5, "long")
            await client.create_order(BTC, "market", "sell", 0.2, None, {"reduceOnly": True})
            (position,) = await client.fetch_positions([BTC])
            assert position["info"]["positionAmt"] == "0.300"
            fees = Decimal("22500.05") * Decimal("0.0004") + Decimal("0.2") * Decimal("44999.9") * Decimal("0.0004")
            lost = Decimal("0.2") * Decimal("0.2")  # a spread of 0.2 on what was sold again
            balance = await client.fetch_balance()
            assert Decimal(balance["info"]["totalWalletBalance"]) == Decimal(1_000_000) - fees - lost
            assert [one["side"] for one in await client.fetch_my_trades(BTC)] == ["buy", "sell"]
            assert len(await client.fetch_orders(BTC)) == 2

    run(body)


def test_batches_and_cancel_all() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            wanted = [
                {"symbol": BTC, "type": "limit", "side": "buy", "amount": 0.01, "price": 40000 + step}
                for step in range(3)
            ]
            wanted.append({"symbol": BTC, "type": "limit", "side": "buy", "amount": 900, "price": 44000})
            await client.load_markets()
            placed = await client.create_orders(wanted)
            booked = [one for one in placed if one["status"] == "open"]
            assert sorted(one["price"] for one in booked) == [40000, 40001, 40002]
            assert [one["info"]["code"] for one in placed if one not in booked] == [-2019]
            gone = await client.cancel_orders([booked[0]["id"]], BTC)
            assert [(one["id"], one["status"]) for one in gone] == [(booked[0]["id"], "canceled")]
            # Raw, because ccxt leaves out the items of a batch that failed.
            ids = [booked[0]["id"], "1", booked[1]["id"]]
            answers = await client.fapiPrivateDeleteBatchOrders({"symbol": "BTCUSDT", "orderidlist": ids})
            assert [one.get("code") for one in answers] == [-2011, -2011, None]
            await client.cancel_all_orders(BTC)
            assert (await running.control.state()).open_orders == ()

    run(body)


def test_settings() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            await client.load_markets()
            assert (await client.set_leverage(7, BTC))["leverage"] == 7
            await client.set_margin_mode("isolated", BTC)
            with pytest.raises(ccxt.MarginModeAlreadySet):
                await client.set_margin_mode("isolated", BTC)
            with pytest.raises(ccxt.OperationRejected):  # -4059
                await client.set_position_mode(False, BTC)

    run(body)


def test_default_settings_with_keys_load_markets_too() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            client.options["fetchCurrencies"] = True
            assert BTC in await client.load_markets()
            paths = {one.path for one in (await running.control.meters()).requests}
            assert "/sapi/v1/capital/config/getall" in paths

    run(body)


CLASSES = [
    (ccxt.AuthenticationError, (-1022, -2014, -2015, -1125)),
    (ccxt.InvalidNonce, (-1021,)),
    (ccxt.RateLimitExceeded, (-1015,)),
    (ccxt.BadRequest, (-1013, -1100, -1102, -1111, -4003, -4014, -4015)),
    (ccxt.BadSymbol, (-1121,)),
    (ccxt.OrderNotFound, (-2011, -2013)),
    (ccxt.InvalidOrder, (-2010, -5021, -5022)),
    (ccxt.OperationFailed, (-1000, -1001)),
    (ccxt.RequestTimeout, (-1007,)),
    (ccxt.OperationRejected, (-4059, -4061)),
    (ccxt.ExchangeError, (-1008, -2018, -2019, -2021, -2022, -4116, -4164)),
]


def test_each_native_code_raises_the_class_of_the_contract() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            await client.load_markets()
            for expected, codes in CLASSES:
                for code in codes:
                    # 400 throughout: what ccxt makes of the code, not of the status.
                    handle = await running.control.fault(
                        "native_error", path="/fapi/v1/order", method="POST", code=code, status=400, count=1
                    )
                    with pytest.raises(expected) as raised:
                        await client.create_order(BTC, "limit", "buy", 0.01, 40000)
                    assert str(code) in str(raised.value)
                    if expected is ccxt.ExchangeError:
                        assert raised.type is ccxt.ExchangeError
                    await running.control.heal(handle)

    run(body)
