"""ccxt.pro's okx watches the venue: what it sees is what the ledger says was sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from suites.self.venue.dialogue import coins, subscribed, values_of, watching
from suites.self.venue.okx_workshop import okx_client, okx_venue, talk
from suites.self.venue.workshop import BTC, run, until

pytestmark = pytest.mark.self


def test_public_watches_see_every_move() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running, newUpdates=True) as client:
            await client.load_markets()
            async with watching(
                lambda: client.watch_ticker(BTC),
                lambda: client.watch_ohlcv(BTC),
                lambda: client.watch_trades(BTC),
                lambda: client.watch_funding_rate(BTC),
            ) as (tickers, candles, trades, rates):
                await subscribed(running, 4)
                await until(lambda: tickers and candles and rates, "what is pushed at first")
                serial = await running.control.serial()
                for number in range(1, 21):  # one by one: ccxt keeps only the latest state between two awaits
                    await running.control.move_price("BTCUSDT")

                    def all_heard(number: int = number) -> bool:
                        return min(len(tickers) - 1, len(candles) - 1, len(trades)) >= number

                    await until(all_heard, f"move {number} on every channel")
                await running.control.move_funding("BTCUSDT", "0.000123")
                sent = await running.control.ledger(serial)
                closes = [value.split(":")[1] for value in values_of(sent, "klines")]
                await until(lambda: rates[-1]["fundingRate"] == 0.000123, "the funding rate")
                prices = {row.value for row in sent if row.stream == "prices"}
                assert {one["info"]["last"] for one in tickers[1:]} <= prices
                assert {one[-1][4] for one in candles[1:]} <= {float(one) for one in closes}
                assert {one[-1]["info"]["px"] for one in trades} <= prices
                assert len({one["info"]["last"] for one in tickers}) == len(tickers)
                paths = {one.path for one in (await running.control.meters()).open_sockets}
                assert paths == {"/ws/v5/public", "/ws/v5/business"}

    run(body)


def test_private_watches_bring_orders_balances_and_positions_after_one_login() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running, newUpdates=True) as client:
            await client.load_markets()
            async with watching(
                lambda: client.watch_orders(BTC),
                lambda: client.watch_balance(),
                lambda: client.watch_positions([BTC]),
                lambda: client.watch_my_trades(BTC),
            ) as (orders, balances, positions, trades):
                await subscribed(running, 3)
                await until(lambda: balances, "the balance at first")
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
                await until(
                    lambda: Decimal(balances[-1]["info"]["data"][0]["details"][0]["cashBal"]) == wallet, "the balance"
                )
                # ccxt subscribes to the channel twice, with two args: each change comes once for each.
                seen = dict.fromkeys((one["info"]["state"], coins(one["filled"])) for batch in orders for one in batch)
                assert list(seen) == [
                    ("live", 0), ("partially_filled", Decimal("0.01")), ("canceled", Decimal("0.01")),
                ]  # fmt: skip
                assert values_of(sent, "orders") == ["NEW:0", "PARTIALLY_FILLED:0.01", "CANCELED:0.01"]
                await until(lambda: len(positions) >= 2, "both positions")
                sizes = [coins(one["info"]["pos"]) for batch in positions for one in batch]
                assert sizes == [Decimal(one) for one in values_of(sent, "positions")]
                assert {(one["amount"], one["price"]) for batch in trades for one in batch} == {(10, 40000)}
                meters = await running.control.meters()
                assert [(one.kind, one.now, one.key) for one in meters.sockets if one.now] == [
                    ("private", 1, client.apiKey)
                ]
                assert [(one.outcome, one.count) for one in meters.logins] == [("login", 1)]

    run(body)


def test_watch_order_book_stays_equal_to_the_venues_book() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            await client.load_markets()
            async with watching(lambda: client.watch_order_book(BTC)) as (books,):
                await until(lambda: books, "the snapshot")
                for step in range(6):
                    if step == 2:
                        await running.control.place_order("BTCUSDT", "BUY", "0.5", "44999.5")
                    else:
                        await running.control.move_price("BTCUSDT")
                    state = (await running.control.state()).market("BTCUSDT")
                    truth = await client.fetch_order_book(BTC, 20)
                    best = {side: [level[:2] for level in truth[side]] for side in ("bids", "asks")}

                    def equal(best: Any = best) -> bool:
                        return all(books[-1][side][:20] == best[side] for side in best)

                    await until(equal, "the same book")
                    assert (truth["bids"][0][0], truth["asks"][0][0]) == (float(state.bid), float(state.ask))

    run(body)


def test_a_position_is_shown_long_short_and_closed() -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running, "/ws/v5/private", login=True) as one:
            await one.say({"op": "subscribe", "args": [{"channel": "positions", "instType": "SWAP"}]})
            await subscribed(running, 1)
            for size in ("0.25", "-0.1", "0"):
                await running.control.set_position("BTCUSDT", size)
            await until(lambda: len(one.data("positions")) >= 3, "three positions")
            shown = [(item["pos"], item["posSide"], item["avgPx"]) for item in one.data("positions")]
            assert shown == [("250", "net", "45000"), ("-100", "net", "45000"), ("0", "net", "")]

    run(body)


def test_everything_is_released_when_the_client_leaves() -> None:
    async def body() -> None:
        async with okx_venue() as running:
            async with okx_client(running) as client:
                await client.load_markets()
                async with watching(lambda: client.watch_ticker(BTC), lambda: client.watch_orders(BTC)):
                    await subscribed(running, 2)

            async def gone() -> bool:
                meters = await running.control.meters()
                return meters.sockets_now == 0 and meters.subscriptions == () and meters.sockets_total == 2

            await until(gone, "the sockets' end")

    run(body)
