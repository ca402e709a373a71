"""Read one stream payload: its key and value as Evidence names them, and what in it breaks the contract."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import MAX_PREC, Context, Decimal, InvalidOperation
from functools import lru_cache
from hashlib import blake2b

from google.protobuf.message import DecodeError
from google.type.decimal_pb2 import Decimal as WireDecimal

from harness.wire.opensqt.market_maker.v1 import events_pb2, resources_pb2, types_pb2

Update = (
    resources_pb2.Account
    | resources_pb2.Position
    | events_pb2.OrderUpdate
    | events_pb2.PriceChange
    | resources_pb2.Candle
    | events_pb2.FundingUpdate
)
"""What a stream delivers: one of the contract's messages."""

ACCOUNT, POSITIONS, ORDERS, PRICES, KLINES, FUNDING = "account", "positions", "orders", "prices", "klines", "funding"

_STATUS_PREFIX = "ORDER_STATUS_"
_LARGEST_EXPONENT = 100
_EXACT = Context(prec=MAX_PREC)
"""Python's default context would round at 28 digits; money is compared to the last one."""


@dataclass(frozen=True, slots=True)
class Content:
    """One payload read: `update` is None when it does not decode; `wrong` is empty when all is well."""

    update: Update | None
    key: str
    value: str
    wrong: str


def digest_of(raw: bytes) -> int:
    """A 63-bit hash of the payload's bytes, never 0 (0 means none)."""
    return (int.from_bytes(blake2b(raw, digest_size=8).digest(), "big") >> 1) or 1


@lru_cache(maxsize=4096)
def normalised(text: str) -> str:
    """The one spelling of a decimal: no exponent, no trailing zeros. ValueError when it is none."""
    return format(parsed(text).normalize(_EXACT), "f")


def parsed(text: str) -> Decimal:
    """The decimal that `text` spells. ValueError: not a finite number of a reasonable size."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text[:40]!r} is not a decimal") from None
    if text != text.strip() or "_" in text or not text.isascii():
        raise ValueError(f"{text[:40]!r} is not a decimal")  # Python is laxer than the wire format
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise ValueError(f"{text[:40]!r} is out of range")
    return number


def read(stream: str, raw: bytes) -> Content:
    """Decode and check one payload of `stream` (account, positions, orders, prices, klines, funding)."""
    reading = _READINGS[stream]
    try:
        update = reading.decode(raw)
    except DecodeError:
        return Content(None, "", "", f"payload of {len(raw)} bytes does not decode")
    key, value = reading.name(update)
    return Content(update, key, value, "; ".join(reading.check(update)))


def name_of_status(number: int) -> str:
    """An order status without its prefix, for example NEW; a number that the contract lacks stays a number."""
    descriptor = types_pb2.OrderStatus.DESCRIPTOR.values_by_number.get(number)
    return str(number) if descriptor is None else descriptor.name.removeprefix(_STATUS_PREFIX)


def _spelled(amount: WireDecimal) -> str:
    try:
        return normalised(amount.value)
    except ValueError:
        return str(amount.value)


def _number(name: str, amount: WireDecimal, problems: list[str], *, required: bool = True) -> Decimal | None:
    """The field's number; else None, and the reason in `problems` unless an absent field is allowed."""
    if not amount.value:
        if required:
            problems.append(f"{name} is missing")
        return None
    try:
        return parsed(amount.value)
    except ValueError as error:
        problems.append(f"{name} {error}")
        return None


def _positive(name: str, amount: WireDecimal, problems: list[str]) -> Decimal | None:
    number = _number(name, amount, problems)
    if number is not None and number <= 0:
        problems.append(f"{name} {amount.value} is not > 0")
    return number


def _optional(message: resources_pb2.Account | resources_pb2.Position, *names: str) -> Iterator[str]:
    for name in names:
        problems: list[str] = []
        _number(name, getattr(message, name), problems, required=False)
        yield from problems


def _check_account(account: resources_pb2.Account) -> Iterator[str]:
    problems: list[str] = []
    _number("total_wallet_balance", account.total_wallet_balance, problems)
    margin = _number("total_margin_balance", account.total_margin_balance, problems)
    available = _number("available_balance", account.available_balance, problems)
    yield from problems
    if margin is not None and available is not None and available > margin:
        yield f"available_balance {available} > total_margin_balance {margin}"
    yield from _optional(account, "health_score", "adjusted_equity", "total_maintenance_margin")
    if account.margin_mode not in types_pb2.MarginMode.values():
        yield f"margin_mode {account.margin_mode} is unknown"
    for position in account.positions:
        yield from (f"position {position.symbol}: {problem}" for problem in _check_position(position))


def _check_position(position: resources_pb2.Position) -> Iterator[str]:
    if not position.symbol:
        yield "symbol is empty"
    problems: list[str] = []
    _number("size", position.size, problems)
    yield from problems
    yield from _optional(
        position, "entry_price", "mark_price", "unrealized_pnl", "isolated_margin", "liquidation_price", "haircut"
    )


def _check_order(order: events_pb2.OrderUpdate) -> Iterator[str]:
    if not order.symbol:
        yield "symbol is empty"
    if not order.order_id and not order.client_order_id:
        yield "order_id and client_order_id are both empty"
    for name, number, known in (
        ("status", order.status, types_pb2.OrderStatus.values()),
        ("side", order.side, types_pb2.OrderSide.values()),
        ("type", order.type, types_pb2.OrderType.values()),
    ):
        if number not in known:
            yield f"{name} {number} is unknown"
        elif number == 0:
            yield f"{name} is unspecified"
    problems: list[str] = []
    quantity = _positive("quantity", order.quantity, problems)
    executed = _number("executed_qty", order.executed_qty, problems, required=False) or Decimal(0)
    _number("price", order.price, problems, required=False)
    _number("avg_price", order.avg_price, problems, required=False)
    yield from problems
    if executed < 0:
        yield f"executed_qty {executed} is negative"
    if quantity is not None and executed > quantity:
        yield f"executed_qty {executed} > quantity {quantity}"


def _check_price(change: events_pb2.PriceChange) -> Iterator[str]:
    if not change.symbol:
        yield "symbol is empty"
    problems: list[str] = []
    _positive("price", change.price, problems)
    yield from problems


def _check_candle(candle: resources_pb2.Candle) -> Iterator[str]:
    if not candle.symbol:
        yield "symbol is empty"
    if candle.timestamp <= 0:
        yield f"timestamp {candle.timestamp} is not a Unix time in ms"
    problems: list[str] = []
    low, opened, closed, high = (
        _positive(name, amount, problems)
        for name, amount in (("low", candle.low), ("open", candle.open), ("close", candle.close), ("high", candle.high))
    )
    volume = _number("volume", candle.volume, problems)
    yield from problems
    if low is not None and opened is not None and closed is not None and high is not None:
        if low > min(opened, closed):
            yield f"low {low} > open {opened} or close {closed}"
        if high < max(opened, closed):
            yield f"high {high} < open {opened} or close {closed}"
    if volume is not None and volume < 0:
        yield f"volume {volume} is negative"


def _check_funding(funding: events_pb2.FundingUpdate) -> Iterator[str]:
    if not funding.symbol:
        yield "symbol is empty"
    if funding.next_funding_time < 0:
        yield f"next_funding_time {funding.next_funding_time} is negative"
    problems: list[str] = []
    _number("rate", funding.rate, problems)
    _number("predicted_rate", funding.predicted_rate, problems, required=False)
    yield from problems


def _name_order(order: events_pb2.OrderUpdate) -> tuple[str, str]:
    executed = _spelled(order.executed_qty) if order.executed_qty.value else "0"
    return order.client_order_id or str(order.order_id), f"{name_of_status(order.status)}:{executed}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one stream is read. The three agree on the message's type by construction, so Any is spared the caller."""

    decode: Callable[[bytes], Update]
    name: Callable[..., tuple[str, str]]
    check: Callable[..., Iterator[str]]


_READINGS: dict[str, _Reading] = {
    ACCOUNT: _Reading(
        resources_pb2.Account.FromString, lambda it: ("", _spelled(it.total_wallet_balance)), _check_account
    ),
    POSITIONS: _Reading(resources_pb2.Position.FromString, lambda it: (it.symbol, _spelled(it.size)), _check_position),
    ORDERS: _Reading(events_pb2.OrderUpdate.FromString, _name_order, _check_order),
    PRICES: _Reading(events_pb2.PriceChange.FromString, lambda it: (it.symbol, _spelled(it.price)), _check_price),
    KLINES: _Reading(
        resources_pb2.Candle.FromString, lambda it: (it.symbol, f"{it.timestamp}:{_spelled(it.close)}"), _check_candle
    ),
    FUNDING: _Reading(events_pb2.FundingUpdate.FromString, lambda it: (it.symbol, _spelled(it.rate)), _check_funding),
}

STREAMS: tuple[str, ...] = tuple(_READINGS)
"""The six streams' names."""
