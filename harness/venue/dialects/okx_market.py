"""OKX's public REST: instruments, tickers, candles, book, trades, funding, open interest."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.decimals import canonical
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market
from harness.venue.core.orders import Side
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import okx_market_views as market_views
from harness.venue.dialects import okx_views as views
from harness.venue.dialects.okx_params import Params, needed, one_of, text, whole
from harness.venue.venue import Venue

LISTED_MS = 1_573_557_408_000
MODES = ("cross", "isolated")
INST_TYPES = ("SPOT", "MARGIN", "SWAP", "FUTURES", "OPTION")
BARS = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "2H": "2h", "4H": "4h", "6H": "6h",
    "12H": "12h", "1D": "1d", "3D": "3d", "1W": "1w", "1M": "1M",
}  # fmt: skip
BARS |= {f"{bar}utc": interval for bar, interval in BARS.items() if bar in ("6H", "12H", "1D", "3D", "1W", "1M")}
"""The venue's bar -> the core's interval. Its days begin at UTC midnight under both spellings here."""
MAX_CANDLES, MAX_HISTORY_CANDLES = 300, 100
MAX_LEVELS, MAX_TRADES, MAX_RATES = 400, 500, 100


class PublicCalls:
    """Each method answers one path with its data."""

    def __init__(self, venue: Venue) -> None:
        self._exchange = venue.exchange
        self._by_id = {views.inst_id(one.instrument): one for one in venue.exchange.markets.values()}
        self.routes: dict[str, Callable[[Params], list[Any]]] = {
            "/api/v5/public/time": lambda _: [{"ts": str(self._exchange.now_ms())}],
            "/api/v5/public/instruments": self.instruments,
            "/api/v5/public/funding-rate": self.funding_rate,
            "/api/v5/public/funding-rate-history": self.funding_rates,
            "/api/v5/public/open-interest": self.open_interest,
            "/api/v5/public/mark-price": self.mark_prices,
            "/api/v5/market/ticker": lambda params: [self._ticker(self.market(params))],
            "/api/v5/market/tickers": self.tickers,
            "/api/v5/market/candles": lambda params: self.candles(params, MAX_CANDLES),
            "/api/v5/market/history-candles": lambda params: self.candles(params, MAX_HISTORY_CANDLES),
            "/api/v5/market/books": self.book,
            "/api/v5/market/trades": self.trades,
            "/api/v5/market/history-trades": self.trades,
            "/api/v5/system/status": lambda _: [],
        }

    def market(self, params: Params) -> Market:
        """The market of instId."""
        return self.market_of(needed(params, "instId"))

    def market_of(self, inst_id: str) -> Market:
        """Refused when there is no such instrument."""
        market = self._by_id.get(inst_id)
        if market is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, inst_id)
        return market

    def chosen(self, params: Params) -> list[Market]:
        """Markets by instType, instId, uly and instFamily, each optional but the first."""
        if one_of(params, "instType", INST_TYPES) != views.SWAP:
            return []
        if text(params, "instId"):
            return [self.market(params)]
        family = text(params, "uly") or text(params, "instFamily")
        return [one for one in self._by_id.values() if family in ("", _family(one.instrument))]

    def instruments(self, params: Params) -> list[Any]:
        """The swaps; other kinds of instruments are traded nowhere here."""
        return [_instrument(one.instrument) for one in self.chosen(params)]

    def _ticker(self, market: Market) -> Any:
        return json.loads(market_views.ticker(market, self._exchange.now_ms()))

    def tickers(self, params: Params) -> list[Any]:
        """All swaps."""
        return [self._ticker(one) for one in self.chosen(params)]

    def candles(self, params: Params, most: int) -> list[Any]:
        """Newest first; `after`: only older ones than that ms, `before`: only newer ones."""
        market = self.market(params)
        interval = BARS.get(text(params, "bar") or "1m")
        if interval is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "bar")
        length_ms, now_ms = INTERVALS_MS[interval], self._exchange.now_ms()
        after_ms = whole(params, "after", now_ms + 1, 0, now_ms + 1)
        before_ms = whole(params, "before", 0, 0, 2**53)
        limit = whole(params, "limit", 100, 1, most)
        candles = market.candles.history(interval, limit, after_ms - 1)
        return [
            market_views.candle(one, market.instrument, closed=one.open_ms + length_ms <= now_ms)
            for one in reversed(candles)
            if one.open_ms > before_ms
        ]

    def book(self, params: Params) -> list[Any]:
        """The book, one level a side unless `sz` says more."""
        market = self.market(params)
        depth = whole(params, "sz", 1, 1, MAX_LEVELS)
        asks, bids = (market_views.levels(market, side, depth) for side in (Side.SELL, Side.BUY))
        return [{"asks": asks, "bids": bids, "ts": str(self._exchange.now_ms()), "seqId": market.update_id}]

    def trades(self, params: Params) -> list[Any]:
        """The tape, newest first."""
        market = self.market(params)
        limit = whole(params, "limit", 100, 1, MAX_TRADES)
        return [market_views.trade(one, market.instrument) for one in list(market.trades)[: -limit - 1 : -1]]

    def mark_prices(self, params: Params) -> list[Any]:
        """Mark prices."""
        return [market_views.mark_price(one, self._exchange.now_ms()) for one in self.chosen(params)]

    def funding_rate(self, params: Params) -> list[Any]:
        """The current rate of an instrument, or of ANY."""
        every = needed(params, "instId") == "ANY"
        markets = list(self._by_id.values()) if every else [self.market(params)]
        return [market_views.funding_rate(one, self._exchange.now_ms()) for one in markets]

    def funding_rates(self, params: Params) -> list[Any]:
        """Past rates, newest first; the latest is the current one."""
        market = self.market(params)
        limit = whole(params, "limit", MAX_RATES, 1, MAX_RATES)
        last_ms = self._exchange.now_ms() // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
        after_ms = whole(params, "after", last_ms + 1, 0, last_ms + 1)
        before_ms = whole(params, "before", 0, 0, 2**53)
        newest_ms = (after_ms - 1) // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
        times_ms = (newest_ms - back * FUNDING_PERIOD_MS for back in range(limit))
        rate = canonical(market.funding_rate)
        return [
            {
                "instType": views.SWAP,
                "instId": views.inst_id(market.instrument),
                "formulaType": "noRate",
                "method": "current_period",
                "fundingRate": rate,
                "realizedRate": rate,
                "fundingTime": str(t_ms),
            }
            for t_ms in times_ms
            if t_ms > before_ms
        ]

    def open_interest(self, params: Params) -> list[Any]:
        """Contracts and coins open in the whole market."""
        return [
            {
                "instType": views.SWAP,
                "instId": views.inst_id(one.instrument),
                "oi": views.contracts(one.open_interest, one.instrument),
                "oiCcy": canonical(one.open_interest),
                "oiUsd": canonical(one.open_interest * one.mark),
                "ts": str(self._exchange.now_ms()),
            }
            for one in self.chosen(params)
        ]


def _family(one: Instrument) -> str:
    return f"{one.base}-{one.quote}"


def _instrument(one: Instrument) -> dict[str, Any]:
    most = views.contracts(one.max_qty, one)
    return {
        "instType": views.SWAP,
        "instId": views.inst_id(one),
        "uly": _family(one),
        "instFamily": _family(one),
        "category": "1",
        "baseCcy": "",
        "quoteCcy": "",
        "settleCcy": one.quote,
        "ctVal": canonical(one.step),
        "ctMult": "1",
        "ctValCcy": one.base,
        "ctType": "linear",
        "optType": "",
        "stk": "",
        "listTime": str(LISTED_MS),
        "expTime": "",
        "lever": str(one.max_leverage),
        "tickSz": canonical(one.tick),
        "lotSz": "1",
        "minSz": "1",
        "alias": "",
        "state": "live",
        "ruleType": "normal",
        "maxLmtSz": most,
        "maxMktSz": most,
        "maxTwapSz": most,
        "maxIcebergSz": most,
        "maxTriggerSz": most,
        "maxStopSz": most,
        "maxLmtAmt": "20000000",
        "maxMktAmt": "",
    }
