"""OKX's objects as the contract's messages. Contracts become base coins by `size`, exactly."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from harness.reference.connector.backends.network.dialect import PositionState, Raw, Totals
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.decimals import timestamp, wire
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

SIDES = {"buy": types.ORDER_SIDE_BUY, "sell": types.ORDER_SIDE_SELL}
MARKET_TYPES = frozenset({"market", "optimal_limit_ioc"})
STATUSES = {
    "live": types.ORDER_STATUS_NEW,
    "partially_filled": types.ORDER_STATUS_PARTIALLY_FILLED,
    "filled": types.ORDER_STATUS_FILLED,
    "canceled": types.ORDER_STATUS_CANCELED,
    "mmp_canceled": types.ORDER_STATUS_CANCELED,
}


def contract_size(market: Raw) -> Decimal:
    """Base coins per contract."""
    info = market["info"]
    return Decimal(info["ctVal"]) * Decimal(info.get("ctMult") or 1)


def coins(contracts: str | None, size: Decimal) -> str:
    """Contracts as base coins; "" is 0."""
    return format(Decimal(contracts or 0) * size, "f")


def position(raw: Raw, symbol: str, size: Decimal) -> PositionState:
    """An item of positions, REST and stream alike; net mode, so `pos` has the sign."""
    held = Decimal(raw["pos"] or 0)
    if raw.get("posSide") == "short":
        held = -abs(held)
    return PositionState(
        symbol=symbol,
        size=format(held * size, "f"),
        entry_price=str(raw.get("avgPx") or ""),
        unrealised=str(raw.get("upl") or ""),
        margin_type=str(raw.get("mgnMode") or "cross"),
        isolated_margin=str(raw.get("margin") or ""),
        leverage=int(Decimal(raw.get("lever") or 0)),
        mark_price=str(raw.get("markPx") or ""),
        liquidation_price=str(raw.get("liqPx") or ""),
    )


def coin(raw: Raw, asset: str) -> Raw:
    """An asset's entry in a balance object, empty when there is none."""
    found: Raw = next((one for one in raw.get("details") or () if one["ccy"] == asset), {})
    return found


def totals(raw: Raw) -> Totals:
    """The settle coin of a balance object: the account-wide figures are in dollars."""
    own = coin(raw, SETTLE)
    return Totals(
        wallet=str(own.get("cashBal") or "0"),
        margin=str(own.get("eq") or "0"),
        available=str(own.get("availEq") or own.get("availBal") or "0"),
        maintenance_margin=str(own.get("mmr") or raw.get("mmr") or ""),
    )


def candle(row: list[Any], symbol: str) -> resources.Candle:
    """A row of a candle channel; its volume in base coins."""
    return resources.Candle(
        symbol=symbol,
        open=wire(row[1]),
        high=wire(row[2]),
        low=wire(row[3]),
        close=wire(row[4]),
        volume=wire(row[6]),
        timestamp=int(row[0]),
        is_closed=row[8] == "1",
    )


def order(raw: Raw, symbol: str, size: Decimal) -> resources.Order:
    """ORDER."""
    return resources.Order(
        order_id=int(raw["ordId"]),
        client_order_id=str(raw.get("clOrdId") or ""),
        symbol=symbol,
        side=SIDES.get(raw["side"], types.ORDER_SIDE_UNSPECIFIED),
        type=_type(raw),
        price=wire(raw.get("px")),
        quantity=wire(coins(raw.get("sz"), size)),
        executed_qty=wire(coins(raw.get("accFillSz"), size)),
        avg_price=wire(raw.get("avgPx")),
        status=STATUSES.get(raw["state"], types.ORDER_STATUS_UNSPECIFIED),
        created_at=timestamp(int(raw.get("cTime") or 0)),
        update_time=int(raw.get("uTime") or 0),
    )


def order_update(raw: Raw, symbols: Symbols) -> events.OrderUpdate:
    """ORDER of the orders channel; with a trade when this event is one."""
    symbol = symbols.of_id(raw["instId"])
    size = contract_size(symbols.market(symbol))
    side = SIDES.get(raw["side"], types.ORDER_SIDE_UNSPECIFIED)
    update = events.OrderUpdate(
        exchange="okx",
        order_id=int(raw["ordId"]),
        client_order_id=raw.get("clOrdId") or "",
        symbol=symbol,
        side=side,
        type=_type(raw),
        status=STATUSES.get(raw["state"], types.ORDER_STATUS_UNSPECIFIED),
        price=wire(raw.get("px")),
        quantity=wire(coins(raw.get("sz"), size)),
        executed_qty=wire(coins(raw.get("accFillSz"), size)),
        avg_price=wire(raw.get("avgPx")),
        update_time=int(raw["uTime"]),
    )
    if raw.get("tradeId") and Decimal(raw.get("fillSz") or 0):
        update.last_trade.CopyFrom(
            resources.Trade(
                trade_id=str(raw["tradeId"]),
                order_id=int(raw["ordId"]),
                symbol=symbol,
                side=side,
                price=wire(raw["fillPx"]),
                quantity=wire(coins(raw["fillSz"], size)),
                fee=wire(-Decimal(raw.get("fillFee") or 0)),  # what was paid is negative there
                fee_asset=raw.get("fillFeeCcy") or "",
                timestamp=timestamp(int(raw.get("fillTime") or raw["uTime"])),
                realized_pnl=wire(raw.get("fillPnl")),
            )
        )
    return update


def _type(raw: Raw) -> types.OrderType:
    return types.ORDER_TYPE_MARKET if raw["ordType"] in MARKET_TYPES else types.ORDER_TYPE_LIMIT
