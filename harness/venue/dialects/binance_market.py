"""Binance's public REST: instruments, tickers, candles, book, trades, funding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.decimals import canonical, fixed
from harness.venue.core.instruments import Instrument
from harness.venue.core.market import FUNDING_PERIOD_MS, Market
from harness.venue.core.orders import Side
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import binance_views as views
from harness.venue.dialects.binance_params import Params, whole
from harness.venue.venue import Venue

MAX_KLINES = 1500
DEPTHS = (5, 10, 20, 50, 100, 500, 1000)
ONBOARDED_MS = 1_569_398_400_000
PERPETUAL_MS = 4_133_404_800_000


class PublicCalls:
    """Each method answers one path."""

    def __init__(self, venue: Venue) -> None:
        self._exchange = venue.exchange
        self.routes: dict[str, Callable[[Params], Any]] = {
            "/fapi/v1/ping": lambda _: {},
            "/fapi/v1/time": lambda _: {"serverTime": self._exchange.now_ms()},
            "/fapi/v1/exchangeInfo": self.exchange_info,
            "/fapi/v1/ticker/24hr": self._each(lambda market: views.day(market, self._exchange.now_ms())),
            "/fapi/v1/ticker/price": self._each(self._price),
            "/fapi/v2/ticker/price": self._each(self._price),
            "/fapi/v1/ticker/bookTicker": self._each(self._book_ticker),
            "/fapi/v1/premiumIndex": self._each(self._premium),
            "/fapi/v1/klines": self.klines,
            "/fapi/v1/depth": self.depth,
            "/fapi/v1/aggTrades": self.agg_trades,
            "/fapi/v1/trades": self.trades,
            "/fapi/v1/fundingRate": self.funding_rates,
            "/fapi/v1/fundingInfo": lambda _: [],
            "/fapi/v1/openInterest": self.open_interest,
            # Asked for by general clients of the whole venue: nothing but the perpetuals is traded here.
            "/api/v3/exchangeInfo": self._no_symbols,
            "/dapi/v1/exchangeInfo": self._no_symbols,
            "/eapi/v1/exchangeInfo": self._no_symbols,
        }

    def _market(self, params: Params) -> Market:
        if not params.get("symbol"):
            raise Refused(Reason.MISSING_PARAMETER, "symbol")
        return self._exchange.market(params["symbol"])

    def _each(self, view: Callable[[Market], Any]) -> Callable[[Params], Any]:
        def answer(params: Params) -> Any:
            if params.get("symbol"):
                return view(self._market(params))
            return [view(market) for market in self._exchange.markets.values()]

        return answer

    def exchange_info(self, _: Params) -> Any:
        """Instruments with their filters."""
        return {
            "timezone": "UTC",
            "serverTime": self._exchange.now_ms(),
            "futuresType": "U_MARGINED",
            "rateLimits": [
                {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 2400},
                {"rateLimitType": "ORDERS", "interval": "MINUTE", "intervalNum": 1, "limit": 1200},
            ],
            "exchangeFilters": [],
            "assets": [{"asset": "USDT", "marginAvailable": True, "autoAssetExchange": "-10000"}],
            "symbols": [_symbol(market.instrument) for market in self._exchange.markets.values()],
        }

    def _no_symbols(self, _: Params) -> Any:
        return {"timezone": "UTC", "serverTime": self._exchange.now_ms(), "rateLimits": [], "symbols": []}

    def klines(self, params: Params) -> Any:
        """Candles, oldest first, by limit, startTime and endTime."""
        market, interval = self._market(params), params.get("interval", "")
        if not interval:
            raise Refused(Reason.MISSING_PARAMETER, "interval")
        length = INTERVALS_MS.get(interval)
        if length is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "interval")
        limit = whole(params, "limit", 500, 1, MAX_KLINES)
        now_ms = self._exchange.now_ms()
        end_ms = min(now_ms, whole(params, "endTime", now_ms, 0, now_ms))
        start_ms = whole(params, "startTime", 0, 0, now_ms)
        if start_ms:
            limit = min(limit, (end_ms - start_ms) // length + 1)
            # With a start, the page begins there and not at the end.
            first_ms = -(-start_ms // length) * length
            end_ms = min(end_ms, first_ms + (limit - 1) * length)
        candles = market.candles.history(interval, limit, end_ms) if limit > 0 else []
        return [views.kline(one, interval, market.instrument) for one in candles if one.open_ms >= start_ms]

    def depth(self, params: Params) -> Any:
        """The book."""
        market = self._market(params)
        limit = whole(params, "limit", 500, 5, 1000)
        limit = next(one for one in DEPTHS if one >= limit)
        now_ms = self._exchange.now_ms()
        return {
            "lastUpdateId": market.update_id,
            "E": now_ms,
            "T": now_ms,
            "bids": levels(market, Side.BUY, limit),
            "asks": levels(market, Side.SELL, limit),
        }

    def agg_trades(self, params: Params) -> Any:
        """The tape, oldest first."""
        market = self._market(params)
        one = market.instrument
        limit = whole(params, "limit", 500, 1, 1000)
        return [
            {
                "a": trade.trade_id,
                "p": views.price(trade.price, one),
                "q": views.qty(trade.qty, one),
                "f": trade.trade_id,
                "l": trade.trade_id,
                "T": trade.t_ms,
                "m": trade.buyer_is_maker,
            }
            for trade in list(market.trades)[-limit:]
        ]

    def trades(self, params: Params) -> Any:
        """The tape in its longer spelling."""
        market = self._market(params)
        one = market.instrument
        limit = whole(params, "limit", 500, 1, 1000)
        return [
            {
                "id": trade.trade_id,
                "price": views.price(trade.price, one),
                "qty": views.qty(trade.qty, one),
                "quoteQty": canonical(trade.price * trade.qty),
                "time": trade.t_ms,
                "isBuyerMaker": trade.buyer_is_maker,
            }
            for trade in list(market.trades)[-limit:]
        ]

    def funding_rates(self, params: Params) -> Any:
        """Past rates, oldest first; the latest is the current one."""
        limit = whole(params, "limit", 100, 1, 1000)
        markets = [self._market(params)] if params.get("symbol") else list(self._exchange.markets.values())
        last_ms = self._exchange.now_ms() // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
        return [
            {
                "symbol": market.instrument.symbol,
                "fundingTime": last_ms - back * FUNDING_PERIOD_MS,
                "fundingRate": fixed(market.funding_rate, 8),
                "markPrice": views.price(market.mark, market.instrument),
            }
            for market in markets
            for back in range(limit - 1, -1, -1)
        ]

    def open_interest(self, params: Params) -> Any:
        """Contracts open in the whole market."""
        market = self._market(params)
        shown = views.qty(market.open_interest, market.instrument)
        return {"symbol": market.instrument.symbol, "openInterest": shown, "time": self._exchange.now_ms()}

    def _premium(self, market: Market) -> Any:
        mark, now_ms = views.price(market.mark, market.instrument), self._exchange.now_ms()
        return {
            "symbol": market.instrument.symbol,
            "markPrice": mark,
            "indexPrice": mark,
            "estimatedSettlePrice": mark,
            "lastFundingRate": fixed(market.funding_rate, 8),
            "interestRate": "0.00010000",
            "nextFundingTime": market.next_funding_ms(now_ms),
            "time": now_ms,
        }

    def _price(self, market: Market) -> Any:
        shown = views.price(market.last, market.instrument)
        return {"symbol": market.instrument.symbol, "price": shown, "time": self._exchange.now_ms()}

    def _book_ticker(self, market: Market) -> Any:
        one = market.instrument
        return {
            "symbol": one.symbol,
            "bidPrice": views.price(market.bid, one),
            "bidQty": views.qty(market.top_qty, one),
            "askPrice": views.price(market.ask, one),
            "askQty": views.qty(market.top_qty, one),
            "lastUpdateId": market.update_id,
            "time": self._exchange.now_ms(),
        }


def levels(market: Market, side: Side, depth: int) -> list[list[str]]:
    """One side of the book as [price, quantity]."""
    one = market.instrument
    return [[views.price(price, one), views.qty(qty, one)] for price, qty in market.levels(side, depth)]


def _symbol(one: Instrument) -> dict[str, Any]:
    tick, step, max_qty = views.price(one.tick, one), views.qty(one.step, one), views.qty(one.max_qty, one)
    lot = {"minQty": step, "maxQty": max_qty, "stepSize": step}
    return {
        "symbol": one.symbol,
        "pair": one.symbol,
        "contractType": "PERPETUAL",
        "deliveryDate": PERPETUAL_MS,
        "onboardDate": ONBOARDED_MS,
        "status": "TRADING",
        "maintMarginPercent": "2.5000",
        "requiredMarginPercent": "5.0000",
        "baseAsset": one.base,
        "quoteAsset": one.quote,
        "marginAsset": one.quote,
        "pricePrecision": one.price_places,
        "quantityPrecision": one.qty_places,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": "0.012500",
        "marketTakeBound": "0.05",
        "maxMoveOrderLimit": 10000,
        "filters": [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "10000000", "tickSize": tick},
            {"filterType": "LOT_SIZE", **lot},
            {"filterType": "MARKET_LOT_SIZE", **lot},
            {"filterType": "MAX_NUM_ORDERS", "limit": 200},
            {"filterType": "MIN_NOTIONAL", "notional": canonical(one.min_notional)},
        ],
        "orderTypes": ["LIMIT", "MARKET"],
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
    }
