"""More that every backend must do over a simulated venue: kinds of orders, failing requests, a venue in motion."""

from __future__ import annotations

import threading
from decimal import Decimal
from typing import Any

from harness.venue.control import VenueControl
from harness.wire.opensqt.market_maker.v1 import exchange_pb2 as rpc
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

from .launched import Connector
from .simulated import Venue
from .stream_checks import ACCOUNT, ORDERS, POSITIONS, following
from .test_reference_streams import assert_each_once, spelled, status
from .venue_checks import BTC, ETH, faulty, limit, refusal

ONE_POSITION = ("SubscribePositions", rpc.SubscribePositionsRequest(symbol=BTC))


def check_kinds_of_orders(calls: Any) -> None:
    """Reduce-only, post-only in both spellings, immediate-or-cancel, and one without a client id."""
    bought = calls.PlaceOrder(limit(type=types.ORDER_TYPE_MARKET, price=None, client_order_id=""))
    assert bought.status == types.ORDER_STATUS_FILLED
    closing = limit(type=types.ORDER_TYPE_MARKET, price=None, side=types.ORDER_SIDE_SELL, reduce_only=True)
    closed = calls.PlaceOrder(closing)
    assert (closed.side, closed.status) == (types.ORDER_SIDE_SELL, types.ORDER_STATUS_FILLED)
    # Begins like a native prefix does on one venue.
    resting = limit(client_order_id="trader-1", post_only=True)
    assert calls.PlaceOrder(resting).client_order_id == "trader-1"
    assert calls.PlaceOrder(limit(time_in_force=types.TIME_IN_FORCE_GTX)).status == types.ORDER_STATUS_NEW
    assert calls.PlaceOrder(limit(time_in_force=types.TIME_IN_FORCE_IOC)).status == types.ORDER_STATUS_CANCELED
    assert refusal(lambda: calls.PlaceOrder(limit(client_order_id="not/an id"))) == "INVALID_ARGUMENT"
    calls.CancelAllOrders(rpc.CancelAllOrdersRequest(symbol=BTC))


TRANSPORT: list[tuple[dict[str, Any], str]] = [
    ({"kind": "native_error", "how": "unknown key"}, "UNAUTHENTICATED"),
    ({"kind": "native_error", "how": "bad signature"}, "UNAUTHENTICATED"),
    ({"kind": "native_error", "how": "time outside the window"}, "UNAUTHENTICATED"),
    ({"kind": "native_error", "how": "key lacks permission"}, "UNAUTHENTICATED"),
    ({"kind": "native_error", "how": "rate limit"}, "RESOURCE_EXHAUSTED"),
    ({"kind": "native_error", "how": "not enough margin"}, "RESOURCE_EXHAUSTED"),
    ({"kind": "native_error", "how": "overloaded"}, "UNAVAILABLE"),
    ({"kind": "native_error", "how": "maintenance"}, "UNAVAILABLE"),
    ({"kind": "http_status", "status": 502, "how": "html"}, "UNAVAILABLE"),
    ({"kind": "http_status", "status": 503}, "UNAVAILABLE"),
    ({"kind": "http_status", "status": 429, "how": "html"}, "RESOURCE_EXHAUSTED"),
    ({"kind": "http_status", "status": 200, "how": "html"}, "UNAVAILABLE"),
    ({"kind": "http_status", "status": 200, "how": "truncated"}, "UNAVAILABLE"),
]
"""What may happen to any request, and the code that it must come out as."""


def check_transport(venue: Venue, calls: Any, path: str) -> None:
    """Every row of TRANSPORT, on the account's path."""
    told = []
    for knob, _ in TRANSPORT:
        with faulty(venue, **knob, path=path):
            told.append((knob, refusal(lambda: calls.GetAccount(rpc.GetAccountRequest()))))
    assert told == TRANSPORT


def check_private_streams(venue: Venue, connector: Connector) -> None:
    """State first, then account, positions and orders, each update once and in order."""
    venue.do(lambda control: control.move_positions([BTC, ETH]))
    state = venue.do(lambda control: control.state())
    with following(connector, ACCOUNT, POSITIONS, ONE_POSITION, ORDERS) as (account, everything, filtered, orders):
        assert Decimal(account.has(1)[0].total_wallet_balance.value) == Decimal(state.account.wallet_balance)
        held = {one.symbol: one.size for one in state.positions if Decimal(one.size)}
        begun = everything.has(len(held))
        assert {one.symbol: Decimal(one.size.value) for one in begun} == {k: Decimal(v) for k, v in held.items()}
        assert [one.symbol for one in filtered.has(1)] == [BTC]
        first = venue.do(lambda control: control.serial())
        venue.do(lambda control: control.move_positions([BTC, ETH], times=10))
        venue.do(lambda control: control.move_balance(times=10))
        order = venue.do(lambda control: control.place_order(BTC, "BUY", "0.003", "30000", client_order_id="elsewhere"))
        venue.do(lambda control: control.fill_order(order.order_id, "0.001"))
        venue.do(lambda control: control.cancel_order(order.order_id))
        venue.do(lambda control: control.set_position(ETH, "0"))
        rows = {stream: venue.ledger(first, stream) for stream in ("account", "positions", "orders")}
        told = account.has(1 + len(rows["account"]))[1:]
        assert_each_once([("", spelled(one.total_wallet_balance.value)) for one in told], rows["account"])
        assert all(Decimal(one.available_balance.value) <= Decimal(one.total_margin_balance.value) for one in told)
        moved = everything.has(len(held) + len(rows["positions"]))[len(held) :]
        assert_each_once([(one.symbol, spelled(one.size.value)) for one in moved], rows["positions"])
        own = [spellings for spellings in rows["positions"] if any(symbol == BTC for symbol, _ in spellings)]
        assert_each_once([(one.symbol, spelled(one.size.value)) for one in filtered.has(1 + len(own))[1:]], own)
        changes = [
            (one.client_order_id, f"{status(one)}:{spelled(one.executed_qty.value)}")
            for one in orders.has(len(rows["orders"]))
        ]
        assert_each_once(changes, rows["orders"])
        assert [value for _, value in changes] == ["NEW:0", "PARTIALLY_FILLED:0.001", "CANCELED:0.001"]


def check_subscribing_while_all_moves(venue: Venue, connector: Connector) -> None:
    """From the first message on nothing is missing and nothing comes twice, whenever the subscription began."""
    stop = threading.Event()

    async def move(control: VenueControl) -> None:
        while not stop.is_set():
            await control.move_positions([BTC, ETH])
            await control.move_balance()

    first = venue.do(lambda control: control.serial())
    venue.do(lambda control: control.move_positions([BTC, ETH]))  # so that the first state is in the ledger, too
    mover = threading.Thread(target=venue.do, args=(move,))
    mover.start()
    try:
        for _ in range(2):
            # Each time over a new socket, which begins with a new snapshot.
            assert connector.settles("venue_sockets", 0) == 0
            with following(connector, ACCOUNT, ONE_POSITION) as (account, positions):
                account.has(20)
                positions.has(20)
            heard = [("", spelled(one.total_wallet_balance.value)) for one in account.messages]
            assert_no_gap(heard, venue.ledger(first, "account"))
            own = [one for one in venue.ledger(first, "positions") if any(symbol == BTC for symbol, _ in one)]
            assert_no_gap([(one.symbol, spelled(one.size.value)) for one in positions.messages], own)
    finally:
        stop.set()
        mover.join()


def assert_no_gap(told: list[tuple[str, str]], updates: list[set[tuple[str, str]]]) -> None:
    """What was told is one stretch of the updates."""
    assert len(told) >= 20
    start = next(index for index, spellings in enumerate(updates) if told[0] in spellings)
    assert_each_once(told, updates[start : start + len(told)])
