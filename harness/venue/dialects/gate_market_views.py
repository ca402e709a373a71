"""How Gate shows the core's markets: contracts, tickers, candles, trades and the levels of the book."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from harness.venue.core.candles import Candle
from harness.venue.core.decimals import canonical, fixed
from harness.venue.core.exchange import MAKER_FEE, TAKER_FEE
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market, PublicTrade
from harness.venue.dialects.gate_views import Json, contract, count, plain, seconds

INTERVALS = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1h", "2h": "2h", "4h": "4h", "6h": "6h",
    "8h": "8h", "12h": "12h", "1d": "1d", "7d": "1w", "1w": "1w", "30d": "1M",
}  # fmt: skip
"""The venue's interval -> the core's."""
LISTED_S = 1_574_035_200
DEVIATION = Decimal(1)
"""No price may be further from the mark price than this part of it."""


def instrument(market: Market, now_ms: int, *, size_as_text: bool) -> Json:
    """One of contracts."""
    one, rate, mark = market.instrument, canonical(market.funding_rate), canonical(market.mark)
    tick = canonical(one.tick)
    smallest = count(one.min_qty, one)
    return {
        "name": contract(one),
        "type": "direct",
        "quanto_multiplier": canonical(one.step),
        "ref_discount_rate": "0",
        "order_price_deviate": canonical(DEVIATION),
        "maintenance_rate": canonical(one.maintenance_rate),
        "mark_type": "index",
        "last_price": canonical(market.last),
        "mark_price": mark,
        "index_price": mark,
        "funding_rate_indicative": rate,
        "funding_rate": rate,
        "mark_price_round": tick,
        "funding_offset": 0,
        "in_delisting": False,
        "risk_limit_base": "1000000",
        "risk_limit_step": "1000000",
        "risk_limit_max": "8000000",
        "interest_rate": "0.0003",
        "order_price_round": tick,
        "order_size_min": str(smallest) if size_as_text else smallest,
        "order_size_max": count(one.max_qty, one),
        "ref_rebate_rate": "0",
        "funding_interval": FUNDING_PERIOD_MS // 1000,
        "funding_next_apply": market.next_funding_ms(now_ms) // 1000,
        "leverage_min": "1",
        "leverage_max": str(one.max_leverage),
        "maker_fee_rate": canonical(MAKER_FEE),
        "taker_fee_rate": canonical(TAKER_FEE),
        "orders_limit": 100,
        "trade_size": count(market.volume, one),
        "position_size": count(market.open_interest, one),
        "trade_id": market.last_trade_id,
        "orderbook_id": market.update_id,
        "config_change_time": LISTED_S,
        "create_time": LISTED_S,
        "launch_time": LISTED_S,
        "enable_bonus": False,
        "enable_credit": False,
        "enable_decimal": False,
        "status": "trading",
    }


def ticker(market: Market) -> str:
    """One of tickers, as JSON text: the frame that goes out thousands of times a second is written by hand."""
    one = market.instrument
    last, rate = canonical(market.last), canonical(market.funding_rate)
    volume, turnover = count(market.volume, one), canonical(market.turnover)
    size = count(market.top_qty, one)
    return (
        f'{{"contract":"{contract(one)}","last":"{last}",'
        f'"change_percentage":"{fixed((market.last - market.open) / market.open * 100, 4)}",'
        f'"total_size":"{count(market.open_interest, one)}","volume_24h":"{volume}",'
        f'"volume_24h_base":"{canonical(market.volume)}","volume_24h_quote":"{turnover}",'
        f'"volume_24h_settle":"{turnover}","mark_price":"{last}","funding_rate":"{rate}",'
        f'"funding_rate_indicative":"{rate}","index_price":"{last}","quanto_base_rate":"",'
        f'"low_24h":"{canonical(market.low)}","high_24h":"{canonical(market.high)}",'
        f'"highest_bid":"{canonical(market.bid)}","highest_size":"{size}",'
        f'"lowest_ask":"{canonical(market.ask)}","lowest_size":"{size}"}}'
    )


def candle(one: Candle, instrument: Instrument) -> Json:
    """One of candlesticks."""
    return {
        "t": one.open_ms // 1000,
        "v": count(one.volume, instrument),
        "o": canonical(one.open),
        "h": canonical(one.high),
        "l": canonical(one.low),
        "c": canonical(one.close),
        "sum": canonical(one.turnover),
    }


def pushed_candle(one: Candle, instrument: Instrument, interval: str, *, over: bool) -> Json:
    """One of the candlesticks channel; `interval` is the venue's."""
    shown = {**candle(one, instrument), "n": f"{interval}_{contract(instrument)}", "a": canonical(one.volume)}
    shown["w"] = over
    return shown


def trade(one: PublicTrade, instrument: Instrument, *, pushed: bool) -> Json:
    """One trade of the tape; `size` is negative when the taker sold."""
    return {
        "id": one.trade_id,
        "create_time": one.t_ms // 1000 if pushed else seconds(one.t_ms),
        "create_time_ms": one.t_ms,
        "contract": contract(instrument),
        "size": count(one.qty, instrument) * (-1 if one.buyer_is_maker else 1),
        "price": canonical(one.price),
    }


def book_ticker(market: Market, number: int, t_ms: int) -> str:
    """What book_ticker pushes, as JSON text."""
    one, size = market.instrument, count(market.top_qty, market.instrument)
    return (
        f'{{"t":{t_ms},"u":{number},"s":"{contract(one)}","b":"{canonical(market.bid)}","B":{size},'
        f'"a":"{canonical(market.ask)}","A":{size}}}'
    )


def level(price: Decimal, qty: Decimal, instrument: Instrument) -> Json:
    """One level of the book."""
    return {"p": canonical(price), "s": count(qty, instrument)}


def stats(market: Market, t_s: int) -> Json:
    """One of contract_stats; what it says of the past is what holds now."""
    size = count(market.open_interest, market.instrument)
    nothing: dict[str, Any] = {
        f"{side}_liq_{what}": 0 for side in ("long", "short") for what in ("size", "amount", "usd")
    }
    return {
        "time": t_s,
        "lsr_taker": 1,
        "lsr_account": 1,
        **nothing,
        "open_interest": size,
        "open_interest_usd": plain(market.open_interest * market.mark),
        "top_lsr_account": 1,
        "top_lsr_size": 1,
        "mark_price": plain(market.mark),
    }
