"""Bitget's WebSocket data items: field names and types, v2 and the older v1 style."""

from __future__ import annotations

import json
from typing import Any

from harness.venue.core.account import Account, Position
from harness.venue.core.candles import Candle
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.events import OrderChanged
from harness.venue.core.exchange import Exchange
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import Market, PublicTrade
from harness.venue.dialects import bitget_market as public
from harness.venue.dialects import bitget_views as views

Json = dict[str, Any]
POSITION_ID_BASE = 10**18


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"))


def ticker(market: Market, t_ms: int) -> str:
    """ticker."""
    # By hand: this is the one that goes out ten thousand times a second.
    one = market.instrument
    places = one.price_places
    last, amount, open_24h = fixed(market.last, places), views.qty(market.top_qty, one), fixed(market.open, places)
    turnover = canonical(market.turnover)
    return (
        f'[{{"instId":"{one.symbol}","lastPr":"{last}","bidPr":"{fixed(market.bid, places)}",'
        f'"askPr":"{fixed(market.ask, places)}","bidSz":"{amount}","askSz":"{amount}","open24h":"{open_24h}",'
        f'"high24h":"{fixed(market.high, places)}","low24h":"{fixed(market.low, places)}",'
        f'"change24h":"{fixed((market.last - market.open) / market.open, 5)}",'
        f'"fundingRate":"{public.rate(market)}","nextFundingTime":"{market.next_funding_ms(t_ms)}",'
        f'"markPrice":"{last}","indexPrice":"{last}","holdingAmount":"{views.qty(market.open_interest, one)}",'
        f'"baseVolume":"{views.qty(market.volume, one)}","quoteVolume":"{turnover}","openUtc":"{open_24h}",'
        f'"symbolType":"1","symbol":"{one.symbol}","deliveryPrice":"0","ts":"{t_ms}"}}]'
    )


def old_ticker(market: Market, t_ms: int) -> str:
    """ticker, v1 style."""
    one = market.instrument
    places = one.price_places
    return (
        f'[{{"instId":"{one.symbol}","last":"{fixed(market.last, places)}","bestBid":"{fixed(market.bid, places)}",'
        f'"bestAsk":"{fixed(market.ask, places)}","bidSz":"{views.qty(market.top_qty, one)}",'
        f'"askSz":"{views.qty(market.top_qty, one)}","ts":"{t_ms}"}}]'
    )


def candle(one: Candle, instrument: Instrument) -> str:
    """candle1m and its like."""
    row = public.candle(one, instrument)
    return dumps([[*row, row[6]]])


def old_candle(one: Candle, instrument: Instrument) -> str:
    """candle1m and its like, v1 style."""
    return dumps([public.candle(one, instrument)[:6]])


def trades(latest: list[PublicTrade], instrument: Instrument) -> str:
    """trade, newest first."""
    return dumps([public.public_trade(one, instrument) for one in reversed(latest)])


def order(event: OrderChanged, position: Position, mode: str) -> str:
    """orders."""
    one, ticket, fill = event.order, event.order.ticket, event.fill
    instrument = one.instrument
    item: Json = {
        "instId": one.symbol,
        "orderId": str(one.order_id),
        "clientOid": one.client_id,
        "size": views.qty(ticket.qty, instrument),
        "price": views.price(ticket.price, instrument),
        "notionalUsd": canonical(ticket.qty * ticket.price),
        "priceAvg": views.price(one.average, instrument) if one.executed else "0",
        "accBaseVolume": views.qty(one.executed, instrument),
        "fillPrice": views.price(fill.price, instrument) if fill else "0",
        "fillTime": str(fill.t_ms) if fill else "",
        "tradeId": str(fill.trade_id) if fill else "",
        "tradeScope": ("maker" if fill.maker else "taker") if fill else "",
        "fillFee": views.money(-fill.fee) if fill else "0",
        "fillFeeCoin": instrument.quote if fill else "",
        "fillNotionalUsd": canonical(fill.qty * fill.price) if fill else "0",
        "baseVolume": views.qty(fill.qty if fill else ZERO, instrument),
        "feeDetail": [{"feeCoin": instrument.quote, "fee": views.money(-one.fees)}],
        "force": views.FORCES[ticket.force],
        "leverage": str(one.leverage),
        "marginCoin": instrument.quote,
        "marginMode": views.margin_mode(position),
        "orderType": ticket.kind.value.lower(),
        **views.sides(one, mode),
        "reduceOnly": "yes" if ticket.reduce_only else "no",
        "status": views.STATUSES[one.status],
        "pnl": views.money(fill.realised if fill else ZERO),
        "enterPointSource": "API",
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
    }
    return dumps([item])


def old_order(event: OrderChanged) -> str:
    """orders, v1 style."""
    one, ticket = event.order, event.order.ticket
    instrument = one.instrument
    item: Json = {
        "instId": one.symbol,
        "ordId": str(one.order_id),
        "clOrdId": one.client_id,
        "px": views.price(ticket.price, instrument),
        "sz": views.qty(ticket.qty, instrument),
        "ordType": ticket.kind.value.lower(),
        "status": views.STATUSES[one.status],
        "side": ticket.side.value.lower(),
        "accFillSz": views.qty(one.executed, instrument),
        "avgPx": views.price(one.average, instrument) if one.executed else "0",
        "cTime": str(one.created_ms),
        "uTime": str(one.updated_ms),
    }
    return dumps([item])


def fill(event: OrderChanged, mode: str) -> str:
    """fill; empty when the event is none."""
    if event.fill is None:
        return ""
    order, one = event.order, event.fill
    item = views.fill(one, order, order.instrument, mode)
    times = {"orderType": order.ticket.kind.value.lower(), "cTime": str(one.t_ms), "uTime": str(one.t_ms)}
    return dumps([item | times])


def account(exchange: Exchange, one: Account) -> str:
    """account."""
    shown = views.account(exchange, one, lenient=False)
    item: Json = {
        "marginCoin": "USDT",
        "frozen": shown["locked"],
        "available": shown["available"],
        "maxOpenPosAvailable": shown["crossedMaxAvailable"],
        "maxTransferOut": shown["maxTransferOut"],
        "equity": shown["accountEquity"],
        "usdtEquity": shown["usdtEquity"],
        "crossedRiskRate": shown["crossedRiskRate"],
        "unrealizedPL": shown["unrealizedPL"],
    }
    return dumps([item])


def positions(exchange: Exchange, owner: Account, mode: str, only: str) -> str:
    """positions: all that are not flat, or only that of a symbol."""
    symbols = list(exchange.markets)
    items = []
    for one in owner.positions.values():
        if not one.size or only not in ("", one.symbol):
            continue
        shown = views.position(exchange, owner, one, mode, lenient=False)
        margin = one.initial_margin(exchange.markets[one.symbol].mark)
        unrealised = one.unrealised(exchange.markets[one.symbol].mark)
        items.append(
            {
                "posId": str(POSITION_ID_BASE + symbols.index(one.symbol)),
                "instId": one.symbol,
                "marginCoin": shown["marginCoin"],
                "marginSize": shown["marginSize"],
                "marginMode": shown["marginMode"],
                "holdSide": shown["holdSide"],
                "posMode": mode,
                "total": shown["total"],
                "available": shown["available"],
                "frozen": shown["locked"],
                "openPriceAvg": shown["openPriceAvg"],
                "leverage": one.leverage,
                "achievedProfits": shown["achievedProfits"],
                "unrealizedPL": shown["unrealizedPL"],
                "unrealizedPLR": fixed(unrealised / margin, 8) if margin else "0",
                "liquidationPrice": shown["liquidationPrice"],
                "keepMarginRate": shown["keepMarginRate"],
                "marginRate": shown["marginRatio"],
                "breakEvenPrice": shown["breakEvenPrice"],
                "markPrice": shown["markPrice"],
                "autoMargin": "off",
                "cTime": shown["cTime"],
                "uTime": shown["uTime"],
            }
        )
    return dumps(items)
