"""Binance's WebSocket events: field names, types and key order."""

from __future__ import annotations

import json
from typing import Any

from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.events import AccountChanged, OrderChanged, PriceMoved
from harness.venue.core.exchange import Exchange
from harness.venue.core.market import Market
from harness.venue.core.orders import Side
from harness.venue.dialects import binance_views as views
from harness.venue.dialects.binance_market import levels

DEPTH_LEVELS = 20
MAX_SWEPT = 1000
"""As deep as a REST snapshot goes."""


_dumps = json.JSONEncoder(separators=(",", ":")).encode
"""An encoder made once: json.dumps makes one at each call."""


def book_ticker(event: PriceMoved) -> str:
    """bookTicker."""
    # By hand: this is the one that goes out ten thousand times a second.
    market, one = event.market, event.market.instrument
    amount = views.qty(market.top_qty, one)
    return (
        f'{{"e":"bookTicker","u":{market.update_id},"s":"{one.symbol}","b":"{views.price(market.bid, one)}",'
        f'"B":"{amount}","a":"{views.price(market.ask, one)}","A":"{amount}","T":{event.trade.t_ms},"E":{event.t_ms}}}'
    )


def mini_ticker(event: PriceMoved) -> str:
    """24hrMiniTicker."""
    market, one = event.market, event.market.instrument
    return _dumps(
        {
            "e": "24hrMiniTicker",
            "E": event.t_ms,
            "s": one.symbol,
            "c": views.price(market.last, one),
            "o": views.price(market.open, one),
            "h": views.price(market.high, one),
            "l": views.price(market.low, one),
            "v": views.qty(market.volume, one),
            "q": canonical(market.turnover),
        }
    )


def ticker(event: PriceMoved) -> str:
    """24hrTicker."""
    day = views.day(event.market, event.t_ms)
    return _dumps(
        {
            "e": "24hrTicker",
            "E": event.t_ms,
            "s": day["symbol"],
            "p": day["priceChange"],
            "P": day["priceChangePercent"],
            "w": day["weightedAvgPrice"],
            "c": day["lastPrice"],
            "Q": day["lastQty"],
            "o": day["openPrice"],
            "h": day["highPrice"],
            "l": day["lowPrice"],
            "v": day["volume"],
            "q": day["quoteVolume"],
            "O": day["openTime"],
            "C": day["closeTime"],
            "F": day["firstId"],
            "L": day["lastId"],
            "n": day["count"],
        }
    )


def mark_price(market: Market, t_ms: int) -> str:
    """markPriceUpdate."""
    mark = views.price(market.mark, market.instrument)
    return _dumps(
        {
            "e": "markPriceUpdate",
            "E": t_ms,
            "s": market.instrument.symbol,
            "p": mark,
            "i": mark,
            "P": mark,
            "r": fixed(market.funding_rate, 8),
            "T": market.next_funding_ms(t_ms),
        }
    )


def trade(event: PriceMoved) -> str:
    """trade."""
    one, trade = event.market.instrument, event.trade
    return _dumps(
        {
            "e": "trade",
            "E": event.t_ms,
            "T": trade.t_ms,
            "s": one.symbol,
            "t": trade.trade_id,
            "p": views.price(trade.price, one),
            "q": views.qty(trade.qty, one),
            "X": "MARKET",
            "m": trade.buyer_is_maker,
        }
    )


def agg_trade(event: PriceMoved) -> str:
    """aggTrade."""
    one, trade = event.market.instrument, event.trade
    return _dumps(
        {
            "e": "aggTrade",
            "E": event.t_ms,
            "s": one.symbol,
            "a": trade.trade_id,
            "p": views.price(trade.price, one),
            "q": views.qty(trade.qty, one),
            "f": trade.trade_id,
            "l": trade.trade_id,
            "T": trade.t_ms,
            "m": trade.buyer_is_maker,
        }
    )


def kline(event: PriceMoved, interval: str) -> str:
    """kline."""
    one, candle = event.market.instrument, event.candles[interval]
    row = views.kline(candle, interval, one)
    # The last trade of an ended candle closes it; a longer candle that goes on stays open.
    closed = event.closes and row[6] < event.t_ms
    body = {
        "t": row[0],
        "T": row[6],
        "s": one.symbol,
        "i": interval,
        "f": candle.first_trade,
        "L": event.trade.trade_id,
        "o": row[1],
        "c": row[4],
        "h": row[2],
        "l": row[3],
        "v": row[5],
        "n": row[8],
        "x": closed,
        "q": row[7],
        "V": row[9],
        "Q": row[10],
        "B": "0",
    }
    return _dumps({"e": "kline", "E": event.t_ms, "s": one.symbol, "k": body})


def depth(event: PriceMoved) -> str:
    """depthUpdate."""
    market = event.market
    return _dumps(
        {
            "e": "depthUpdate",
            "E": event.t_ms,
            "T": event.trade.t_ms,
            "s": market.instrument.symbol,
            # Overlapping by one, so that whatever snapshot a client took, one event spans it.
            "U": market.update_id - 1,
            "u": market.update_id,
            "pu": market.update_id - 1,
            "b": _changed_levels(market, Side.BUY),
            "a": _changed_levels(market, Side.SELL),
        }
    )


def _changed_levels(market: Market, side: Side) -> list[list[str]]:
    one = market.instrument
    gone = [[views.price(price, one), "0"] for price in market.swept(side, MAX_SWEPT)]
    return gone + levels(market, side, DEPTH_LEVELS)


def order_update(event: OrderChanged) -> str:
    """ORDER_TRADE_UPDATE."""
    order, fill = event.order, event.fill
    ticket, one = order.ticket, order.instrument
    body: dict[str, Any] = {
        "s": order.symbol,
        "c": order.client_id,
        "S": ticket.side.value,
        "o": ticket.kind.value,
        "f": ticket.force.value,
        "q": views.qty(ticket.qty, one),
        "p": views.price(ticket.price, one),
        "ap": views.canonical_price(order.average, one),
        "sp": "0",
        "x": event.execution,
        "X": order.status.value,
        "i": order.order_id,
        "l": views.qty(fill.qty if fill else ZERO, one),
        "z": views.qty(order.executed, one),
        "L": views.price(fill.price if fill else ZERO, one),
    }
    if fill:
        body |= {"N": one.quote, "n": views.money(fill.fee)}
    body |= {
        "T": order.updated_ms,
        "t": fill.trade_id if fill else 0,
        "b": "0",
        "a": "0",
        "m": fill.maker if fill else False,
        "R": ticket.reduce_only,
        "wt": "CONTRACT_PRICE",
        "ot": ticket.kind.value,
        "ps": "BOTH",
        "cp": False,
        "rp": views.money(fill.realised if fill else ZERO),
    }
    return _dumps({"e": "ORDER_TRADE_UPDATE", "E": event.t_ms, "T": order.updated_ms, "o": body})


def account_update(event: AccountChanged, exchange: Exchange) -> str:
    """ACCOUNT_UPDATE."""
    wallet = views.money(event.account.wallet)
    positions = [
        {
            "s": position.symbol,
            "pa": views.qty(position.size, exchange.markets[position.symbol].instrument) if position.size else "0",
            "ep": views.canonical_price(position.entry, exchange.markets[position.symbol].instrument),
            "cr": views.money(position.realised),
            "up": views.money(position.unrealised(exchange.markets[position.symbol].mark)),
            "mt": position.margin_type,
            "iw": "0",
            "ps": "BOTH",
        }
        for position in event.positions
    ]
    body = {
        "m": event.reason,
        "B": [{"a": "USDT", "wb": wallet, "cw": wallet, "bc": views.money(event.change)}],
        "P": positions,
    }
    return _dumps({"e": "ACCOUNT_UPDATE", "E": event.t_ms, "T": event.t_ms, "a": body})
