"""Bybit linear USDT contracts (v5): native REST fields, frames and codes. Unified account in one-way mode."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ccxt.base.errors import AuthenticationError, OrderNotFound

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network import bybit_objects as objects
from harness.reference.connector.backends.network import subscriptions
from harness.reference.connector.backends.network.account_state import account_message, position_message
from harness.reference.connector.backends.network.bybit_codes import NATIVE_CODES, refused_frame
from harness.reference.connector.backends.network.dialect import (
    PRIVATE_STREAMS,
    AccountSnapshot,
    Native,
    PositionState,
    Raw,
    Readings,
)
from harness.reference.connector.backends.network.native import rehosted
from harness.reference.connector.backends.network.order_ids import OrderIds
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.backends.network.usual import Usual
from harness.reference.connector.refusal import invalid
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

LINEAR = {"category": "linear"}
PAGE = 50
MAX_POSITIONS = 200
CATCH_UP_LIMIT_S = 3.0
INTERVALS = {
    "1m": "1", "3m": "3", "5m": "5", "15m": "15", "30m": "30", "1h": "60", "2h": "120", "4h": "240", "6h": "360",
    "12h": "720", "1d": "D", "1w": "W", "1M": "M",
}  # fmt: skip
TIMEFRAMES = {native: interval for interval, native in INTERVALS.items()}
PRIVATE_TOPICS = ["order", "position", "wallet"]


class Bybit(Usual):
    """Dialect `bybit`. Its order ids are UUIDs: OrderIds gives each its int64, the same in every process.

    Prices and funding come with one topic, `tickers`, a snapshot and then what changed. An order that is cancelled or
    asked for by an int64 not met before is looked for among the open ones and the latest that are done.
    """

    name = "bybit"
    ccxt_id = "bybit"
    config: Mapping[str, Any] = {
        "options": {
            "fetchMarkets": {"types": ["linear"]},
            "defaultType": "swap",
            "defaultSubType": "linear",
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
        }
    }
    code_pattern = re.compile(r'"retCode"\s*:\s*"?(\d+)')
    native_codes = NATIVE_CODES
    max_candles = 1000
    logs_in = True

    def __init__(self) -> None:
        self._ids = OrderIds()
        self._numbers = itertools.count(1)
        self._asked: dict[str, tuple[str, Topic]] = {}
        """Requests on their way, by their id: what the venue keeps them under, and the topic."""
        self._last: dict[str, str] = {}
        self._next_funding_ms: dict[str, int] = {}

    def point_at(self, native: Native, base_url: str) -> None:
        """Every address: one forgotten would go to the live venue."""
        native.urls["api"] = rehosted(native.urls["api"], base_url)

    # -- REST -----------------------------------------------------------------------------------

    async def ping(self, native: Native) -> None:
        """The venue's clock."""
        await native.publicGetV5MarketTime()

    async def snapshot(self, native: Native) -> AccountSnapshot:
        """Wallet, then positions. The venue does not tell when a wallet changed."""
        reply = await native.privateGetV5AccountWalletBalance({"accountType": "UNIFIED"})
        account: Raw = reply["result"]["list"][0]
        told = objects.totals(account)
        orders = sum((Decimal(one.get("totalOrderIM") or 0) for one in account["coin"]), Decimal(0))
        return AccountSnapshot(
            wallet=told.wallet,
            wallet_updated_ms=0,
            is_timed=False,
            margin=told.margin,
            available=told.available,
            order_margin=orders,
            maintenance_margin=told.maintenance_margin,
            positions=tuple(await self.positions(native, "")),
        )

    def account(self, snapshot: AccountSnapshot) -> resources.Account:
        """Totals as the venue gave them."""
        positions = [position_message(one) for one in snapshot.positions]
        return account_message(
            snapshot.wallet, snapshot.margin, snapshot.available, snapshot.maintenance_margin, positions
        )

    async def positions(self, native: Native, venue_id: str) -> Sequence[PositionState]:
        """What is not flat."""
        asked = {**LINEAR, "limit": MAX_POSITIONS, **_scope(venue_id)}
        rows = await _pages(native.privateGetV5PositionList, asked)
        symbols = Symbols()
        return [objects.position(one, symbols) for one in rows if Decimal(one["size"] or 0)]

    async def balance(self, native: Native, asset: str) -> str:
        """The asset's wallet balance."""
        reply = await native.privateGetV5AccountWalletBalance({"accountType": "UNIFIED", "coin": asset})
        coins = [one for account in reply["result"]["list"] for one in account["coin"]]
        return next((str(one["walletBalance"]) for one in coins if one["coin"] == asset), "0")

    def order(self, raw: Raw, symbols: Symbols) -> resources.Order:
        """The venue's ORDER object."""
        return objects.order(raw, self._ids.number(raw["orderId"]), symbols)

    def precisions(self, market: Raw) -> tuple[int, int]:
        """The venue states the price's; the quantity's are the step's."""
        step = Decimal(market["info"]["lotSizeFilter"]["qtyStep"]).normalize()
        return int(market["info"]["priceScale"]), max(0, -int(step.as_tuple().exponent))

    async def placed(self, native: Native, market: Raw, reply: Raw) -> Raw:
        """The reply has nothing but ids: ask what became of the order."""
        return await self._found(native, market["id"], {"orderId": str(reply["orderId"])})

    async def find(self, native: Native, unified: str, order_id: int, client_order_id: str) -> Raw:
        """By the venue's id of this number, or by the client's."""
        venue_id = str(native.market(unified)["id"])
        if not order_id:
            return await self._found(native, venue_id, {"orderLinkId": client_order_id})
        return await self._found(native, venue_id, {"orderId": await self._text(native, venue_id, order_id)})

    async def _found(self, native: Native, venue_id: str, by_id: Raw) -> Raw:
        """order/realtime has what is open and the latest 500 that are done, order/history the rest."""
        asked = {**LINEAR, "symbol": venue_id, **by_id}
        for endpoint in (native.privateGetV5OrderRealtime, native.privateGetV5OrderHistory):
            rows: Sequence[Raw] = (await endpoint(asked))["result"]["list"]
            if rows:
                return rows[0]
        raise OrderNotFound(f"bybit has no order with {by_id}")

    async def _text(self, native: Native, venue_id: str, order_id: int) -> str:
        """The venue's id of an order; unknown ones are looked for. Raises OrderNotFound."""
        if not self._ids.text(order_id):
            asked = {**LINEAR, "symbol": venue_id, "limit": PAGE}
            open_ones = await _pages(native.privateGetV5OrderRealtime, asked)
            done: Sequence[Raw] = (await native.privateGetV5OrderHistory(asked))["result"]["list"]
            for raw in (*open_ones, *done):
                self._ids.number(raw["orderId"])
        text = self._ids.text(order_id)
        if not text:
            raise OrderNotFound(f"bybit has no order {order_id} among those open or done of late")
        return text

    async def open_orders(self, native: Native, unified: str | None) -> Sequence[Raw]:
        """Page by page."""
        venue_id = str(native.market(unified)["id"]) if unified else ""
        return await _pages(native.privateGetV5OrderRealtime, {**LINEAR, "limit": PAGE, **_scope(venue_id)})

    async def cancel_order(self, native: Native, unified: str, order_id: int) -> None:
        """POST order/cancel by the venue's own id."""
        venue_id = str(native.market(unified)["id"])
        text = await self._text(native, venue_id, order_id)
        await native.privatePostV5OrderCancel({**LINEAR, "symbol": venue_id, "orderId": text})

    # -- streams --------------------------------------------------------------------------------

    def channel(self, topic: Topic) -> Topic:
        """Funding comes with the ticker."""
        return Topic("prices", topic.symbol) if topic.stream == "funding" else topic

    async def watch(self, native: Native, topic: Topic, unified: str) -> None:
        """Public topics each by itself; the private ones together, after the login."""
        if topic.stream in PRIVATE_STREAMS:
            url = _private(native)
            await native.authenticate(url)
            await subscriptions.hold(native, url, "private", self._frame("subscribe", "private", topic, PRIVATE_TOPICS))
            return
        name = _name(topic, str(native.market(unified)["id"]))
        frame = self._frame("subscribe", name, topic, [name])
        await subscriptions.hold(native, _public(native), name, frame)

    async def unwatch(self, native: Native, topic: Topic, unified: str) -> None:
        """Returns when the venue has acknowledged it."""
        name = _name(topic, str(native.market(unified)["id"]))
        frame = self._frame("unsubscribe", name, topic, [name])
        await subscriptions.release(native, _public(native), name, frame)

    def _frame(self, operation: str, name: str, topic: Topic, args: Sequence[str]) -> Raw:
        number = f"nfr{next(self._numbers)}"
        self._asked = {key: known for key, known in self._asked.items() if known[0] != name} | {number: (name, topic)}
        return {"op": operation, "req_id": number, "args": list(args)}

    async def caught_up(self, native: Native) -> None:
        """A pong comes after everything that was sent before it."""
        url, number = _private(native), f"nfr{next(self._numbers)}"
        async with asyncio.timeout(CATCH_UP_LIMIT_S):
            await subscriptions.hold(native, url, _pong(number), {"op": "ping", "req_id": number})

    def subscription_hash(self, topic: Topic, unified: str) -> str:
        """Acknowledgements are known by the id of their request instead."""
        return ""

    def is_private(self, url: str) -> bool:
        """By the path."""
        return url.endswith("/v5/private")

    def renew(self, native: Native) -> None:
        """Log in anew, whatever happened on the socket before."""
        subscriptions.forget(native, _private(native))

    def read(self, client: Native, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        """Data by topic; the login's success and pongs are left to ccxt."""
        if not isinstance(frame, dict):
            return False
        topic = frame.get("topic")
        if topic is None:
            return self._answered(client, frame, into)
        kind, _, rest = str(topic).partition(".")
        data = frame["data"]
        if kind == "tickers":
            self._ticker(data, int(frame["ts"]), symbols, into)
        elif kind == "kline":
            interval, _, venue_id = rest.partition(".")
            symbol = symbols.of_id(venue_id)
            for raw in data:
                into.candle(TIMEFRAMES[interval], objects.candle(raw, symbol))
        elif kind == "order":
            for raw in data:
                into.order(objects.order_update(raw, self._ids.number(raw["orderId"]), symbols))
        elif kind == "position":
            for raw in data:
                told = objects.position(raw, symbols)
                into.account(told.updated_ms, None, [told])
        elif kind == "wallet":
            for raw in data:
                totals = objects.totals(raw)
                into.account(int(frame["creationTime"]), totals.wallet, [], totals)
        else:
            return False
        return True

    def _answered(self, client: Native, frame: Raw, into: Readings) -> bool:
        operation, has_succeeded = frame.get("op"), frame.get("success") is not False
        if operation == "auth" and not has_succeeded:
            subscriptions.failed_all(client, AuthenticationError(f"bybit refused: {frame.get('ret_msg')}"))
            return True
        if operation not in ("subscribe", "unsubscribe"):
            client.resolve(True, _pong(frame.get("req_id")))
            return False
        name, topic = self._asked.pop(str(frame.get("req_id")), ("", None))
        if topic is None:
            return True  # of an attempt given up meanwhile
        if not has_succeeded:
            subscriptions.failed(client, name, refused_frame(str(frame.get("ret_msg"))))
        elif operation == "unsubscribe":
            subscriptions.released(client, name)
        elif topic.stream in PRIVATE_STREAMS:
            into.private_ready(None)
        else:
            self._last.pop(topic.symbol, None) if topic.stream == "prices" else None
            into.confirmed(topic)
        return True

    def _ticker(self, raw: Raw, t_ms: int, symbols: Symbols, into: Readings) -> None:
        symbol, price = symbols.of_id(raw["symbol"]), raw.get("lastPrice")
        if price:  # a delta tells what changed, and may leave the price out
            before = self._last.get(symbol)
            self._last[symbol] = price
            # The snapshot is the present state and no update; a delta about funding may repeat the price.
            if before is not None and ("fundingRate" not in raw or price != before):
                into.price(symbol, price, t_ms)
        rate = raw.get("fundingRate")
        if rate:
            next_ms = int(raw.get("nextFundingTime") or self._next_funding_ms.get(symbol, 0))
            self._next_funding_ms[symbol] = next_ms
            into.funding(symbol, rate, next_ms, t_ms)


async def _pages(endpoint: Any, asked: Raw) -> list[Raw]:
    found: list[Raw] = []
    cursor = ""
    while True:
        result = (await endpoint({**asked, "cursor": cursor} if cursor else asked))["result"]
        found += result["list"]
        cursor = result.get("nextPageCursor") or ""
        if not cursor or not result["list"]:
            return found


def _scope(venue_id: str) -> Raw:
    return {"symbol": venue_id} if venue_id else {"settleCoin": SETTLE}


def _pong(number: object) -> str:
    return f"pong {number}"


def _name(topic: Topic, venue_id: str) -> str:
    if topic.stream == "prices":
        return f"tickers.{venue_id}"
    if topic.interval not in INTERVALS:
        raise invalid(f"invalid interval {topic.interval[:20]!r}")
    return f"kline.{INTERVALS[topic.interval]}.{venue_id}"


def _public(native: Native) -> str:
    return str(native.implode_hostname(native.urls["api"]["ws"]["public"]["linear"]))


def _private(native: Native) -> str:
    return str(native.implode_hostname(native.urls["api"]["ws"]["private"]["contract"]))
