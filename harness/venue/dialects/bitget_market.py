"""Bitget's public REST: instruments, tickers, candles, book, trades, funding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.candles import Candle
from harness.venue.core.decimals import canonical, fixed, places_of
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market, PublicTrade
from harness.venue.core.orders import Side
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import bitget_views as views
from harness.venue.dialects.bitget_params import Params, needed, product, text, whole
from harness.venue.dialects.bitget_rows import CANCEL_AND_CANDLES, Rows
from harness.venue.dialects.candle_page import page
from harness.venue.venue import Venue

MKT = "/api/v2/mix/market"
GRANULARITIES = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1H": "1h", "2H": "2h", "4H": "4h", "6H": "6h",
    "12H": "12h", "1D": "1d", "3D": "3d", "1W": "1w", "1M": "1M",
    "6Hutc": "6h", "12Hutc": "12h", "1Dutc": "1d", "3Dutc": "3d", "1Wutc": "1w", "1Mutc": "1M",
}  # fmt: skip
LENIENT_GRANULARITIES = {one: one for one in ("1h", "2h", "4h", "6h", "12h", "1d", "3d", "1w")}
DEPTHS = {"1": 1, "5": 5, "15": 15, "50": 50, "max": 500}
FUNDING_HOURS = str(FUNDING_PERIOD_MS // 3_600_000)


class PublicCalls:
    """Each method answers one path."""

    def __init__(self, venue: Venue, rows: Rows) -> None:
        self._exchange = venue.exchange
        self._rows = rows
        self.routes: dict[str, Callable[[Params], Any]] = {
            "/api/v2/public/time": lambda _: {"serverTime": str(self._exchange.now_ms())},
            f"{MKT}/contracts": self.contracts,
            f"{MKT}/ticker": lambda params: [ticker(self._market(params), self._exchange.now_ms())],
            f"{MKT}/tickers": self._each(lambda market: ticker(market, self._exchange.now_ms())),
            f"{MKT}/symbol-price": lambda params: [self._price(self._market(params))],
            f"{MKT}/candles": lambda params: self.candles(params, 1000),
            f"{MKT}/history-candles": lambda params: self.candles(params, 200),
            f"{MKT}/merge-depth": self.depth,
            f"{MKT}/fills": self.trades,
            f"{MKT}/fills-history": self.trades,
            f"{MKT}/current-fund-rate": self._each(self._funding),
            f"{MKT}/history-fund-rate": self.funding_rates,
            f"{MKT}/funding-time": lambda params: [self._funding_time(self._market(params))],
            f"{MKT}/open-interest": self.open_interest,
            # Asked for by general clients of the whole venue: nothing but the perpetuals is traded here.
            "/api/v2/spot/public/coins": lambda _: [],
            "/api/v2/spot/public/symbols": lambda _: [],
            "/api/v2/margin/currencies": lambda _: [],
        }

    def _market(self, params: Params) -> Market:
        symbol = needed(params, "symbol")
        if not product(params):
            raise Refused(Reason.UNKNOWN_SYMBOL, symbol)
        return self._exchange.market(symbol)

    def _each(self, view: Callable[[Market], Any]) -> Callable[[Params], Any]:
        def answer(params: Params) -> Any:
            if text(params, "symbol"):
                return [view(self._market(params))]
            return [view(market) for market in self._exchange.markets.values()] if product(params) else []

        return answer

    def contracts(self, params: Params) -> Any:
        """Instruments."""
        return self._each(lambda market: _contract(market.instrument))(params)

    def candles(self, params: Params, most: int) -> Any:
        """Candles, oldest first, by limit, startTime and endTime."""
        market = self._market(params)
        interval = interval_of(needed(params, "granularity"), self._rows)
        if not interval:
            raise Refused(Reason.ILLEGAL_PARAMETER, "granularity")
        limit = whole(params, "limit", 100, 1, most)
        now_ms = self._exchange.now_ms()
        end_ms = whole(params, "endTime", now_ms, 0, now_ms)
        start_ms = whole(params, "startTime", 0, 0, now_ms)
        return [candle(one, market.instrument) for one in page(market, interval, limit, start_ms, end_ms)]

    def depth(self, params: Params) -> Any:
        """The book, never merged."""
        market = self._market(params)
        word = text(params, "limit") or "50"
        # Any other number is served with the next depth that the venue has.
        depth = DEPTHS.get(word) or next(
            (one for one in DEPTHS.values() if one >= whole(params, "limit", 50, 1, 500)), 500
        )
        return {
            "asks": levels(market, Side.SELL, depth),
            "bids": levels(market, Side.BUY, depth),
            "ts": str(self._exchange.now_ms()),
            "scale": canonical(market.instrument.tick),
            "precision": "scale0",
            "isMaxPrecision": "YES",
        }

    def trades(self, params: Params) -> Any:
        """The tape, newest first."""
        market = self._market(params)
        limit = whole(params, "limit", 100, 1, 1000)
        return [
            public_trade(one, market.instrument) | {"symbol": market.instrument.symbol}
            for one in list(market.trades)[: -limit - 1 : -1]
        ]

    def funding_rates(self, params: Params) -> Any:
        """Past rates, newest first; the latest is the current one."""
        market = self._market(params)
        size = whole(params, "pageSize", 20, 1, 100)
        page = whole(params, "pageNo", 1, 1, 100)
        last_ms = self._exchange.now_ms() // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
        return [
            {
                "symbol": market.instrument.symbol,
                "fundingRate": rate(market),
                "fundingTime": str(last_ms - back * FUNDING_PERIOD_MS),
            }
            for back in range((page - 1) * size, page * size)
        ]

    def open_interest(self, params: Params) -> Any:
        """Base coins open in the whole market."""
        market = self._market(params)
        shown = views.qty(market.open_interest, market.instrument)
        return {
            "openInterestList": [{"symbol": market.instrument.symbol, "size": shown}],
            "ts": str(self._exchange.now_ms()),
        }

    def _funding(self, market: Market) -> Any:
        now_ms = self._exchange.now_ms()
        next_ms = str(market.next_funding_ms(now_ms))
        return {
            "symbol": market.instrument.symbol,
            "fundingRate": rate(market),
            "fundingTime": next_ms,
            "fundingRateInterval": FUNDING_HOURS,
            "nextUpdate": next_ms,
            "minFundingRate": "-0.003",
            "maxFundingRate": "0.003",
        }

    def _funding_time(self, market: Market) -> Any:
        next_ms = str(market.next_funding_ms(self._exchange.now_ms()))
        return {"symbol": market.instrument.symbol, "nextFundingTime": next_ms, "ratePeriod": FUNDING_HOURS}

    def _price(self, market: Market) -> Any:
        shown = views.price(market.last, market.instrument)
        mark = views.price(market.mark, market.instrument)
        ts = str(self._exchange.now_ms())
        return {
            "symbol": market.instrument.symbol, "price": shown, "indexPrice": mark, "markPrice": mark, "ts": ts,
        }  # fmt: skip


def interval_of(granularity: str, rows: Rows) -> str:
    """The core's name of a candle's length, empty when there is none of that name."""
    lenient = LENIENT_GRANULARITIES.get(granularity, "")
    if rows.taken(CANCEL_AND_CANDLES, odd=lenient != ""):
        return lenient
    return GRANULARITIES.get(granularity, "")


def rate(market: Market) -> str:
    """The funding rate to its last digit."""
    return canonical(market.funding_rate)


def levels(market: Market, side: Side, depth: int) -> list[list[str]]:
    """One side of the book as [price, quantity]."""
    one = market.instrument
    return [[fixed(price, one.price_places), views.qty(qty, one)] for price, qty in market.levels(side, depth)]


def candle(one: Candle, instrument: Instrument) -> list[str]:
    """[ms, o, h, l, c, base volume, quote volume]."""
    places = instrument.price_places
    return [
        str(one.open_ms),
        fixed(one.open, places),
        fixed(one.high, places),
        fixed(one.low, places),
        fixed(one.close, places),
        views.qty(one.volume, instrument),
        canonical(one.turnover),
    ]


def public_trade(one: PublicTrade, instrument: Instrument) -> dict[str, str]:
    """One trade of the tape; its side is the taker's."""
    return {
        "tradeId": str(one.trade_id),
        "price": fixed(one.price, instrument.price_places),
        "size": views.qty(one.qty, instrument),
        "side": "sell" if one.buyer_is_maker else "buy",
        "ts": str(one.t_ms),
    }


def ticker(market: Market, now_ms: int) -> dict[str, str]:
    """One of tickers."""
    one = market.instrument
    places = one.price_places
    amount, mark = views.qty(market.top_qty, one), fixed(market.mark, places)
    turnover = canonical(market.turnover)
    return {
        "symbol": one.symbol,
        "lastPr": fixed(market.last, places),
        "askPr": fixed(market.ask, places),
        "bidPr": fixed(market.bid, places),
        "bidSz": amount,
        "askSz": amount,
        "high24h": fixed(market.high, places),
        "low24h": fixed(market.low, places),
        "ts": str(now_ms),
        "change24h": fixed((market.last - market.open) / market.open, 5),
        "baseVolume": views.qty(market.volume, one),
        "quoteVolume": turnover,
        "usdtVolume": turnover,
        "openUtc": fixed(market.open, places),
        "changeUtc24h": fixed((market.last - market.open) / market.open, 5),
        "indexPrice": mark,
        "fundingRate": rate(market),
        "holdingAmount": views.qty(market.open_interest, one),
        "deliveryStartTime": "",
        "deliveryTime": "",
        "deliveryStatus": "",
        "open24h": fixed(market.open, places),
        "markPrice": mark,
    }


def _contract(one: Instrument) -> dict[str, Any]:
    step = canonical(one.step)
    return {
        "symbol": one.symbol,
        "baseCoin": one.base,
        "quoteCoin": one.quote,
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
        "feeRateUpRatio": "0.005",
        "makerFeeRate": "0.0002",
        "takerFeeRate": "0.0004",
        "openCostUpRatio": "0.01",
        "supportMarginCoins": [one.quote],
        "minTradeNum": step,
        # How many of the last place a tick has.
        "priceEndStep": canonical(one.tick.scaleb(one.price_places)),
        "volumePlace": str(places_of(one.step)),
        "pricePlace": str(one.price_places),
        "sizeMultiplier": step,
        "symbolType": "perpetual",
        "minTradeUSDT": canonical(one.min_notional),
        "maxSymbolOrderNum": "200",
        "maxProductOrderNum": "400",
        "maxPositionNum": "150",
        "symbolStatus": "normal",
        "offTime": "-1",
        "limitOpenTime": "-1",
        "deliveryTime": "",
        "deliveryStartTime": "",
        "deliveryPeriod": "",
        "launchTime": "",
        "fundInterval": FUNDING_HOURS,
        "minLever": "1",
        "maxLever": str(one.max_leverage),
        "posLimit": "0.05",
        "maintainTime": "",
        "maxMarketOrderQty": canonical(one.max_qty),
        "maxOrderQty": canonical(one.max_qty),
    }
