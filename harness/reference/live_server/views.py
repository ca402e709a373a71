"""What is told to WebSocket clients: one frozen value a kind, made from the contract's messages, and its JSON text."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import Any

from google.type.decimal_pb2 import Decimal as WireDecimal

from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

OPEN_STATUSES = frozenset({"NEW", "PARTIALLY_FILLED"})
UNKNOWN_STATUS = "UNSPECIFIED"
"""Status of an order that was open and that the venue no longer knows."""


@dataclass(frozen=True, slots=True)
class CandleView:
    """`time`: opening time in Unix ms. Money here and below: decimal strings as the connector sent them."""

    symbol: str
    time: int
    open: str
    high: str
    low: str
    close: str
    volume: str
    closed: bool


@dataclass(frozen=True, slots=True)
class HistoryView:
    """The last candles, oldest first; also the sign that everything told before is superseded."""

    symbol: str
    interval: str
    candles: tuple[CandleView, ...]


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order; `side`, `type` and `status` are the contract's names without their prefix."""

    order_id: int
    client_order_id: str
    symbol: str
    side: str
    type: str
    price: str
    quantity: str
    executed_qty: str
    avg_price: str
    status: str
    update_time: int

    @property
    def is_open(self) -> bool:
        """May still be filled."""
        return self.status in OPEN_STATUSES


@dataclass(frozen=True, slots=True)
class TradeView:
    """One execution; `time` in Unix ms."""

    trade_id: str
    order_id: int
    client_order_id: str
    symbol: str
    side: str
    price: str
    quantity: str
    fee: str
    fee_asset: str
    time: int
    realized_pnl: str


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account's balances."""

    total_wallet_balance: str
    total_margin_balance: str
    available_balance: str


@dataclass(frozen=True, slots=True)
class PositionView:
    """One position; `size` is signed and 0 when flat."""

    symbol: str
    size: str
    entry_price: str
    mark_price: str
    unrealized_pnl: str


View = CandleView | HistoryView | OrderView | TradeView | AccountView | PositionView
_TYPES: dict[type[View], str] = {
    CandleView: "kline",
    HistoryView: "history",
    OrderView: "orders",
    TradeView: "trade_event",
    AccountView: "account",
    PositionView: "position",
}


def text(view: View) -> str:
    """The WebSocket message: {"type": T, "data": {...}}."""
    return json.dumps({"type": _TYPES[type(view)], "data": asdict(view)}, separators=(",", ":"))


def same(one: View, other: View, *, besides: frozenset[str] = frozenset()) -> bool:
    """Equal in all fields but `besides`; a number is equal however it is spelled ("0" and "0.00")."""
    return type(one) is type(other) and all(
        _equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(one)
        if field.name not in besides
    )


def number(value: str) -> Decimal:
    """A decimal string's value; 0 for one that is no finite number."""
    try:
        parsed = Decimal(value)
    except InvalidOperation:
        return Decimal(0)
    return parsed if parsed.is_finite() else Decimal(0)


def candle(told: resources.Candle) -> CandleView:
    """A candle of the stream or of history."""
    return CandleView(
        symbol=told.symbol,
        time=told.timestamp,
        open=_plain(told.open),
        high=_plain(told.high),
        low=_plain(told.low),
        close=_plain(told.close),
        volume=_plain(told.volume),
        closed=told.is_closed,
    )


def order(told: resources.Order | events.OrderUpdate) -> OrderView:
    """An order as fetched or as streamed: what is shown has the same names in both."""
    return OrderView(
        order_id=told.order_id,
        client_order_id=told.client_order_id,
        symbol=told.symbol,
        side=_name(types.OrderSide, told.side, "ORDER_SIDE_"),
        type=_name(types.OrderType, told.type, "ORDER_TYPE_"),
        price=_plain(told.price),
        quantity=_plain(told.quantity),
        executed_qty=_plain(told.executed_qty),
        avg_price=_plain(told.avg_price),
        status=_name(types.OrderStatus, told.status, "ORDER_STATUS_"),
        update_time=told.update_time,
    )


def trade(told: events.OrderUpdate) -> TradeView | None:
    """The execution that an order update tells of, if any."""
    if not told.HasField("last_trade"):
        return None
    last = told.last_trade
    return TradeView(
        trade_id=last.trade_id,
        order_id=last.order_id or told.order_id,
        client_order_id=told.client_order_id,
        symbol=last.symbol or told.symbol,
        side=_name(types.OrderSide, last.side or told.side, "ORDER_SIDE_"),
        price=_plain(last.price),
        quantity=_plain(last.quantity),
        fee=_plain(last.fee),
        fee_asset=last.fee_asset,
        time=last.timestamp.ToMilliseconds(),
        realized_pnl=_plain(last.realized_pnl),
    )


def account(told: resources.Account) -> AccountView:
    """The account's balances."""
    return AccountView(
        total_wallet_balance=_plain(told.total_wallet_balance),
        total_margin_balance=_plain(told.total_margin_balance),
        available_balance=_plain(told.available_balance),
    )


def position(told: resources.Position) -> PositionView:
    """One position."""
    return PositionView(
        symbol=told.symbol,
        size=_plain(told.size),
        entry_price=_plain(told.entry_price),
        mark_price=_plain(told.mark_price),
        unrealized_pnl=_plain(told.unrealized_pnl),
    )


def _name(names: Any, value: int, prefix: str) -> str:
    """A name of a newer contract is not known here: its number, then."""
    return str(names.Name(value)).removeprefix(prefix) if value in names.values() else str(value)


def _plain(told: WireDecimal) -> str:
    return told.value or "0"


def _equal(one: object, other: object) -> bool:
    if one == other:
        return True
    if not (isinstance(one, str) and isinstance(other, str)):
        return False
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        return False
