"""Gate's public REST: contracts, tickers, candles, book, trades and funding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from harness.venue.core.candles import INTERVALS_MS
from harness.venue.core.decimals import canonical
from harness.venue.core.market import FUNDING_PERIOD_MS, Market
from harness.venue.core.refusal import Reason, Refused
from harness.venue.dialects import gate_market_views as market_views
from harness.venue.dialects.candle_page import page
from harness.venue.dialects.gate_books import Books
from harness.venue.dialects.gate_market_views import INTERVALS
from harness.venue.dialects.gate_params import Asked, Params, needed, text, whole
from harness.venue.dialects.gate_views import NUMBERS_ROW, contract, seconds
from harness.venue.dialects.plain_json import dumps
from harness.venue.venue import Venue

FUTURES = "/api/v4/futures/usdt/"
MAX_CANDLES, MAX_LEVELS, MAX_ROWS = 2000, 300, 1000
EMPTY = (
    "/api/v4/futures/btc/contracts",
    "/api/v4/spot/currencies",
    "/api/v4/spot/currency_pairs",
    "/api/v4/margin/currency_pairs",
    "/api/v4/delivery/usdt/contracts",
    "/api/v4/delivery/btc/contracts",
    "/api/v4/options/underlyings",
)
"""Asked for by general clients of the whole venue: nothing but the USDT perpetuals is simulated."""


class PublicCalls:
    """Each route answers one path with the reply's JSON text; {} stands for a variable part."""

    def __init__(self, venue: Venue, books: Books) -> None:
        self._venue = venue
        self._exchange = venue.exchange
        self._books = books
        self._by_name = {contract(one.instrument): one for one in venue.exchange.markets.values()}
        self.symbols = {name: one.instrument.symbol for name, one in self._by_name.items()}
        self.routes: dict[str, Callable[[Asked], str]] = {
            "/api/v4/spot/time": lambda _: dumps({"server_time": self._exchange.now_ms()}),
            f"{FUTURES}contracts": lambda _: dumps([self._contract(one) for one in self._by_name.values()]),
            f"{FUTURES}contracts/{{}}": lambda asked: dumps(self._contract(self.market_of(asked.tail))),
            f"{FUTURES}tickers": self.tickers,
            f"{FUTURES}candlesticks": self.candles,
            f"{FUTURES}order_book": self.order_book,
            f"{FUTURES}trades": self.trades,
            f"{FUTURES}funding_rate": self.funding,
            f"{FUTURES}contract_stats": self.stats,
        }
        for path in EMPTY:
            self.routes[path] = lambda _: "[]"

    def market_of(self, name: str) -> Market:
        """Refused when there is no such contract."""
        market = self._by_name.get(name)
        if market is None:
            raise Refused(Reason.UNKNOWN_SYMBOL, name[:40])
        return market

    def market(self, params: Params) -> Market:
        """The market of `contract`."""
        return self.market_of(needed(params, "contract"))

    def symbol_or_all(self, params: Params) -> str:
        """The core's symbol of `contract`, empty when it is not given."""
        return self.market(params).instrument.symbol if text(params, "contract") else ""

    def _contract(self, market: Market) -> Any:
        as_text = self._venue.allows(NUMBERS_ROW)
        return market_views.instrument(market, self._exchange.now_ms(), size_as_text=as_text)

    def tickers(self, asked: Asked) -> str:
        """One or all."""
        markets = [self.market(asked.query)] if text(asked.query, "contract") else self._by_name.values()
        return f"[{','.join(market_views.ticker(one) for one in markets)}]"

    def candles(self, asked: Asked) -> str:
        """Oldest first, between `from` and `to` in seconds or the last `limit`."""
        market, now_ms = self.market(asked.query), self._exchange.now_ms()
        given = text(asked.query, "interval") or "5m"
        interval = INTERVALS.get(given)
        if interval is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "interval", given)
        start_ms = whole(asked.query, "from", 0, 0, now_ms // 1000) * 1000
        end_ms = whole(asked.query, "to", now_ms // 1000, 0, now_ms // 1000) * 1000
        limit = whole(asked.query, "limit", MAX_CANDLES if start_ms else 100, 1, MAX_CANDLES)
        found = page(market, interval, limit, start_ms, end_ms)
        return dumps([market_views.candle(one, market.instrument) for one in found])

    def order_book(self, asked: Asked) -> str:
        """The book; its id is what the book channel's numbers continue."""
        market = self.market(asked.query)
        interval = text(asked.query, "interval") or "0"
        if interval != "0":
            raise Refused(Reason.UNSUPPORTED, "interval")
        depth = whole(asked.query, "limit", 10, 1, MAX_LEVELS)
        now = seconds(self._exchange.now_ms())
        asks, bids = self._books.levels(market, depth)
        return dumps({"id": self._books.number(market), "current": now, "update": now, "asks": asks, "bids": bids})

    def trades(self, asked: Asked) -> str:
        """The tape, newest first."""
        market = self.market(asked.query)
        limit, offset = whole(asked.query, "limit", 100, 1, MAX_ROWS), whole(asked.query, "offset", 0, 0, MAX_ROWS)
        last_s = self._exchange.now_ms() // 1000 + 1
        first_ms = whole(asked.query, "from", 0, 0, last_s) * 1000
        end_ms = whole(asked.query, "to", last_s, 0, last_s) * 1000 + 999
        found = [one for one in reversed(market.trades) if first_ms <= one.t_ms <= end_ms]
        if text(asked.query, "last_id"):
            last_id = whole(asked.query, "last_id", 0, 0, 2**53)
            found = [one for one in found if one.trade_id < last_id]
        shown = found[offset : offset + limit]
        return dumps([market_views.trade(one, market.instrument, pushed=False) for one in shown])

    def funding(self, asked: Asked) -> str:
        """Past rates, newest first; each is the current one."""
        market, now_ms = self.market(asked.query), self._exchange.now_ms()
        limit = whole(asked.query, "limit", 100, 1, MAX_ROWS)
        first_ms = whole(asked.query, "from", 0, 0, now_ms // 1000) * 1000
        end_ms = whole(asked.query, "to", now_ms // 1000, 0, now_ms // 1000) * 1000
        newest_ms = end_ms // FUNDING_PERIOD_MS * FUNDING_PERIOD_MS
        times_ms = (newest_ms - back * FUNDING_PERIOD_MS for back in range(limit))
        rate = canonical(market.funding_rate)
        return dumps([{"t": t_ms // 1000, "r": rate} for t_ms in times_ms if t_ms >= max(first_ms, 1)])

    def stats(self, asked: Asked) -> str:
        """Open interest by interval, oldest first."""
        market, now_s = self.market(asked.query), self._exchange.now_ms() // 1000
        interval = INTERVALS.get(text(asked.query, "interval") or "5m")
        if interval is None:
            raise Refused(Reason.ILLEGAL_PARAMETER, "interval", text(asked.query, "interval"))
        length_s, limit = INTERVALS_MS[interval] // 1000, whole(asked.query, "limit", 30, 1, 100)
        first_s = whole(asked.query, "from", 0, 0, now_s)
        newest_s = now_s // length_s * length_s
        if first_s:
            oldest_s = -(-first_s // length_s) * length_s
            times_s = list(range(oldest_s, newest_s + 1, length_s))[:limit]
        else:
            times_s = list(range(newest_s - (limit - 1) * length_s, newest_s + 1, length_s))
        return dumps([market_views.stats(market, t_s) for t_s in times_s])
