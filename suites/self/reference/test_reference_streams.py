"""Streams over the simulated binance: each update once, in order, to everybody; nothing left when all have gone."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import grpc
import pytest

from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc

from .launched import Connector, stub
from .simulated import Venue, over

pytestmark = pytest.mark.self

BTC, ETH = "BTCUSDT", "ETHUSDT"
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1), ("SingleThreadedUnaryStream", 1)]
CATCH_UP_S = 5.0


class Follower:
    """A client of its own connection that reads one stream in a thread."""

    def __init__(self, connector: Connector, name: str, request: Any) -> None:
        self._channel = grpc.insecure_channel(connector.address, options=OWN_CONNECTION)
        self.stream = getattr(stub(self._channel), name)(request)
        self.stream.initial_metadata()
        self.messages: list[Any] = []
        self.error: grpc.RpcError | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            for message in self.stream:
                self.messages.append(message)
        except grpc.RpcError as error:
            self.error = error

    def has(self, count: int, limit_s: float = CATCH_UP_S) -> list[Any]:
        """Wait for so many messages, and a little for one too many."""
        end_s = time.monotonic() + limit_s
        while len(self.messages) < count and time.monotonic() < end_s and self.error is None:
            time.sleep(0.01)
        return list(self.messages)

    def ended(self, limit_s: float) -> grpc.RpcError:
        """Wait for the error that ends the stream."""
        self._thread.join(limit_s)
        assert self.error is not None, f"still open after {limit_s} s"
        return self.error

    def close(self) -> None:
        self.stream.cancel()
        self._thread.join(5)
        self._channel.close()


@pytest.fixture
def follow(binance: Connector) -> Iterator[Any]:
    followers: list[Follower] = []

    def start(name: str, request: Any) -> Follower:
        followers.append(Follower(binance, name, request))
        return followers[-1]

    yield start
    for follower in followers:
        follower.close()


def spelled(value: str) -> str:
    return format(Decimal(value).normalize(), "f")


def assert_each_once(told: list[tuple[str, str]], updates: list[set[tuple[str, str]]]) -> None:
    assert len(told) == len(updates)
    assert all(one in spellings for one, spellings in zip(told, updates, strict=True))


def test_a_burst_of_500_prices_a_second_reaches_four_clients_each_once(venue: Venue, follow: Any) -> None:
    followers = [follow("SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC, ETH])) for _ in range(4)]
    first = venue.do(lambda control: control.serial())
    venue.do(lambda control: control.start_feed([BTC, ETH], 500))
    time.sleep(2)
    venue.do(lambda control: control.stop_feed())
    updates = venue.ledger(first, "prices")
    assert len(updates) > 900
    for follower in followers:
        told = [(one.symbol, spelled(one.price.value)) for one in follower.has(len(updates))]
        assert_each_once(told, updates)
    payloads = [[one.SerializeToString() for one in follower.messages] for follower in followers]
    assert payloads[0] == payloads[1] == payloads[2] == payloads[3]


def test_candles_and_funding(venue: Venue, follow: Any) -> None:
    candles = follow("SubscribeKlines", rpc.SubscribeKlinesRequest(symbols=[BTC], interval="1m"))
    funding = follow("SubscribeFundingRate", rpc.SubscribeFundingRateRequest(symbol=BTC))
    first = venue.do(lambda control: control.serial())
    venue.do(lambda control: control.move_price(BTC, times=20))
    for _ in range(3):
        venue.do(lambda control: control.move_funding(BTC))
    updates = venue.ledger(first, "klines")
    told = [(one.symbol, f"{one.timestamp}:{spelled(one.close.value)}") for one in candles.has(len(updates))]
    assert_each_once(told, updates)
    rates = venue.ledger(first, "funding")
    # The venue repeats the rate with every price; a change is told once.
    changes = [(one.symbol, spelled(one.rate.value)) for one in funding.has(len(rates))]
    assert_each_once(changes[-3:], rates)
    assert len(changes) <= 1 + len(rates)


def test_account_positions_and_orders(venue: Venue, follow: Any) -> None:
    venue.do(lambda control: control.move_positions([BTC, ETH]))
    account = follow("SubscribeAccount", rpc.SubscribeAccountRequest())
    everything = follow("SubscribePositions", rpc.SubscribePositionsRequest())
    filtered = follow("SubscribePositions", rpc.SubscribePositionsRequest(symbol=BTC))
    orders = follow("SubscribeOrders", rpc.SubscribeOrdersRequest())
    wallet = venue.do(lambda control: control.state()).accounts[0].wallet_balance
    assert Decimal(account.has(1)[0].total_wallet_balance.value) == Decimal(wallet)
    assert {one.symbol for one in everything.has(2)} == {BTC, ETH}
    assert [one.symbol for one in filtered.has(1)] == [BTC]
    first = venue.do(lambda control: control.serial())
    venue.do(lambda control: control.move_positions([BTC, ETH], times=10))
    venue.do(lambda control: control.move_balance(times=10))
    order = venue.do(
        lambda control: control.place_order(BTC, "BUY", "0.003", "30000", client_order_id="from-elsewhere")
    )
    venue.do(lambda control: control.fill_order(order.order_id, "0.001"))
    venue.do(lambda control: control.cancel_order(order.order_id))
    rows = {stream: venue.ledger(first, stream) for stream in ("account", "positions", "orders")}
    told = account.has(1 + len(rows["account"]))[1:]
    assert_each_once([("", spelled(one.total_wallet_balance.value)) for one in told], rows["account"])
    for one in told:
        assert Decimal(one.available_balance.value) <= Decimal(one.total_margin_balance.value)
    moved = [(one.symbol, spelled(one.size.value)) for one in everything.has(2 + len(rows["positions"]))[2:]]
    assert_each_once(moved, rows["positions"])
    own = [spellings for spellings in rows["positions"] if any(symbol == BTC for symbol, _ in spellings)]
    assert_each_once([(one.symbol, spelled(one.size.value)) for one in filtered.has(1 + len(own))[1:]], own)
    changes = [
        (one.client_order_id, f"{status(one)}:{spelled(one.executed_qty.value)}")
        for one in orders.has(len(rows["orders"]))
    ]
    assert_each_once(changes, rows["orders"])
    assert [value for _, value in changes] == ["NEW:0", "PARTIALLY_FILLED:0.001", "CANCELED:0.001"]
    # The state that a newcomer gets is the state after the last event.
    late = follow("SubscribeAccount", rpc.SubscribeAccountRequest())
    assert late.has(1)[0] == told[-1]


def status(update: Any) -> str:
    field = update.DESCRIPTOR.fields_by_name["status"].enum_type
    return str(field.values_by_number[update.status].name).removeprefix("ORDER_STATUS_")


def test_one_socket_an_endpoint_whoever_listens_and_none_when_nobody_does(
    venue: Venue, binance: Connector, follow: Any
) -> None:
    followers = [follow("SubscribePrice", rpc.SubscribePriceRequest(symbols=[symbol])) for symbol in (BTC, ETH, BTC)]
    followers += [follow("SubscribeAccount", rpc.SubscribeAccountRequest()) for _ in range(2)]
    followers += [follow("SubscribeOrders", rpc.SubscribeOrdersRequest())]
    assert venue.do(lambda control: control.meters()).sockets_now == binance.look()["venue_sockets"] == 2
    assert binance.look()["subscriptions"] == {
        "prices": 3, "orders": 1, "klines": 0, "account": 2, "positions": 0, "funding": 0,
    }  # fmt: skip
    for follower in followers:
        follower.close()
    assert binance.settles("venue_sockets", 0) == 0
    assert venue.do(lambda control: control.meters()).sockets_now == 0


def test_what_the_process_holds_is_the_same_after_20_rounds(venue: Venue, binance: Connector) -> None:
    def round_trip() -> None:
        with binance.channel() as channel:
            calls = stub(channel)
            calls.GetAccount(rpc.GetAccountRequest())
            prices = calls.SubscribePrice(rpc.SubscribePriceRequest(symbols=[BTC]))
            account = calls.SubscribeAccount(rpc.SubscribeAccountRequest())
            prices.initial_metadata()
            next(account)
            prices.cancel()
            account.cancel()

    round_trip()
    assert binance.settles("venue_sockets", 0) == 0
    baseline = {name: binance.at_rest(name) for name in ("runtime_units", "descriptors")}
    for _ in range(20):
        round_trip()
    assert binance.settles("venue_sockets", 0) == 0
    assert {name: binance.settles(name, value, 10) for name, value in baseline.items()} == baseline
    assert binance.look()["subscriptions_total"] == binance.look()["venue_subscriptions"] == 0


def test_a_reader_that_stops_is_cut_off_and_nobody_waits_for_it(venue: Venue) -> None:
    # A buffer of a second: on a busy machine whoever reads on is held up too.
    with over(venue, STREAM_BUFFER_MESSAGES="1500") as connector:
        # Without the probe the receive window stays small, so that a reader's stall reaches the server soon.
        channel = grpc.insecure_channel(connector.address, options=[*OWN_CONNECTION, ("grpc.http2.bdp_probe", 0)])
        stalled = stub(channel).SubscribePrice(rpc.SubscribePriceRequest(symbols=[BTC]))
        stalled.initial_metadata()
        good = Follower(connector, "SubscribePrice", rpc.SubscribePriceRequest(symbols=[BTC]))
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.start_feed([BTC], 1500))
        line = connector.line("slow subscriber cut off", 20)
        venue.do(lambda control: control.stop_feed())
        assert line.level == "WARN"
        assert line.fields["stream"] == "prices"
        updates = venue.ledger(first, "prices")
        assert_each_once([(one.symbol, spelled(one.price.value)) for one in good.has(len(updates))], updates)
        with pytest.raises(grpc.RpcError) as ended:
            for _ in stalled:
                pass
        assert ended.value.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNAVAILABLE)
        assert connector.look()["subscriptions"]["prices"] == 1
        good.close()
        channel.close()
