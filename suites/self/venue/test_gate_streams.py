"""ccxt.pro's gate watches the venue: what it sees is what the ledger says was sent."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import Any

import pytest

from suites.self.venue.dialogue import coins, subscribed, values_of, watching
from suites.self.venue.gate_workshop import CONTRACT, UID, gate_client, gate_venue, private, talk
from suites.self.venue.workshop import BTC, inside_a_minute, run, until

pytestmark = pytest.mark.self


def told(seen: list[Any], count: int) -> bool:
    return len(seen) >= count


def test_public_watches_see_every_move() -> None:
    async def body() -> None:
        await inside_a_minute(20.0)
        async with gate_venue() as running, gate_client(running, newUpdates=True) as client:
            await client.load_markets()
            async with watching(
                lambda: client.watch_ticker(BTC),
                lambda: client.watch_ohlcv(BTC),
                lambda: client.watch_trades(BTC),
                lambda: client.watch_bids_asks([BTC]),
            ) as (tickers, candles, trades, quotes):
                await subscribed(running, 4)
                serial = await running.control.serial()
                for number in range(1, 21):  # one by one: ccxt keeps only the latest state between two awaits
                    await running.control.move_price("BTCUSDT")
                    for seen in (tickers, candles, trades, quotes):
                        await until(functools.partial(told, seen, number), f"update {number}")
                await until(lambda: len(tickers) == len(quotes) == 20, "20 tickers and quotes")
                await until(lambda: len(candles) >= 20, "20 candles")
                await until(lambda: len(trades) >= 20, "20 trades")
                sent = await running.control.ledger(serial)
                closes = [value.split(":")[1] for value in values_of(sent, "klines")]
                prices = {row.value for row in sent if row.stream == "prices"}
                assert {one["info"]["last"] for one in tickers} <= prices
                assert {str(one[BTC]["info"]["b"]) for one in quotes} <= prices
                assert [one[-1][4] for one in candles] == [float(one) for one in closes]
                assert [one[-1]["info"]["price"] for one in trades] == [one["info"]["last"] for one in tickers]
                await running.control.move_funding("BTCUSDT", "0.000123")
                await until(lambda: len(tickers) > 20, "the funding rate")
                assert tickers[-1]["info"]["funding_rate"] == "0.000123"
                paths = {one.path for one in (await running.control.meters()).open_sockets}
                assert paths == {"/v4/ws/futures/usdt"}

    run(body)


def test_private_watches_bring_orders_balances_trades_and_positions() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running, newUpdates=True) as client:
            await client.load_markets()
            async with watching(
                lambda: client.watch_orders(BTC),
                lambda: client.watch_balance(),
                lambda: client.watch_positions([BTC]),
                lambda: client.watch_my_trades(BTC),
            ) as (orders, balances, positions, trades):
                await subscribed(running, 4)
                serial = await running.control.serial()
                placed = await client.create_order(BTC, "limit", "buy", 30, 40000, {"clientOrderId": "watched"})
                await until(lambda: orders, "the new order")
                await running.control.fill_order(placed["id"], "0.01")
                await until(lambda: any(one["filled"] == 10 for batch in orders for one in batch), "the partial fill")
                await running.control.cancel_order(placed["id"])
                await until(lambda: any(one["status"] == "canceled" for batch in orders for one in batch), "the end")
                await running.control.move_balance()
                await running.control.move_positions(["BTCUSDT"])
                sent = await running.control.ledger(serial)
                wallet = Decimal(values_of(sent, "account")[-1])
                await until(lambda: Decimal(str(balances[-1]["info"][0]["balance"])) == wallet, "the balance")
                assert balances[-1]["USDT"]["total"] == float(wallet)
                seen = [(one["status"], coins(one["filled"])) for batch in orders for one in batch]
                assert seen == [("open", 0), ("open", Decimal("0.01")), ("canceled", Decimal("0.01"))]
                assert {one["clientOrderId"] for batch in orders for one in batch} == {"t-watched"}
                assert values_of(sent, "orders") == ["NEW:0", "PARTIALLY_FILLED:0.01", "CANCELED:0.01"]
                sizes = values_of(sent, "positions")
                await until(lambda: sum(map(len, positions)) >= len(sizes), "both positions")
                assert [coins(one["info"]["size"]) for batch in positions for one in batch] == [
                    Decimal(one) for one in sizes
                ]
                assert {(one["amount"], one["price"]) for batch in trades for one in batch} == {(10, 40000)}
                meters = await running.control.meters()
                assert [(one.kind, one.now, one.key) for one in meters.sockets if one.total] == [
                    ("private", 1, client.apiKey)
                ]
                assert [(one.outcome, one.count) for one in meters.logins] == [("success", 4)]

    run(body)


def test_watch_order_book_stays_equal_to_the_venues_book() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            await client.load_markets()
            async with watching(lambda: client.watch_order_book(BTC)) as (books,):
                await subscribed(running, 1)
                await running.control.move_price("BTCUSDT")  # ccxt wants a change before it asks for the book

                async def loaded() -> bool:
                    requests = (await running.control.meters()).requests
                    return any(one.path.endswith("order_book") for one in requests)

                await until(loaded, "ccxt's question for the book")
                for step in range(6):
                    await running.control.move_price("BTCUSDT")
                    await until(lambda: books, "the book")
                    if step == 2:
                        await running.control.place_order("BTCUSDT", "BUY", "0.5", "44999.5")
                    if step == 3:
                        await running.control.set_price("BTCUSDT", "44999")
                    if step == 4:
                        await running.control.place_order("BTCUSDT", "SELL", "0.1", "44990")
                    state = (await running.control.state()).market("BTCUSDT")
                    truth = await client.fetch_order_book(BTC, 20)
                    wanted = [[level[:2] for level in truth[side]] for side in ("bids", "asks")]

                    def same(wanted: list[Any] = wanted) -> bool:
                        return [books[-1][side][:20] for side in ("bids", "asks")] == wanted

                    await until(same, "the same book")
                    assert (truth["bids"][0][0], truth["asks"][0][0]) == (float(state.bid), float(state.ask))

    run(body)


def test_a_position_is_shown_long_short_and_closed() -> None:
    async def body() -> None:
        async with gate_venue() as running, talk(running) as one:
            assert (await one.answer(private("futures.positions", UID, "!all")))["result"] == {"status": "success"}
            for size in ("0.25", "-0.1", "0"):
                await running.control.set_position("BTCUSDT", size)
            await until(lambda: len(one.data("futures.positions")) >= 3, "three positions")
            shown = [(item["contract"], item["size"], item["entry_price"]) for item in one.data("futures.positions")]
            assert shown == [(CONTRACT, 250, 45000), (CONTRACT, -100, 45000), (CONTRACT, 0, 0)]

    run(body)


def test_everything_is_released_when_the_client_leaves() -> None:
    async def body() -> None:
        async with gate_venue() as running:
            async with gate_client(running) as client:
                await client.load_markets()
                async with watching(lambda: client.watch_ticker(BTC), lambda: client.watch_orders(BTC)):
                    await subscribed(running, 2)

            async def gone() -> bool:
                meters = await running.control.meters()
                return meters.sockets_now == 0 and meters.subscriptions == () and meters.sockets_total == 1

            await until(gone, "the sockets' end")

    run(body)
