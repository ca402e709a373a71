"""Strict mode: each kind of bad request is refused with Gate's own label and HTTP status, and books nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from harness.venue.control import ApiKey
from suites.self.venue.gate_workshop import FUTURES, KEY, OTHER, ask, gate_client, gate_venue, headers, send
from suites.self.venue.workshop import BTC, run

pytestmark = pytest.mark.self

PLACE = f"{FUTURES}orders"
ORDER = {"contract": "BTC_USDT", "size": 10, "price": "40000", "tif": "gtc"}
INVALID, MISSING = "INVALID_PARAM_VALUE", "MISSING_REQUIRED_PARAM"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ORDER.items() if key != name}


def but(**changed: Any) -> dict[str, Any]:
    return ORDER | changed


BAD_ORDERS: list[tuple[str, dict[str, Any], str]] = [
    ("no contract", without("contract"), MISSING),
    ("unknown contract", but(contract="NOPE_USDT"), "CONTRACT_NOT_FOUND"),
    ("another venue's symbol", but(contract="BTCUSDT"), "CONTRACT_NOT_FOUND"),
    ("contract is a number", but(contract=5), INVALID),
    ("no size", without("size"), MISSING),
    ("size in a string", but(size="10"), INVALID),
    ("a part of a contract", but(size=1.5), INVALID),
    ("size is a list", but(size=[1]), INVALID),
    ("size is true", but(size=True), INVALID),
    ("size beyond 64 bits", but(size=2**63), INVALID),
    ("size zero", but(size=0), "SIZE_TOO_SMALL"),
    ("size too large", but(size=1_000_001), "SIZE_TOO_LARGE"),
    ("value too small", but(size=1, price="100"), "SIZE_TOO_SMALL"),
    ("price is a number", but(price=40000), INVALID),
    ("price is no number", but(price="cheap"), INVALID),
    ("negative price", but(price="-1"), INVALID),
    ("price too precise", but(price="40000.01"), INVALID),
    ("price between ticks", but(contract="LTC_USDT", price="90.01", size=1000), INVALID),
    ("price too far away", but(price="90000.1", size=-10), "PRICE_TOO_DEVIATED"),
    ("market order that is good till cancelled", but(price="0"), INVALID),
    ("made-up tif", but(tif="GTC"), INVALID),
    ("post-only that would take", but(tif="poc", price="46000"), "ORDER_POC_IMMEDIATE"),
    ("more than the margin allows", but(size=900_000), "INSUFFICIENT_AVAILABLE"),
    ("reduce-only without a position", but(reduce_only=True), "POSITION_EMPTY"),
    ("reduce_only is no boolean", but(reduce_only="true"), INVALID),
    ("close without a position", but(size=0, close=True, price="0", tif="ioc"), "POSITION_EMPTY"),
    ("client id without its prefix", but(text="mine"), INVALID),
    ("client id too long", but(text="t-" + "x" * 29), INVALID),
    ("client id with a blank", but(text="t-a b"), INVALID),
    ("client id of nothing", but(text="t-"), INVALID),
    ("one side of a dual position", but(auto_size="close_long"), INVALID),
    ("iceberg", but(iceberg=1), INVALID),
]


def test_bad_orders_get_the_native_label_and_book_nothing() -> None:
    async def body() -> None:
        async with gate_venue() as running:
            before = await running.control.serial()
            wrong = []
            for name, order, label in BAD_ORDERS:
                status, answer = await ask(running, "POST", "orders", body=order)
                if (status, answer.get("label")) != (400, label) or not answer["message"]:
                    wrong.append((name, label, status, answer))
                status, (item,) = await ask(running, "POST", "batch_orders", body=[order])
                told = order.get("text", "")
                if (status, item["succeeded"], item.get("label"), item["text"]) != (200, False, label, told):
                    wrong.append((name, label, status, item))
            assert wrong == []
            assert await running.control.serial() == before
            assert (await ask(running, "POST", "orders", body=but(text="t-twice")))[0] == 201
            status, answer = await ask(running, "POST", "orders", body=but(text="t-twice"))
            assert (status, answer["label"]) == (400, INVALID)
            meters = await running.control.meters()
            assert (meters.orders_accepted, meters.duplicate_client_ids) == (1, 1)
            counted = {one.code for one in meters.requests if one.path == PLACE}
            assert counted == {"", *(label for _, _, label in BAD_ORDERS)}

    run(body)


Made = Callable[[], tuple[str, dict[str, str]]]


def signed(
    key: ApiKey = KEY, text: str = json.dumps(ORDER), at: str = "", changed: dict[str, str | None] | None = None
) -> tuple[str, dict[str, str]]:
    """A body and its headers, some of them changed or (None) left out."""
    made = {**headers("POST", PLACE, "", text, key, at), **(changed or {})}
    return text, {name: value for name, value in made.items() if value is not None}


def header(name: str, value: str | None = None) -> Made:
    return lambda: signed(changed={name: value})


def ago(seconds: int) -> str:
    return str(int(time.time()) - seconds)


BAD_CREDENTIALS: list[tuple[str, Made, int, str]] = [
    ("no key", header("KEY"), 401, "MISSING_REQUIRED_HEADER"),
    ("no signature", header("SIGN"), 401, "MISSING_REQUIRED_HEADER"),
    ("no timestamp", header("Timestamp"), 401, "MISSING_REQUIRED_HEADER"),
    ("unknown key", header("KEY", "nobody"), 401, "INVALID_KEY"),
    ("somebody else's key", header("KEY", OTHER.key), 401, "INVALID_SIGNATURE"),
    ("wrong secret", lambda: signed(ApiKey("main", KEY.key, "guess")), 401, "INVALID_SIGNATURE"),
    ("signature in base64", header("SIGN", "q0" * 43 + "=="), 401, "INVALID_SIGNATURE"),
    ("signature of another body", lambda: (json.dumps(but(size=11)), signed()[1]), 401, "INVALID_SIGNATURE"),
    ("timestamp of another signature", lambda: header("Timestamp", ago(5))(), 401, "INVALID_SIGNATURE"),
    ("timestamp in milliseconds", lambda: signed(at=f"{ago(0)}000"), 401, "REQUEST_EXPIRED"),
    ("timestamp of no time", lambda: signed(at="yesterday"), 401, "REQUEST_EXPIRED"),
    ("timestamp too old", lambda: signed(at=ago(62)), 401, "REQUEST_EXPIRED"),
    ("timestamp ahead", lambda: signed(at=ago(-70)), 401, "REQUEST_EXPIRED"),
    ("no body", lambda: signed(text=""), 400, "INVALID_REQUEST_BODY"),
    ("body is no JSON", lambda: signed(text='{"contract":'), 400, "INVALID_REQUEST_BODY"),
    ("body is a list", lambda: signed(text="[]"), 400, "INVALID_REQUEST_BODY"),
    ("body with NaN", lambda: signed(text='{"size":NaN}'), 400, "INVALID_REQUEST_BODY"),
    ("body is deeper than any parser", lambda: signed(text="[" * 100_000), 400, "INVALID_REQUEST_BODY"),
]


def test_bad_credentials_and_bodies_get_the_native_label_and_book_nothing() -> None:
    async def body() -> None:
        async with gate_venue(keys=(KEY, OTHER)) as running:
            before = await running.control.serial()
            wrong = []
            for name, made, status, label in BAD_CREDENTIALS:
                text, given = made()
                answer = await send(running, "POST", PLACE, "", text, given)
                if (answer[0], answer[1].get("label")) != (status, label) or set(answer[1]) != {"label", "message"}:
                    wrong.append((name, status, label, answer))
            assert wrong == []
            assert await running.control.serial() == before
            async with running.control.faulty("observe_signature"):
                text, given = signed(ApiKey("main", KEY.key, "guess"))
                assert (await send(running, "POST", PLACE, "", text, given))[0] == 201
            assert [one.fired for one in (await running.control.meters()).faults] == [1]

    run(body)


BAD_QUESTIONS: list[tuple[str, str, str, str, Any, int, str]] = [
    ("unknown order", "GET", "orders/1", "", None, 404, "ORDER_NOT_FOUND"),
    ("unknown client id", "GET", "orders/t-nobodys", "", None, 404, "ORDER_NOT_FOUND"),
    ("cancel of an unknown order", "DELETE", "orders/1", "", None, 404, "ORDER_NOT_FOUND"),
    ("order id is no number", "GET", "orders/abc", "", None, 400, INVALID),
    ("orders of no status", "GET", "orders", "", None, 400, MISSING),
    ("orders of a made-up status", "GET", "orders", "status=closed", None, 400, INVALID),
    ("orders of an unknown contract", "GET", "orders", "status=open&contract=BTCUSDT", None, 400,
     "CONTRACT_NOT_FOUND"),
    ("cancel all of nothing", "DELETE", "orders", "", None, 400, MISSING),
    ("cancel all of a made-up side", "DELETE", "orders", "contract=BTC_USDT&side=buy", None, 400, INVALID),
    ("position of an unknown contract", "GET", "positions/BTCUSDT", "", None, 400, "CONTRACT_NOT_FOUND"),
    ("candles of nothing", "GET", "candlesticks", "", None, 400, MISSING),
    ("interval of another venue", "GET", "candlesticks", "contract=BTC_USDT&interval=1H", None, 400, INVALID),
    ("limit is no number", "GET", "trades", "contract=BTC_USDT&limit=all", None, 400, INVALID),
    ("too many orders at once", "POST", "batch_orders", "", [ORDER] * 11, 400, INVALID),
    ("no orders at once", "POST", "batch_orders", "", [], 400, INVALID),
    ("one order instead of some", "POST", "batch_orders", "", ORDER, 400, "INVALID_REQUEST_BODY"),
    ("too many cancels at once", "POST", "batch_cancel_orders", "", ["1"] * 21, 400, INVALID),
    ("dual mode", "POST", "dual_mode", "dual_mode=true", None, 400, INVALID),
    ("unknown path", "GET", "nothing", "", None, 404, "NOT_FOUND"),
    ("wrong method", "PUT", "orders", "", ORDER, 404, "NOT_FOUND"),
]  # fmt: skip


def test_bad_questions_get_the_native_label() -> None:
    async def body() -> None:
        async with gate_venue() as running:
            wrong = []
            for name, method, path, query, sent, status, label in BAD_QUESTIONS:
                answer = await ask(running, method, path, query, sent)
                if (answer[0], answer[1].get("label")) != (status, label):
                    wrong.append((name, status, label, answer))
            assert wrong == []

    run(body)


def test_an_order_that_is_gone_cannot_be_cancelled_and_belongs_to_its_account() -> None:
    async def body() -> None:
        async with gate_venue(keys=(KEY, OTHER)) as running:
            for name, order in (("cancelled", ORDER), ("filled", but(price="0", tif="ioc"))):
                _, placed = await ask(running, "POST", "orders", body={**order, "text": f"t-{name}"})
                theirs = await ask(running, "DELETE", f"orders/{placed['id']}", key=OTHER)
                assert (theirs[0], theirs[1]["label"]) == (404, "ORDER_NOT_FOUND")
                await ask(running, "DELETE", f"orders/{placed['id']}")
                status, answer = await ask(running, "DELETE", f"orders/t-{name}")
                assert (status, answer["label"]) == (400, "ORDER_FINISHED")

    run(body)


def test_signatures_are_of_the_bytes_on_the_wire_whatever_stands_before_the_native_path() -> None:
    async def body() -> None:
        async with gate_venue() as running:
            for query in ("", "status=open&x=%7e%2C", "x=%C3%A9&status=open"):
                path, given = f"{FUTURES}accounts", headers("GET", f"{FUTURES}accounts", query)
                for prefix in ("", "/pfx", "/a/b", "/"):
                    assert (await send(running, "GET", prefix + path, query, "", given))[0] == 200, (prefix, query)
            unencoded = headers("GET", f"{FUTURES}accounts", "x=a,b c")
            assert (await send(running, "GET", f"{FUTURES}accounts", "x=a%2Cb+c", "", unencoded))[0] == 200
            body_text = '{ "contract" : "BTC_USDT", "size":1,  "price":"40000"}'
            answer = await send(running, "POST", PLACE, "", body_text, headers("POST", PLACE, "", body_text))
            assert (answer[0], answer[1]["price"]) == (201, "40000")
            with_text = but(size="10.000", price="40000")
            text = json.dumps(with_text)
            given = {**headers("POST", PLACE, "", text), "X-Gate-Size-Decimal": "1"}
            assert (await send(running, "POST", PLACE, "", text, given))[1]["size"] == 10

    run(body)


CLASSES: list[tuple[type[Exception], str]] = [
    (ccxt.AuthenticationError, "AUTHENTICATION_FAILED INVALID_KEY INVALID_SIGNATURE INVALID_CREDENTIALS "
     "REQUEST_EXPIRED MISSING_REQUIRED_HEADER IP_FORBIDDEN"),
    (ccxt.PermissionDenied, "FORBIDDEN READ_ONLY"),
    (ccxt.RateLimitExceeded, "TOO_FAST TOO_MANY_REQUESTS"),
    (ccxt.BadRequest, "INVALID_PARAM_VALUE INVALID_PROTOCOL"),
    (ccxt.ArgumentsRequired, "MISSING_REQUIRED_PARAM"),
    (ccxt.BadSymbol, "CONTRACT_NOT_FOUND"),
    (ccxt.OrderNotFound, "ORDER_NOT_FOUND"),
    (ccxt.InsufficientFunds, "INSUFFICIENT_AVAILABLE BALANCE_NOT_ENOUGH MARGIN_BALANCE_NOT_ENOUGH"),
    (ccxt.InvalidOrder, "ORDER_CLOSED POSITION_EMPTY INCREASE_POSITION PRICE_TOO_DEVIATED SIZE_TOO_LARGE "
     "SIZE_TOO_SMALL LIQUIDATE_IMMEDIATELY"),
    (ccxt.OrderImmediatelyFillable, "POC_FILL_IMMEDIATELY ORDER_POC_IMMEDIATE"),
    (ccxt.ExchangeNotAvailable, "SERVER_ERROR INTERNAL TOO_BUSY"),
    (ccxt.AccountNotEnabled, "USER_NOT_FOUND"),
    (ccxt.ExchangeError, "ORDER_FINISHED"),
]  # fmt: skip
REASONS: list[tuple[type[Exception], str]] = [
    (ccxt.InsufficientFunds, "not enough margin"),
    (ccxt.OrderNotFound, "order unknown"),
    (ccxt.BadSymbol, "unknown symbol"),
    (ccxt.AuthenticationError, "bad signature"),
    (ccxt.PermissionDenied, "key lacks permission"),
    (ccxt.RateLimitExceeded, "rate limit"),
    (ccxt.ExchangeNotAvailable, "overloaded"),
    (ccxt.ExchangeNotAvailable, "maintenance"),
]


def test_each_native_label_raises_the_class_of_the_contract() -> None:
    async def body() -> None:
        async with gate_venue() as running, gate_client(running) as client:
            await client.load_markets()
            chosen: list[tuple[type[Exception], dict[str, Any]]] = [
                (kind, {"code": 1, "message": f"{label}: told"}) for kind, labels in CLASSES for label in labels.split()
            ]
            chosen += [(kind, {"how": reason}) for kind, reason in REASONS]
            for expected, knob in chosen:
                async with running.control.faulty("native_error", path=PLACE, count=1, **knob):
                    with pytest.raises(expected) as raised:
                        await client.create_order(BTC, "limit", "buy", 10, 40000)
                assert knob.get("message", "").partition(":")[0] in str(raised.value)
                if expected is ccxt.ExchangeError:
                    assert raised.type is ccxt.ExchangeError
            for how, status, expected in (
                ("html", 429, ccxt.RateLimitExceeded), ("html", 418, ccxt.DDoSProtection),
                ("html", 502, ccxt.ExchangeNotAvailable),
            ):  # fmt: skip
                async with running.control.faulty("http_status", path=PLACE, count=1, how=how, status=status):
                    with pytest.raises(expected):
                        await client.create_order(BTC, "limit", "buy", 10, 40000)
            assert (await running.control.meters()).orders_accepted == 0

    run(body)
