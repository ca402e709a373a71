"""OKX USDT swaps (v5): native REST fields, frames and codes. Accounts in net mode, cross margin."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ccxt.base.errors import CancelPending, ExchangeError, OrderNotFound, RateLimitExceeded

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network import okx_objects as objects
from harness.reference.connector.backends.network import subscriptions
from harness.reference.connector.backends.network.account_state import account_message, position_message
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
from harness.reference.connector.backends.network.okx_codes import DONE, NATIVE_CODES
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.backends.network.usual import Usual
from harness.reference.connector.refusal import invalid
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

PAGE, BATCH = 100, 20
BARS = {
    "1m": "1m", "3m": "3m", "5m": "5m", "15m": "15m", "30m": "30m", "1h": "1H", "2h": "2H", "4h": "4H", "6h": "6Hutc",
    "12h": "12Hutc", "1d": "1Dutc", "1w": "1Wutc", "1M": "1Mutc",
}  # fmt: skip
"""Candle intervals as the venue spells them; without `utc` its days begin in Hong Kong."""
INTERVALS = {f"candle{bar}": interval for interval, bar in BARS.items()}
PRIVATE_ARGS = ({"channel": "orders", "instType": "ANY"}, {"channel": "positions", "instType": "ANY"},
                {"channel": "account"})  # fmt: skip
"""Account last: when the venue has told it, it has told the positions too."""
CHANNELS = {"prices": "tickers", "funding": "funding-rate"}


class Okx(Usual):
    """Dialect `okx`. Order ids are numbers in text, so they are the contract's as they are.

    Quantities are contracts there and base coins here. Prices come from `tickers`, candles from an address of their
    own (`/business`). What answers a subscription is the present state and no update; account and positions begin with
    one, which is the state that the streams start from.
    """

    name = "okx"
    ccxt_id = "okx"
    config: Mapping[str, Any] = {
        "options": {
            "fetchMarkets": {"types": ["swap"]},
            "defaultType": "swap",
            "createOrder": "privatePostTradeOrder",
        },
        # ccxt takes a 429 without a native body for an outage.
        "httpExceptions": {"429": RateLimitExceeded},
    }
    # The reason of a refused order stands in its item's sCode, under an envelope with code 1.
    code_pattern = re.compile(r'"s?[cC]ode"\s*:\s*"?(\d{3,})')
    native_codes = NATIVE_CODES
    max_candles = 300
    logs_in = True

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._asked: dict[str, str] = {}
        """Subscriptions by the id of their request: a refusal names nothing else."""
        self._fresh: set[str] = set()
        """Channels whose present state, which is no update, is still to come."""
        self._subscribed: set[str] = set()
        self._positions: dict[str, PositionState] = {}
        self._is_ready = False

    def point_at(self, native: Native, base_url: str) -> None:
        """Every address: one forgotten would go to the live venue."""
        native.urls["api"] = rehosted(native.urls["api"], base_url)

    # -- REST -----------------------------------------------------------------------------------

    async def ping(self, native: Native) -> None:
        """The venue's clock."""
        await native.publicGetPublicTime()

    async def snapshot(self, native: Native) -> AccountSnapshot:
        """Balance, then positions; `uTime` of both is when they changed last."""
        account: Raw = (await native.privateGetAccountBalance())["data"][0]
        told = objects.totals(account)
        return AccountSnapshot(
            wallet=told.wallet,
            wallet_updated_ms=int(account.get("uTime") or 0),
            margin=told.margin,
            available=told.available,
            order_margin=Decimal(objects.coin(account, SETTLE).get("ordFrozen") or 0),
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
        if not native.markets:  # contracts cannot be counted without them
            native.set_markets(await native.fetch_markets())
        asked = {"instType": "SWAP", **({"instId": venue_id} if venue_id else {})}
        found: list[PositionState] = []
        for raw in (await native.privateGetAccountPositions(asked))["data"]:
            market = native.markets_by_id[raw["instId"]][0]
            if market["settle"] == SETTLE and Decimal(raw["pos"] or 0):
                symbol = f"{market['base']}{market['quote']}"
                found.append(objects.position(raw, symbol, self.contract_size(market)))
        return found

    async def balance(self, native: Native, asset: str) -> str:
        """The asset's cash balance."""
        account: Raw = (await native.privateGetAccountBalance({"ccy": asset}))["data"][0]
        return str(objects.coin(account, asset).get("cashBal") or "0")

    def order(self, raw: Raw, symbols: Symbols) -> resources.Order:
        """The venue's ORDER object."""
        symbol = symbols.of_id(raw["instId"])
        return objects.order(raw, symbol, self.contract_size(symbols.market(symbol)))

    def contract_size(self, market: Raw) -> Decimal:
        """ctVal times ctMult."""
        return objects.contract_size(market)

    def precisions(self, market: Raw) -> tuple[int, int]:
        """Places of the tick, and of the lot in base coins."""
        info = market["info"]
        return _places(Decimal(info["tickSz"])), _places(Decimal(info["lotSz"]) * self.contract_size(market))

    async def place(
        self, native: Native, market: Raw, kind: str, side: str, amount: str, price: str | None,
        options: Mapping[str, Any],
    ) -> Raw:  # fmt: skip
        """As ccxt does it; a reply under the code of success may be a refusal all the same."""
        reply = await super().place(native, market, kind, side, amount, price, options)
        _check([reply])
        return reply

    async def placed(self, native: Native, market: Raw, reply: Raw) -> Raw:
        """The reply has nothing but ids: ask what became of the order."""
        return await self.find(native, market["symbol"], int(reply["ordId"]), "")

    async def find(self, native: Native, unified: str, order_id: int, client_order_id: str) -> Raw:
        """GET trade/order, as it is."""
        by_id = {"ordId": str(order_id)} if order_id else {"clOrdId": client_order_id}
        found: Raw = (await native.privateGetTradeOrder({"instId": native.market(unified)["id"], **by_id}))["data"][0]
        return found

    async def open_orders(self, native: Native, unified: str | None) -> Sequence[Raw]:
        """Page by page, back in time."""
        asked = {"instType": "SWAP", "limit": str(PAGE)}
        if unified:
            asked["instId"] = native.market(unified)["id"]
        found: list[Raw] = []
        while True:
            page: list[Raw] = (await native.privateGetTradeOrdersPending(asked))["data"]
            found += page
            if len(page) < PAGE:
                return found
            asked = {**asked, "after": str(page[-1]["ordId"])}

    async def cancel_order(self, native: Native, unified: str, order_id: int) -> None:
        """POST cancel-order; a refusal may come under success."""
        asked = {"instId": native.market(unified)["id"], "ordId": str(order_id)}
        _check((await native.privatePostTradeCancelOrder(asked))["data"])

    async def cancel_all(self, native: Native, unified: str) -> None:
        """There is no endpoint for it: what is open, in batches. An order that is done meanwhile is no failure."""
        venue_id = native.market(unified)["id"]
        orders = await self.open_orders(native, unified)
        for start in range(0, len(orders), BATCH):
            batch = [{"instId": venue_id, "ordId": one["ordId"]} for one in orders[start : start + BATCH]]
            try:
                rows: Sequence[Raw] = (await native.privatePostTradeCancelBatchOrders(batch))["data"]
            except (OrderNotFound, CancelPending):  # ccxt's class for the first of them, when every one was refused
                rows = [await self._cancelled(native, one) for one in batch]
            _check([row for row in rows if row["sCode"] not in DONE])

    async def _cancelled(self, native: Native, asked: Raw) -> Raw:
        try:
            row: Raw = (await native.privatePostTradeCancelOrder(asked))["data"][0]
        except (OrderNotFound, CancelPending):
            return {"sCode": "0"}
        return row

    async def open_interest(self, native: Native, market: Raw) -> str:
        """oiCcy is in base coins."""
        asked = {"instType": "SWAP", "instId": market["id"]}
        return str((await native.publicGetPublicOpenInterest(asked))["data"][0]["oiCcy"])

    def volumes(self, ticker: Raw) -> tuple[str | None, str | None]:
        """volCcy24h is in base coins; the venue does not tell the quote volume of a swap."""
        return ticker["info"]["volCcy24h"], None

    # -- streams --------------------------------------------------------------------------------

    async def watch(self, native: Native, topic: Topic, unified: str) -> None:
        """Public channels each by itself; the private ones together, after the login."""
        if topic.stream in PRIVATE_STREAMS:
            await self._watch_private(native)
            return
        arg = _arg(topic, str(native.market(unified)["id"]))
        self._fresh.add(_name(arg))
        await subscriptions.hold(native, _public(native, arg), _name(arg), self._frame("subscribe", _name(arg), arg))

    async def unwatch(self, native: Native, topic: Topic, unified: str) -> None:
        """Returns when the venue has acknowledged it."""
        arg = _arg(topic, str(native.market(unified)["id"]))
        frame = self._frame("unsubscribe", _name(arg), arg)
        await subscriptions.release(native, _public(native, arg), _name(arg), frame)

    def _frame(self, operation: str, name: str, *args: Raw) -> Raw:
        number = str(next(self._numbers))
        self._asked = {key: known for key, known in self._asked.items() if known != name} | {number: name}
        return {"id": number, "op": operation, "args": list(args)}

    async def _watch_private(self, native: Native) -> None:
        self._subscribed, self._positions, self._is_ready = set(), {}, False
        await native.authenticate()
        frame = self._frame("subscribe", "private", *PRIVATE_ARGS)
        await subscriptions.hold(native, _private(native), "private", frame)

    def subscription_hash(self, topic: Topic, unified: str) -> str:
        """Acknowledgements name their channel instead."""
        return ""

    def is_private(self, url: str) -> bool:
        """By the path."""
        return url.endswith("/private")

    def renew(self, native: Native) -> None:
        """Log in anew, whatever happened on the socket before."""
        subscriptions.forget(native, _private(native))

    def read(self, client: Native, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        """Data by channel; the login's answer and pongs are left to ccxt."""
        if not isinstance(frame, dict):
            return False
        event = frame.get("event")
        if event is not None:
            return self._answered(client, str(event), frame, symbols, into)
        arg, data = frame.get("arg"), frame.get("data")
        if not isinstance(arg, dict) or not isinstance(data, list):
            return False
        channel = arg["channel"]
        if channel == "orders":
            for one in data:
                into.order(objects.order_update(one, symbols))
        elif channel == "positions":
            self._told_positions(data, symbols, into)
        elif channel == "account":
            self._told_account(data, into)
        elif channel == "funding-rate":
            for one in data:
                symbol = symbols.of_id(one["instId"])
                into.funding(symbol, one["fundingRate"], int(one["fundingTime"]), int(one["ts"]))
        elif self._fresh and _name(arg) in self._fresh:
            self._fresh.discard(_name(arg))
        elif channel == "tickers":
            for one in data:
                into.price(symbols.of_id(one["instId"]), one["last"], int(one["ts"]))
        elif channel in INTERVALS:
            symbol = symbols.of_id(arg["instId"])
            for row in data:
                into.candle(INTERVALS[channel], objects.candle(row, symbol))
        return True

    def _answered(self, client: Native, event: str, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        arg = frame.get("arg") or {}
        if event == "subscribe":
            self._confirmed(arg, symbols, into)
        elif event == "unsubscribe":
            subscriptions.released(client, _name(arg))
        elif event == "error":
            name = self._asked.get(str(frame.get("id")))
            if name is None:  # a login, or a frame that nobody here has sent
                subscriptions.failed_all(client, _error(frame))
            else:
                subscriptions.failed(client, name, _error(frame))
        else:
            return False
        return True

    def _confirmed(self, arg: Raw, symbols: Symbols, into: Readings) -> None:
        channel, symbol = str(arg.get("channel")), symbols.of_id(arg.get("instId") or "")
        if any(channel == one["channel"] for one in PRIVATE_ARGS):
            self._subscribed.add(channel)
        elif channel in INTERVALS:
            into.confirmed(Topic("klines", symbol, INTERVALS[channel]))
        else:
            into.confirmed(Topic("prices" if channel == CHANNELS["prices"] else "funding", symbol))

    def _told_positions(self, data: Sequence[Raw], symbols: Symbols, into: Readings) -> None:
        for raw in data:
            symbol = symbols.of_id(raw["instId"])
            if symbol == raw["instId"]:
                continue  # no USDT swap
            told = objects.position(raw, symbol, self.contract_size(symbols.market(symbol)))
            if self._is_ready:
                into.account(int(raw["uTime"]), None, [told])
            elif Decimal(told.size):
                self._positions[symbol] = told
            else:
                self._positions.pop(symbol, None)

    def _told_account(self, data: Sequence[Raw], into: Readings) -> None:
        for raw in data:
            told = objects.totals(raw)
            if self._is_ready:
                into.totals(told)
            elif len(self._subscribed) == len(PRIVATE_ARGS):
                self._is_ready = True
                into.private_ready(self._beginning(told))

    def _beginning(self, told: Totals) -> AccountSnapshot:
        # Every frame after these is an update: nothing is to be told from what the beginning has already.
        return AccountSnapshot(
            told.wallet, 0, told.margin, told.available, Decimal(0), told.maintenance_margin,
            tuple(self._positions.values()),
        )  # fmt: skip


def _arg(topic: Topic, venue_id: str) -> Raw:
    if topic.stream in CHANNELS:
        return {"channel": CHANNELS[topic.stream], "instId": venue_id}
    if topic.interval not in BARS:
        raise invalid(f"invalid interval {topic.interval[:20]!r}")
    return {"channel": f"candle{BARS[topic.interval]}", "instId": venue_id}


def _name(arg: Raw) -> str:
    return f"{arg.get('channel')} {arg.get('instId')}"


def _public(native: Native, arg: Raw) -> str:
    return str(native.get_url(arg["channel"], "public"))


def _private(native: Native) -> str:
    return str(native.get_url("users", "private"))


def _places(step: Decimal) -> int:
    return max(0, -int(step.normalize().as_tuple().exponent))


def _error(told: Raw) -> ExchangeError:
    return ExchangeError(f"okx {json.dumps(told)}")


def _check(rows: Sequence[Raw]) -> None:
    for row in rows:
        if row.get("sCode", "0") != "0":
            raise _error(row)
