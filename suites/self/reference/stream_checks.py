"""What the streams of every backend over a simulated venue must do, for the tests of each."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import grpc

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from .answer_checks import BTC, ETH, faulty, same
from .launched import Connector, stub
from .simulated import Venue
from .test_reference_streams import Follower, assert_each_once, spelled, status


@contextmanager
def following(connector: Connector, *streams: tuple[str, Any]) -> Iterator[list[Follower]]:
    """Clients that follow these streams for the length of the block."""
    followers: list[Follower] = []
    try:
        for name, request in streams:
            followers.append(Follower(connector, name, request))
        yield followers
    finally:
        for follower in followers:
            follower.close()


PRICE = ("SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC]))
KLINES = ("SubscribeKlines", rpc.SubscribeKlinesRequest(symbols=[BTC], interval="1m"))
FUNDING = ("SubscribeFundingRate", rpc.SubscribeFundingRateRequest(symbol=BTC))
ACCOUNT = ("SubscribeAccount", rpc.SubscribeAccountRequest())
POSITIONS = ("SubscribePositions", rpc.SubscribePositionsRequest())
ORDERS = ("SubscribeOrders", rpc.SubscribeOrdersRequest())


def check_prices(venue: Venue, first: int, follower: Follower, *symbols: str) -> None:
    """The follower's messages are the venue's price updates of these symbols after a serial."""
    every = venue.ledger(first, "prices")
    updates = [spellings for spellings in every if any(symbol in symbols for symbol, _ in spellings)]
    told = [(one.symbol, spelled(one.price.value)) for one in follower.has(len(updates))]
    assert_each_once(told, updates)


def check_public_streams(venue: Venue, connector: Connector) -> None:
    """Prices under load, candles and funding: each update once, in order, to each client; none is made up."""
    both = ("SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC, ETH]))
    with following(connector, both, both, PRICE, KLINES, FUNDING) as (one, two, btc, candles, funding):
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.start_feed([BTC, ETH], 300))
        time.sleep(1)
        for _ in range(3):
            venue.do(lambda control: control.move_funding(BTC))
        venue.do(lambda control: control.stop_feed())
        assert len(venue.ledger(first, "prices")) > 200
        for follower in (one, two):
            check_prices(venue, first, follower, BTC, ETH)
        assert one.messages == two.messages
        check_prices(venue, first, btc, BTC)
        rows = [spellings for spellings in venue.ledger(first, "klines") if any(key == BTC for key, _ in spellings)]
        told = [(each.symbol, f"{each.timestamp}:{spelled(each.close.value)}") for each in candles.has(len(rows))]
        assert_each_once(told, rows)
        rates = venue.ledger(first, "funding")
        changes = [(each.symbol, spelled(each.rate.value)) for each in funding.has(len(rates))]
        assert_each_once(changes[-len(rates) :], rates)
        assert len(changes) <= 1 + len(rates)
    assert connector.settles("venue_sockets", 0) == 0


def check_private_streams(venue: Venue, connector: Connector) -> None:
    """State first, then each change once and in order, totals as the venue tells them; newcomers get the same state."""
    venue.do(lambda control: control.move_positions([BTC, ETH]))
    with following(connector, ACCOUNT, POSITIONS, ORDERS) as (account, positions, orders):
        state = venue.do(lambda control: control.state())
        assert same(account.has(1)[0].total_wallet_balance, state.accounts[0].wallet_balance)
        held = {one.symbol: one.size for one in state.positions if Decimal(one.size)}
        told = {one.symbol: one.size for one in positions.has(len(held))}
        assert set(told) == set(held)
        assert all(same(told[symbol], held[symbol]) for symbol in held)
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.move_positions([BTC, ETH], times=10))
        venue.do(lambda control: control.move_balance(times=10))
        placed = venue.do(
            lambda control: control.place_order(BTC, "BUY", "0.003", "30000", client_order_id="elsewhere")
        )
        venue.do(lambda control: control.fill_order(placed.order_id, "0.001"))
        venue.do(lambda control: control.cancel_order(placed.order_id))
        venue.do(lambda control: control.set_position(ETH, "0"))
        rows = {stream: venue.ledger(first, stream) for stream in ("account", "positions", "orders")}
        changes = account.has(1 + len(rows["account"]))[1:]
        assert_each_once([("", spelled(one.total_wallet_balance.value)) for one in changes], rows["account"])
        moved = positions.has(len(held) + len(rows["positions"]))[len(held) :]
        assert_each_once([(one.symbol, spelled(one.size.value)) for one in moved], rows["positions"])
        heard = orders.has(len(rows["orders"]))
        assert_each_once(
            [(one.client_order_id, f"{status(one)}:{spelled(one.executed_qty.value)}") for one in heard], rows["orders"]
        )
        assert [status(one) for one in heard] == ["NEW", "PARTIALLY_FILLED", "CANCELED"]
        assert {one.order_id for one in heard} == {int(placed.order_id)}
        known = venue.do(lambda control: control.state()).accounts[0]
        assert same(changes[-1].total_margin_balance, known.margin_balance)
        assert same(changes[-1].available_balance, known.available_balance)
        with following(connector, ACCOUNT, POSITIONS) as (late, later):
            assert same(late.has(1)[0].total_wallet_balance, known.wallet_balance)
            assert {one.symbol for one in later.has(len(held) - 1)} == set(held) - {ETH}


def check_rounds_leave_nothing(connector: Connector) -> None:
    """What the process holds is the same after ten rounds."""

    def turn() -> None:
        with connector.channel() as channel:
            calls = stub(channel)
            calls.GetAccount(rpc.GetAccountRequest())
            streams = [getattr(calls, name)(request) for name, request in (PRICE, KLINES, ACCOUNT)]
            for stream in streams:
                stream.initial_metadata()
            next(streams[-1])
            for stream in streams:
                stream.cancel()

    turn()
    assert connector.settles("venue_sockets", 0) == 0
    units, descriptors = (connector.at_rest(name) for name in ("runtime_units", "descriptors"))
    for _ in range(10):
        turn()
    assert connector.settles("venue_sockets", 0) == 0
    assert connector.settles("runtime_units", units, 15) == units
    left = connector.settles("descriptors", descriptors, 15)
    assert left <= descriptors, f"{left} descriptors, {descriptors} before the ten rounds"
    assert connector.look()["venue_subscriptions"] == 0


def check_lost_sockets(venue: Venue, connector: Connector, how: str) -> None:
    """Streams end at once and can be had again."""
    with following(connector, PRICE, KLINES, ACCOUNT) as followers:
        venue.fault("drop_sockets", how=how)
        for follower in followers:
            assert follower.ended(2.0).code() is grpc.StatusCode.UNAVAILABLE
    with following(connector, PRICE, ACCOUNT, KLINES) as (again, account, candles):
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.move_price(BTC, times=3))
        venue.do(lambda control: control.move_balance())
        check_prices(venue, first, again, BTC)
        rows = venue.ledger(first, "klines")
        told = [(one.symbol, f"{one.timestamp}:{spelled(one.close.value)}") for one in candles.has(len(rows))]
        assert_each_once(told, rows)
        assert len(account.has(2)) == 2


def check_refused_frames(venue: Venue, connector: Connector, login_code: str) -> None:
    """A refused login or subscription ends nobody else's stream and is over when the venue has changed its mind."""
    assert connector.settles("venue_sockets", 0) == 0
    with following(connector, PRICE) as (prices,):
        with faulty(venue, "reject_login"), following(connector, ORDERS) as (orders,):
            assert orders.ended(6).code().name == login_code
        request = rpc.SubscribePriceRequest(symbols=[ETH])
        with faulty(venue, "refuse_subscribe", symbol=ETH), following(connector, ("SubscribePrice", request)) as (eth,):
            assert eth.ended(6).code() is grpc.StatusCode.INVALID_ARGUMENT
        with following(connector, ORDERS, ("SubscribePrice", request)) as (orders, eth):
            first = venue.do(lambda control: control.serial())
            venue.do(lambda control: control.place_resting(BTC))
            venue.do(lambda control: control.move_price(ETH))
            venue.do(lambda control: control.move_price(BTC))
            assert len(orders.has(1)) == 1
            check_prices(venue, first, prices, BTC)
            check_prices(venue, first, eth, ETH)
        assert prices.error is None
