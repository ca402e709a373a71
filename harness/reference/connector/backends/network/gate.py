"""Gate USDT futures (API v4): native REST fields, frames and labels. Accounts in single (one-way) mode."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import re
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ccxt.base.errors import ExchangeError

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network import gate_objects as objects
from harness.reference.connector.backends.network import subscriptions
from harness.reference.connector.backends.network.account_state import account_message, position_message
from harness.reference.connector.backends.network.dialect import (
    PRIVATE_STREAMS,
    AccountSnapshot,
    Native,
    PositionState,
    Raw,
    Readings,
)
from harness.reference.connector.backends.network.gate_codes import NATIVE_CODES
from harness.reference.connector.backends.network.native import rehosted
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.backends.network.usual import Usual
from harness.reference.connector.refusal import invalid, not_found
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

SETTLED: Raw = {"settle": "usdt"}
PAGE = 100
TICKERS, CANDLES = "futures.tickers", "futures.candlesticks"
ORDERS, BALANCES, POSITIONS = "futures.orders", "futures.balances", "futures.positions"
FORCES = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
PRIVATE_MARK = "?private"
"""Public and private channels share an address; this gives each a socket, so that either may come and go."""
CATCH_UP_LIMIT_S = 3.0
MAX_ASKED = 1000
"""A venue that answers no more leaves so many questions behind at most."""


class Gate(Usual):
    """Dialect `gate`. Order ids are whole numbers, so they are the contract's as they are.

    Prices and funding come with one channel, `futures.tickers`. Account events tell the wallet, and positions without
    profits: margin and available balance of the account stream are reckoned at the last mark price that REST told,
    GetAccount has the venue's own. Nothing refuses a client id that was used before, so each is looked up first.
    """

    name = "gate"
    ccxt_id = "gate"
    config: Mapping[str, Any] = {
        "options": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap", "unifiedAccount": False}
    }
    code_pattern = re.compile(r'\\*"(?:label|ws_code)\\*"\s*:\s*\\*"?([A-Z_]+|\d+)')
    native_codes = NATIVE_CODES
    max_candles = 2000
    logs_in = True
    exact_frames = True
    refuses_used_ids = False

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._asked: dict[int, tuple[str, Topic | None]] = {}
        """Frames that are not answered yet: the subscription's name, and its channel when it is a public one."""
        self._barriers: dict[int, asyncio.Future[None]] = {}
        self._unanswered: set[str] = set()
        """Private subscriptions without which the private socket is not ready."""
        self._shown: dict[str, tuple[Any, ...]] = {}
        """What the last ticker said of the price: a ticker also comes when other things change."""

    def point_at(self, native: Native, base_url: str) -> None:
        """Every address: one forgotten would go to the live venue."""
        native.urls["api"] = rehosted(native.urls["api"], base_url)

    # -- REST -----------------------------------------------------------------------------------

    async def ping(self, native: Native) -> None:
        """The venue's clock."""
        await native.publicSpotGetTime()

    async def snapshot(self, native: Native) -> AccountSnapshot:
        """Accounts and positions; they tell no times fine enough to know what they contain."""
        # One after the other: two at once would leave a second connection open.
        raw = await native.privateFuturesGetSettleAccounts(SETTLED)
        held = await native.privateFuturesGetSettlePositions(SETTLED)
        if not native.markets:
            native.set_markets(await native.fetch_markets())
        total, unrealised = Decimal(str(raw["total"])), Decimal(str(raw.get("unrealised_pnl") or 0))
        maintenance = sum(Decimal(str(one["value"])) * Decimal(str(one["maintenance_rate"])) for one in held)
        return AccountSnapshot(
            wallet=format(total, "f"),
            wallet_updated_ms=0,
            margin=format(total + unrealised, "f"),
            available=str(raw["available"]),
            order_margin=Decimal(str(raw.get("order_margin") or 0)),
            maintenance_margin=format(maintenance, "f"),
            positions=tuple(objects.held(native, held)),
            is_timed=False,
        )

    def account(self, snapshot: AccountSnapshot) -> resources.Account:
        """Totals as the venue gave them; the margin is total and unrealised profit."""
        positions = [position_message(one) for one in snapshot.positions]
        return account_message(
            snapshot.wallet, snapshot.margin, snapshot.available, snapshot.maintenance_margin, positions
        )

    async def positions(self, native: Native, venue_id: str) -> Sequence[PositionState]:
        """What is not flat."""
        if venue_id:
            asked = {**SETTLED, "contract": venue_id}
            return objects.held(native, [await native.privateFuturesGetSettlePositionsContract(asked)])
        return objects.held(native, await native.privateFuturesGetSettlePositions(SETTLED))

    async def balance(self, native: Native, asset: str) -> str:
        """The futures account has one asset."""
        return str((await native.privateFuturesGetSettleAccounts(SETTLED))["total"]) if asset == SETTLE else "0"

    def order(self, raw: Raw, symbols: Symbols) -> resources.Order:
        """The venue's ORDER object."""
        return objects.order(raw, symbols)

    def contract_size(self, market: Raw) -> Decimal:
        """The quanto multiplier."""
        return Decimal(str(market["contractSize"]))

    async def place(
        self,
        native: Native,
        market: Raw,
        kind: str,
        side: str,
        amount: str,
        price: str | None,
        options: Mapping[str, Any],
    ) -> Raw:
        """POST orders, which answers with the order. ccxt would cut a fraction of a contract off."""
        size = Decimal(amount) if side == "buy" else -Decimal(amount)
        force = FORCES[options.get("timeInForce") or ("GTC" if kind == "limit" else "IOC")]
        placed: Raw = await native.privateFuturesPostSettleOrders(
            {
                **SETTLED,
                "contract": market["id"],
                # A fraction goes as text, for the venue to refuse or to take as its contract allows.
                "size": int(size) if size == int(size) else format(size, "f"),
                "price": price or "0",
                "tif": "poc" if options.get("postOnly") else force,
                "text": objects.venue_text(options["clientOrderId"]),
                "reduce_only": bool(options.get("reduceOnly")),
            }
        )
        return placed

    async def find(self, native: Native, unified: str, order_id: int, client_order_id: str) -> Raw:
        """GET orders/{id}, which knows the order whatever its contract."""
        name = str(order_id) if order_id else objects.venue_text(client_order_id)
        found: Raw = await native.privateFuturesGetSettleOrdersOrderId({**SETTLED, "order_id": name})
        if found.get("contract") != native.market(unified)["id"]:
            raise not_found(f"no order {name} of this symbol")
        return found

    async def open_orders(self, native: Native, unified: str | None) -> Sequence[Raw]:
        """Page by page, back in time."""
        asked = {**SETTLED, "status": "open", "limit": str(PAGE)}
        if unified:
            asked["contract"] = native.market(unified)["id"]
        found: list[Raw] = []
        while True:
            page = await native.privateFuturesGetSettleOrders(asked)
            found += page
            if len(page) < PAGE:
                return found
            asked = {**asked, "last_id": str(page[-1]["id"])}

    async def candles(self, native: Native, market: Raw, interval: str, limit: int) -> Sequence[Sequence[Any]]:
        """Volumes are counted in contracts."""
        asked = {**SETTLED, "contract": market["id"], "interval": native.timeframes[interval], "limit": str(limit)}
        size = self.contract_size(market)
        return [
            [objects.ms(one["t"]), *(str(one[part]) for part in "ohlc"), objects.coins(one["v"], size)]
            for one in await native.publicFuturesGetSettleCandlesticks(asked)
        ]

    async def open_interest(self, native: Native, market: Raw) -> str:
        """The ticker's size of all positions."""
        rows = await native.publicFuturesGetSettleTickers({**SETTLED, "contract": market["id"]})
        return objects.coins(rows[0]["total_size"], self.contract_size(market))

    def precisions(self, market: Raw) -> tuple[int, int]:
        """Places of the tick, and of one contract in base coins."""
        return objects.places(market["precision"]["price"]), objects.places(
            Decimal(str(market["precision"]["amount"])) * self.contract_size(market)
        )

    # -- streams --------------------------------------------------------------------------------

    def channel(self, topic: Topic) -> Topic:
        """Funding comes with the ticker, and a week is seven days."""
        if topic.stream == "klines" and topic.interval == "1w":
            return Topic("klines", topic.symbol, "7d")
        return Topic("prices", topic.symbol) if topic.stream == "funding" else topic

    async def watch(self, native: Native, topic: Topic, unified: str) -> None:
        """Public channels each by itself; the private ones together."""
        if topic.stream in PRIVATE_STREAMS:
            await self._watch_private(native)
            return
        channel, payload = _channel(native, topic, unified)
        name = " ".join((channel, *payload))
        if channel == TICKERS:
            await self._look_at(native, topic.symbol, payload[0])
        frame = self._frame(channel, "subscribe", payload, name, topic)
        await subscriptions.hold(native, _url(native), name, frame)

    async def unwatch(self, native: Native, topic: Topic, unified: str) -> None:
        """Returns when the venue has acknowledged it."""
        channel, payload = _channel(native, topic, unified)
        name = " ".join((channel, *payload))
        frame = self._frame(channel, "unsubscribe", payload, name, topic)
        await subscriptions.release(native, _url(native), name, frame)

    async def _look_at(self, native: Native, symbol: str, venue_id: str) -> None:
        """The price before the subscription: the first ticker may come for another reason than a new price."""
        with contextlib.suppress(Exception):  # without it that one ticker is told as a price, which does no harm
            rows = await native.publicFuturesGetSettleTickers({**SETTLED, "contract": venue_id})
            self._shown[symbol] = _price_part(rows[0])

    async def _watch_private(self, native: Native) -> None:
        user = str((await native.privateFuturesGetSettleAccounts(SETTLED))["user"])
        payloads = {ORDERS: (user, "!all"), BALANCES: (user,), POSITIONS: (user, "!all")}
        self._unanswered = set(payloads)
        frames = {
            channel: self._signed(native, self._frame(channel, "subscribe", payload, channel, None))
            for channel, payload in payloads.items()
        }
        await subscriptions.hold_all(native, _url(native, private=True), frames)

    async def caught_up(self, native: Native) -> None:
        """Ask for something on the private socket: its answer comes behind everything sent before."""
        user = str((await native.privateFuturesGetSettleAccounts(SETTLED))["user"])
        frame = self._signed(native, self._frame(BALANCES, "subscribe", (user,), BALANCES, None))
        answered = self._barriers[frame["id"]] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(CATCH_UP_LIMIT_S):
                await native.client(_url(native, private=True)).send(frame)
                await answered
        finally:
            self._barriers.pop(frame["id"], None)

    def _frame(
        self, channel: str, event: str, payload: Sequence[str], name: str, topic: Topic | None
    ) -> dict[str, Any]:
        number = next(self._ids)
        self._asked[number] = (name, topic)
        self._asked.pop(number - MAX_ASKED, None)
        return {"id": number, "time": int(time.time()), "channel": channel, "event": event, "payload": list(payload)}

    @staticmethod
    def _signed(native: Native, frame: dict[str, Any]) -> dict[str, Any]:
        text = f"channel={frame['channel']}&event={frame['event']}&time={frame['time']}"
        sign = native.hmac(native.encode(text), native.encode(native.secret), hashlib.sha512, "hex")
        return {**frame, "auth": {"method": "api_key", "KEY": native.apiKey, "SIGN": sign}}

    def subscription_hash(self, topic: Topic, unified: str) -> str:
        """Acknowledgements have the request's id instead."""
        return ""

    def is_private(self, url: str) -> bool:
        """By the mark that we put there."""
        return url.endswith(PRIVATE_MARK)

    def renew(self, native: Native) -> None:
        """Subscribe anew, whatever happened on the socket before."""
        subscriptions.forget(native, _url(native, private=True))

    def read(self, client: Native, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        """Data by channel; answers by the request's id. Nothing is left to ccxt."""
        if not isinstance(frame, dict):
            return False
        if frame.get("event") != "update":
            self._answered(client, frame, into)
            return True
        channel, result, t_ms = frame["channel"], frame["result"], _time_ms(frame)
        items: Sequence[Raw] = result if isinstance(result, list) else [result]
        for one in items:
            if channel == TICKERS:
                self._ticker(one, symbols, t_ms, into)
            elif channel == CANDLES:
                interval, candle = objects.candle(one, symbols, t_ms)
                for alias in ("7d", "1w") if interval == "7d" else (interval,):
                    into.candle(alias, candle)
            elif channel == ORDERS:
                into.order(objects.order_update(one, symbols, t_ms))
            elif channel == BALANCES:
                into.account(int(one.get("time_ms") or t_ms), str(one["balance"]), ())
            elif channel == POSITIONS:
                symbol = symbols.of_id(str(one["contract"]))
                size = self.contract_size(symbols.market(symbol))
                into.account(int(one.get("time_ms") or t_ms), None, [objects.position(one, symbol, size)])
        return True

    def _answered(self, client: Native, frame: Raw, into: Readings) -> None:
        number = frame.get("id")
        name, topic = self._asked.pop(number, ("", None)) if isinstance(number, int) else ("", None)
        if not name:
            return
        error = frame.get("error")
        barrier = self._barriers.get(number) if isinstance(number, int) else None
        if barrier is not None and not barrier.done():
            barrier.set_result(None)
        elif error:
            told = {"ws_code": str(error.get("code")), "message": str(error.get("message"))}
            told = json.loads(told["message"]) if told["message"].startswith("{") else told
            subscriptions.failed(client, name, ExchangeError(f"gate {json.dumps(told)}"))
        elif frame.get("event") == "unsubscribe":
            subscriptions.released(client, name)
        elif topic is not None:
            into.confirmed(topic)
        elif name in self._unanswered:
            self._unanswered.discard(name)
            if not self._unanswered:
                into.private_ready(None)

    def _ticker(self, raw: Raw, symbols: Symbols, t_ms: int, into: Readings) -> None:
        symbol = symbols.of_id(str(raw["contract"]))
        shown = _price_part(raw)
        if self._shown.get(symbol) != shown:
            self._shown[symbol] = shown
            into.price(symbol, str(raw["last"]), t_ms)
        into.funding(symbol, str(raw["funding_rate"]), objects.next_funding_ms(symbols.market(symbol), t_ms), t_ms)


def _price_part(ticker: Raw) -> tuple[Any, ...]:
    return ticker["last"], ticker.get("highest_bid"), ticker.get("lowest_ask"), ticker.get("volume_24h")


def _url(native: Native, *, private: bool = False) -> str:
    return str(native.urls["api"]["swap"]["usdt"]) + (PRIVATE_MARK if private else "")


def _channel(native: Native, topic: Topic, unified: str) -> tuple[str, tuple[str, ...]]:
    """Channel and payload."""
    venue_id = str(native.market(unified)["id"])
    if topic.stream == "prices":
        return TICKERS, (venue_id,)
    interval = native.timeframes.get(topic.interval)
    if interval is None:
        raise invalid(f"invalid interval {topic.interval[:20]!r}")
    return CANDLES, (interval, venue_id)


def _time_ms(frame: Raw) -> int:
    return int(frame.get("time_ms") or objects.ms(frame["time"]))
