"""Strict mode: each kind of bad request is refused with binance's own code, and books nothing."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Any

import pytest

from harness.venue.control import ApiKey
from suites.self.venue.workshop import KEY, OTHER, Answer, Running, ask, ask_signed, run, signed, venue

pytestmark = pytest.mark.self

ORDER = {
    "symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": "40000.0",
}  # fmt: skip


def without(name: str) -> dict[str, str]:
    return {key: value for key, value in ORDER.items() if key != name}


def but(**changed: str) -> dict[str, str]:
    return ORDER | changed


BAD_ORDERS: list[tuple[str, dict[str, str], int]] = [
    ("no symbol", without("symbol"), -1102),
    ("unknown symbol", but(symbol="NOPEUSDT"), -1121),
    ("no side", without("side"), -1102),
    ("made-up side", but(side="buy"), -1117),
    ("made-up type", but(type="STOPPISH"), -1116),
    ("no time in force", without("timeInForce"), -1102),
    ("made-up time in force", but(timeInForce="GTG"), -1115),
    ("no quantity", without("quantity"), -1102),
    ("quantity is no number", but(quantity="lots"), -1100),
    ("negative quantity", but(quantity="-1"), -1100),
    ("quantity in exponent notation", but(quantity="1e-2"), -1100),
    ("quantity zero", but(quantity="0"), -4003),
    ("quantity too precise", but(quantity="0.0101"), -1111),
    ("quantity too large", but(quantity="1001"), -4005),
    ("no price", without("price"), -1102),
    ("price zero", but(price="0"), -4001),
    ("price too precise", but(price="40000.01"), -1111),
    ("price between ticks", but(symbol="LTCUSDT", price="90.01", quantity="1"), -4014),
    ("notional too small", but(quantity="0.001", price="100"), -4164),
    ("price of a market order", {**without("timeInForce"), "type": "MARKET"}, -1106),
    ("more than the margin allows", but(quantity="900"), -2019),
    ("post-only that would take", but(timeInForce="GTX", price="45000.1"), -5022),
    ("reduce-only without a position", but(reduceOnly="true"), -2022),
    ("hedge side in one-way mode", but(positionSide="LONG"), -4061),
    ("client id too long", but(newClientOrderId="x" * 37), -4015),
    ("client id with a blank", but(newClientOrderId="a b"), -4015),
    ("reduceOnly is no boolean", but(reduceOnly="maybe"), -1100),
]


def test_bad_orders_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with venue() as running:
            before = await running.control.serial()
            wrong = []
            for name, params, code in BAD_ORDERS:
                answer = await ask_signed(running, "POST", "/fapi/v1/order", **params)
                if (answer.status, answer.code) != (400, code) or not isinstance(answer.body.get("msg"), str):
                    wrong.append((name, code, answer))
            assert wrong == []
            assert await running.control.serial() == before

    run(body)


def query(changed: dict[str, Any] | None = None, key: ApiKey = KEY) -> str:
    return signed(ORDER, key, **(changed or {}))


def moved_signature(text: str) -> str:
    rest, _, signature = text.rpartition("&")
    return f"{signature}&{rest}"


def one_bit_off(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def ago(ms: int) -> int:
    return int(time.time() * 1000) - ms


BAD_CREDENTIALS: list[tuple[str, Callable[[], tuple[str, str | None]], int, int]] = [
    ("no key", lambda: (query(), None), 401, -2014),
    ("malformed key", lambda: (query(), "not-a-key"), 401, -2014),
    ("unknown key", lambda: (query(), "c" * 64), 401, -2015),
    ("somebody else's key", lambda: (query(), OTHER.key), 400, -1022),
    ("wrong secret", lambda: (query(key=ApiKey("main", KEY.key, "guess")), KEY.key), 400, -1022),
    ("signature off by a digit", lambda: (one_bit_off(query()), KEY.key), 400, -1022),
    ("signature of other parameters", lambda: (query().replace("40000.0", "40001.0"), KEY.key), 400, -1022),
    ("signature not last", lambda: (moved_signature(query()), KEY.key), 400, -1022),
    ("no signature", lambda: (query().rpartition("&")[0], KEY.key), 400, -1102),
    ("no timestamp", lambda: (query({"timestamp": ""}), KEY.key), 400, -1102),
    ("timestamp is no number", lambda: (query({"timestamp": "now"}), KEY.key), 400, -1100),
    ("timestamp too old", lambda: (query({"timestamp": ago(6000)}), KEY.key), 400, -1021),
    ("timestamp ahead", lambda: (query({"timestamp": ago(-3000)}), KEY.key), 400, -1021),
    ("window too wide", lambda: (query({"recvWindow": 60001}), KEY.key), 400, -1131),
]


def test_bad_credentials_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with venue(keys=(KEY, OTHER)) as running:
            before = await running.control.serial()
            wrong = []
            for name, made, status, code in BAD_CREDENTIALS:
                text, key = made()
                answer = await ask(running, "POST", "/fapi/v1/order", text, key=key)
                if (answer.status, answer.code) != (status, code):
                    wrong.append((name, status, code, answer))
            assert wrong == []
            assert await running.control.serial() == before

    run(body)


def test_a_wider_window_lets_an_older_request_in() -> None:
    async def body() -> None:
        async with venue() as running:
            answer = await ask(running, "POST", "/fapi/v1/order", query({"timestamp": ago(6000), "recvWindow": 10000}))
            assert answer.status == 200

    run(body)


def test_lenient_takes_the_signature_anywhere() -> None:
    async def body() -> None:
        async with venue("--profile", "lenient") as running:
            assert (await ask(running, "POST", "/fapi/v1/order", moved_signature(query()))).status == 200
            assert (await ask(running, "POST", "/fapi/v1/order", one_bit_off(query()))).code == -1022

    run(body)


def test_lenient_shows_more_of_v2_positions_and_strict_only_the_native_fields() -> None:
    more = {"markPrice", "unRealizedProfit", "marginType", "isolatedWallet", "liquidationPrice"}

    async def shown(running: Running) -> set[str]:
        answer = await ask_signed(running, "GET", "/fapi/v2/account")
        return set(answer.body["positions"][0])

    async def body() -> None:
        async with venue("--profile", "lenient") as running:
            assert await shown(running) >= more
        async with venue() as running:
            assert not await shown(running) & (more - {"isolatedWallet"})

    run(body)


OTHER_BAD_REQUESTS: list[tuple[str, str, dict[str, str], int]] = [
    ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "1"}, -2013),
    ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT"}, -1102),
    ("GET", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "one"}, -1100),
    ("DELETE", "/fapi/v1/order", {"symbol": "BTCUSDT", "orderId": "1"}, -2011),
    ("DELETE", "/fapi/v1/allOpenOrders", {}, -1102),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "[{]"}, -1100),
    ("POST", "/fapi/v1/batchOrders", {"batchOrders": "[1,1,1,1,1,1]"}, -4082),
    ("DELETE", "/fapi/v1/batchOrders", {"symbol": "BTCUSDT"}, -1102),
    ("POST", "/fapi/v1/leverage", {"symbol": "BTCUSDT", "leverage": "126"}, -4028),
    ("POST", "/fapi/v1/marginType", {"symbol": "BTCUSDT", "marginType": "CROSSED"}, -4046),
    ("POST", "/fapi/v1/positionSide/dual", {"dualSidePosition": "false"}, -4059),
    ("GET", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
    ("GET", "/fapi/v1/nothing", {}, -5000),
    ("PATCH", "/fapi/v1/order", {}, -5000),
]


def test_other_bad_requests_get_the_native_code() -> None:
    async def body() -> None:
        async with venue() as running:
            answers = [(await ask_signed(running, method, path, **params), code)
                       for method, path, params, code in OTHER_BAD_REQUESTS]  # fmt: skip
            assert [answer.code for answer, _ in answers] == [code for _, code in answers]
            assert (await ask(running, "PUT", "/fapi/v1/listenKey")).code == -1125

    run(body)


def test_a_client_id_is_good_for_one_order_only() -> None:
    async def body() -> None:
        async with venue() as running:
            answers: list[Answer] = []
            for _ in range(2):
                answers.append(await ask_signed(running, "POST", "/fapi/v1/order", **but(newClientOrderId="once")))
            assert [answers[0].status, answers[1].code] == [200, -4116]
            meters = await running.control.meters()
            assert (meters.orders_accepted, meters.duplicate_client_ids) == (1, 1)
            (asked,) = [one for one in meters.client_ids if one.client_order_id == "once"]
            assert (asked.asked, asked.order_id) == (2, str(answers[0].body["orderId"]))

    run(body)


def test_form_body_query_and_both_are_signed_alike() -> None:
    async def body() -> None:
        async with venue() as running:
            text = query()
            assert (await ask(running, "POST", "/fapi/v1/order", body=text.encode())).status == 200
            assert (await ask(running, "POST", "/fapi/v1/order", text)).status == 200
            rest, _, _ = text.rpartition("&signature=")
            head, tail = rest.split("&quantity=")
            joined = f"{head}&quantity={tail}"
            signature = hmac.new(KEY.secret.encode(), joined.encode(), hashlib.sha256).hexdigest()
            answer = await ask(
                running, "POST", "/fapi/v1/order", head, body=f"quantity={tail}&signature={signature}".encode()
            )
            assert answer.status == 200
            assert (await running.control.meters()).orders_accepted == 3

    run(body)


def test_prefix_and_double_slashes_reach_the_same_api() -> None:
    async def body() -> None:
        async with venue() as running:
            for path in ("/fapi/v1/time", "//fapi/v1/time", "/some/prefix/fapi/v1/time", "/pfx//fapi//v1/time"):
                assert "serverTime" in (await ask(running, "GET", path, key=None)).body

    run(body)
