"""ccxt.pro's binanceusdm watches the venue: what it sees is what the ledger says was sent."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from suites.self.venue.dialogue import subscribed, values_of, watching
from suites.self.venue.workshop import BTC, ccxt_client, run, until, venue

pytestmark = pytest.mark.self


def test_watch_ticker_and_ohlcv_see_every_move() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running, newUpdates=True) as client:
            await client.load_markets()
            watches = (
                lambda: client.watch_ticker(BTC),
                lambda: client.watch_ohlcv(BTC),
            )
            async with watching(*watches) as (tickers, candles):
                await subscribed(running, 2)
                serial = await running.control.serial()
                # Slowly: ccxt keeps only the latest state between two awaits.
                await running.control.move_price("BTCUSDT", times=20, every_s=0.02)
                sent = await running.control.ledger(serial)
                prices = {float(row.value) for row in sent if row.stream == "prices"}
                closes = {float(value.split(":")[1]) for value in values_of(sent, "klines")}
                await until(lambda: len(tickers) >= 20, "20 tickers")
                await until(lambda: len(candles) >= 20, "20 candles")
                assert {one["last"] for one in tickers} <= prices
                assert len({one["last"] for one in tickers}) == len(tickers)
                assert {one[-1][4] for one in candles} == closes

    run(body)


def test_the_user_stream_brings_orders_balances_and_positions_on_one_socket() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running, newUpdates=True) as client:
            await client.load_markets()
            watches = (
                lambda: client.watch_orders(BTC),
                lambda: client.watch_balance(),
                lambda: client.watch_positions([BTC]),
            )
            async with watching(*watches) as (orders, balances, positions):
                await subscribed(running, 1)
                await until(lambda: client.positions is not None and "linear" in client.positions, "the snapshot")
                serial = await running.control.serial()
                placed = await client.create_order(BTC, "limit", "buy", 0.03, 40000, {"clientOrderId": "watched"})
                await until(lambda: orders, "the new order")
                await running.control.fill_order(placed["id"], "0.01")
                await until(lambda: any(one["filled"] == 0.01 for batch in orders for one in batch), "the partial fill")
                await running.control.cancel_order(placed["id"])
                await until(lambda: any(one["status"] == "canceled" for batch in orders for one in batch), "the cancel")
                await running.control.move_balance()
                await running.control.move_positions(["BTCUSDT"])
                sent = await running.control.ledger(serial)
                await until(lambda: balances and balances[-1]["info"]["a"]["m"] == "ADJUSTMENT", "the last balance")
                seen = [f"{one['info']['X']}:{Decimal(one['info']['z']).normalize():f}" for b in orders for one in b]
                assert seen == values_of(sent, "orders") == ["NEW:0", "PARTIALLY_FILLED:0.01", "CANCELED:0.01"]
                wallets = values_of(sent, "account")
                assert Decimal(balances[-1]["info"]["a"]["B"][0]["wb"]) == Decimal(wallets[-1])
                assert len(set(wallets)) == len(wallets) == 3
                sizes = [Decimal(one["info"]["pa"]) for batch in positions for one in batch if "pa" in one["info"]]
                assert sizes[-1] == Decimal(values_of(sent, "positions")[-1])
                private = [one for one in (await running.control.meters()).sockets if one.kind == "private"]
                assert [one.now for one in private] == [1]

    run(body)


def test_watch_order_book_stays_equal_to_the_venues_book() -> None:
    async def body() -> None:
        async with venue() as running, ccxt_client(running) as client:
            await client.load_markets()
            task = asyncio.create_task(client.watch_order_book(BTC))
            await subscribed(running, 1)
            while not task.done():  # ccxt answers once an event follows its snapshot
                await running.control.move_price("BTCUSDT")
                await asyncio.sleep(0.05)
            for _ in range(5):
                task = asyncio.create_task(client.watch_order_book(BTC))
                await asyncio.sleep(0)
                await running.control.move_price("BTCUSDT")
                book = await task
                state = (await running.control.state()).market("BTCUSDT")
                assert (book["bids"][0][0], book["asks"][0][0]) == (float(state.bid), float(state.ask))

    run(body)


def test_everything_is_released_when_the_client_leaves() -> None:
    async def body() -> None:
        async with venue() as running:
            async with ccxt_client(running) as client:
                await client.load_markets()
                task = asyncio.create_task(client.watch_ticker(BTC))
                await subscribed(running, 1)
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

            async def gone() -> bool:
                meters = await running.control.meters()
                return meters.sockets_now == 0 and meters.subscriptions == () and meters.sockets_total == 1

            await until(gone, "the socket's end")

    run(body)
