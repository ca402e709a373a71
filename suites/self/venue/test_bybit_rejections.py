"""Strict mode: each kind of bad request is refused with bybit's own code, and books nothing; what lenient lets in."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from harness.venue.control import ApiKey
from suites.self.venue.bybit_workshop import (
    ORDER,
    Answer,
    auth_of,
    bybit_venue,
    get,
    headers,
    now_ms,
    post,
    send,
    signature,
    subscribe_to,
    talk,
)
from suites.self.venue.workshop import KEY, OTHER, run, until

pytestmark = pytest.mark.self

PLACE = "/v5/order/create"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ORDER.items() if key != name}


def but(**changed: Any) -> dict[str, Any]:
    return ORDER | changed


BAD_ORDERS: list[tuple[str, Any, int]] = [
    ("no category", without("category"), 10001),
    ("made-up category", but(category="swap"), 10001),
    ("another category", but(category="spot"), 10001),
    ("no symbol", without("symbol"), 10001),
    ("unknown symbol", but(symbol="NOPEUSDT"), 10001),
    ("no side", without("side"), 10001),
    ("side in capitals", but(side="BUY"), 10001),
    ("no type", without("orderType"), 10001),
    ("made-up type", but(orderType="Stoppish"), 10001),
    ("made-up time in force", but(timeInForce="GTX"), 10001),
    ("no quantity", without("qty"), 10001),
    ("quantity is a number", but(qty=0.01), 10001),
    ("quantity is no number", but(qty="lots"), 10001),
    ("negative quantity", but(qty="-1"), 10001),
    ("quantity in exponent notation", but(qty="1e-2"), 10001),
    ("quantity zero", but(qty="0"), 10001),
    ("quantity too precise", but(qty="0.0101"), 10001),
    ("quantity too large", but(qty="1001"), 10001),
    ("no price", without("price"), 10001),
    ("price zero", but(price="0"), 10001),
    ("price too precise", but(price="40000.01"), 10001),
    ("price between ticks", but(symbol="LTCUSDT", price="90.01", qty="1"), 10001),
    ("price beyond the range", but(price="1999999.9"), 110003),
    ("notional too small", but(qty="0.001", price="100"), 110094),
    ("more than the margin allows", but(qty="900"), 110007),
    ("reduce-only without a position", but(reduceOnly=True), 110017),
    ("reduce-only is no boolean", but(reduceOnly="true"), 10001),
    ("hedge side in one-way mode", but(positionIdx=1), 10001),
    ("client id too long", but(orderLinkId="x" * 37), 10001),
    ("client id with a blank", but(orderLinkId="a b"), 10001),
    ("conditional order", but(triggerPrice="30000"), 10001),
    ("no JSON", "category=linear", 10001),
    ("a JSON array", [ORDER], 10001),
    ("nested too deep", "[" * 5000, 10001),
]


def test_bad_orders_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            before = await running.control.serial()
            wrong = []
            for name, order, code in BAD_ORDERS:
                answer = await post(running, PLACE, order)
                if (answer.status, answer.code, answer.result) != (200, code, {}) or not answer.body["retMsg"]:
                    wrong.append((name, code, answer))
            assert wrong == []
            assert await running.control.serial() == before

    run(body)


TEXT = json.dumps(ORDER)


def off(**changed: str) -> dict[str, str]:
    return headers(TEXT) | {name.replace("_", "-"): value for name, value in changed.items()}


def less(name: str) -> dict[str, str]:
    return {key: value for key, value in headers(TEXT).items() if key != name}


BAD_CREDENTIALS: list[tuple[str, Callable[[], dict[str, str]], int]] = [
    ("no headers", dict, 10001),
    ("no key", lambda: less("X-BAPI-API-KEY"), 10001),
    ("no signature", lambda: less("X-BAPI-SIGN"), 10001),
    ("no timestamp", lambda: less("X-BAPI-TIMESTAMP"), 10001),
    ("unknown key", lambda: headers(TEXT, ApiKey("main", "nobody", KEY.secret)), 10003),
    ("wrong secret", lambda: headers(TEXT, ApiKey("main", KEY.key, "guess")), 10004),
    ("somebody else's secret", lambda: headers(TEXT, ApiKey("main", KEY.key, OTHER.secret)), 10004),
    ("signature of another body", lambda: headers(TEXT.replace("40000.0", "40001.0")), 10004),
    ("signature of the same JSON spelled otherwise", lambda: headers(TEXT.replace(": ", ":")), 10004),
    ("window not signed", lambda: off(X_BAPI_RECV_WINDOW="6000"), 10004),
    ("timestamp is no number", lambda: off(X_BAPI_TIMESTAMP="now"), 10002),
    ("timestamp too old", lambda: headers(TEXT, ahead_ms=-6000), 10002),
    ("timestamp ahead", lambda: headers(TEXT, ahead_ms=3000), 10002),
    ("window too wide", lambda: headers(TEXT, window="60001"), 10001),
]


def test_bad_credentials_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with bybit_venue(keys=(KEY, OTHER)) as running:
            before = await running.control.serial()
            wrong = []
            for name, made, code in BAD_CREDENTIALS:
                answer = await send(running, "POST", PLACE, TEXT, made())
                if (answer.status, answer.code) != (200, code):
                    wrong.append((name, code, answer))
            assert wrong == []
            assert await running.control.serial() == before
            late = await send(running, "POST", PLACE, TEXT, headers(TEXT, ahead_ms=-6000, window="10000"))
            assert late.code == 0
            query = "symbol=BTCUSDT&category=linear"
            shuffled = await send(
                running, "GET", "/v5/order/realtime", "category=linear&symbol=BTCUSDT", headers(query)
            )
            assert shuffled.code == 10004
            assert (await get(running, "/v5/order/realtime", query)).code == 0
            assert (await get(running, "/v5/order/realtime", query, OTHER)).result["list"] == []
            async with running.control.faulty("observe_signature") as handle:
                bad = headers(TEXT, ApiKey("main", KEY.key, "guess"))
                assert (await send(running, "POST", PLACE, TEXT, bad)).code == 0
                fired = {one.handle: one.fired for one in (await running.control.meters()).faults}
                assert fired[handle] == 1

    run(body)


UNKNOWN = "14c58bc5-da51-40c5-8c5b-000000000001"
LINEAR = {"category": "linear"}
LONG = [{"symbol": "BTCUSDT", "orderId": UNKNOWN}] * 11
OTHER_BAD_REQUESTS: list[tuple[str, str, Any, int, int]] = [
    ("POST", "/v5/order/cancel", {**LINEAR, "symbol": "BTCUSDT", "orderId": UNKNOWN}, 200, 110001),
    ("POST", "/v5/order/cancel", {**LINEAR, "symbol": "BTCUSDT", "orderId": "12345678"}, 200, 110001),
    ("POST", "/v5/order/cancel", {**LINEAR, "symbol": "BTCUSDT", "orderLinkId": "nobody"}, 200, 110001),
    ("POST", "/v5/order/cancel", {**LINEAR, "symbol": "BTCUSDT"}, 200, 10001),
    ("POST", "/v5/order/cancel", {**LINEAR, "orderId": UNKNOWN}, 200, 10001),
    ("POST", "/v5/order/cancel-all", LINEAR, 200, 10001),
    ("POST", "/v5/order/cancel-batch", {**LINEAR, "request": LONG}, 200, 10001),
    ("POST", "/v5/order/create-batch", {**LINEAR, "request": []}, 200, 10001),
    ("POST", "/v5/order/create-batch", {**LINEAR, "request": "all"}, 200, 10001),
    ("POST", "/v5/order/create-batch", LINEAR, 200, 10001),
    ("GET", "/v5/order/realtime", "category=linear", 200, 10001),
    ("GET", "/v5/position/list", "category=linear", 200, 10001),
    ("GET", "/v5/position/list", "category=linear&symbol=NOPEUSDT", 200, 10001),
    ("GET", "/v5/account/wallet-balance", "", 200, 10001),
    ("GET", "/v5/market/kline", "category=linear&symbol=BTCUSDT&interval=7", 200, 10001),
    ("GET", "/v5/market/kline", "category=linear&symbol=BTCUSDT", 200, 10001),
    ("GET", "/v5/market/tickers", "symbol=BTCUSDT", 200, 10001),
    ("GET", "/v5/market/orderbook", "category=linear&symbol=BTCUSDT&limit=ten", 200, 10001),
    ("POST", "/v5/position/set-leverage",
     {**LINEAR, "symbol": "BTCUSDT", "buyLeverage": "126", "sellLeverage": "126"}, 200, 110013),
    ("POST", "/v5/position/set-leverage",
     {**LINEAR, "symbol": "BTCUSDT", "buyLeverage": "20", "sellLeverage": "20"}, 200, 110043),
    ("POST", "/v5/position/set-leverage",
     {**LINEAR, "symbol": "BTCUSDT", "buyLeverage": "5", "sellLeverage": "6"}, 200, 10001),
    ("POST", "/v5/position/switch-mode", {**LINEAR, "coin": "USDT", "mode": 0}, 200, 110025),
    ("POST", "/v5/position/switch-mode", {**LINEAR, "coin": "USDT", "mode": 3}, 200, 10001),
    ("POST", "/v5/account/set-margin-mode", {"setMarginMode": "SOME_MARGIN"}, 200, 10001),
    ("GET", "/v5/nothing", "", 404, 404),
    ("GET", PLACE, "", 404, 404),
]  # fmt: skip


def test_other_bad_requests_get_the_native_code() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            wrong = []
            for method, path, given, status, code in OTHER_BAD_REQUESTS:
                answer = await (get(running, path, given) if method == "GET" else post(running, path, given))
                if (answer.status, answer.code) != (status, code):
                    wrong.append((method, path, given, answer))
            assert wrong == []
            huge = await send(running, "POST", PLACE, "x" * 2_000_000, headers("x" * 2_000_000))
            assert (huge.status, huge.code) == (413, 10001)
            once = [await post(running, PLACE, but(orderLinkId="once")) for _ in range(2)]
            assert [one.code for one in once] == [0, 110072]
            meters = await running.control.meters()
            assert (meters.orders_accepted, meters.duplicate_client_ids) == (1, 1)
            ended = {**LINEAR, "symbol": "BTCUSDT", "orderLinkId": "once"}
            assert [(await post(running, "/v5/order/cancel", ended)).code for _ in range(2)] == [0, 110001]

    run(body)


async def lenient_answers(running: Any) -> list[Answer]:
    stamp = str(now_ms())
    empty = headers("") | {"X-BAPI-TIMESTAMP": stamp, "X-BAPI-SIGN": signature(KEY.secret, f"{stamp}{KEY.key}5000")}
    await post(running, PLACE, but(orderLinkID="spelled"))
    numbers = [one.order_id for one in (await running.control.state()).open_orders]
    batch = {**LINEAR, "request": [{"symbol": "BTCUSDT", "orderId": UNKNOWN}]}
    return [
        await send(running, "GET", "/v5/position/list", "category=linear&symbol=BTCUSDT", empty),
        await get(running, "/v5/order/realtime"),
        await get(running, "/v5/position/list"),
        await get(running, "/v5/order/realtime", "category=linear&symbol=BTCUSDT&orderLinkID=spelled"),
        await get(running, "/v5/order/realtime", f"category=linear&symbol=BTCUSDT&orderId={numbers[0]}"),
        await post(running, "/v5/order/cancel-batch", batch),
    ]


def test_each_lenient_row_holds_in_lenient_and_only_there() -> None:
    async def body() -> None:
        async with bybit_venue("--profile", "lenient") as running:
            signed, orders, positions, spelled, numbered, batch = await lenient_answers(running)
            assert (signed.code, orders.code, positions.code) == (0, 0, 0)
            (row,) = numbered.result["list"]
            assert (row["orderLinkId"], row["orderId"].isdigit()) == ("spelled", True)
            assert spelled.result["list"] == [row]
            assert [(one["code"], bool(one["msg"])) for one in batch.result["list"]] == [(110001, True)]
            # One row by itself can be switched off.
            async with running.control.faulty("lenient_row", message="bybit orderId", how="off"):
                (row,) = (await get(running, "/v5/order/realtime")).result["list"]
                assert len(row["orderId"]) == 36
        async with bybit_venue() as running:
            signed, orders, positions, spelled, numbered, batch = await lenient_answers(running)
            assert (signed.code, orders.code, positions.code) == (10004, 10001, 10001)
            assert [one["orderLinkId"] for one in spelled.result["list"]] == [""]
            assert numbered.result["list"] == []
            assert "code" not in batch.result["list"][0]
            async with running.control.faulty("lenient_row", message="bybit position/list, order/realtime"):
                assert (await get(running, "/v5/position/list")).code == 0

    run(body)


def test_batches_answer_wrongly_when_told_to() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            numbers = {"one_more": 4, "one_less": 2, "reordered": 3, "partly_failed": 3}
            for how, count in numbers.items():
                await running.control.fault("batch_items", path="/v5/order/create-batch", how=how, count=1)
                items = [without("category") | {"orderLinkId": f"{how}-{index}"} for index in range(3)]
                answer = await post(running, "/v5/order/create-batch", {**LINEAR, "request": items})
                rows, codes = answer.result["list"], [one["code"] for one in answer.body["retExtInfo"]["list"]]
                assert (len(rows), len(codes)) == (count, count)
                assert codes == ([0, 10016, 0] if how == "partly_failed" else [0] * count)
                assert (rows[0]["orderLinkId"] == f"{how}-2") == (how == "reordered")
            assert (await running.control.meters()).orders_accepted == 11

    run(body)


def test_field_forms_and_lost_replies() -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            await post(running, PLACE, ORDER)
            query = "category=linear&symbol=BTCUSDT"
            shown = {}
            for field, how in (("price", "number"), ("createdTime", "fraction"), ("positionIdx", "string")):
                await running.control.fault("field_form", path="/v5/order/realtime", message=field, how=how, count=1)
                (row,) = (await get(running, "/v5/order/realtime", query)).result["list"]
                shown[field] = row[field]
            assert (shown["price"], shown["positionIdx"]) == (40000.0, "0")
            assert shown["createdTime"].endswith(".5")
            await running.control.fault("eof_after_accept", path=PLACE, count=1)
            with pytest.raises(Exception, match="disconnected"):
                await post(running, PLACE, but(orderLinkId="lost"))
            found = await get(running, "/v5/order/realtime", query + "&orderLinkId=lost")
            assert [one["orderStatus"] for one in found.result["list"]] == ["New"]

    run(body)


def test_a_login_with_a_wrong_signature_is_observed_when_told_to() -> None:
    async def body() -> None:
        async with bybit_venue() as running, talk(running) as socket:
            await running.control.fault("observe_signature", count=1)
            assert (await socket.answer(auth_of(sign="00")))["success"]
            assert (await socket.answer(subscribe_to("order")))["success"]
            await running.control.place_resting("BTCUSDT")
            await until(lambda: socket.frames("order"), "the order")

    run(body)
