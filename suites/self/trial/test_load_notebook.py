"""A message's own stamp, as any connector may write it: one that no clock can have shown is none."""

from __future__ import annotations

import pytest

from harness.trial.load.notebook import stamp_ns
from harness.wire.opensqt.market_maker.v1 import events_pb2

pytestmark = pytest.mark.self

NOW_S = 1_795_000_000


def price(seconds: int, nanos: int = 0) -> bytes:
    message = events_pb2.PriceChange(symbol="BTCUSDT")
    message.timestamp.seconds, message.timestamp.nanos = seconds, nanos
    return message.SerializeToString()


def test_a_stamp_is_read_to_the_nanosecond() -> None:
    assert stamp_ns("prices", price(NOW_S, 123_456_789)) == NOW_S * 10**9 + 123_456_789


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(price(-62_135_596_800), id="Go's zero time"),
        pytest.param(price(NOW_S * 1000), id="milliseconds where seconds belong"),
        pytest.param(price(0, -1), id="before 1970"),
        pytest.param(events_pb2.PriceChange(symbol="BTCUSDT").SerializeToString(), id="no stamp"),
        pytest.param(b"\xff", id="no message"),
    ],
)
def test_what_cannot_be_a_time_is_no_stamp(raw: bytes) -> None:
    assert stamp_ns("prices", raw) == 0


def test_only_prices_carry_one() -> None:
    assert stamp_ns("orders", price(NOW_S)) == 0
