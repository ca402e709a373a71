"""Binance's objects: positions of REST replies, and the bodies of WebSocket events, as the contract's messages."""

from __future__ import annotations

from harness.reference.connector.backends.network.dialect import PositionState, Raw, Readings
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.decimals import timestamp, wire
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

SIDES = {"BUY": types.ORDER_SIDE_BUY, "SELL": types.ORDER_SIDE_SELL}
TYPES = {"LIMIT": types.ORDER_TYPE_LIMIT, "MARKET": types.ORDER_TYPE_MARKET}
STATUSES = {
    "NEW": types.ORDER_STATUS_NEW,
    "PARTIALLY_FILLED": types.ORDER_STATUS_PARTIALLY_FILLED,
    "FILLED": types.ORDER_STATUS_FILLED,
    "CANCELED": types.ORDER_STATUS_CANCELED,
    "REJECTED": types.ORDER_STATUS_REJECTED,
    "EXPIRED": types.ORDER_STATUS_EXPIRED,
    "EXPIRED_IN_MATCH": types.ORDER_STATUS_EXPIRED,
}


def account_position(raw: Raw) -> PositionState:
    """An entry of the account's positions."""
    return PositionState(
        symbol=str(raw["symbol"]),
        size=str(raw["positionAmt"]),
        entry_price=str(raw.get("entryPrice") or ""),
        unrealised=str(raw.get("unrealizedProfit") or raw.get("unRealizedProfit") or ""),
        margin_type="isolated" if raw.get("isolated") in (True, "true") else "cross",
        isolated_margin=str(raw.get("isolatedWallet") or ""),
        leverage=int(raw.get("leverage") or 0),
        mark_price=str(raw.get("markPrice") or ""),
        updated_ms=int(raw.get("updateTime") or 0),
    )


def risk_position(raw: Raw) -> PositionState:
    """An entry of positionRisk."""
    return PositionState(
        symbol=str(raw["symbol"]),
        size=str(raw["positionAmt"]),
        entry_price=str(raw.get("entryPrice") or ""),
        unrealised=str(raw.get("unRealizedProfit") or ""),
        margin_type=str(raw.get("marginType") or "cross"),
        isolated_margin=str(raw.get("isolatedMargin") or ""),
        leverage=int(raw.get("leverage") or 0),
        mark_price=str(raw.get("markPrice") or ""),
        liquidation_price=str(raw.get("liquidationPrice") or ""),
        updated_ms=int(raw.get("updateTime") or 0),
    )


def candle(raw: Raw, symbols: Symbols) -> resources.Candle:
    """A kline event's body."""
    return resources.Candle(
        symbol=symbols.of_id(raw["s"]),
        open=wire(raw["o"]),
        high=wire(raw["h"]),
        low=wire(raw["l"]),
        close=wire(raw["c"]),
        volume=wire(raw["v"]),
        timestamp=int(raw["t"]),
        is_closed=bool(raw["x"]),
    )


def order_update(frame: Raw, symbols: Symbols) -> events.OrderUpdate:
    """ORDER_TRADE_UPDATE."""
    raw = frame["o"]
    side = SIDES.get(raw["S"], types.ORDER_SIDE_UNSPECIFIED)
    update = events.OrderUpdate(
        exchange="binance",
        order_id=int(raw["i"]),
        client_order_id=raw["c"],
        symbol=symbols.of_id(raw["s"]),
        side=side,
        type=TYPES.get(raw["o"], types.ORDER_TYPE_UNSPECIFIED),
        status=STATUSES.get(raw["X"], types.ORDER_STATUS_UNSPECIFIED),
        price=wire(raw["p"]),
        quantity=wire(raw["q"]),
        executed_qty=wire(raw["z"]),
        avg_price=wire(raw["ap"]),
        update_time=int(raw["T"]),
    )
    if raw.get("x") == "TRADE":
        update.last_trade.CopyFrom(
            resources.Trade(
                trade_id=str(raw["t"]),
                order_id=int(raw["i"]),
                symbol=update.symbol,
                side=side,
                price=wire(raw["L"]),
                quantity=wire(raw["l"]),
                fee=wire(raw.get("n")),
                fee_asset=raw.get("N") or "",
                timestamp=timestamp(int(raw["T"])),
                realized_pnl=wire(raw.get("rp")),
            )
        )
    return update


def account_update(frame: Raw, symbols: Symbols, into: Readings) -> None:
    """ACCOUNT_UPDATE: the settle asset's wallet, when it was told, and the positions named."""
    told = frame["a"]
    wallet = next((str(one["wb"]) for one in told.get("B") or () if one["a"] == SETTLE), None)
    positions = [
        PositionState(
            symbol=symbols.of_id(one["s"]),
            size=str(one["pa"]),
            entry_price=str(one["ep"]),
            unrealised=str(one["up"]),
            margin_type=str(one.get("mt") or "cross"),
            isolated_margin=str(one.get("iw") or ""),
        )
        for one in told.get("P") or ()
    ]
    into.account(int(frame["T"]), wallet, positions)
