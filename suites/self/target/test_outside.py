"""What a service shows is read as its profile says: log lines, pushed messages, the page of known orders."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.target.outside import Knows, LogPatterns, Missing, Pushes, plain
from harness.target.profile import load_profile

pytestmark = pytest.mark.self


def live_server() -> Pushes:
    pushes = load_profile("reference", {}).services["live_server"].pushes
    assert pushes is not None
    return pushes


ORDER = {"order_id": 7, "client_order_id": "c-1", "symbol": "BTCUSDT", "status": "FILLED", "executed_qty": "0.500"}


@pytest.mark.parametrize(
    ("kind", "data", "told"),
    [
        ("kline", {"symbol": "X", "time": 1700000060000, "close": "5.10"}, ("klines", "X", "1700000060000:5.1")),
        ("orders", ORDER, ("orders", "c-1", "FILLED:0.5")),
        ("orders", {**ORDER, "client_order_id": ""}, ("orders", "7", "FILLED:0.5")),
        ("account", {"total_wallet_balance": "10000.00"}, ("account", "", "10000")),
        ("position", {"symbol": "BTCUSDT", "size": "-0.010"}, ("positions", "BTCUSDT", "-0.01")),
        ("position", {"symbol": "BTCUSDT", "size": "-0"}, ("positions", "BTCUSDT", "0")),
    ],
)  # fmt: skip
def test_a_pushed_message_is_one_update_spelled_as_in_evidence(
    kind: str, data: dict[str, object], told: tuple[str, str, str]
) -> None:
    assert live_server().read({"type": kind, "data": data}) == (told,)


def test_other_kinds_are_passed_over_and_lists_are_several_updates() -> None:
    assert live_server().read({"type": "history", "data": {"candles": []}}) == ()
    assert live_server().read({"type": "risk_status"}) == ()
    assert len(live_server().read({"type": "orders", "data": [ORDER, ORDER]})) == 2


@pytest.mark.parametrize("message", [[], "text", {"type": "orders"}, {"type": "orders", "data": {"status": "NEW"}}])
def test_a_message_that_lacks_something_is_an_error_and_not_silence(message: object) -> None:
    with pytest.raises(Missing):
        live_server().read(message)


def test_names_have_alternatives_and_lead_deeper() -> None:
    kinds = {"k": {"stream": "klines", "key": ["s", "kline.s"], "value": "{t|kline.t}:{kline.c|c}"}}
    pushes = Pushes.model_validate({"kinds": kinds})
    assert pushes.read({"type": "k", "data": {"kline": {"s": "X", "t": 5, "c": "1.50"}}}) == (("klines", "X", "5:1.5"),)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=8, min_value=-(10**9), max_value=10**9))
def test_decimals_are_plain_and_keep_their_value(number: Decimal) -> None:
    text = plain(str(number))
    assert Decimal(text) == number
    assert "E" not in text
    assert text == plain(text)
    assert "." not in text or text[-1] not in "0."


def test_what_is_no_decimal_stays_as_it_is() -> None:
    assert [plain(one) for one in ("NEW", "NaN", "Infinity", True, 0.1)] == ["NEW", "NaN", "Infinity", "True", "0.1"]


def test_known_orders_are_ids_or_objects_with_one() -> None:
    knows = Knows(orders="trading.open")
    assert knows.orders_of({"trading": {"open": ["a", 7]}}) == ("a", "7")
    assert knows.orders_of({"trading": {"open": [ORDER]}}) == ("c-1",)
    pages: list[object] = [{}, {"trading": {"open": {}}}, "down"]
    for page in pages:
        with pytest.raises(Missing, match="no list at trading"):
            knows.orders_of(page)


@pytest.mark.parametrize(
    ("pattern", "line", "found"),
    [
        ("error", "2026-01-01T00:00:00Z\tERROR\tbroken\t{}", True),
        ("error", "FATAL nothing works", True),
        ("error", "INFO errors: 0, no ERRORS", False),
        ("panic", "panic: runtime error: invalid memory address", True),
        ("panic", "fatal error: all goroutines are asleep", True),
        ("panic", "goroutine 17 [running]:", True),
        ("panic", "Traceback (most recent call last):", True),
        ("panic", "INFO don't panic: it is a word", False),
        ("graceful", "INFO Graceful Shutdown complete", True),
        ("attempt", 'WARN Connection attempt failed {"attempt": 3}', True),
        ("attempt", "FATAL failed to connect to exchange_connector at x after 10 attempts: refused", False),
    ],
)
def test_the_default_patterns(pattern: str, line: str, found: bool) -> None:
    assert bool(re.search(getattr(LogPatterns(), pattern), line)) is found


def test_a_decision_of_the_reference_market_maker() -> None:
    patterns = load_profile("reference", {}).services["market_maker"].log
    fields = {
        "client_order_id": "mm-1",
        "decided_ns": 1700000000000000001,
        "side": "BUY",
        "price": "1",
        "quantity": "2",
    }
    for spelled in (fields, dict(reversed(fields.items()))):
        found = re.search(patterns.decision, f"2026-01-01T00:00:00.000Z\tINFO\torder decided\t{json.dumps(spelled)}")
        assert found is not None
        assert (found["key"], found["t_ns"]) == ("mm-1", "1700000000000000001")
    said = "2026-01-01T00:00:00.000Z\tINFO\tconnecting to exchange_connector\t{}"
    assert re.search(patterns.attempt, said)
    assert not re.search(patterns.error, 'T\tWARN\tconnection attempt failed\t{"cause": "ERROR of the peer"}')
