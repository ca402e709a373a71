"""NetworkBackend: a venue over the network, by ccxt; REST calls here, streams in Feeds."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Sequence
from decimal import Decimal
from typing import Any

import grpc
from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Sink, Topic
from harness.reference.connector.backends.network.account_state import position_message
from harness.reference.connector.backends.network.codes import refusal_of
from harness.reference.connector.backends.network.dialect import Dialect, Native, Raw
from harness.reference.connector.backends.network.feeds import Feeds
from harness.reference.connector.backends.network.native import close_native, open_native
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.decimals import now_ms, parse, wire
from harness.reference.connector.log import Log
from harness.reference.connector.refusal import CredentialsRefused, Refusal, invalid, unavailable
from harness.reference.connector.settings import Settings
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

DEFAULT_CANDLES = 100
AT_ONCE = 10
"""Orders of one batch that are on their way at the same time."""
KNOWN_IDS = 100_000
RESEND_WINDOW_S = 60.0
"""For so long after the start an unknown client id is looked up before it is placed: clients may send again what they
had sent to the process before this one."""
LOOK_UP_AGAIN_S = 0.3


class NetworkBackend:
    """One venue. Every error of ccxt leaves as a Refusal."""

    has_venue = True

    def __init__(self, dialect: Dialect, settings: Settings, log: Log) -> None:
        self.name = dialect.name
        self._dialect = dialect
        self._log = log
        self._symbols = Symbols()
        self._feeds = Feeds(dialect, self._symbols, log)
        self._native: Native = open_native(dialect.ccxt_id, dialect.config, settings.credentials, self._feeds)
        if settings.base_url:
            dialect.point_at(self._native, settings.base_url)
        self._feeds.use(self._native)
        self._placing: dict[str, asyncio.Task[resources.Order]] = {}
        self._placed: OrderedDict[str, int] = OrderedDict()
        self._started_s = time.monotonic()

    async def start(self) -> None:
        """Ask for the account, which proves the credentials, then learn the symbols."""
        try:
            await self._asked(self._dialect.snapshot(self._native))
            await self.refresh_symbols("")
        except Refusal as refusal:
            raise CredentialsRefused(f"{refusal.code.name}: {refusal.reason}") from None
        self._started_s = time.monotonic()

    async def close(self) -> None:
        """Close sockets and session."""
        await self._feeds.close()
        await close_native(self._native)

    async def probe(self) -> None:
        """One cheap public question."""
        await self._asked(self._dialect.ping(self._native))

    def recovered(self) -> None:
        """Dial again at once: ccxt would wait up to 30 s."""
        self._native.ws_dial_backoff = {}

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
        """At most one order per client id, whoever asks, how often and however many at once."""
        client_id = order.client_order_id
        task = self._placing.get(client_id) if client_id else None
        if task is None:
            # A task of its own: when the client hangs up, what happened to its order must still be found out.
            task = asyncio.get_running_loop().create_task(self._place_once(order), name="place order")
            if client_id:
                self._placing[client_id] = task
                task.add_done_callback(lambda _: self._placing.pop(client_id, None))
        return await asyncio.shield(task)

    async def place_orders(self, orders: Sequence[resources.PlaceOrderRequest]) -> Sequence[resources.Order | Refusal]:
        """Each by itself, so that each has its own fate."""
        room = asyncio.Semaphore(AT_ONCE)

        async def place(order: resources.PlaceOrderRequest) -> resources.Order | Refusal:
            async with room:
                try:
                    return await self.place_order(order)
                except Refusal as refusal:
                    return refusal

        return await asyncio.gather(*map(place, orders))

    async def cancel_order(self, symbol: str, order_id: int) -> None:
        """Cancel one."""
        unified = self._symbols.unified(symbol)
        await self._asked(self._native.cancel_order(str(order_id), unified))

    async def cancel_orders(self, symbol: str, order_ids: Sequence[int]) -> Sequence[Refusal | None]:
        """Each by itself."""
        self._symbols.unified(symbol)
        room = asyncio.Semaphore(AT_ONCE)

        async def cancel(order_id: int) -> Refusal | None:
            async with room:
                try:
                    await self.cancel_order(symbol, order_id)
                except Refusal as refusal:
                    return refusal
            return None

        return await asyncio.gather(*map(cancel, order_ids))

    async def cancel_all_orders(self, symbol: str) -> None:
        """Cancel all open orders of the symbol."""
        await self._asked(self._native.cancel_all_orders(self._symbols.unified(symbol)))

    async def order(self, symbol: str, order_id: int, client_order_id: str) -> resources.Order:
        """Find one by either id."""
        unified = self._symbols.unified(symbol)
        by_client_id = {} if order_id else {"clientOrderId": client_order_id}
        found = await self._asked(self._native.fetch_order(str(order_id or ""), unified, by_client_id))
        return self._dialect.order(found["info"], self._symbols)

    async def open_orders(self, symbol: str) -> Sequence[resources.Order]:
        """Open orders, of all symbols when none is given."""
        unified = self._symbols.unified(symbol) if symbol else None
        found = await self._asked(self._native.fetch_open_orders(unified))
        return [self._dialect.order(one["info"], self._symbols) for one in found]

    async def _place_once(self, wanted: resources.PlaceOrderRequest) -> resources.Order:
        market = self._symbols.market(wanted.symbol)
        client_id = wanted.client_order_id
        if client_id:
            known = await self._known(wanted.symbol, client_id)
            if known is not None:
                return known
        arguments = _order_arguments(wanted)
        sent_id = client_id or f"nfr-{uuid.uuid4().hex[:24]}"
        arguments[-1]["clientOrderId"] = sent_id
        try:
            created = await self._asked(self._native.create_order(market["symbol"], *arguments))
            placed = self._dialect.order(created["info"], self._symbols)
        except Refusal as refusal:
            placed = await self._after(refusal, wanted.symbol, sent_id)
        except (KeyError, ValueError) as error:
            unread = unavailable(f"the venue's reply to the order could not be read: {type(error).__name__}")
            placed = await self._after(unread, wanted.symbol, sent_id)
        if client_id:
            self._remember(client_id, placed.order_id)
        return placed

    async def _known(self, symbol: str, client_id: str) -> resources.Order | None:
        if client_id in self._placed:
            return await self.order(symbol, self._placed[client_id], "")
        if time.monotonic() - self._started_s > RESEND_WINDOW_S:
            return None
        return await self._look_up(symbol, client_id)

    async def _after(self, refusal: Refusal, symbol: str, client_id: str) -> resources.Order:
        """The order may be booked all the same: it was there before, or only the reply was lost."""
        if refusal.code is grpc.StatusCode.ALREADY_EXISTS:
            found = await self._look_up(symbol, client_id)
            if found is not None:
                return found
        elif refusal.code is grpc.StatusCode.UNAVAILABLE:
            for _ in range(2):
                try:
                    found = await self._look_up(symbol, client_id)
                except Refusal:
                    found = None
                if found is not None:
                    return found
                await asyncio.sleep(LOOK_UP_AGAIN_S)
        raise refusal

    async def _look_up(self, symbol: str, client_id: str) -> resources.Order | None:
        try:
            return await self.order(symbol, 0, client_id)
        except Refusal as refusal:
            if refusal.code is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def _remember(self, client_id: str, order_id: int) -> None:
        self._placed[client_id] = order_id
        if len(self._placed) > KNOWN_IDS:
            self._placed.popitem(last=False)

    # -- account --------------------------------------------------------------------------------

    async def account(self) -> resources.Account:
        """Totals and open positions."""
        return self._dialect.account(await self._asked(self._dialect.snapshot(self._native)))

    async def positions(self, symbol: str) -> Sequence[resources.Position]:
        """Open positions, of one symbol or of all."""
        venue_id = str(self._symbols.market(symbol)["id"]) if symbol else ""
        found = await self._asked(self._dialect.positions(self._native, venue_id))
        return [position_message(one) for one in found]

    async def balance(self, asset: str) -> str:
        """Wallet balance of an asset."""
        return str(await self._asked(self._dialect.balance(self._native, asset)))

    # -- market ---------------------------------------------------------------------------------

    async def latest_price(self, symbol: str) -> str:
        """Last traded price."""
        ticker = await self._asked(self._native.fetch_ticker(self._symbols.unified(symbol)))
        return str(ticker["last"])

    async def tickers(self) -> Sequence[resources.Ticker]:
        """Every symbol that the venue lists."""
        found = await self._asked(self._native.fetch_tickers())
        rows = [(self._symbols.of_unified(unified), ticker) for unified, ticker in found.items()]
        return [_ticker(symbol, ticker) for symbol, ticker in sorted(rows, key=lambda row: row[0]) if symbol]

    async def open_interest(self, symbol: str) -> str:
        """In base coins."""
        found = await self._asked(self._native.fetch_open_interest(self._symbols.unified(symbol)))
        return str(found["openInterestAmount"])

    async def klines(self, symbol: str, interval: str, limit: int) -> Sequence[resources.Candle]:
        """Oldest first; the last one may still be open."""
        unified = self._symbols.unified(symbol)
        if interval not in self._native.timeframes:
            raise invalid(f"invalid interval {interval[:20]!r}")
        if limit > self._dialect.max_candles:
            raise invalid(f"limit must be at most {self._dialect.max_candles}")
        rows = await self._asked(self._native.fetch_ohlcv(unified, interval, None, limit or DEFAULT_CANDLES))
        length_ms = int(self._native.parse_timeframe(interval)) * 1000
        return [_candle(symbol, row, length_ms) for row in rows]

    async def refresh_symbols(self, symbol: str) -> None:
        """Read the trading rules again; never ccxt's loadMarkets, which remembers a failure for ever."""
        markets = await self._asked(self._native.fetch_markets())
        self._native.set_markets(markets)
        self._symbols.learn(self._native.markets.values())
        if symbol:
            self._symbols.market(symbol)

    async def symbol_info(self, symbol: str) -> resources.SymbolInfo:
        """Trading rules."""
        market = self._symbols.market(symbol)
        price_digits, quantity_digits = self._dialect.precisions(market)
        return resources.SymbolInfo(
            symbol=symbol,
            price_precision=price_digits,
            quantity_precision=quantity_digits,
            base_asset=market["base"],
            quote_asset=market["quote"],
            min_quantity=wire(market["limits"]["amount"]["min"]),
            min_notional=wire(market["limits"]["cost"]["min"]),
            tick_size=wire(market["precision"]["price"]),
            step_size=wire(market["precision"]["amount"]),
        )

    async def symbols(self) -> Sequence[str]:
        """Every tradable symbol."""
        return self._symbols.active()

    async def funding_rate(self, symbol: str) -> resources.FundingRate:
        """Current funding."""
        return self._funding(symbol, await self._asked(self._native.fetch_funding_rate(self._symbols.unified(symbol))))

    async def funding_rates(self) -> Sequence[resources.FundingRate]:
        """Current funding of every symbol."""
        found = await self._asked(self._native.fetch_funding_rates())
        rows = [(self._symbols.of_unified(unified), rate) for unified, rate in found.items()]
        return [self._funding(symbol, rate) for symbol, rate in sorted(rows, key=lambda row: row[0]) if symbol]

    async def funding_history(self, symbol: str, limit: int) -> Sequence[resources.FundingRate]:
        """Past funding, oldest first."""
        unified = self._symbols.unified(symbol)
        rows = await self._asked(self._native.fetch_funding_rate_history(unified, None, limit or DEFAULT_CANDLES))
        return [
            resources.FundingRate(
                exchange=self.name, symbol=symbol, rate=wire(row["fundingRate"]), timestamp=int(row["timestamp"])
            )
            for row in rows
        ]

    def _funding(self, symbol: str, rate: Raw) -> resources.FundingRate:
        return resources.FundingRate(
            exchange=self.name,
            symbol=symbol,
            rate=wire(rate["fundingRate"]),
            predicted_rate=wire(rate.get("nextFundingRate") or rate["fundingRate"]),
            next_funding_time=int(rate.get("fundingTimestamp") or 0),
            timestamp=int(rate.get("timestamp") or now_ms()),
        )

    async def _asked(self, question: Awaitable[Any]) -> Any:
        try:
            return await question
        except Refusal:
            raise
        except Exception as error:
            raise refusal_of(error, self._dialect.code_pattern, self._dialect.native_codes) from error


def _order_arguments(wanted: resources.PlaceOrderRequest) -> tuple[str, str, str, str | None, dict[str, Any]]:
    """ccxt's create_order arguments after the symbol. Raises Refusal for what no venue could take."""
    if wanted.side not in (types.ORDER_SIDE_BUY, types.ORDER_SIDE_SELL):
        raise invalid("side must be BUY or SELL")
    if wanted.type not in (types.ORDER_TYPE_LIMIT, types.ORDER_TYPE_MARKET):
        raise invalid("type must be LIMIT or MARKET")
    quantity, price = parse(wanted.quantity, "quantity"), parse(wanted.price, "price")
    if quantity <= 0:
        raise invalid("quantity must be above 0")
    is_limit = wanted.type == types.ORDER_TYPE_LIMIT
    if is_limit and price <= 0:
        raise invalid("a limit order needs a price above 0")
    options: dict[str, Any] = {}
    if wanted.reduce_only:
        options["reduceOnly"] = True
    if is_limit:
        if wanted.post_only or wanted.time_in_force == types.TIME_IN_FORCE_GTX:
            options["postOnly"] = True
        else:
            force = wanted.time_in_force or types.TIME_IN_FORCE_GTC
            options["timeInForce"] = types.TimeInForce.Name(force).removeprefix("TIME_IN_FORCE_")
    side = "buy" if wanted.side == types.ORDER_SIDE_BUY else "sell"
    return "limit" if is_limit else "market", side, _plain(quantity), _plain(price) if is_limit else None, options


def _plain(number: Decimal) -> str:
    return format(number, "f")


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


def _ticker(symbol: str, ticker: Raw) -> resources.Ticker:
    return resources.Ticker(
        symbol=symbol,
        price_change=wire(ticker["change"]),
        price_change_percent=wire(ticker["percentage"]),
        last_price=wire(ticker["last"]),
        volume=wire(ticker["baseVolume"]),
        quote_volume=wire(ticker["quoteVolume"]),
        timestamp=int(ticker["timestamp"] or 0),
    )
