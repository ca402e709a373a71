"""ccxt.pro's bitget watches the venue: what it sees is what the ledger says was sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from suites.self.venue.bitget_workshop import bitget_client, bitget_venue
from suites.self.venue.dialogue import subscribed, values_of, watching
from suites.self.venue.workshop import BTC, run, until

pytestmark = pytest.mark.self


async def longer_than(count: int, seen: list[Any]) -> None:
    await until(lambda: len(seen) > count, f"{count} updates after the snapshot")


def test_watch_ticker_ohlcv_and_trades_see_every_move() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running, newUpdates=True) as client:
            await client.load_markets()
            watches = (
                lambda: client.watch_ticker(BTC),
                lambda: client.watch_ohlcv(BTC),
                lambda: client.watch_trades(BTC),
            )
            async with watching(*watches) as (tickers, candles, trades):
                await subscribed(running, 3)
                await until(lambda: tickers and candles and trades, "the snapshots")
                serial = await running.control.serial()
                for number in range(20):  # one by one: ccxt keeps only the latest state between two awaits
                    await running.control.move_price("BTCUSDT")
                    for seen in (tickers, candles, trades):
                        await longer_than(number + 1, seen)
                sent = await running.control.ledger(serial)
                prices = {float(row.value) for row in sent if row.stream == "prices"}
                closes = {float(value.split(":")[1]) for value in values_of(sent, "klines")}
                for seen in (tickers, candles, trades):
                    await longer_than(20, seen)
                assert len({one["last"] for one in tickers[1:]}) == 20
                assert {one["last"] for one in tickers[1:]} <= prices
                assert {one[-1][4] for one in candles[1:]} == closes
                assert {one["price"] for batch in trades[1:] for one in batch} <= prices

    run(body)


def test_private_channels_bring_orders_fills_balances_and_positions_on_one_socket() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running, newUpdates=True) as client:
            await client.load_markets()
            watches = (
                lambda: client.watch_orders(BTC),
                lambda: client.watch_balance(),
                lambda: client.watch_positions(),
                lambda: client.watch_my_trades(BTC),
            )
            async with watching(*watches) as (orders, balances, positions, trades):
                await subscribed(running, 4)
                await until(lambda: balances and positions, "the snapshots")
                serial = await running.control.serial()
                placed = await client.create_order(BTC, "limit", "buy", 0.03, 40000, {"clientOrderId": "watched"})
                await until(lambda: orders, "the new order")
                await running.control.fill_order(placed["id"], "0.01")
                await until(lambda: len(orders) >= 2 and trades, "the partial fill")
                await running.control.cancel_order(placed["id"])
                await until(lambda: len(orders) >= 3, "the cancel")
                await running.control.move_balance()
                await running.control.move_positions(["BTCUSDT"])
                sent = await running.control.ledger(serial)
                wallets = values_of(sent, "account")
                await until(lambda: len(balances) >= 1 + len(wallets), "every balance")
                await until(lambda: len(positions) >= 3, "both positions")
                infos = [one["info"] for batch in orders for one in batch]
                words = {"live": "NEW", "partially_filled": "PARTIALLY_FILLED", "canceled": "CANCELED"}
                seen = [f"{words[one['status']]}:{Decimal(one['accBaseVolume']).normalize():f}" for one in infos]
                assert seen == values_of(sent, "orders") == ["NEW:0", "PARTIALLY_FILLED:0.01", "CANCELED:0.01"]
                assert {one["clientOid"] for one in infos} == {"watched"}
                assert [one["amount"] for batch in trades for one in batch] == [0.01]
                told = [Decimal(one["info"]["data"][0]["available"]) for one in balances[1:]]
                assert told == [Decimal(one) for one in wallets]
                for one in balances:
                    (info,) = one["info"]["data"]
                    assert Decimal(info["equity"]) - Decimal(info["unrealizedPL"]) == Decimal(info["available"])
                sizes = [one["contracts"] * (1 if one["side"] == "long" else -1) for one in positions[-1]]
                assert sizes == [float(values_of(sent, "positions")[-1])]
                private = [one for one in (await running.control.meters()).sockets if one.kind == "private"]
                assert [one.now for one in private] == [1]

    run(body)


def test_watch_order_book_stays_equal_to_the_venues_book_and_its_checksum_holds() -> None:
    async def body() -> None:
        async with bitget_venue() as running, bitget_client(running) as client:
            await client.load_markets()
            await client.watch_order_book(BTC)  # the snapshot
            placed = await client.create_order(BTC, "limit", "buy", 0.777, 44999.5)
            for step in range(8):
                # ccxt computes the checksum over each update and raises when it differs.
                watching = asyncio.create_task(client.watch_order_book(BTC))
                await asyncio.sleep(0)
                await running.control.move_price("BTCUSDT", times=1 + step % 3)
                await watching
                truth = await client.fetch_order_book(BTC, 50)

                def same(truth: Any = truth) -> bool:
                    book = client.orderbooks[BTC]
                    return all([row[:2] for row in book[one]] == truth[one] for one in ("bids", "asks"))

                await until(same, "the same book by REST and WebSocket")
            assert placed["id"]

    run(body)


def test_everything_is_released_when_the_client_leaves() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            async with bitget_client(running) as client:
                await client.load_markets()
                await client.watch_ticker(BTC)
                await client.un_watch_ticker(BTC)

                async def none() -> bool:
                    return (await running.control.meters()).subscriptions == ()

                await until(none, "the end of the subscription")
                await client.watch_balance()

            async def gone() -> bool:
                meters = await running.control.meters()
                return meters.sockets_now == 0 and meters.subscriptions == () and meters.sockets_total == 2

            await until(gone, "the sockets' end")

    run(body)
