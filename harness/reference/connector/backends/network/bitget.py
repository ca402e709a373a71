"""Bitget USDT-M futures (v2): native REST fields, frames and codes. Accounts in one-way mode."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ccxt.base.errors import ExchangeError

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network import bitget_objects as objects
from harness.reference.connector.backends.network import subscriptions
from harness.reference.connector.backends.network.account_state import account_message, position_message
from harness.reference.connector.backends.network.bitget_codes import NATIVE_CODES
from harness.reference.connector.backends.network.dialect import (
    PRIVATE_STREAMS,
    AccountSnapshot,
    Native,
    PositionState,
    Raw,
    Readings,
    Totals,
)
from harness.reference.connector.backends.network.native import rehosted
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.backends.network.usual import Usual
from harness.reference.connector.refusal import invalid
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

PRODUCT = "USDT-FUTURES"
PAGE = 100
INTERVALS = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "4h": "4H", "6h": "6H", "12h": "12H",
    "1d": "1D", "1w": "1W", "1M": "1M",
}  # fmt: skip
"""Candle intervals as the socket spells them."""
TIMEFRAMES = {native: interval for interval, native in INTERVALS.items()}
MINUTE_MS = 60_000
UNIT_MS = {"m": MINUTE_MS, "h": 60 * MINUTE_MS, "d": 1440 * MINUTE_MS, "w": 7 * 1440 * MINUTE_MS}
PRIVATE_CHANNELS = ("orders", "account", "positions")


class Bitget(Usual):
    """Dialect `bitget`. Order ids are numbers in text, so they are the contract's as they are.

    Prices and funding come with one channel, `ticker`. A snapshot that answers a subscription is no update; account
    and positions begin with one, which is the state that the streams start from.
    """

    name = "bitget"
    ccxt_id = "bitget"
    config: Mapping[str, Any] = {
        "options": {
            "fetchMarkets": {"types": ["swap"]},
            "uta": False,
            "defaultType": "swap",
            "defaultSubType": "linear",
        }
    }
    code_pattern = re.compile(r'"code"\s*:\s*"?(\d+)')
    native_codes = NATIVE_CODES
    max_candles = 1000
    logs_in = True

    def __init__(self) -> None:
        self._shown: dict[str, tuple[Any, ...]] = {}
        """What the last ticker said of the price: a ticker also comes when other things change."""
        self._subscribed: set[str] = set()
        self._totals: Totals | None = None
        self._positions: Sequence[PositionState] | None = None
        self._is_ready = False

    def point_at(self, native: Native, base_url: str) -> None:
        """Every address: one forgotten would go to the live venue."""
        native.urls["api"] = rehosted(native.urls["api"], base_url)

    # -- REST -----------------------------------------------------------------------------------

    async def ping(self, native: Native) -> None:
        """The venue's clock."""
        await native.publicCommonGetV2PublicTime()

    async def snapshot(self, native: Native) -> AccountSnapshot:
        """Accounts and positions; maintenance is the positions' own rate of their value."""
        # One after the other: two at once would leave a second connection open.
        rows = await native.privateMixGetV2MixAccountAccounts({"productType": PRODUCT})
        held = await native.privateMixGetV2MixPositionAllPosition({"productType": PRODUCT, "marginCoin": SETTLE})
        account: Raw = next(one for one in rows["data"] if one["marginCoin"] == SETTLE)
        told = objects.totals(account)
        symbols = Symbols()
        maintenance = sum(
            Decimal(one["total"]) * Decimal(one["markPrice"]) * Decimal(one.get("keepMarginRate") or 0)
            for one in held["data"] or ()
        )
        return AccountSnapshot(
            wallet=told.wallet,
            wallet_updated_ms=0,
            margin=told.margin,
            available=told.available,
            order_margin=Decimal(account.get("locked") or 0),
            maintenance_margin=format(maintenance, "f"),
            positions=tuple(objects.position(one, symbols) for one in held["data"] or ()),
        )

    def account(self, snapshot: AccountSnapshot) -> resources.Account:
        """Totals as the venue gave them."""
        positions = [position_message(one) for one in snapshot.positions]
        return account_message(
            snapshot.wallet, snapshot.margin, snapshot.available, snapshot.maintenance_margin, positions
        )

    async def positions(self, native: Native, venue_id: str) -> Sequence[PositionState]:
        """What is not flat."""
        asked = {"productType": PRODUCT, "marginCoin": SETTLE}
        if venue_id:
            found = await native.privateMixGetV2MixPositionSinglePosition({**asked, "symbol": venue_id})
        else:
            found = await native.privateMixGetV2MixPositionAllPosition(asked)
        symbols = Symbols()
        return [objects.position(one, symbols) for one in found["data"] or () if Decimal(one["total"])]

    async def balance(self, native: Native, asset: str) -> str:
        """The wallet balance among the futures accounts."""
        rows = await native.privateMixGetV2MixAccountAccounts({"productType": PRODUCT})
        return next((objects.totals(one).wallet for one in rows["data"] or () if one["marginCoin"] == asset), "0")

    def order(self, raw: Raw, symbols: Symbols) -> resources.Order:
        """The venue's ORDER object."""
        return objects.order(raw, symbols)

    async def placed(self, native: Native, market: Raw, reply: Raw) -> Raw:
        """The reply has nothing but ids: ask what became of the order."""
        return await self.find(native, market["symbol"], int(reply["orderId"]), "")

    async def find(self, native: Native, unified: str, order_id: int, client_order_id: str) -> Raw:
        """GET order/detail, as it is."""
        by_id = {"orderId": str(order_id)} if order_id else {"clientOid": client_order_id}
        asked = {"symbol": native.market(unified)["id"], "productType": PRODUCT, **by_id}
        found: Raw = (await native.privateMixGetV2MixOrderDetail(asked))["data"]
        return found

    async def open_orders(self, native: Native, unified: str | None) -> Sequence[Raw]:
        """Page by page, back in time."""
        asked = {"productType": PRODUCT, "limit": str(PAGE)}
        if unified:
            asked["symbol"] = native.market(unified)["id"]
        found: list[Raw] = []
        while True:
            data = (await native.privateMixGetV2MixOrderOrdersPending(asked))["data"]
            page: list[Raw] = data if isinstance(data, list) else data.get("entrustedList") or []
            found += page
            if len(page) < PAGE:
                return found
            asked = {**asked, "idLessThan": str(page[-1]["orderId"])}

    def precisions(self, market: Raw) -> tuple[int, int]:
        """The venue states them itself."""
        return int(market["info"]["pricePlace"]), int(market["info"]["volumePlace"])

    # -- streams --------------------------------------------------------------------------------

    def channel(self, topic: Topic) -> Topic:
        """Funding comes with the ticker."""
        return Topic("prices", topic.symbol) if topic.stream == "funding" else topic

    async def watch(self, native: Native, topic: Topic, unified: str) -> None:
        """Public channels each by itself; the private ones together, after the login."""
        if topic.stream in PRIVATE_STREAMS:
            await self._watch_private(native)
            return
        arg = _arg(topic, str(native.market(unified)["id"]))
        frame = {"op": "subscribe", "args": [arg]}
        await subscriptions.hold(native, native.urls["api"]["ws"]["public"], _name(arg), frame)

    async def unwatch(self, native: Native, topic: Topic, unified: str) -> None:
        """Returns when the venue has acknowledged it."""
        arg = _arg(topic, str(native.market(unified)["id"]))
        frame = {"op": "unsubscribe", "args": [arg]}
        await subscriptions.release(native, native.urls["api"]["ws"]["public"], _name(arg), frame)

    async def _watch_private(self, native: Native) -> None:
        url = native.urls["api"]["ws"]["private"]
        self._subscribed, self._totals, self._positions, self._is_ready = set(), None, None, False
        await native.authenticate({"url": url})
        args = [
            {"instType": PRODUCT, "channel": one, "coin" if one == "account" else "instId": "default"}
            for one in PRIVATE_CHANNELS
        ]
        await subscriptions.hold(native, url, "private", {"op": "subscribe", "args": args})

    def subscription_hash(self, topic: Topic, unified: str) -> str:
        """Acknowledgements name their channel instead."""
        return ""

    def is_private(self, url: str) -> bool:
        """By the path."""
        return url.endswith("/private")

    def renew(self, native: Native) -> None:
        """Log in anew, whatever happened on the socket before."""
        subscriptions.forget(native, native.urls["api"]["ws"]["private"])

    def read(self, client: Native, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        """Data by channel; the login's answer and pongs are left to ccxt."""
        if not isinstance(frame, dict):
            return False
        event = frame.get("event")
        if event is not None:
            return self._answered(client, str(event), frame, symbols, into)
        arg, data = frame.get("arg") or {}, frame.get("data")
        channel = arg.get("channel")
        if channel is None or not isinstance(data, list):
            return False
        if channel == "ticker":
            for one in data:
                self._ticker(one, symbols, into)
        elif channel == "orders":
            for one in data:
                into.order(objects.order_update(one, symbols))
        elif channel == "account":
            self._account(data, into)
        elif channel == "positions":
            self._all_positions([objects.position(one, symbols) for one in data], into)
        elif channel.startswith("candle") and frame.get("action") == "update":
            interval = TIMEFRAMES[channel.removeprefix("candle")]
            symbol, length_ms, t_ms = symbols.of_id(arg["instId"]), _length_ms(interval), int(frame["ts"])
            for row in data:
                into.candle(interval, objects.candle(row, symbol, length_ms, t_ms))
        return True

    def _answered(self, client: Native, event: str, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        arg = frame.get("arg") or {}
        if event == "subscribe":
            self._confirmed(arg, symbols, into)
        elif event == "unsubscribe":
            subscriptions.released(client, _name(arg))
        elif event == "error" and arg and not self.is_private(client.url):
            subscriptions.failed(client, _name(arg), ExchangeError(f"bitget {json.dumps(frame)}"))
        elif event == "error":
            subscriptions.failed_all(client, ExchangeError(f"bitget {json.dumps(frame)}"))
        else:
            return False
        return True

    def _confirmed(self, arg: Raw, symbols: Symbols, into: Readings) -> None:
        channel = str(arg.get("channel"))
        if channel in PRIVATE_CHANNELS:
            self._subscribed.add(channel)
            self._perhaps_ready(into)
        elif channel == "ticker":
            self._shown.pop(arg["instId"], None)
            into.confirmed(Topic("prices", symbols.of_id(arg["instId"])))
        else:
            interval = TIMEFRAMES[channel.removeprefix("candle")]
            into.confirmed(Topic("klines", symbols.of_id(arg["instId"]), interval))

    def _ticker(self, raw: Raw, symbols: Symbols, into: Readings) -> None:
        venue_id, t_ms = raw["instId"], int(raw["ts"])
        shown = (raw["lastPr"], raw.get("bidPr"), raw.get("askPr"), raw.get("baseVolume"))
        before = self._shown.get(venue_id)
        self._shown[venue_id] = shown
        symbol = symbols.of_id(venue_id)
        if before is not None and before != shown:
            into.price(symbol, raw["lastPr"], t_ms)
        into.funding(symbol, raw["fundingRate"], int(raw["nextFundingTime"]), t_ms)

    def _account(self, data: Sequence[Raw], into: Readings) -> None:
        for one in data:
            if one["marginCoin"] == SETTLE:
                told = objects.totals(one)
                if self._is_ready:
                    into.totals(told)
                else:
                    self._totals = told
        self._perhaps_ready(into)

    def _all_positions(self, told: Sequence[PositionState], into: Readings) -> None:
        if self._is_ready:
            into.all_positions(told)
        else:
            self._positions = told
            self._perhaps_ready(into)

    def _perhaps_ready(self, into: Readings) -> None:
        if self._is_ready or self._totals is None or self._positions is None:
            return
        if self._subscribed.issuperset(PRIVATE_CHANNELS):
            self._is_ready = True
            told = self._totals
            into.private_ready(
                AccountSnapshot(
                    told.wallet, 0, told.margin, told.available, Decimal(0), told.maintenance_margin,
                    tuple(self._positions),
                )
            )  # fmt: skip


def _arg(topic: Topic, venue_id: str) -> Raw:
    if topic.stream == "prices":
        return {"instType": PRODUCT, "channel": "ticker", "instId": venue_id}
    if topic.interval not in INTERVALS:
        raise invalid(f"invalid interval {topic.interval[:20]!r}")
    return {"instType": PRODUCT, "channel": f"candle{INTERVALS[topic.interval]}", "instId": venue_id}


def _name(arg: Raw) -> str:
    return f"{arg.get('channel')} {arg.get('instId')}"


def _length_ms(interval: str) -> int:
    return int(interval[:-1]) * (30 * UNIT_MS["d"] if interval[-1] == "M" else UNIT_MS[interval[-1]])
