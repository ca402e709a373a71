"""How Gate shows the core's orders, fills, positions and balances: contracts, and numbers where it sends numbers."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.exchange import MAKER_FEE, TAKER_FEE, Exchange
from harness.venue.core.instruments import Instrument
from harness.venue.core.orders import Fill, Force, Kind, Order, Status
from harness.venue.dialects.gate_params import CLIENT_ID_PREFIX
from harness.venue.dialects.liquidation import liquidation_price
from harness.venue.venue import Venue

Json = dict[str, Any]
TIFS = {Force.GTC: "gtc", Force.IOC: "ioc", Force.FOK: "fok", Force.GTX: "poc"}
FINISHED = {Status.FILLED: "filled", Status.CANCELED: "cancelled", Status.EXPIRED: "ioc"}
NUMBERS_ROW = "gate REST numbers"
WS_ROW = "gate WS orders; candles"
POSITIONS_ROW = "gate positions"
RISK_LIMIT = 1_000_000
CLOSES = "close"
"""Tag of an order that was asked for as the closing of a position."""


def contract(instrument: Instrument) -> str:
    """BTC_USDT for BTCUSDT."""
    return f"{instrument.base}_{instrument.quote}"


def count(qty: Decimal, instrument: Instrument) -> int:
    """Base coins counted in contracts of one step each, signed as they are."""
    return int(qty / instrument.step)


def plain(value: Decimal) -> Decimal:
    """A JSON number without needless zeros."""
    return Decimal(canonical(value))


def seconds(t_ms: int) -> Decimal:
    """Unix seconds with milliseconds, as a JSON number."""
    return Decimal(fixed(Decimal(t_ms) / 1000, 3))


def user_id(account: str) -> int:
    """The number of an account, the same in every run."""
    digest = hashlib.blake2b(account.encode(), digest_size=6).digest()
    return 10_000_000 + int.from_bytes(digest, "big") % 80_000_000


def told_text(one: Order) -> str:
    """The client id as it was sent, or what the venue writes when there is none."""
    return f"{CLIENT_ID_PREFIX}{one.client_id}" if one.client_id else "api"


def finish_as(one: Order) -> str | None:
    """How it ended, None while it is open: the venue's own SDK takes no other word for that."""
    if one.status.is_open:
        return None
    if one.ended_by_venue:
        return "ioc" if one.ticket.force in (Force.IOC, Force.FOK) else "reduce_only"
    return FINISHED[one.status]


class Views:
    """What both REST and WebSocket show; some fields differ between the profiles."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._exchange: Exchange = venue.exchange

    def order(self, one: Order) -> Json:
        """ORDER as REST shows it."""
        whole = self._venue.allows(NUMBERS_ROW)
        ended_ms = 0 if one.status.is_open else one.updated_ms
        ticket, sign = one.ticket, one.ticket.side.sign
        return {
            "id": one.order_id,
            "user": user_id(one.account),
            "contract": contract(one.instrument),
            "create_time": one.created_ms // 1000 if whole else seconds(one.created_ms),
            "finish_time": ended_ms // 1000 if whole or not ended_ms else seconds(ended_ms),
            "size": count(ticket.qty, one.instrument) * sign,
            "left": count(one.remaining, one.instrument) * sign,
            "iceberg": 0,
            "price": canonical(ZERO if ticket.kind is Kind.MARKET else ticket.price),
            "fill_price": canonical(one.average),
            "mkfr": canonical(MAKER_FEE),
            "tkfr": canonical(TAKER_FEE),
            "tif": TIFS[ticket.force],
            "text": told_text(one),
            "status": "open" if one.status.is_open else "finished",
            "finish_as": finish_as(one),
            "is_reduce_only": ticket.reduce_only,
            "is_close": ticket.tag == CLOSES,
            "is_liq": False,
            "refu": 0,
            "refr": "0",
        }

    def pushed_order(self, one: Order) -> Json:
        """ORDER as the orders channel pushes it."""
        shown = self.order(one)
        ended_ms = 0 if one.status.is_open else one.updated_ms
        shown["create_time"], shown["create_time_ms"] = one.created_ms // 1000, one.created_ms
        shown["finish_time"], shown["finish_time_ms"] = ended_ms // 1000, ended_ms
        if one.status.is_open:
            shown["finish_as"] = "_new" if one.status is Status.NEW else ""
        if not self._venue.allows(WS_ROW):
            for name in ("price", "fill_price"):
                shown[name] = Decimal(shown[name])
        return shown

    def fill(self, one: Fill, order: Order | None, instrument: Instrument) -> Json:
        """One of my_trades."""
        return {
            "id": one.trade_id,
            "trade_id": str(one.trade_id),
            "create_time": seconds(one.t_ms),
            "contract": contract(instrument),
            "order_id": str(one.order_id),
            "size": count(one.qty, instrument) * one.side.sign,
            "price": canonical(one.price),
            "role": "maker" if one.maker else "taker",
            "text": told_text(order) if order else "api",
            "fee": canonical(one.fee),
            "point_fee": "0",
        }

    def pushed_fill(self, one: Fill, order: Order) -> Json:
        """One of the usertrades channel."""
        return {
            "id": str(one.trade_id),
            "create_time": one.t_ms // 1000,
            "create_time_ms": one.t_ms,
            "contract": contract(order.instrument),
            "order_id": str(one.order_id),
            "size": count(one.qty, order.instrument) * one.side.sign,
            "price": canonical(one.price),
            "role": "maker" if one.maker else "taker",
            "text": told_text(order),
            "fee": plain(one.fee),
            "point_fee": 0,
        }

    def account(self, one: Account) -> Json:
        """The balance of the futures account."""
        exchange = self._exchange
        maintenance = sum((exchange.maintenance(position) for position in one.positions.values()), ZERO)
        return {
            "user": user_id(one.name),
            "currency": "USDT",
            "total": canonical(one.wallet),
            "unrealised_pnl": canonical(exchange.unrealised(one)),
            "position_margin": canonical(exchange.position_margin(one)),
            "order_margin": canonical(one.reserved),
            "available": canonical(exchange.available(one)),
            "point": "0",
            "bonus": "0",
            "in_dual_mode": False,
            "enable_credit": False,
            "maintenance_margin": canonical(maintenance),
            "position_initial_margin": canonical(exchange.position_margin(one)),
            "update_time": one.updated_ms // 1000,
            "history": {},
        }

    def pushed_balance(self, one: Account, change: Decimal, kind: str, text: str) -> Json:
        """One of the balances channel."""
        return {
            "balance": plain(one.wallet),
            "change": plain(change),
            "text": text,
            "time": one.updated_ms // 1000,
            "time_ms": one.updated_ms,
            "type": kind,
            "user": str(user_id(one.name)),
            "currency": "usdt",
        }

    def position(self, owner: Account, one: Position) -> Json:
        """A position, closed ones with size 0."""
        market = self._exchange.markets[one.symbol]
        instrument, isolated = market.instrument, one.margin_type == "isolated"
        liquidated = liquidation_price(self._exchange, owner, one)
        unrealised = canonical(one.unrealised(market.mark))
        shown: Json = {
            "user": user_id(owner.name),
            "contract": contract(instrument),
            "size": count(one.size, instrument),
            "leverage": str(one.leverage) if isolated else "0",
            "risk_limit": str(RISK_LIMIT),
            "leverage_max": str(instrument.max_leverage),
            "maintenance_rate": canonical(instrument.maintenance_rate),
            "value": canonical(abs(one.size) * market.mark),
            "margin": canonical(one.initial_margin(market.mark)) if isolated else "0",
            "initial_margin": canonical(one.initial_margin(market.mark)),
            "maintenance_margin": canonical(self._exchange.maintenance(one)),
            "entry_price": canonical(one.entry),
            "liq_price": canonical(liquidated or ZERO),
            "mark_price": canonical(market.mark),
            "unrealised_pnl": unrealised,
            "realised_pnl": canonical(one.realised),
            "history_pnl": "0",
            "last_close_pnl": "0",
            "realised_point": "0",
            "history_point": "0",
            "adl_ranking": 5 if one.size else 6,
            "pending_orders": len(self._exchange.book.open_orders(owner.name, one.symbol)),
            "close_order": None,
            "mode": "single",
            "cross_leverage_limit": "0" if isolated else str(one.leverage),
            "update_time": one.updated_ms // 1000,
            "open_time": one.created_ms // 1000,
            "update_id": 1,
        }
        if self._venue.allows(POSITIONS_ROW):
            shown |= {"unrealized_pnl": unrealised, "margin_mode": one.margin_type}
        return shown

    def pushed_position(self, owner: Account, one: Position) -> Json:
        """One of the positions channel."""
        market, isolated = self._exchange.markets[one.symbol], one.margin_type == "isolated"
        liquidated = liquidation_price(self._exchange, owner, one)
        return {
            "contract": contract(market.instrument),
            "size": count(one.size, market.instrument),
            "entry_price": plain(one.entry),
            "leverage": one.leverage if isolated else 0,
            "leverage_max": market.instrument.max_leverage,
            "liq_price": plain(liquidated or ZERO),
            "maintenance_rate": plain(market.instrument.maintenance_rate),
            "margin": plain(one.initial_margin(market.mark)) if isolated else 0,
            "realised_pnl": plain(one.realised),
            "history_pnl": 0,
            "last_close_pnl": 0,
            "realised_point": 0,
            "history_point": 0,
            "risk_limit": RISK_LIMIT,
            "cross_leverage_limit": 0 if isolated else one.leverage,
            "mode": "single",
            "time": one.updated_ms // 1000,
            "time_ms": one.updated_ms,
            "update_id": 1,
            "user": str(user_id(owner.name)),
        }
