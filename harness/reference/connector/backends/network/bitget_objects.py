"""Bitget's objects: orders and positions of REST replies, and the items of WebSocket frames, as the contract's."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from harness.reference.connector.backends.network.dialect import PositionState, Raw, Totals
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.decimals import timestamp, wire
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

BUY, SELL = types.ORDER_SIDE_BUY, types.ORDER_SIDE_SELL
TYPES = {"limit": types.ORDER_TYPE_LIMIT, "market": types.ORDER_TYPE_MARKET}
STATUSES = {
    "live": types.ORDER_STATUS_NEW,
    "new": types.ORDER_STATUS_NEW,
    "init": types.ORDER_STATUS_NEW,
    "partially_filled": types.ORDER_STATUS_PARTIALLY_FILLED,
    "filled": types.ORDER_STATUS_FILLED,
    "canceled": types.ORDER_STATUS_CANCELED,
    "cancelled": types.ORDER_STATUS_CANCELED,
}


def side_of(raw: Raw) -> types.OrderSide:
    """What the order does; in hedge mode the venue's `side` names the position that a closing order closes."""
    is_buy = raw.get("side") == "buy"
    if raw.get("posMode") == "hedge_mode" and raw.get("tradeSide") == "close":
        is_buy = not is_buy
    return BUY if is_buy else SELL


def order(raw: Raw, symbols: Symbols) -> resources.Order:
    """ORDER; its state is called `status` in lists."""
    state = str(raw.get("state") or raw.get("status"))
    return resources.Order(
        order_id=int(raw["orderId"]),
        client_order_id=str(raw.get("clientOid") or ""),
        symbol=symbols.of_id(str(raw["symbol"])),
        side=side_of(raw),
        type=TYPES.get(raw["orderType"], types.ORDER_TYPE_UNSPECIFIED),
        price=wire(raw.get("price")),
        quantity=wire(raw["size"]),
        executed_qty=wire(raw.get("baseVolume")),
        avg_price=wire(raw.get("priceAvg")),
        status=STATUSES.get(state, types.ORDER_STATUS_UNSPECIFIED),
        created_at=timestamp(int(raw["cTime"])),
        update_time=int(raw.get("uTime") or raw["cTime"]),
    )


def position(raw: Raw, symbols: Symbols) -> PositionState:
    """An entry of REST's or of the socket's positions: the side is beside the size there."""
    total = str(raw["total"])
    isolated = raw.get("marginMode") == "isolated"
    return PositionState(
        symbol=symbols.of_id(str(raw.get("symbol") or raw["instId"])),
        size=f"-{total}" if raw["holdSide"] == "short" and Decimal(total) else total,
        entry_price=str(raw.get("openPriceAvg") or ""),
        unrealised=str(raw.get("unrealizedPL") or ""),
        margin_type="isolated" if isolated else "cross",
        isolated_margin=str(raw.get("marginSize") or "") if isolated else "",
        leverage=int(raw.get("leverage") or 0),
        mark_price=str(raw.get("markPrice") or ""),
        liquidation_price=str(raw.get("liquidationPrice") or ""),
        updated_ms=int(raw.get("uTime") or 0),
    )


def totals(raw: Raw) -> Totals:
    """REST's account or the socket's. Wallet is equity less unrealised profit; maintenance is the risk rate's share."""
    equity = str(raw.get("accountEquity") or raw["equity"])
    unrealised = raw.get("unrealizedPL")
    wallet = str(raw["available"]) if unrealised in (None, "") else _plain(Decimal(equity) - Decimal(str(unrealised)))
    return Totals(
        wallet=wallet,
        margin=equity,
        available=str(raw.get("crossedMaxAvailable") or raw["maxOpenPosAvailable"]),
        maintenance_margin=_plain(Decimal(str(raw.get("crossedRiskRate") or 0)) * Decimal(equity)),
    )


def candle(row: Sequence[str], symbol: str, length_ms: int, t_ms: int) -> resources.Candle:
    """A row of a candle channel. The venue has no word for closed: one is when its time is over."""
    start_ms = int(row[0])
    return resources.Candle(
        symbol=symbol,
        open=wire(row[1]),
        high=wire(row[2]),
        low=wire(row[3]),
        close=wire(row[4]),
        volume=wire(row[5]),
        timestamp=start_ms,
        is_closed=start_ms + length_ms <= t_ms,
    )


def order_update(raw: Raw, symbols: Symbols) -> events.OrderUpdate:
    """An item of the orders channel; with a trade when it tells of one."""
    symbol, side = symbols.of_id(str(raw["instId"])), side_of(raw)
    update = events.OrderUpdate(
        exchange="bitget",
        order_id=int(raw["orderId"]),
        client_order_id=str(raw.get("clientOid") or ""),
        symbol=symbol,
        side=side,
        type=TYPES.get(raw["orderType"], types.ORDER_TYPE_UNSPECIFIED),
        status=STATUSES.get(raw["status"], types.ORDER_STATUS_UNSPECIFIED),
        price=wire(raw.get("price")),
        quantity=wire(raw["size"]),
        executed_qty=wire(raw.get("accBaseVolume")),
        avg_price=wire(raw.get("priceAvg")),
        update_time=int(raw.get("uTime") or raw["cTime"]),
    )
    if raw.get("tradeId"):
        update.last_trade.CopyFrom(
            resources.Trade(
                trade_id=str(raw["tradeId"]),
                order_id=update.order_id,
                symbol=symbol,
                side=side,
                price=wire(raw.get("fillPrice")),
                quantity=wire(raw.get("baseVolume")),
                fee=wire(-Decimal(raw.get("fillFee") or 0)),  # a cost is negative there
                fee_asset=str(raw.get("fillFeeCoin") or ""),
                timestamp=timestamp(int(raw.get("fillTime") or update.update_time)),
                realized_pnl=wire(raw.get("pnl")),
            )
        )
    return update


def _plain(number: Decimal) -> str:
    return format(number, "f")
