"""NetworkBackend: a venue over the network, by ccxt; REST calls here, streams in Feeds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Sink, Topic
from harness.reference.connector.backends.network.account_state import position_message
from harness.reference.connector.backends.network.dialect import Dialect, Native, Raw
from harness.reference.connector.backends.network.feeds import Feeds
from harness.reference.connector.backends.network.native import close_native, open_native
from harness.reference.connector.backends.network.orders import Orders
from harness.reference.connector.backends.network.session import Session
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.decimals import now_ms, wire
from harness.reference.connector.refusal import CredentialsRefused, Refusal, invalid, unavailable
from harness.reference.connector.settings import Settings
from harness.reference.log import Log
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

DEFAULT_CANDLES = 100


class NetworkBackend:
    """One venue. Every error of ccxt leaves as a Refusal."""

    has_venue = True

    def __init__(self, dialect: Dialect, settings: Settings, log: Log) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._log = log
        self._symbols = Symbols()
        self._feeds = Feeds(dialect, self._symbols, log)
        self._native: Native = open_native(
            dialect.ccxt_id,
            dialect.config,
            settings.credentials,
            self._feeds,
            with_tls=not settings.base_url.startswith("http://"),
            exact_frames=dialect.exact_frames,
        )
        if settings.base_url:
            dialect.point_at(self._native, settings.base_url)
        self._feeds.use(self._native)
        self._session = Session(self._native, dialect, self._symbols)
        self._orders = Orders(self._session)

    async def start(self) -> None:
        """Ask for the account, which proves the credentials, then learn the symbols."""
        try:
            await self._session.asked(self._dialect.snapshot(self._native))
            await self.refresh_symbols("")
        except Refusal as refusal:
            raise CredentialsRefused(f"{refusal.code.name}: {refusal.reason}") from None

    async def close(self) -> None:
        """Close sockets and session."""
        await self._feeds.close()
        await close_native(self._native)

    async def probe(self) -> None:
        """One cheap public question; a stream endpoint that cannot be reached counts as well."""
        broken = self._feeds.broken()
        if broken:
            raise unavailable(f"the venue's {broken} stream endpoint cannot be reached")
        await self._session.asked(self._dialect.ping(self._native))

    def venue_sockets(self) -> int:
        """Open WebSocket connections."""
        return self._feeds.socket_count()

    def margin(self) -> tuple[types.ExchangeType, bool]:
        """USDT futures with ordinary margin."""
        return types.EXCHANGE_TYPE_FUTURES, False

    # -- streams --------------------------------------------------------------------------------

    async def open(self, topic: Topic, sink: Sink) -> None:
        """Subscribe at the venue."""
        await self._feeds.open(topic, sink)

    async def shut(self, topic: Topic) -> None:
        """Unsubscribe at the venue."""
        await self._feeds.shut(topic)

    def state(self, topic: Topic) -> Sequence[tuple[str, Message]]:
        """Current account and positions."""
        return self._feeds.state(topic)

    # -- orders ---------------------------------------------------------------------------------

    async def place_order(self, order: resources.PlaceOrderRequest) -> resources.Order:
        """At most one order per client id."""
        return await self._orders.place(order)

    async def place_orders(self, orders: Sequence[resources.PlaceOrderRequest]) -> Sequence[resources.Order | Refusal]:
        """Each has its own fate."""
        return await self._orders.place_all(orders)

    async def cancel_order(self, symbol: str, order_id: int) -> None:
        """Cancel one."""
        await self._orders.cancel(symbol, order_id)

    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> Sequence[Refusal | None]:
        """Each has its own fate."""
        return await self._orders.cancel_each(symbol, order_ids)

    async def cancel_all_orders(self, symbol: str) -> None:
        """All open orders of the symbol."""
        await self._orders.cancel_all(symbol)

    async def order(self, symbol: str, order_id: int, client_order_id: str) -> resources.Order:
        """By either id."""
        return await self._orders.find(symbol, order_id, client_order_id)

    async def open_orders(self, symbol: str) -> Sequence[resources.Order]:
        """Of all symbols when none is given."""
        return await self._orders.open(symbol)

    # -- account --------------------------------------------------------------------------------

    async def account(self) -> resources.Account:
        """Totals and open positions."""
        return self._dialect.account(await self._session.asked(self._dialect.snapshot(self._native)))

    async def positions(self, symbol: str) -> Sequence[resources.Position]:
        """Open positions, of one symbol or of all."""
        venue_id = str(self._symbols.market(symbol)["id"]) if symbol else ""
        found = await self._session.asked(self._dialect.positions(self._native, venue_id))
        return [position_message(one) for one in found]

    async def balance(self, asset: str) -> str:
        """Wallet balance of an asset."""
        return str(await self._session.asked(self._dialect.balance(self._native, asset)))

    # -- market ---------------------------------------------------------------------------------

    async def latest_price(self, symbol: str) -> str:
        """Last traded price."""
        ticker = await self._session.asked(self._native.fetch_ticker(self._symbols.unified(symbol)))
        return str(ticker["last"])

    async def tickers(self) -> Sequence[resources.Ticker]:
        """Every symbol that the venue lists."""
        found = await self._session.asked(self._native.fetch_tickers())
        rows = [(self._symbols.of_unified(unified), ticker) for unified, ticker in found.items()]
        return [self._ticker(symbol, ticker) for symbol, ticker in sorted(rows, key=lambda row: row[0]) if symbol]

    async def open_interest(self, symbol: str) -> str:
        """In base coins."""
        market = self._symbols.market(symbol)
        return str(await self._session.asked(self._dialect.open_interest(self._native, market)))

    async def klines(self, symbol: str, interval: str, limit: int) -> Sequence[resources.Candle]:
        """Oldest first; the last one may still be open."""
        market = self._symbols.market(symbol)
        if interval not in self._native.timeframes:
            raise invalid(f"invalid interval {interval[:20]!r}")
        if limit > self._dialect.max_candles:
            raise invalid(f"limit must be at most {self._dialect.max_candles}")
        rows = await self._session.asked(
            self._dialect.candles(self._native, market, interval, limit or DEFAULT_CANDLES)
        )
        length_ms = int(self._native.parse_timeframe(interval)) * 1000
        return [_candle(symbol, row, length_ms) for row in rows]

    async def refresh_symbols(self, symbol: str) -> None:
        """Read the trading rules again; never ccxt's loadMarkets, which remembers a failure for ever."""
        markets = await self._session.asked(self._native.fetch_markets())
        self._native.set_markets(markets)
        self._symbols.learn(self._native.markets.values())
        if symbol:
            self._symbols.market(symbol)

    async def symbol_info(self, symbol: str) -> resources.SymbolInfo:
        """Trading rules."""
        market = self._symbols.market(symbol)
        price_digits, quantity_digits = self._dialect.precisions(market)
        contract_size = self._dialect.contract_size(market)
        return resources.SymbolInfo(
            symbol=symbol,
            price_precision=price_digits,
            quantity_precision=quantity_digits,
            base_asset=market["base"],
            quote_asset=market["quote"],
            min_quantity=wire(Decimal(market["limits"]["amount"]["min"]) * contract_size),
            min_notional=wire(market["limits"]["cost"]["min"]),
            tick_size=wire(market["precision"]["price"]),
            step_size=wire(Decimal(market["precision"]["amount"]) * contract_size),
        )

    async def symbols(self) -> Sequence[str]:
        """Every tradable symbol."""
        return self._symbols.active()

    async def funding_rate(self, symbol: str) -> resources.FundingRate:
        """Current funding."""
        return self._funding(
            symbol, await self._session.asked(self._native.fetch_funding_rate(self._symbols.unified(symbol)))
        )

    async def funding_rates(self) -> Sequence[resources.FundingRate]:
        """Current funding of every symbol."""
        found = await self._session.asked(self._native.fetch_funding_rates())
        rows = [(self._symbols.of_unified(unified), rate) for unified, rate in found.items()]
        return [self._funding(symbol, rate) for symbol, rate in sorted(rows, key=lambda row: row[0]) if symbol]

    async def funding_history(self, symbol: str, limit: int) -> Sequence[resources.FundingRate]:
        """Past funding, oldest first."""
        unified = self._symbols.unified(symbol)
        rows = await self._session.asked(
            self._native.fetch_funding_rate_history(unified, None, limit or DEFAULT_CANDLES)
        )
        return [
            resources.FundingRate(
                exchange=self.name, symbol=symbol, rate=wire(row["fundingRate"]), timestamp=int(row["timestamp"])
            )
            for row in rows
        ]

    def _ticker(self, symbol: str, ticker: Raw) -> resources.Ticker:
        volume, quote_volume = self._dialect.volumes(ticker)
        return resources.Ticker(
            symbol=symbol,
            price_change=wire(ticker["change"]),
            price_change_percent=wire(ticker["percentage"]),
            last_price=wire(ticker["last"]),
            volume=wire(volume),
            quote_volume=wire(quote_volume),
            timestamp=int(ticker["timestamp"] or now_ms()),
        )

    def _funding(self, symbol: str, rate: Raw) -> resources.FundingRate:
        return resources.FundingRate(
            exchange=self.name,
            symbol=symbol,
            rate=wire(rate["fundingRate"]),
            predicted_rate=wire(rate.get("nextFundingRate") or rate["fundingRate"]),
            next_funding_time=int(rate.get("fundingTimestamp") or 0),
            timestamp=int(rate.get("timestamp") or now_ms()),
        )


def _candle(symbol: str, row: Sequence[Any], length_ms: int) -> resources.Candle:
    return resources.Candle(
        symbol=symbol,
        open=wire(row[1]),
        high=wire(row[2]),
        low=wire(row[3]),
        close=wire(row[4]),
        volume=wire(row[5]),
        timestamp=int(row[0]),
        is_closed=int(row[0]) + length_ms <= now_ms(),
    )
