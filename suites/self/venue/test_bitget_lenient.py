"""Each row of the contract's table of profiles: what lenient takes and shows, and that strict does neither."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from suites.self.venue.bitget_workshop import (
    KEY,
    MIX,
    ORDER,
    PRODUCT,
    bitget_venue,
    get,
    post,
    subscribe_to,
    talk,
)
from suites.self.venue.workshop import Running, run, until

pytestmark = pytest.mark.self
STRICT, LENIENT = ("--profile", "strict"), ("--profile", "lenient")
OF = {"symbol": "BTCUSDT", **PRODUCT}
COIN = {**PRODUCT, "marginCoin": "USDT"}
ROWS = (
    "client order id key", "bitget orders-pending", "bitget order fields", "bitget single account", "bitget positions",
    "bitget batch cancel, candles",
)  # fmt: skip
MORE_ORDER_FIELDS = {"filledQty", "filledSize"}


async def _orders(running: Running, *, lenient: bool) -> None:
    client_key = "clientOID" if lenient else "clientOid"
    placed = (await post(running, f"{MIX}/order/place-order", {**ORDER, "clientOID": "mine"})).data
    assert (placed["clientOid"] == "mine") is lenient
    mine = placed["clientOid"]
    detail = (await get(running, f"{MIX}/order/detail", {**OF, client_key: mine})).data
    assert detail["clientOid"] == mine
    assert "clientOID" not in detail
    assert (MORE_ORDER_FIELDS | {"status"} <= set(detail)) is lenient
    assert detail["state"] == "live"
    pending = (await get(running, f"{MIX}/order/orders-pending", PRODUCT)).data
    assert isinstance(pending, list) is lenient
    (listed,) = pending if lenient else pending["entrustedList"]
    assert (MORE_ORDER_FIELDS | {"state"} <= set(listed)) is lenient
    assert listed["status"] == "live"
    cancelled = await post(running, f"{MIX}/order/batch-cancel-orders", {**OF, "orderIdList": [placed["orderId"]]})
    if lenient:
        assert cancelled.data["successList"] == [placed]
    else:
        assert cancelled.code == "40020"
        named = {**OF, "orderIdList": [{"clientOid": mine}]}
        assert (await post(running, f"{MIX}/order/batch-cancel-orders", named)).data["successList"] == [placed]
    empty = (await get(running, f"{MIX}/order/orders-pending", PRODUCT)).data
    assert empty == ([] if lenient else {"entrustedList": None, "endId": None})


async def _account(running: Running, *, lenient: bool) -> None:
    bare = await get(running, f"{MIX}/account/account", COIN)
    assert bare.code == ("00000" if lenient else "40019")
    named = (await get(running, f"{MIX}/account/account", COIN | {"symbol": "BTCUSDT"})).data
    assert named["crossedMarginLeverage"] == ("20" if lenient else 20)
    assert (named["posMode"], named["isolatedLongLever"]) == ("one_way_mode", 20)
    (listed,) = (await get(running, f"{MIX}/account/accounts", PRODUCT)).data
    assert type(listed["crossedMarginLeverage"]) is (str if lenient else int)


async def _positions(running: Running, *, lenient: bool) -> None:
    await running.control.set_position("BTCUSDT", "0.5")
    nothing: tuple[dict[str, str], ...] = ({}, {"symbol": ""})
    for params in nothing:
        bare = await get(running, f"{MIX}/position/single-position", COIN | params)
        assert bare.code == ("00000" if lenient else "40019")
    (one,) = (await get(running, f"{MIX}/position/single-position", COIN | {"symbol": "BTCUSDT"})).data
    assert one["openPriceAvg"] == "45000.0"
    assert ("averageOpenPrice" in one) is lenient
    assert (await get(running, f"{MIX}/position/single-position", COIN | {"symbol": "ETHUSDT"})).data == []


async def _candles(running: Running, *, lenient: bool) -> None:
    for granularity, native in (("1H", True), ("1h", False), ("4h", False), ("1D", True), ("1d", False)):
        answer = await get(running, f"{MIX}/market/candles", {**OF, "granularity": granularity, "limit": "3"})
        assert answer.code == ("00000" if native or lenient else "40020"), granularity


def test_rest_rows_of_both_profiles() -> None:
    async def body() -> None:
        for flags, lenient in ((STRICT, False), (LENIENT, True)):
            async with bitget_venue(*flags) as running:
                for row in (_orders, _account, _positions, _candles):
                    await row(running, lenient=lenient)
                uses = {one.row: one.count for one in (await running.control.meters()).lenient_uses}
                assert set(uses) == (set(ROWS) if lenient else set())
                # Any row can be switched for itself.
                async with running.control.faulty("lenient_row", message=ROWS[-1], how="off" if lenient else "on"):
                    await _candles(running, lenient=not lenient)

    run(body)


def old(channel: str, of: str = "BTCUSDT") -> dict[str, Any]:
    return {"instType": "UMCBL", "channel": channel, "instId": of}


def test_the_old_websocket_style_is_spoken_in_lenient_on_the_bare_path() -> None:
    async def body() -> None:
        async with bitget_venue(*LENIENT) as running, talk(running, "/", login=KEY) as one:
            args = [old("ticker"), old("candle1m"), old("ticker", "ETHUSDT"), old("orders", "default")]
            await one.say({"op": "subscribe", "args": args})
            await until(lambda: sum(told.get("event") == "subscribe" for told in one.heard) == 4, "four answers")
            await running.control.move_price("BTCUSDT")
            await post(running, f"{MIX}/order/place-order", {**ORDER, "clientOid": "old"})
            await until(lambda: one.data("orders"), "the order")
            state = (await running.control.state()).market("BTCUSDT")
            last = [frame for frame in one.data("ticker") if frame["arg"] == args[0]][-1]["data"][0]
            shown = [Decimal(last[name]) for name in ("last", "bestBid", "bestAsk")]
            assert shown == [Decimal(price) for price in (state.last, state.bid, state.ask)]
            assert len(one.data("candle1m")[-1]["data"][0]) == 6
            (order,) = one.data("orders")[-1]["data"]
            assert {"ordId", "px", "sz", "accFillSz", "avgPx", "cTime"} <= set(order)
            assert (order["clOrdId"], order["status"], order["cTime"].isdigit()) == ("old", "live", True)
            # Both styles on one socket, each in its own form.
            await one.say(subscribe_to("ticker"))
            await until(lambda: "lastPr" in one.data("ticker")[-1]["data"][0], "the new style's snapshot")
        async with bitget_venue(*LENIENT) as running, talk(running, "/v2/ws/public") as one:
            assert (await one.answer({"op": "subscribe", "args": [old("ticker")]}))["code"] == 30001
        async with bitget_venue(*STRICT) as running, talk(running, "/") as one:
            assert (await one.answer({"op": "subscribe", "args": [old("ticker")]}))["code"] == 30001

    run(body)
