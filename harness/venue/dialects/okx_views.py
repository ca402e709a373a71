"""How OKX shows the core's orders, fills, positions and balances: names, contracts, everything a string."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.exchange import Exchange
from harness.venue.core.instruments import Instrument
from harness.venue.core.orders import Fill, Force, Kind, Order, Status
from harness.venue.dialects.liquidation import liquidation_price

Json = dict[str, Any]
STATES = {
    Status.NEW: "live",
    Status.PARTIALLY_FILLED: "partially_filled",
    Status.FILLED: "filled",
    Status.CANCELED: "canceled",
    Status.EXPIRED: "canceled",
}
FORCES = {Force.GTC: "limit", Force.GTX: "post_only", Force.IOC: "ioc", Force.FOK: "fok"}
SWAP = "SWAP"
SHORT_POSITION = (
    "posId", "tradeId", "instId", "instType", "mgnMode", "posSide", "pos", "ccy", "posCcy", "avgPx", "uTime",
)  # fmt: skip


def inst_id(instrument: Instrument) -> str:
    """BTC-USDT-SWAP for BTCUSDT."""
    return f"{instrument.base}-{instrument.quote}-SWAP"


def contracts(qty: Decimal, instrument: Instrument) -> str:
    """Base coins counted in contracts of one step each."""
    return canonical(qty / instrument.step)


def ratio(part: Decimal, of: Decimal) -> str:
    """A quotient to ten digits, empty when there is nothing to divide by."""
    return canonical(Decimal(fixed(part / of, 10))) if of else ""


def number_of(text: str) -> str:
    """A stable numeric id below 2^53 for a name."""
    return str(int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big"))


def order_type(one: Order) -> str:
    """limit, market, post_only, ioc, fok or optimal_limit_ioc."""
    if one.ticket.kind is Kind.MARKET:
        return "optimal_limit_ioc" if one.ticket.force is Force.IOC else "market"
    return FORCES[one.ticket.force]


def order(one: Order, position: Position, fill: Fill | None) -> Json:
    """ORDER; `fill`: the execution whose price and size are shown, None for none."""
    instrument, ticket = one.instrument, one.ticket
    realised = sum((fill.realised for fill in one.fills), ZERO)
    return {
        "instType": SWAP,
        "instId": inst_id(instrument),
        "ccy": "",
        "ordId": str(one.order_id),
        "clOrdId": one.client_id,
        "tag": ticket.tag,
        "px": "" if ticket.kind is Kind.MARKET else canonical(ticket.price),
        "sz": contracts(ticket.qty, instrument),
        "side": ticket.side.value.lower(),
        "posSide": "net",
        "ordType": order_type(one),
        "state": STATES[one.status],
        "accFillSz": contracts(one.executed, instrument),
        "avgPx": canonical(one.average) if one.executed else "",
        "fillPx": canonical(fill.price) if fill else "",
        "fillSz": contracts(fill.qty, instrument) if fill else "0",
        "fillTime": str(fill.t_ms) if fill else "",
        "tradeId": str(fill.trade_id) if fill else "",
        "fee": canonical(-one.fees),
        "feeCcy": instrument.quote,
        "rebate": "0",
        "rebateCcy": instrument.quote,
        "pnl": canonical(realised),
        "tdMode": position.margin_type,
        "lever": str(one.leverage),
        "reduceOnly": "true" if ticket.reduce_only else "false",
        "source": "",
        "category": "normal",
        "tgtCcy": "",
        "cancelSource": "",
        "stpMode": "cancel_maker",
        "quickMgnType": "",
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
    }


def pushed_order(one: Order, position: Position, fill: Fill | None) -> Json:
    """ORDER as the orders channel pushes it."""
    return {
        **order(one, position, fill),
        "execType": ("M" if fill.maker else "T") if fill else "",
        "fillFee": canonical(-fill.fee) if fill else "0",
        "fillFeeCcy": one.instrument.quote if fill else "",
        "fillPnl": canonical(fill.realised) if fill else "0",
        "fillNotionalUsd": canonical(fill.price * fill.qty) if fill else "",
        "notionalUsd": canonical(one.ticket.price * one.ticket.qty),
        "amendResult": "",
        "reqId": "",
        "code": "0",
        "msg": "",
    }


def fill(one: Fill, order: Order | None, instrument: Instrument) -> Json:
    """One of fills-history."""
    return {
        "instType": SWAP,
        "instId": inst_id(instrument),
        "tradeId": str(one.trade_id),
        "ordId": str(one.order_id),
        "clOrdId": order.client_id if order else "",
        "billId": str(one.trade_id),
        "tag": order.ticket.tag if order else "",
        "fillPx": canonical(one.price),
        "fillSz": contracts(one.qty, instrument),
        "fillPnl": canonical(one.realised),
        "fillTime": str(one.t_ms),
        "side": one.side.value.lower(),
        "posSide": "net",
        "execType": "M" if one.maker else "T",
        "fee": canonical(-one.fee),
        "feeCcy": instrument.quote,
        "ts": str(one.t_ms),
    }


def balance(exchange: Exchange, one: Account, *, coins: bool = True) -> Json:
    """The account; `coins` False: without its only coin, for somebody who asked for another."""
    unrealised, margin = exchange.unrealised(one), exchange.position_margin(one)
    maintenance = sum((exchange.maintenance(position) for position in one.positions.values()), ZERO)
    equity, available, at = one.wallet + unrealised, exchange.available(one), str(one.updated_ms)
    notional = sum((abs(p.size) * exchange.markets[p.symbol].mark for p in one.positions.values()), ZERO)
    coin = {
        "ccy": "USDT",
        "eq": canonical(equity),
        "cashBal": canonical(one.wallet),
        "availEq": canonical(available),
        "availBal": canonical(available),
        "frozenBal": canonical(margin + one.reserved),
        "ordFrozen": canonical(one.reserved),
        "disEq": canonical(equity),
        "eqUsd": canonical(equity),
        "upl": canonical(unrealised),
        "imr": canonical(margin + one.reserved),
        "mmr": canonical(maintenance),
        "mgnRatio": ratio(equity, maintenance),
        "notionalLever": ratio(notional, equity),
        "isoEq": "0",
        "isoUpl": "0",
        "liab": "",
        "crossLiab": "",
        "interest": "",
        "maxLoan": "",
        "twap": "0",
        "uTime": at,
    }
    return {
        "totalEq": canonical(equity),
        "adjEq": canonical(equity),
        "availEq": canonical(available),
        "imr": canonical(margin + one.reserved),
        "mmr": canonical(maintenance),
        "mgnRatio": ratio(equity, maintenance),
        "isoEq": "0",
        "ordFroz": canonical(one.reserved),
        "notionalUsd": canonical(notional),
        "upl": canonical(unrealised),
        "borrowFroz": "",
        "uTime": at,
        "details": [coin] if coins else [],
    }


def position(exchange: Exchange, owner: Account, one: Position) -> Json:
    """One position; a closed one has pos "0" and nothing else to say."""
    market = exchange.markets[one.symbol]
    instrument = market.instrument
    margin, maintenance = one.initial_margin(market.mark), exchange.maintenance(one)
    unrealised, held = one.unrealised(market.mark), bool(one.size)
    isolated, liquidated = one.margin_type == "isolated", liquidation_price(exchange, owner, one)
    return {
        "instType": SWAP,
        "instId": inst_id(instrument),
        "posId": number_of(f"{owner.name}:{one.symbol}"),
        "posSide": "net",
        "mgnMode": one.margin_type,
        "pos": contracts(one.size, instrument),
        "availPos": contracts(one.size, instrument) if held and isolated else "",
        "posCcy": "",
        "ccy": instrument.quote,
        "avgPx": canonical(one.entry) if held else "",
        "markPx": canonical(market.mark),
        "last": canonical(market.last),
        "idxPx": canonical(market.mark),
        "upl": canonical(unrealised) if held else "",
        "uplRatio": ratio(unrealised, margin) if held else "",
        "realizedPnl": canonical(one.realised),
        "pnl": canonical(one.realised),
        "lever": str(one.leverage),
        "liqPx": "" if liquidated is None else canonical(liquidated),
        "margin": canonical(margin) if held and isolated else "",
        "imr": canonical(margin) if held and not isolated else "",
        "mmr": canonical(maintenance) if held else "",
        "mgnRatio": ratio(owner.wallet + exchange.unrealised(owner), maintenance) if held else "",
        "notionalUsd": canonical(abs(one.size) * market.mark) if held else "",
        "interest": "",
        "liab": "",
        "liabCcy": "",
        "optVal": "",
        "tradeId": "",
        "adl": "1" if held else "0",
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
    }


def balance_and_position(exchange: Exchange, owner: Account, changed: Iterable[Position], why: str) -> Json:
    """One of balance_and_position."""
    return {
        "pTime": str(exchange.now_ms()),
        "eventType": why,
        "balData": [{"ccy": "USDT", "cashBal": canonical(owner.wallet), "uTime": str(owner.updated_ms)}],
        "posData": [
            {name: value for name, value in position(exchange, owner, one).items() if name in SHORT_POSITION}
            for one in changed
        ],
        "trades": [],
    }
