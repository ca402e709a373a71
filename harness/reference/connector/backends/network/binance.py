"""Binance USD-M futures: native REST fields, frames and codes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from grpc import StatusCode

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.backends.network.account_state import account_message, position_message
from harness.reference.connector.backends.network.binance_objects import (
    SIDES,
    STATUSES,
    TYPES,
    account_position,
    account_update,
    candle,
    order_update,
    risk_position,
)
from harness.reference.connector.backends.network.dialect import (
    AccountSnapshot,
    Native,
    PositionState,
    Raw,
    Readings,
)
from harness.reference.connector.backends.network.native import rehosted
from harness.reference.connector.backends.network.symbols import SETTLE, Symbols
from harness.reference.connector.backends.network.usual import Usual
from harness.reference.connector.decimals import timestamp, wire
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

PRICE_CHANNEL = "miniTicker"


class Binance(Usual):
    """Dialect `binance`."""

    name = "binance"
    ccxt_id = "binanceusdm"
    config: Mapping[str, Any] = {
        "options": {
            "fetchCurrencies": False,
            "fetchMarkets": {"types": ["linear"]},
            "fetchOpenOrders": {"warnWithoutSymbol": False},
            # One socket for all public subscriptions (ccxt would spread them over 50).
            "streamLimits": {"linear": 1},
            "subscriptionLimitByStream": {"linear": 1000},
            "watchPositions": {"fetchPositionsSnapshot": False, "awaitPositionsSnapshot": False},
        }
    }
    code_pattern = re.compile(r'"code"\s*:\s*"?(-?\d+)')
    native_codes: Mapping[str, StatusCode] = {
        **{str(-code): StatusCode.INVALID_ARGUMENT for code in (1013, 1014, 1020, *range(1100, 1131), 4164)},
        **{str(-code): StatusCode.INVALID_ARGUMENT for code in range(4000, 4032)},
        "-1000": StatusCode.UNAVAILABLE,
        "-1001": StatusCode.UNAVAILABLE,
        "-1003": StatusCode.RESOURCE_EXHAUSTED,
        "-1007": StatusCode.UNAVAILABLE,
        "-1008": StatusCode.UNAVAILABLE,
        "-1016": StatusCode.UNAVAILABLE,
        "-1015": StatusCode.RESOURCE_EXHAUSTED,
        "-1021": StatusCode.UNAUTHENTICATED,
        "-1022": StatusCode.UNAUTHENTICATED,
        "-1125": StatusCode.UNAUTHENTICATED,
        "-2010": StatusCode.FAILED_PRECONDITION,
        "-2011": StatusCode.NOT_FOUND,
        "-2013": StatusCode.NOT_FOUND,
        "-2014": StatusCode.UNAUTHENTICATED,
        "-2015": StatusCode.UNAUTHENTICATED,
        "-2018": StatusCode.RESOURCE_EXHAUSTED,
        "-2019": StatusCode.RESOURCE_EXHAUSTED,
        "-2020": StatusCode.FAILED_PRECONDITION,
        "-2021": StatusCode.FAILED_PRECONDITION,
        "-2022": StatusCode.FAILED_PRECONDITION,
        "-2027": StatusCode.FAILED_PRECONDITION,
        "-4046": StatusCode.FAILED_PRECONDITION,
        "-4059": StatusCode.FAILED_PRECONDITION,
        "-4061": StatusCode.FAILED_PRECONDITION,
        "-4116": StatusCode.ALREADY_EXISTS,
        "-5021": StatusCode.FAILED_PRECONDITION,
        "-5022": StatusCode.FAILED_PRECONDITION,
    }
    max_candles = 1500

    def point_at(self, native: Native, base_url: str) -> None:
        """Every address: one forgotten would go to the live venue."""
        native.urls["api"] = rehosted(native.urls["api"], base_url)

    # -- REST -----------------------------------------------------------------------------------

    async def ping(self, native: Native) -> None:
        """The venue's clock."""
        await native.fapiPublicGetTime()

    async def snapshot(self, native: Native) -> AccountSnapshot:
        """GET /fapi/v2/account: v3 leaves leverage and flat symbols out."""
        raw = await native.fapiPrivateV2GetAccount()
        symbols: Sequence[Raw] = raw.get("positions") or ()
        asset: Raw = next((one for one in raw.get("assets") or () if one.get("asset") == SETTLE), {})
        return AccountSnapshot(
            wallet=str(raw["totalWalletBalance"]),
            wallet_updated_ms=int(asset.get("updateTime") or 0),
            margin=str(raw["totalMarginBalance"]),
            available=str(raw["availableBalance"]),
            order_margin=Decimal(str(raw.get("totalOpenOrderInitialMargin") or 0)),
            maintenance_margin=str(raw.get("totalMaintMargin") or ""),
            positions=tuple(account_position(one) for one in symbols if Decimal(str(one.get("positionAmt") or 0))),
            leverage_of={str(one["symbol"]): int(one.get("leverage") or 0) for one in symbols},
        )

    def account(self, snapshot: AccountSnapshot) -> resources.Account:
        """Totals as the venue gave them."""
        positions = [position_message(one) for one in snapshot.positions]
        return account_message(
            snapshot.wallet, snapshot.margin, snapshot.available, snapshot.maintenance_margin, positions
        )

    async def positions(self, native: Native, venue_id: str) -> Sequence[PositionState]:
        """GET /fapi/v2/positionRisk: v3 leaves leverage and margin type out."""
        rows = await native.fapiPrivateV2GetPositionRisk({"symbol": venue_id} if venue_id else {})
        return [risk_position(row) for row in rows if Decimal(str(row.get("positionAmt") or 0))]

    async def balance(self, native: Native, asset: str) -> str:
        """The wallet balance among the account's assets."""
        raw = await native.fapiPrivateV2GetAccount()
        return next((str(one["walletBalance"]) for one in raw.get("assets") or () if one.get("asset") == asset), "0")

    def order(self, raw: Raw, symbols: Symbols) -> resources.Order:
        """The venue's ORDER object; `time` only comes with queries."""
        updated_ms = int(raw.get("updateTime") or 0)
        return resources.Order(
            order_id=int(raw["orderId"]),
            client_order_id=str(raw.get("clientOrderId") or ""),
            symbol=symbols.of_id(str(raw["symbol"])),
            side=SIDES.get(raw["side"], types.ORDER_SIDE_UNSPECIFIED),
            type=TYPES.get(raw["type"], types.ORDER_TYPE_UNSPECIFIED),
            price=wire(raw.get("price")),
            quantity=wire(raw.get("origQty")),
            executed_qty=wire(raw.get("executedQty")),
            avg_price=wire(raw.get("avgPrice")),
            status=STATUSES.get(raw["status"], types.ORDER_STATUS_UNSPECIFIED),
            created_at=timestamp(int(raw.get("time") or updated_ms)),
            update_time=updated_ms,
        )

    def precisions(self, market: Raw) -> tuple[int, int]:
        """The venue states them itself."""
        return int(market["info"]["pricePrecision"]), int(market["info"]["quantityPrecision"])

    # -- streams --------------------------------------------------------------------------------

    async def watch(self, native: Native, topic: Topic, unified: str) -> None:
        """ccxt subscribes; its future never resolves, because `read` takes the frames, and fails with the socket."""
        if topic.stream == "prices":
            await native.watch_ticker(unified, {"name": PRICE_CHANNEL})
        elif topic.stream == "klines":
            await native.watch_ohlcv(unified, topic.interval)
        elif topic.stream == "funding":
            await native.watch_mark_price(unified)
        else:
            await native.watch_orders()

    async def unwatch(self, native: Native, topic: Topic, unified: str) -> None:
        """Returns when the venue has acknowledged it."""
        if topic.stream == "prices":
            await native.un_watch_ticker(unified, {"name": PRICE_CHANNEL})
        elif topic.stream == "klines":
            await native.un_watch_ohlcv(unified, topic.interval)
        elif topic.stream == "funding":
            await native.un_watch_mark_price(unified)

    def subscription_hash(self, topic: Topic, unified: str) -> str:
        """As in ccxt.pro.binance."""
        if topic.stream == "prices":
            return f"ticker:{PRICE_CHANNEL}@{unified}"
        if topic.stream == "klines":
            return f"ohlcv::{unified}::{topic.interval}"
        return f"markPrice:markPrice@{unified}"

    def is_private(self, url: str) -> bool:
        """The address carries the listen key."""
        return "listenKey=" in url

    def renew(self, native: Native) -> None:
        """A listen key that died with the venue gives a socket that is open and silent for ever: ask for one anew."""
        native.options["linear"] = {}
        # ccxt lets everybody wait for whoever asks for the key; one that was given up never tells them.
        native.clients.pop("authenticationFlights", None)

    def read(self, client: Native, frame: Raw, symbols: Symbols, into: Readings) -> bool:
        """By event name; replies to requests are noted and left to ccxt."""
        if not isinstance(frame, dict):
            return False
        event = frame.get("e")
        if event == "24hrMiniTicker":
            into.price(symbols.of_id(frame["s"]), frame["c"], frame["E"])
        elif event == "kline":
            into.candle(frame["k"]["i"], candle(frame["k"], symbols))
        elif event == "markPriceUpdate":
            into.funding(symbols.of_id(frame["s"]), frame["r"], int(frame["T"]), int(frame["E"]))
        elif event == "ORDER_TRADE_UPDATE":
            into.order(order_update(frame, symbols))
        elif event == "ACCOUNT_UPDATE":
            account_update(frame, symbols, into)
        elif event == "listenKeyExpired":
            into.private_over("the listen key expired")
        elif event is None and "id" in frame and "error" not in frame:
            into.accepted(client, str(frame["id"]))
            return False
        else:
            return False
        return True
