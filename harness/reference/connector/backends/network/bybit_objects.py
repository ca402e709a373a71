"""Bybit's objects as the contract's messages. Prices and quantities are base and quote coins there already."""

from __future__ import annotations

from decimal import Decimal

from harness.reference.connector.backends.network.dialect import PositionState, Raw, Totals
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.decimals import timestamp, wire
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

SIDES = {"Buy": types.ORDER_SIDE_BUY, "Sell": types.ORDER_SIDE_SELL}
TYPES = {"Limit": types.ORDER_TYPE_LIMIT, "Market": types.ORDER_TYPE_MARKET}
STATUSES = {
    "Created": types.ORDER_STATUS_NEW,
    "New": types.ORDER_STATUS_NEW,
    "PartiallyFilled": types.ORDER_STATUS_PARTIALLY_FILLED,
    "Filled": types.ORDER_STATUS_FILLED,
    "Cancelled": types.ORDER_STATUS_CANCELED,
    "PartiallyFilledCanceled": types.ORDER_STATUS_CANCELED,
    "Deactivated": types.ORDER_STATUS_CANCELED,
    "Rejected": types.ORDER_STATUS_REJECTED,
}


def position(raw: Raw, symbols: Symbols) -> PositionState:
    """REST's or the topic's: the side has the sign, and the topic calls the average entry price otherwise."""
    size = str(raw["size"])
    isolated = int(raw.get("tradeMode") or 0) == 1
    return PositionState(
        symbol=symbols.of_id(str(raw["symbol"])),
        size=f"-{size}" if raw["side"] == "Sell" and Decimal(size) else size,
        entry_price=str(raw.get("entryPrice") or raw.get("avgPrice") or ""),
        unrealised=str(raw.get("unrealisedPnl") or ""),
        margin_type="isolated" if isolated else "cross",
        isolated_margin=str(raw.get("positionBalance") or raw.get("positionIM") or "") if isolated else "",
        leverage=int(Decimal(raw.get("leverage") or 0)),
        mark_price=str(raw.get("markPrice") or ""),
        liquidation_price=str(raw.get("liqPrice") or ""),
        updated_ms=int(raw.get("updatedTime") or 0),
    )


def totals(raw: Raw) -> Totals:
    """The unified account's own totals."""
    return Totals(
        wallet=str(raw["totalWalletBalance"]),
        margin=str(raw["totalMarginBalance"]),
        available=str(raw["totalAvailableBalance"]),
        maintenance_margin=str(raw.get("totalMaintenanceMargin") or ""),
    )


def candle(raw: Raw, symbol: str) -> resources.Candle:
    """An item of a kline topic."""
    return resources.Candle(
        symbol=symbol,
        open=wire(raw["open"]),
        high=wire(raw["high"]),
        low=wire(raw["low"]),
        close=wire(raw["close"]),
        volume=wire(raw["volume"]),
        timestamp=int(raw["start"]),
        is_closed=bool(raw["confirm"]),
    )


def order(raw: Raw, order_id: int, symbols: Symbols) -> resources.Order:
    """ORDER."""
    return resources.Order(
        order_id=order_id,
        client_order_id=str(raw.get("orderLinkId") or ""),
        symbol=symbols.of_id(str(raw["symbol"])),
        side=SIDES.get(raw["side"], types.ORDER_SIDE_UNSPECIFIED),
        type=TYPES.get(raw["orderType"], types.ORDER_TYPE_UNSPECIFIED),
        price=wire(raw.get("price")),
        quantity=wire(raw["qty"]),
        executed_qty=wire(raw.get("cumExecQty")),
        avg_price=wire(raw.get("avgPrice")),
        status=STATUSES.get(raw["orderStatus"], types.ORDER_STATUS_UNSPECIFIED),
        created_at=timestamp(int(raw["createdTime"])),
        update_time=int(raw["updatedTime"]),
    )


def order_update(raw: Raw, order_id: int, symbols: Symbols) -> events.OrderUpdate:
    """ORDER of the order topic, which says nothing of the single execution."""
    told = order(raw, order_id, symbols)
    return events.OrderUpdate(
        exchange="bybit",
        order_id=order_id,
        client_order_id=told.client_order_id,
        symbol=told.symbol,
        side=told.side,
        type=told.type,
        status=told.status,
        price=told.price,
        quantity=told.quantity,
        executed_qty=told.executed_qty,
        avg_price=told.avg_price,
        update_time=told.update_time,
    )
