"""Strict mode: each kind of bad request is refused with OKX's own code, in the native place, and books nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import ccxt
import pytest

from harness.venue.control import ApiKey
from suites.self.venue.okx_workshop import (
    KEY,
    OTHER,
    SWAP,
    ask,
    headers,
    okx_client,
    okx_venue,
    send,
    stamp,
)
from suites.self.venue.workshop import BTC, Running, run

pytestmark = pytest.mark.self

PLACE = "/api/v5/trade/order"
ORDER = {"instId": SWAP, "tdMode": "cross", "side": "buy", "ordType": "limit", "sz": "10", "px": "40000"}


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in ORDER.items() if key != name}


def but(**changed: Any) -> dict[str, Any]:
    return ORDER | changed


BAD_ORDERS: list[tuple[str, dict[str, Any], str]] = [
    ("no instrument", without("instId"), "50014"),
    ("unknown instrument", but(instId="NOPE-USDT-SWAP"), "51001"),
    ("another venue's symbol", but(instId="BTCUSDT"), "51001"),
    ("no trade mode", without("tdMode"), "50014"),
    ("made-up trade mode", but(tdMode="cash"), "51000"),
    ("no side", without("side"), "50014"),
    ("side in upper case", but(side="BUY"), "51000"),
    ("no order type", without("ordType"), "50014"),
    ("made-up order type", but(ordType="LIMIT"), "51000"),
    ("no size", without("sz"), "50014"),
    ("size is no number", but(sz="lots"), "51000"),
    ("size is a list", but(sz=["1"]), "51000"),
    ("negative size", but(sz="-1"), "51000"),
    ("size in exponent notation", but(sz="1e1"), "51000"),
    ("size zero", but(sz="0"), "51020"),
    ("a part of a contract", but(sz="1.5"), "51121"),
    ("size too large", but(sz="1000001"), "51004"),
    ("no price", without("px"), "50014"),
    ("price zero", but(px="0"), "51006"),
    ("price too precise", but(px="40000.01"), "51000"),
    ("price between ticks", but(instId="LTC-USDT-SWAP", px="90.01", sz="1000"), "51006"),
    ("value too small", but(sz="1", px="100"), "51020"),
    ("more than the margin allows", but(sz="900000"), "51008"),
    ("reduce-only without a position", but(reduceOnly=True), "51169"),
    ("reduceOnly is no boolean", but(reduceOnly="maybe"), "51000"),
    ("hedge side in net mode", but(posSide="long"), "51000"),
    ("client id too long", but(clOrdId="x" * 33), "51000"),
    ("client id with a blank", but(clOrdId="a b"), "51000"),
    ("tag too long", but(tag="x" * 17), "51000"),
]


def test_bad_orders_get_the_native_code_in_their_item_and_book_nothing() -> None:
    async def body() -> None:
        async with okx_venue() as running:
            before = await running.control.serial()
            wrong = []
            for name, order, code in BAD_ORDERS:
                for path, sent in ((PLACE, order), ("/api/v5/trade/batch-orders", [order])):
                    status, answer = await ask(running, "POST", path, sent)
                    told = [one["sCode"] for one in answer["data"]]
                    if (status, answer["code"], told) != (200, "1", [code]) or not answer["data"][0]["sMsg"]:
                        wrong.append((name, code, status, answer))
            assert wrong == []
            assert await running.control.serial() == before
            _, answer = await ask(running, "POST", PLACE, but(clOrdId="twice"))
            assert answer["code"] == "0"
            _, answer = await ask(running, "POST", PLACE, but(clOrdId="twice"))
            assert (answer["code"], answer["data"][0]["sCode"], answer["data"][0]["clOrdId"]) == ("1", "51016", "twice")
            meters = await running.control.meters()
            assert (meters.orders_accepted, meters.duplicate_client_ids) == (1, 1)
            assert {one.code for one in meters.requests if one.path == PLACE} == {""} | {
                code for _, _, code in BAD_ORDERS
            } | {"51016"}

    run(body)


Made = Callable[[], tuple[str, dict[str, str]]]


def signed(
    key: ApiKey = KEY, text: str = json.dumps(ORDER), at: str = "", changed: dict[str, str | None] | None = None
) -> tuple[str, dict[str, str]]:
    """A body and its headers, some of them changed or (None) left out."""
    made = {**headers("POST", PLACE, text, key, at or stamp()), **(changed or {})}
    return text, {name: value for name, value in made.items() if value is not None}


def header(name: str, value: str | None = None) -> Made:
    return lambda: signed(changed={f"OK-ACCESS-{name}": value})


BAD_CREDENTIALS: list[tuple[str, Made, int, str]] = [
    ("no key", header("KEY"), 401, "50103"),
    ("no passphrase", header("PASSPHRASE"), 401, "50104"),
    ("no signature", header("SIGN"), 401, "50106"),
    ("no timestamp", header("TIMESTAMP"), 401, "50107"),
    ("unknown key", header("KEY", "nobody"), 401, "50111"),
    ("wrong passphrase", header("PASSPHRASE", "guess"), 401, "50105"),
    ("somebody else's key and phrase", lambda: signed(
        changed={"OK-ACCESS-KEY": OTHER.key, "OK-ACCESS-PASSPHRASE": OTHER.passphrase}), 401, "50113"),
    ("wrong secret", lambda: signed(ApiKey("main", KEY.key, "guess", KEY.passphrase)), 401, "50113"),
    ("signature in hexadecimal", header("SIGN", "ab" * 32), 401, "50113"),
    ("signature of another body", lambda: (json.dumps(but(px="40001")), signed()[1]), 401, "50113"),
    ("timestamp in milliseconds", lambda: signed(at="1597026383085"), 401, "50112"),
    ("timestamp without milliseconds", lambda: signed(at="2026-11-22T10:00:00Z"), 401, "50112"),
    ("timestamp of no date", lambda: signed(at="2026-13-42T10:00:00.000Z"), 401, "50112"),
    ("timestamp too old", lambda: signed(at=stamp(31)), 401, "50102"),
    ("timestamp ahead", lambda: signed(at=stamp(-40)), 401, "50102"),
    ("no body", lambda: signed(text=""), 200, "50000"),
    ("body is no JSON", lambda: signed(text='{"instId":'), 200, "50002"),
    ("body is a list", lambda: signed(text="[]"), 200, "50002"),
    ("body is deeper than any parser", lambda: signed(text="[" * 100_000), 200, "50002"),
]  # fmt: skip


def test_bad_credentials_and_bodies_get_the_native_code_and_book_nothing() -> None:
    async def body() -> None:
        async with okx_venue(keys=(KEY, OTHER)) as running:
            before = await running.control.serial()
            wrong = []
            for name, made, status, code in BAD_CREDENTIALS:
                text, given = made()
                answer = await send(running, "POST", PLACE, text, given)
                if (answer[0], answer[1]["code"], answer[1]["data"]) != (status, code, []):
                    wrong.append((name, status, code, answer))
            assert wrong == []
            assert await running.control.serial() == before

    run(body)


BAD_QUESTIONS: list[tuple[str, str, str, Any, str]] = [
    ("unknown order", "GET", f"{PLACE}?instId={SWAP}&ordId=1", None, "51603"),
    ("order without id", "GET", f"{PLACE}?instId={SWAP}", None, "50014"),
    ("order id is no number", "GET", f"{PLACE}?instId={SWAP}&ordId=abc", None, "51000"),
    ("unknown instrument type", "GET", "/api/v5/trade/orders-pending?instType=PERP", None, "51000"),
    ("unknown instrument", "GET", "/api/v5/account/positions?instId=BTCUSDT", None, "51001"),
    ("instruments of no type", "GET", "/api/v5/public/instruments", None, "50014"),
    ("ticker of nothing", "GET", "/api/v5/market/ticker", None, "50014"),
    ("bar in lower case", "GET", f"/api/v5/market/candles?instId={SWAP}&bar=1h", None, "51000"),
    ("limit is no number", "GET", f"/api/v5/market/trades?instId={SWAP}&limit=all", None, "51000"),
    ("too many orders at once", "POST", "/api/v5/trade/batch-orders", [ORDER] * 21, "50025"),
    ("no orders at once", "POST", "/api/v5/trade/batch-orders", [], "50014"),
    ("leverage too high", "POST", "/api/v5/account/set-leverage",
     {"instId": SWAP, "lever": "126", "mgnMode": "cross"}, "59102"),
    ("hedge mode", "POST", "/api/v5/account/set-position-mode", {"posMode": "long_short_mode"}, "59000"),
]  # fmt: skip


def test_bad_questions_get_the_native_code() -> None:
    async def body() -> None:
        async with okx_venue() as running:
            wrong = []
            for name, method, path, sent, code in BAD_QUESTIONS:
                answer = await ask(running, method, path, sent)
                if (answer[0], answer[1]["code"], answer[1]["data"]) != (200, code, []):
                    wrong.append((name, code, answer))
            assert wrong == []
            for path in ("/api/v5/trade/nothing", "/api/v5/public/time/"):
                assert (await ask(running, "GET", path))[0] == 404
            assert (await ask(running, "DELETE", PLACE))[0] == 404

    run(body)


def test_an_order_that_is_gone_cannot_be_cancelled() -> None:
    async def body() -> None:
        async with okx_venue() as running:
            told = {}
            for name, order in (("cancelled", ORDER), ("filled", but(ordType="market"))):
                _, placed = await ask(running, "POST", PLACE, order)
                found = {"instId": SWAP, "ordId": placed["data"][0]["ordId"]}
                await ask(running, "POST", "/api/v5/trade/cancel-order", found)
                _, told[name] = await ask(running, "POST", "/api/v5/trade/cancel-order", found)
            nobodys = {"instId": SWAP, "clOrdId": "nobodys"}
            _, told["unknown"] = await ask(running, "POST", "/api/v5/trade/cancel-order", nobodys)
            codes = {name: (one["code"], one["data"][0]["sCode"]) for name, one in told.items()}
            assert codes == {"cancelled": ("1", "51401"), "filled": ("1", "51402"), "unknown": ("1", "51400")}

    run(body)


def test_signatures_are_of_the_bytes_on_the_wire_with_or_without_the_prefix() -> None:
    async def body() -> None:
        async with okx_venue() as running:
            for body_text in ('{ "ccy" : "é" }', "[]"):
                path = "/api/v5/account/balance?ccy=USDT%2CBTC&x=%7e"
                given = headers("GET", path, body_text)
                assert (await send(running, "GET", path, body_text, given))[1]["code"] == "0"
            query = "/api/v5/account/balance?ccy=USDT"
            for prefix in ("/pfx", "/a/b", "/"):
                for signed_path in (query, prefix + query):
                    answer = await send(running, "GET", prefix + query, "", headers("GET", signed_path))
                    assert (answer[0], answer[1]["code"]) == (200, "0"), (prefix, signed_path)
            assert (await send(running, "GET", f"//pfx//{query}", "", headers("GET", "/other" + query)))[0] == 401

    run(body)


async def placed_with(running: Running, name: str) -> str:
    _, answer = await ask(running, "POST", PLACE, {**ORDER, name: "mine"})
    return str(answer["data"][0]["clOrdId"])


def test_another_spelling_of_the_client_id_is_unknown_unless_lenient() -> None:
    async def body() -> None:
        async with okx_venue() as running:
            assert await placed_with(running, "clOrdID") == ""
            async with running.control.faulty("lenient_row", message="client order id key", how="on"):
                assert await placed_with(running, "clOrdID") == "mine"
                _, found = await ask(running, "GET", f"{PLACE}?instId={SWAP}&clOrdID=mine")
                assert [(one["clOrdId"], "clOrdID" in one) for one in found["data"]] == [("mine", False)]
        async with okx_venue("--profile", "lenient") as running:
            assert await placed_with(running, "clOrdID") == "mine"

    run(body)


CLASSES: list[tuple[type[Exception], tuple[int, ...]]] = [
    (ccxt.AuthenticationError, (50101, 50103, 50104, 50105, 50106, 50111, 50112, 50113, 50114)),
    (ccxt.PermissionDenied, (50027,)),
    (ccxt.InvalidNonce, (50102,)),
    (ccxt.RateLimitExceeded, (50011,)),
    (ccxt.BadRequest, (50014, 51000)),
    (ccxt.BadSymbol, (51001,)),
    (ccxt.OrderNotFound, (51400, 51401, 51402, 51503, 51603)),
    (ccxt.InsufficientFunds, (51008, 51119, 51127, 51131)),
    (ccxt.InvalidOrder, (51004, 51006, 51016, 51020, 51121)),
    (ccxt.ExchangeNotAvailable, (50005, 50013, 50026)),
    (ccxt.RequestTimeout, (50004,)),
    (ccxt.OnMaintenance, (50001,)),
    (ccxt.CancelPending, (51410,)),
    (ccxt.ExchangeError, (51169, 51405)),
]
REASONS: list[tuple[type[Exception], str]] = [
    (ccxt.InsufficientFunds, "not enough margin"),
    (ccxt.InvalidOrder, "client id used twice"),
    (ccxt.OrderNotFound, "order unknown"),
    (ccxt.BadSymbol, "unknown symbol"),
    (ccxt.AuthenticationError, "bad signature"),
    (ccxt.RateLimitExceeded, "rate limit"),
    (ccxt.ExchangeNotAvailable, "overloaded"),
]


def test_each_native_code_raises_the_class_of_the_contract() -> None:
    async def body() -> None:
        async with okx_venue() as running, okx_client(running) as client:
            await client.load_markets()
            chosen: list[tuple[type[Exception], dict[str, Any]]] = [
                (kind, {"code": code}) for kind, codes in CLASSES for code in codes
            ]
            chosen += [(kind, {"how": reason}) for kind, reason in REASONS]
            for expected, knob in chosen:
                async with running.control.faulty("native_error", path="/api/v5/trade/batch-orders", count=1, **knob):
                    with pytest.raises(expected) as raised:
                        await client.create_order(BTC, "limit", "buy", 10, 40000)
                assert str(knob.get("code", "")) in str(raised.value)
                if expected is ccxt.ExchangeError:
                    assert raised.type is ccxt.ExchangeError
            assert (await running.control.meters()).orders_accepted == 0

    run(body)
