"""Order: one order of ours from the decision to its end, and what the connector says about it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from google.type.decimal_pb2 import Decimal as WireDecimal

from harness.reference.market_maker.grid import Side
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types


class Status(StrEnum):
    """The contract's, and three of our own."""

    DECIDED = "DECIDED"
    """Booked here, not acknowledged yet."""
    UNKNOWN = "UNKNOWN"
    """Sent, perhaps: only the venue knows."""
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    DEAD = "DEAD"
    """The venue does not know it, and it is not wanted any more."""


OPEN = (Status.NEW, Status.PARTIALLY_FILLED)
LIVE = (Status.DECIDED, Status.UNKNOWN, *OPEN)
"""These occupy their level."""
FINAL = (Status.FILLED, Status.CANCELED, Status.REJECTED, Status.EXPIRED)


@dataclass(slots=True)
class Order:
    """Identified by its client order id for ever; `order_id` is 0 until the venue has acknowledged it."""

    client_order_id: str
    side: Side
    price: Decimal
    quantity: Decimal
    decided_ns: int
    status: Status = Status.DECIDED
    order_id: int = 0
    executed: Decimal = Decimal(0)
    is_busy: bool = False
    """A call about it is on its way."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An order as a reply or an update tells it."""

    client_order_id: str
    order_id: int
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    executed: Decimal
    status: Status


def seen(message: Any) -> Seen | None:
    """From the contract's Order or OrderUpdate; None when its side or status is not specified."""
    if message.side == types.ORDER_SIDE_UNSPECIFIED or message.status == types.ORDER_STATUS_UNSPECIFIED:
        return None
    return Seen(
        message.client_order_id,
        message.order_id,
        message.symbol,
        Side.BUY if message.side == types.ORDER_SIDE_BUY else Side.SELL,
        number(message.price),
        number(message.quantity),
        number(message.executed_qty),
        Status(types.OrderStatus.Name(message.status).removeprefix("ORDER_STATUS_")),
    )


def number(value: WireDecimal) -> Decimal:
    """A decimal of the wire; unset is 0. decimal.InvalidOperation when it is no number."""
    return Decimal(value.value or "0")


def plain(value: Decimal) -> str:
    """A decimal as text, without an exponent or trailing zeros."""
    return format(value.normalize(), "f")
