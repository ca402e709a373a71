"""Decimals as text, from the venue to the wire, with never a float between."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.decimal_pb2 import Decimal as WireDecimal

from harness.reference.connector.refusal import invalid


def wire(value: Decimal | str | int | None) -> WireDecimal:
    """Any exact number as the contract's Decimal, without an exponent; None and "" are 0."""
    if isinstance(value, str):
        if value and "e" not in value and "E" not in value:
            return WireDecimal(value=value)
        value = Decimal(value) if value else None
    if value is None:
        return WireDecimal(value="0")
    return WireDecimal(value=format(Decimal(value), "f"))


def parse(value: WireDecimal, what: str) -> Decimal:
    """A decimal of a request; unset is 0. Raises Refusal (INVALID_ARGUMENT) when it is no number."""
    if not value.value:
        return Decimal(0)
    try:
        number = Decimal(value.value)
    except InvalidOperation:
        raise invalid(f"{what} {value.value[:40]!r} is not a decimal number") from None
    if not number.is_finite():
        raise invalid(f"{what} must be finite")
    return number


def timestamp(unix_ms: int) -> Timestamp:
    """Unix milliseconds as a protobuf Timestamp."""
    stamp = Timestamp()
    stamp.FromMilliseconds(unix_ms)
    return stamp


def stamp_now() -> Timestamp:
    """This moment to the nanosecond, for what is stamped when it is sent: whole milliseconds would hide its way."""
    stamp = Timestamp()
    stamp.FromNanoseconds(time.time_ns())
    return stamp


def now_ms() -> int:
    """Unix time in milliseconds."""
    return int(datetime.now(UTC).timestamp() * 1000)
