"""Gate's objects as the contract's: contracts counted in base coins, client ids without their native prefix."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from harness.reference.connector.backends.network.dialect import Native, PositionState, Raw
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.decimals import timestamp, wire
from harness.reference.connector.refusal import invalid
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

PREFIX = "t-"
"""What the venue wants before a client's own id."""
CLIENT_ID = re.compile(r"[0-9A-Za-z_.-]{1,28}")
INTERVAL_MS = {
    "10s": 10_000, "1m": 60_000, "3m": 180_000, "5m": 300_000, "15m": 900_000, "30m": 1_800_000, "1h": 3_600_000,
    "2h": 7_200_000, "4h": 14_400_000, "8h": 28_800_000, "1d": 86_400_000, "7d": 604_800_000,
}  # fmt: skip


def coins(contracts: Any, size: Decimal) -> str:
    """Contracts of `size` base coins each, as base coins."""
    return format(Decimal(str(contracts)) * size, "f")


def client_id(raw: Raw) -> str:
    """The client's own id; the venue writes other words (api, web, ...) where there is none."""
    text = str(raw.get("text") or "")
    return text.removeprefix(PREFIX) if text.startswith(PREFIX) else ""


def ms(seconds: Any) -> int:
    """Unix seconds, whole or with a fraction, number or text, as ms."""
    return int(Decimal(str(seconds or 0)) * 1000)


def _what(raw: Raw, symbols: Symbols) -> dict[str, Any]:
    """The fields that an order and an order event have in common."""
    symbol = symbols.of_id(str(raw["contract"]))
    size = Decimal(str(symbols.market(symbol)["contractSize"]))
    wanted, left = Decimal(str(raw["size"])), Decimal(str(raw["left"]))
    price = Decimal(str(raw.get("price") or 0))
    at_market = not price and raw.get("tif") in ("ioc", "fok")
    return {
        "order_id": int(raw["id"]),
        "client_order_id": client_id(raw),
        "symbol": symbol,
        "side": types.ORDER_SIDE_SELL if wanted < 0 else types.ORDER_SIDE_BUY,
        "type": types.ORDER_TYPE_MARKET if at_market else types.ORDER_TYPE_LIMIT,
        "price": wire(price),
        "quantity": wire(coins(abs(wanted), size)),
        "executed_qty": wire(coins(abs(wanted) - abs(left), size)),
        "avg_price": wire(Decimal(str(raw.get("fill_price") or 0))),
        "status": _status(raw, is_untouched=wanted == left),
    }


def _status(raw: Raw, *, is_untouched: bool) -> types.OrderStatus:
    if raw["status"] == "open":
        return types.ORDER_STATUS_NEW if is_untouched else types.ORDER_STATUS_PARTIALLY_FILLED
    return types.ORDER_STATUS_FILLED if raw.get("finish_as") == "filled" else types.ORDER_STATUS_CANCELED


def order(raw: Raw, symbols: Symbols) -> resources.Order:
    """ORDER of a REST reply."""
    created_ms, finished_ms = ms(raw["create_time"]), ms(raw.get("finish_time"))
    return resources.Order(
        **_what(raw, symbols), created_at=timestamp(created_ms), update_time=finished_ms or created_ms
    )


def order_update(raw: Raw, symbols: Symbols, t_ms: int) -> events.OrderUpdate:
    """An item of the orders channel; trades come by a channel of their own, without the order."""
    return events.OrderUpdate(
        exchange="gate", **_what(raw, symbols), update_time=int(raw.get("finish_time_ms") or t_ms)
    )


def position(raw: Raw, symbol: str, size: Decimal) -> PositionState:
    """A position of REST or of the socket, which tells neither profit nor mark price."""
    leverage = int(Decimal(str(raw.get("leverage") or 0)))
    return PositionState(
        symbol=symbol,
        size=coins(raw["size"], size),
        entry_price=str(raw.get("entry_price") or ""),
        unrealised=str(raw.get("unrealised_pnl") or ""),
        margin_type="isolated" if leverage else "cross",
        isolated_margin=str(raw.get("margin") or "") if leverage else "",
        leverage=leverage or int(Decimal(str(raw.get("cross_leverage_limit") or 0))),
        mark_price=str(raw.get("mark_price") or ""),
        liquidation_price=str(raw.get("liq_price") or ""),
        updated_ms=int(raw.get("time_ms") or ms(raw.get("update_time"))),
    )


def candle(raw: Raw, symbols: Symbols, t_ms: int) -> tuple[str, resources.Candle]:
    """An item of the candlesticks channel: (interval, candle)."""
    interval, _, contract = str(raw["n"]).partition("_")
    symbol, start_ms = symbols.of_id(contract), ms(raw["t"])
    size = Decimal(str(symbols.market(symbol)["contractSize"]))
    is_over = start_ms + INTERVAL_MS.get(interval, 0) <= t_ms
    return interval, resources.Candle(
        symbol=symbol,
        open=wire(str(raw["o"])),
        high=wire(str(raw["h"])),
        low=wire(str(raw["l"])),
        close=wire(str(raw["c"])),
        volume=wire(coins(raw["v"], size)),
        timestamp=start_ms,
        is_closed=bool(raw.get("w", is_over)),
    )


def venue_text(client_order_id: str) -> str:
    """A client id as the venue wants it. Raises Refusal for one that it would not take."""
    if not CLIENT_ID.fullmatch(client_order_id):
        raise invalid("this venue's client order ids are up to 28 letters, digits, and _ . -")
    return PREFIX + client_order_id


def held(native: Native, rows: Sequence[Raw]) -> list[PositionState]:
    """Positions of a REST reply without the flat ones; the markets must be known."""
    found = []
    for one in rows:
        if Decimal(str(one["size"])):
            market = native.safe_market(str(one["contract"]), None, None, "swap")
            size = Decimal(str(market["contractSize"]))
            found.append(position(one, f"{market['base']}{market['quote']}", size))
    return found


def next_funding_ms(market: Raw, now_ms: int) -> int:
    """The ticker does not tell it; the contract told one time and the period."""
    told_ms, period_ms = (ms(market["info"][name]) for name in ("funding_next_apply", "funding_interval"))
    return told_ms + max(0, -(-(now_ms - told_ms) // period_ms)) * period_ms if period_ms else told_ms


def places(step: Any) -> int:
    """Digits after the point."""
    exponent = Decimal(str(step)).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
