"""Stream payloads are named as Evidence names them, and what breaks the contract is said in a phrase."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.message import Message as Wire
from google.type.decimal_pb2 import Decimal as WireDecimal
from hypothesis import given
from hypothesis import strategies as st

from harness.client.content import STREAMS, digest_of, normalised, read
from harness.wire.opensqt.market_maker.v1.events_pb2 import FundingUpdate, OrderUpdate, PriceChange
from harness.wire.opensqt.market_maker.v1.resources_pb2 import Account, Candle, Position
from harness.wire.opensqt.market_maker.v1.types_pb2 import (
    ORDER_SIDE_SELL,
    ORDER_STATUS_CANCELED,
    ORDER_TYPE_LIMIT,
    ORDER_TYPE_MARKET,
)

pytestmark = pytest.mark.self


def d(value: str) -> WireDecimal:
    return WireDecimal(value=value)


def account(wallet: str = "10", margin: str = "9", available: str = "8") -> Account:
    return Account(total_wallet_balance=d(wallet), total_margin_balance=d(margin), available_balance=d(available))


def order(status: Any = 1, quantity: str = "1", executed: str = "0", side: Any = 1) -> OrderUpdate:
    return OrderUpdate(
        order_id=7, client_order_id="a", symbol="BTCUSDT", side=side, type=ORDER_TYPE_LIMIT,
        status=status, quantity=d(quantity), executed_qty=d(executed),
    )  # fmt: skip


CANCELLED = OrderUpdate(
    order_id=7, symbol="B", side=ORDER_SIDE_SELL, type=ORDER_TYPE_MARKET, status=ORDER_STATUS_CANCELED, quantity=d("1")
)


def candle(low: str = "1", opened: str = "2", closed: str = "3", high: str = "4", volume: str = "5") -> Candle:
    return Candle(
        symbol="BTCUSDT", timestamp=60_000, low=d(low), open=d(opened), close=d(closed), high=d(high), volume=d(volume)
    )


NAMED: list[tuple[str, Wire, str, str]] = [
    ("account", account("10.50"), "", "10.5"),
    ("positions", Position(symbol="ETHUSDT", size=d("-0.500")), "ETHUSDT", "-0.5"),
    ("orders", order(), "a", "NEW:0"),
    ("orders", order(status=2, quantity="1", executed="0.50"), "a", "PARTIALLY_FILLED:0.5"),
    ("orders", CANCELLED, "7", "CANCELED:0"),
    ("prices", PriceChange(symbol="BTCUSDT", price=d("45000.10")), "BTCUSDT", "45000.1"),
    ("klines", candle(), "BTCUSDT", "60000:3"),
    ("funding", FundingUpdate(symbol="BTCUSDT", rate=d("-0.00010")), "BTCUSDT", "-0.0001"),
]


@pytest.mark.parametrize(("stream", "message", "key", "value"), NAMED)
def test_key_and_value(stream: str, message: Wire, key: str, value: str) -> None:
    content = read(stream, message.SerializeToString())
    assert (content.key, content.value, content.wrong) == (key, value, "")
    assert content.update == message


def test_every_stream_is_in_the_table_above() -> None:
    assert {stream for stream, *_ in NAMED} == set(STREAMS)


@pytest.mark.parametrize(
    ("stream", "message", "says"),
    [
        ("account", Account(), "total_wallet_balance is missing; total_margin_balance is missing"),
        ("account", account(wallet="ten"), "total_wallet_balance 'ten' is not a decimal"),
        ("account", account(wallet="NaN"), "total_wallet_balance 'NaN' is out of range"),
        ("account", account(margin="8", available="8.01"), "available_balance 8.01 > total_margin_balance 8"),
        ("account", Account(margin_mode=9), "margin_mode 9 is unknown"),  # type: ignore[arg-type]
        ("positions", Position(size=d("1")), "symbol is empty"),
        ("positions", Position(symbol="B"), "size is missing"),
        ("positions", Position(symbol="B", size=d("1"), mark_price=d("x")), "mark_price 'x' is not a decimal"),
        ("orders", order(status=0), "status is unspecified"),
        ("orders", order(status=17), "status 17 is unknown"),
        ("orders", order(side=0), "side is unspecified"),
        ("orders", order(quantity="1", executed="1.1"), "executed_qty 1.1 > quantity 1"),
        ("orders", order(executed="-1"), "executed_qty -1 is negative"),
        ("orders", order(quantity="0"), "quantity 0 is not > 0"),
        ("prices", PriceChange(symbol="B", price=d("0")), "price 0 is not > 0"),
        ("prices", PriceChange(symbol="B", price=d("-1")), "price -1 is not > 0"),
        ("prices", PriceChange(symbol="B"), "price is missing"),
        ("prices", PriceChange(price=d("1")), "symbol is empty"),
        ("klines", candle(low="2.5"), "low 2.5 > open 2 or close 3"),
        ("klines", candle(high="2.5"), "high 2.5 < open 2 or close 3"),
        ("klines", candle(volume="-1"), "volume -1 is negative"),
        ("klines", Candle(symbol="B"), "timestamp 0 is not a Unix time in ms"),
        ("funding", FundingUpdate(symbol="B"), "rate is missing"),
        ("funding", FundingUpdate(symbol="B", rate=d("1"), next_funding_time=-1), "next_funding_time -1 is negative"),
    ],
)
def test_what_is_wrong(stream: str, message: Wire, says: str) -> None:
    assert says in read(stream, message.SerializeToString()).wrong


@pytest.mark.parametrize("stream", STREAMS)
def test_bytes_that_do_not_decode(stream: str) -> None:
    content = read(stream, b"\xff\xff\xff")
    assert content.update is None
    assert content.wrong == "payload of 3 bytes does not decode"


def test_a_bad_position_inside_the_account_is_named() -> None:
    bad = account()
    bad.positions.append(Position(symbol="BTCUSDT"))
    assert read("account", bad.SerializeToString()).wrong == "position BTCUSDT: size is missing"


decimals = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30)


@given(decimals)
def test_normalised_keeps_the_number_to_the_last_digit(number: Decimal) -> None:
    text = normalised(str(number))
    assert Decimal(text).compare(number) == 0
    assert "e" not in text.lower()
    assert normalised(text) == text


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9), st.integers(0, 9))
def test_trailing_zeros_make_no_difference(number: Decimal, zeros: int) -> None:
    text = format(number.quantize(Decimal("0.000001")), "f")
    assert normalised(text + "0" * zeros) == normalised(text)
    assert normalised(text) == format(Decimal(text).normalize(), "f")  # the convention, where it does not round


@given(st.text(max_size=12))
def test_whatever_is_no_decimal_is_a_value_error(text: str) -> None:
    try:
        number = Decimal(normalised(text))
    except ValueError:
        return
    assert number == Decimal(text)


@pytest.mark.parametrize("text", ["", " 1", "1_000", "1,5", "NaN", "Infinity", "1e999", "١", "0x10", "--1"])
def test_not_a_decimal(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a decimal|is out of range"):
        normalised(text)


@given(st.binary(), st.binary())
def test_digests_are_63_bits_and_tell_bytes_apart(one: bytes, other: bytes) -> None:
    assert 0 < digest_of(one) < 2**63
    assert (digest_of(one) == digest_of(other)) == (one == other)
