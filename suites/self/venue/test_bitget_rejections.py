"""Strict mode: each kind of bad request is refused with bitget's own code and status, and books nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from harness.venue.control import ApiKey
from suites.self.venue.bitget_workshop import (
    KEY,
    MIX,
    ORDER,
    OTHER,
    PRODUCT,
    bitget_venue,
    get,
    headers,
    post,
    send,
)
from suites.self.venue.workshop import Running, run

pytestmark = pytest.mark.self
PLACE = f"{MIX}/order/place-order"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ORDER.items() if key != name}


def but(**changed: Any) -> dict[str, Any]:
    return ORDER | changed


BAD_ORDERS: list[tuple[str, dict[str, Any], str]] = [
    ("no symbol", without("symbol"), "40019"),
    ("unknown symbol", but(symbol="NOPEUSDT"), "40309"),
    ("symbol in small letters", but(symbol="btcusdt"), "40309"),
    ("no product type", without("productType"), "40019"),
    ("made-up product type", but(productType="UMCBL"), "40020"),
    ("another product type", but(productType="COIN-FUTURES"), "40309"),
    ("no margin mode", without("marginMode"), "40019"),
    ("made-up margin mode", but(marginMode="cross"), "40020"),
    ("no margin coin", without("marginCoin"), "40019"),
    ("another margin coin", but(marginCoin="BTC"), "40020"),
    ("no side", without("side"), "40019"),
    ("made-up side", but(side="BUY"), "40020"),
    ("no type", without("orderType"), "40019"),
    ("made-up type", but(orderType="stop"), "40020"),
    ("made-up force", but(force="gtx"), "40020"),
    ("no size", without("size"), "40019"),
    ("size is no number", but(size="lots"), "40020"),
    ("size in exponent notation", but(size="1e-2"), "40020"),
    ("size is an object", but(size={}), "40020"),
    ("size zero", but(size="0"), "45110"),
    ("negative size", but(size="-1"), "45110"),
    ("size too precise", but(size="0.0101"), "40808"),
    ("size too large", but(size="1001"), "45113"),
    ("no price", without("price"), "40019"),
    ("price zero", but(price="0"), "43011"),
    ("price too precise", but(price="40000.01"), "40808"),
    ("price between ticks", but(symbol="LTCUSDT", price="90.01", size="1"), "43011"),
    ("worth too little", but(size="0.001", price="100"), "45110"),
    ("more than the margin allows", but(size="900"), "40762"),
    ("reduce-only without a position", but(reduceOnly="YES"), "22002"),
    ("reduceOnly is a boolean", but(reduceOnly=True), "40020"),
    ("hedge words in one-way mode", but(tradeSide="open"), "40774"),
    ("made-up trade side", but(tradeSide="begin"), "40020"),
    ("client id too long", but(clientOid="x" * 65), "40020"),
    ("client id with a blank", but(clientOid="a b"), "40020"),
]


def test_bad_orders_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            before = await running.control.serial()
            wrong = []
            for name, order, code in BAD_ORDERS:
                answer = await post(running, PLACE, order)
                shape = (answer.status, answer.code, answer.body["data"])
                if shape != (400, code, None) or not isinstance(answer.body["requestTime"], int):
                    wrong.append((name, code, answer))
            assert wrong == []
            assert await running.control.serial() == before

    run(body)


Credentials = Callable[[str], dict[str, str]]


def head(**changed: str) -> Credentials:
    return lambda text: headers("POST", PLACE, text) | {name.replace("_", "-"): one for name, one in changed.items()}


def signed_as(path: str, key: ApiKey = KEY, ago_ms: int = 0) -> Credentials:
    return lambda text: headers("POST", path, text, key, ago_ms)


BAD_CREDENTIALS: list[tuple[str, Credentials, int, str]] = [
    ("no key", head(ACCESS_KEY=""), 401, "40001"),
    ("malformed key", head(ACCESS_KEY="not a key"), 401, "40006"),
    ("unknown key", head(ACCESS_KEY="bg_" + "c" * 32), 401, "40037"),
    ("somebody else's key", head(ACCESS_KEY=OTHER.key, ACCESS_PASSPHRASE=OTHER.passphrase), 401, "40009"),
    ("no signature", head(ACCESS_SIGN=""), 401, "40003"),
    ("wrong secret", signed_as(PLACE, ApiKey("main", KEY.key, "guess", KEY.passphrase)), 401, "40009"),
    ("signature of another path", signed_as(f"{MIX}/order/cancel-order"), 401, "40009"),
    ("signature in hex", head(ACCESS_SIGN="ab" * 32), 401, "40009"),
    ("no passphrase", head(ACCESS_PASSPHRASE=""), 401, "40011"),
    ("wrong passphrase", head(ACCESS_PASSPHRASE="guess"), 401, "40012"),
    ("no timestamp", head(ACCESS_TIMESTAMP=""), 400, "40005"),
    ("timestamp is no time", head(ACCESS_TIMESTAMP="now"), 400, "40005"),
    ("timestamp too old", signed_as(PLACE, ago_ms=31_000), 400, "40008"),
    ("timestamp ahead", signed_as(PLACE, ago_ms=-31_000), 400, "40008"),
    ("timestamp in seconds", head(ACCESS_TIMESTAMP="1700000000"), 400, "40008"),
]


def test_bad_credentials_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with bitget_venue(keys=(KEY, OTHER)) as running:
            before = await running.control.serial()
            text = json.dumps(ORDER)
            wrong = []
            for name, made, status, code in BAD_CREDENTIALS:
                answer = await send(running, "POST", PLACE, text, made(text))
                if (answer.status, answer.code) != (status, code):
                    wrong.append((name, status, code, answer))
            assert wrong == []
            # The same text in other bytes is another text.
            given = headers("POST", PLACE, text)
            assert (await send(running, "POST", PLACE, json.dumps(ORDER, indent=1), given)).code == "40009"
            assert await running.control.serial() == before
            async with running.control.faulty("observe_signature", path=PLACE):
                odd = await send(running, "POST", PLACE, text, headers("POST", "/elsewhere", text))
                assert odd.data["orderId"]
            fired = [one for one in (await running.control.meters()).faults if one.kind == "observe_signature"]
            assert [one.fired for one in fired] == [1]

    run(body)


def test_a_key_trades_on_its_own_account_only() -> None:
    async def body() -> None:
        async with bitget_venue(keys=(KEY, OTHER)) as running:
            placed = (await post(running, PLACE, ORDER)).data
            asked = {"symbol": "BTCUSDT", **PRODUCT, "orderId": placed["orderId"]}
            assert (await get(running, f"{MIX}/order/detail", asked, OTHER)).code == "40109"
            assert (await post(running, f"{MIX}/order/cancel-order", asked, OTHER)).code == "40768"
            assert (await post(running, f"{MIX}/order/cancel-order", asked)).data == placed

    run(body)


ASKED = {"symbol": "BTCUSDT", **PRODUCT}
OTHER_BAD_REQUESTS: list[tuple[str, str, dict[str, Any], int, str]] = [
    ("GET", "/order/detail", {**ASKED, "orderId": "1"}, 400, "40109"),
    ("GET", "/order/detail", ASKED, 400, "40019"),
    ("GET", "/order/detail", {**ASKED, "orderId": "one"}, 400, "40020"),
    ("GET", "/order/detail", {**ASKED, "clientOid": "nobody"}, 400, "40109"),
    ("POST", "/order/cancel-order", {**ASKED, "orderId": "1"}, 400, "40768"),
    ("POST", "/order/cancel-order", {**ASKED, "clientOID": "mine"}, 400, "40019"),
    ("POST", "/order/batch-cancel-orders", {**ASKED, "orderIdList": ["1"]}, 400, "40020"),
    ("POST", "/order/batch-cancel-orders", PRODUCT, 200, "00000"),
    ("POST", "/order/batch-place-order", ASKED, 400, "40019"),
    ("POST", "/order/batch-place-order", {**ASKED, "orderList": [{}] * 51}, 400, "40017"),
    ("POST", "/order/cancel-all-orders", {}, 400, "40019"),
    ("GET", "/order/orders-pending", {}, 400, "40019"),
    ("GET", "/order/orders-pending", {**PRODUCT, "limit": "many"}, 400, "40020"),
    ("GET", "/account/account", {**PRODUCT, "marginCoin": "USDT"}, 400, "40019"),
    ("GET", "/position/single-position", {**PRODUCT, "marginCoin": "USDT"}, 400, "40019"),
    ("POST", "/account/set-leverage", {**ASKED, "marginCoin": "USDT", "leverage": "126"}, 400, "40797"),
    ("POST", "/account/set-position-mode", {**PRODUCT, "posMode": "both"}, 400, "40020"),
    ("GET", "/market/candles", {**ASKED, "granularity": "1h"}, 400, "40020"),
    ("GET", "/market/candles", {**ASKED, "granularity": "7m"}, 400, "40020"),
    ("GET", "/market/ticker", PRODUCT, 400, "40019"),
    ("GET", "/market/nothing", {}, 404, "40404"),
    ("POST", "/order/detail", ASKED, 404, "40404"),
]


def test_other_bad_requests_get_the_native_code() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            wrong = []
            for method, path, asked, status, code in OTHER_BAD_REQUESTS:
                whole = MIX + path
                answer = await (get(running, whole, asked) if method == "GET" else post(running, whole, asked))
                if (answer.status, answer.code) != (status, code):
                    wrong.append((method, path, asked, code, answer))
            assert wrong == []
            for text in ("", "{", "[]", "1", '"x"', "{" * 5000, '{"a":1e999999999}', '{"symbol":"\\ud800"}'):
                answer = await send(running, "POST", PLACE, text, headers("POST", PLACE, text))
                assert (answer.status, answer.code) in ((400, "40017"), (400, "40019"), (400, "40309")), text

    run(body)


def test_done_orders_and_used_client_ids() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            cancel, mine = f"{MIX}/order/cancel-order", but(clientOid="once")
            placed = (await post(running, PLACE, mine)).data
            assert placed["clientOid"] == "once"
            assert (await post(running, PLACE, mine)).code == "40786"
            meters = await running.control.meters()
            assert (meters.orders_accepted, meters.duplicate_client_ids) == (1, 1)
            asked = {"symbol": "BTCUSDT", **PRODUCT, "clientOid": "once"}
            assert (await post(running, cancel, asked)).data == placed
            assert (await post(running, cancel, asked)).code == "40768"
            filled = (await post(running, PLACE, but(price="45100"))).data
            assert (await post(running, cancel, {**asked, **filled})).code == "40768"
            for force in ("GTC", "Post_Only"):  # its letter case does not matter
                assert (await post(running, PLACE, but(force=force))).data["orderId"]

    run(body)


def test_path_signatures_hold_with_and_without_a_prefix_and_for_unencoded_queries() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            path = f"{MIX}/order/orders-pending"
            query = "productType=USDT%2DFUTURES"
            for sent, signed in (
                (f"{path}?{query}", f"{path}?{query}"),
                (f"{path}?{query}", f"{path}?productType=USDT-FUTURES"),
                (f"/pfx{path}?{query}", f"{path}?{query}"),
                (f"/pfx{path}?{query}", f"/pfx{path}?{query}"),
                (f"/{path}?{query}", f"/{path}?{query}"),
                (f"/{path}?{query}", f"{path}?{query}"),
            ):
                assert (await send(running, "GET", sent, "", headers("GET", signed))).data["entrustedList"] is None
            odd = await send(running, "GET", f"{path}?{query}", "", headers("GET", f"{path}?{query}&limit=1"))
            assert odd.code == "40009"
            unsigned = await send(running, "GET", "/some/prefix/api/v2/public/time", "", {"ACCESS-SIGN": "nonsense"})
            assert unsigned.data["serverTime"].isdigit()

    run(body)


def test_faults_on_requests() -> None:
    async def body() -> None:
        async with bitget_venue() as running:
            await faults_on_batches(running)
            accepted = (await running.control.meters()).orders_accepted
            async with running.control.faulty("eof_after_accept", path=PLACE):
                with pytest.raises(aiohttp.ClientError):
                    await post(running, PLACE, but(clientOid="lost"))
                assert (await post(running, PLACE, but(size="0"))).code == "45110"
            assert (await running.control.meters()).orders_accepted == accepted + 1
            booked = await get(running, f"{MIX}/order/detail", {"symbol": "BTCUSDT", **PRODUCT, "clientOid": "lost"})
            assert booked.data["state"] == "live"
            for how, status, code in (("rate limit", 429, "429"), ("overloaded", 400, "40015")):
                async with running.control.faulty("native_error", how=how):
                    answer = await post(running, PLACE, ORDER)
                assert (answer.status, answer.code, answer.body["data"]) == (status, code, None)
            async with running.control.faulty("maintenance"):
                assert (await post(running, PLACE, ORDER)).code == "40200"
            async with running.control.faulty("skew", delay_s=60):
                assert (await post(running, PLACE, ORDER)).code == "40008"

    run(body)


async def faults_on_batches(running: Running) -> None:
    path = f"{MIX}/order/batch-place-order"
    items = [{**ORDER, "clientOid": f"b{number}"} for number in range(3)]
    shown = {}
    for how in ("partly_failed", "one_more", "one_less", "reordered"):
        async with running.control.faulty("batch_items", path=path, how=how):
            data = (await post(running, path, {**ORDER, "orderList": items})).data
        shown[how] = [
            [one["clientOid"] for one in data["successList"]],
            [(one["clientOid"], one["errorCode"]) for one in data["failureList"]],
        ]
        await running.control.cancel_all()
        items = [{**one, "clientOid": one["clientOid"] + "x"} for one in items]
    assert shown == {
        "partly_failed": [["b0", "b2"], [("b1", "40015")]],
        "one_more": [["b0x", "b1x", "b2x", "b2x"], []],
        "one_less": [["b0xx", "b1xx"], []],
        "reordered": [["b2xxx", "b1xxx", "b0xxx"], []],
    }
