"""Bybit's public REST: instruments, tickers, candles, book, trades, funding."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from harness.venue.core.candles import Candle
from harness.venue.core.decimals import canonical
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market
from harness.venue.core.orders import Side
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import bybit_views as views
from harness.venue.dialects.bybit_ids import uuid_of
from harness.venue.dialects.bybit_params import Params
from harness.venue.dialects.candle_page import page
from harness.venue.venue import Venue

INTERVALS = {
    "1": "1m", "3": "3m", "5": "5m", "15": "15m", "30": "30m", "60": "1h", "120": "2h", "240": "4h", "360": "6h",
    "720": "12h", "D": "1d", "W": "1w", "M": "1M",
}  # fmt: skip
INTEREST_MS = {
    "5min": 300_000, "15min": 900_000, "30min": 1_800_000, "1h": 3_600_000, "4h": 14_400_000, "1d": 86_400_000,
}  # fmt: skip
MAX_PRICE_TICKS = 19_999_998
LAUNCHED_MS = 1_584_230_400_000


class PublicCalls:
    """Each method answers one path with the `result` of the envelope."""

    def __init__(self, venue: Venue) -> None:
        self._exchange = venue.exchange
        self.routes: dict[str, Callable[[Params], Any]] = {
            "/v5/market/time": self.time,
            "/v5/market/instruments-info": self.instruments,
            "/v5/market/tickers": self.tickers,
            "/v5/market/kline": self.klines,
            "/v5/market/orderbook": self.order_book,
            "/v5/market/recent-trade": self.trades,
            "/v5/market/funding/history": self.funding,
            "/v5/market/open-interest": self.open_interest,
        }

    def _market(self, params: Params) -> Market:
        params.linear()
        return self._exchange.market(params.needed("symbol"))

    def time(self, _: Params) -> Any:
        """The venue's clock."""
        now_ms = self._exchange.now_ms()
        return {"timeSecond": str(now_ms // 1000), "timeNano": str(now_ms * 1_000_000)}

    def _markets(self, params: Params) -> list[Market]:
        """The one named or all; none in a category that is not traded here."""
        if params.category() != "linear":
            return []
        if params.given("symbol"):
            return [self._market(params)]
        return list(self._exchange.markets.values())

    def instruments(self, params: Params) -> Any:
        """Contracts; all of them trade, and all fit on one page."""
        markets = self._markets(params)
        if params.text("status") not in ("", "Trading") or params.given("cursor"):
            markets = []
        if params.given("baseCoin"):
            markets = [market for market in markets if market.instrument.base == params.text("baseCoin")]
        shown = [_instrument(market.instrument) for market in markets]
        return {"category": params.category(), "list": shown, "nextPageCursor": ""}

    def tickers(self, params: Params) -> Any:
        """The day's statistics, the best prices and the funding rate."""
        now_ms = self._exchange.now_ms()
        shown = [views.ticker(market, now_ms) for market in self._markets(params)]
        return {"category": params.category(), "list": shown}

    def klines(self, params: Params) -> Any:
        """Candles, newest first."""
        market, now_ms = self._market(params), self._exchange.now_ms()
        interval = params.one_of("interval", INTERVALS)
        limit = params.whole("limit", 200, 1, 1000)
        end_ms = params.whole("end", now_ms, 0, now_ms)
        candles = page(market, interval, limit, params.whole("start", 0, 0, now_ms), end_ms)
        shown = [_kline(one, market.instrument) for one in reversed(candles)]
        return {"category": "linear", "symbol": market.instrument.symbol, "list": shown}

    def order_book(self, params: Params) -> Any:
        """The book."""
        market = self._market(params)
        depth, now_ms = params.whole("limit", 25, 1, 1000), self._exchange.now_ms()
        return {
            "s": market.instrument.symbol,
            "b": views.levels(market, Side.BUY, depth),
            "a": views.levels(market, Side.SELL, depth),
            "ts": now_ms,
            "u": market.update_id,
            "seq": market.update_id,
            "cts": now_ms,
        }

    def trades(self, params: Params) -> Any:
        """The tape, newest first."""
        market = self._market(params)
        one, limit = market.instrument, params.whole("limit", 500, 1, 1000)
        shown = [
            {
                "execId": uuid_of(trade.trade_id),
                "symbol": one.symbol,
                "price": views.price(trade.price, one),
                "size": views.qty(trade.qty, one),
                "side": "Sell" if trade.buyer_is_maker else "Buy",
                "time": str(trade.t_ms),
                "isBlockTrade": False,
                "isRPITrade": False,
                "seq": str(trade.trade_id),
            }
            for trade in reversed(list(market.trades)[-limit:])
        ]
        return {"category": "linear", "list": shown}

    def funding(self, params: Params) -> Any:
        """Past rates, newest first; each is the current one."""
        market = self._market(params)
        limit, now_ms = params.whole("limit", 200, 1, 200), self._exchange.now_ms()
        last_ms = params.whole("endTime", now_ms, 0, now_ms) // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
        first_ms = params.whole("startTime", 0, 0, now_ms)
        times = [last_ms - back * FUNDING_PERIOD_MS for back in range(limit)]
        rate = canonical(market.funding_rate)
        shown = [
            {"symbol": market.instrument.symbol, "fundingRate": rate, "fundingRateTimestamp": str(t_ms)}
            for t_ms in times
            if t_ms >= first_ms
        ]
        return {"category": "linear", "list": shown}

    def open_interest(self, params: Params) -> Any:
        """Contracts open in the whole market, newest first."""
        market = self._market(params)
        period_ms: int = params.one_of("intervalTime", INTEREST_MS)
        limit, now_ms = params.whole("limit", 50, 1, 200), self._exchange.now_ms()
        last_ms = params.whole("endTime", now_ms, 0, now_ms) // period_ms * period_ms
        first_ms = params.whole("startTime", 0, 0, now_ms)
        amount = views.qty(market.open_interest, market.instrument)
        times = [last_ms - back * period_ms for back in range(limit)]
        return {
            "category": "linear",
            "symbol": market.instrument.symbol,
            "list": [{"openInterest": amount, "timestamp": str(t_ms)} for t_ms in times if t_ms >= first_ms],
            "nextPageCursor": "",
        }


def _kline(one: Candle, instrument: Instrument) -> list[str]:
    prices = [views.price(value, instrument) for value in (one.open, one.high, one.low, one.close)]
    return [str(one.open_ms), *prices, views.qty(one.volume, instrument), canonical(one.turnover)]


def check_price(value: Decimal, instrument: Instrument) -> None:
    """Refused above priceFilter.maxPrice."""
    if value > instrument.tick * MAX_PRICE_TICKS:
        raise Refused(Reason.ILLEGAL_PARAMETER, "price range", str(value))


def _instrument(one: Instrument) -> dict[str, Any]:
    tick, max_qty = views.price(one.tick, one), views.qty(one.max_qty, one)
    return {
        "symbol": one.symbol,
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": one.base,
        "quoteCoin": one.quote,
        "settleCoin": one.quote,
        "launchTime": str(LAUNCHED_MS),
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(one.price_places),
        "leverageFilter": {"minLeverage": "1", "maxLeverage": f"{one.max_leverage}.00", "leverageStep": "1"},
        "priceFilter": {
            "minPrice": tick,
            "maxPrice": views.price(one.tick * MAX_PRICE_TICKS, one),
            "tickSize": tick,
        },
        "lotSizeFilter": {
            "maxOrderQty": max_qty,
            "minOrderQty": views.qty(one.min_qty, one),
            "qtyStep": views.qty(one.step, one),
            "postOnlyMaxOrderQty": max_qty,
            "maxMktOrderQty": max_qty,
            "minNotionalValue": canonical(one.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": FUNDING_PERIOD_MS // 60_000,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "displayName": "",
    }
