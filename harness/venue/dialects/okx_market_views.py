"""How OKX shows the core's markets: tickers, candles, trades, funding and the levels of the book."""

from __future__ import annotations

from harness.venue.core.candles import INTERVALS_MS, Candle
from harness.venue.core.decimals import canonical
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market, PublicTrade
from harness.venue.core.orders import Side
from harness.venue.dialects.okx_views import SWAP, Json, contracts, inst_id


def ticker(market: Market, t_ms: int) -> str:
    """One of tickers, as JSON text: the frame that goes out thousands of times a second is written by hand."""
    one = market.instrument
    size = contracts(market.top_qty, one)
    opened = canonical(market.open)
    return (
        f'{{"instType":"SWAP","instId":"{inst_id(one)}","last":"{canonical(market.last)}",'
        f'"lastSz":"{contracts(market.trades[-1].qty, one)}","askPx":"{canonical(market.ask)}","askSz":"{size}",'
        f'"bidPx":"{canonical(market.bid)}","bidSz":"{size}","open24h":"{opened}",'
        f'"high24h":"{canonical(market.high)}","low24h":"{canonical(market.low)}",'
        f'"vol24h":"{contracts(market.volume, one)}","volCcy24h":"{canonical(market.volume)}",'
        f'"sodUtc0":"{opened}","sodUtc8":"{opened}","ts":"{t_ms}"}}'
    )


def candle(one: Candle, instrument: Instrument, *, closed: bool) -> list[str]:
    """One row of candles."""
    return [
        str(one.open_ms),
        canonical(one.open),
        canonical(one.high),
        canonical(one.low),
        canonical(one.close),
        contracts(one.volume, instrument),
        canonical(one.volume),
        canonical(one.turnover),
        "1" if closed else "0",
    ]


def candle_end_ms(one: Candle, interval: str) -> int:
    """When a candle of the core's interval is over."""
    return one.open_ms + INTERVALS_MS[interval]


def trade(one: PublicTrade, instrument: Instrument) -> Json:
    """One trade of the tape."""
    return {
        "instId": inst_id(instrument),
        "tradeId": str(one.trade_id),
        "px": canonical(one.price),
        "sz": contracts(one.qty, instrument),
        "side": "sell" if one.buyer_is_maker else "buy",
        "ts": str(one.t_ms),
        "count": "1",
    }


def mark_price(market: Market, now_ms: int) -> Json:
    """One of mark-price."""
    return {
        "instType": SWAP,
        "instId": inst_id(market.instrument),
        "markPx": canonical(market.mark),
        "ts": str(now_ms),
    }


def funding_rate(market: Market, now_ms: int) -> Json:
    """One of funding-rate; fundingTime is the settlement that comes next, nextFundingTime the one after."""
    upcoming_ms = market.next_funding_ms(now_ms)
    return {
        "instType": SWAP,
        "instId": inst_id(market.instrument),
        "method": "current_period",
        "formulaType": "noRate",
        "fundingRate": canonical(market.funding_rate),
        "fundingTime": str(upcoming_ms),
        "nextFundingRate": "",
        "nextFundingTime": str(upcoming_ms + FUNDING_PERIOD_MS),
        "prevFundingTime": str(upcoming_ms - FUNDING_PERIOD_MS),
        "minFundingRate": "-0.015",
        "maxFundingRate": "0.015",
        "settState": "settled",
        "settFundingRate": canonical(market.funding_rate),
        "interestRate": "0.0001",
        "impactValue": "",
        "premium": "0",
        "ts": str(now_ms),
    }


def levels(market: Market, side: Side, depth: int) -> list[list[str]]:
    """One side of the book as [price, contracts, "0", orders]."""
    one = market.instrument
    return [[canonical(price), contracts(qty, one), "0", "1"] for price, qty in market.levels(side, depth)]
