"""Provoke the contract's error conditions at the venue and write down which gRPC code each one comes out as."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal

from harness.client.errors import RemoteError
from harness.client.remote import RemoteExchange
from harness.client.requests import limit_order
from harness.trial.trial import Trial
from harness.venue.control import VenueControl
from harness.wire.opensqt.market_maker.v1 import types_pb2 as types

SYMBOL = "BTCUSDT"
NO_SUCH_ORDER = 999_999_999_999
NO_SUCH_SYMBOL = "NOSUCHUSDT"

Provoke = Callable[[RemoteExchange, VenueControl], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Condition:
    """One row of the contract's table: what goes wrong, and the code that it must come out as."""

    name: str
    code: str
    provoke: Provoke


async def _too_expensive(client: RemoteExchange, venue: VenueControl) -> object:
    state = await venue.state()
    market = state.market(SYMBOL)
    tick, step = Decimal(market.tick_size), Decimal(market.step_size)
    price = Decimal(market.last) * Decimal("0.95") // tick * tick
    # Worth thirty wallets: beyond the leverage of a fresh account, within the venue's largest quantity.
    quantity = Decimal(state.account.wallet_balance) * 30 / price // step * step
    order = limit_order(SYMBOL, types.ORDER_SIDE_BUY, quantity, price, "nfr-too-expensive")
    return await client.place_order(order)


async def _unknown_order(client: RemoteExchange, venue: VenueControl) -> object:
    return await client.get_order(SYMBOL, NO_SUCH_ORDER)


async def _unknown_symbol(client: RemoteExchange, venue: VenueControl) -> object:
    return await client.place_order(limit_order(NO_SUCH_SYMBOL, types.ORDER_SIDE_BUY, "1", "100", "nfr-no-symbol"))


async def _bad_key(client: RemoteExchange, venue: VenueControl) -> object:
    async with venue.faulty("native_error", how="unknown key"):
        return await client.get_order(SYMBOL, NO_SUCH_ORDER)


async def _maintenance(client: RemoteExchange, venue: VenueControl) -> object:
    async with venue.faulty("http_status", status=503):
        return await client.get_order(SYMBOL, NO_SUCH_ORDER)


async def _rate_limit(client: RemoteExchange, venue: VenueControl) -> object:
    async with venue.faulty("native_error", how="rate limit"):
        return await client.get_order(SYMBOL, NO_SUCH_ORDER)


CONDITIONS = (
    Condition("insufficient funds", "RESOURCE_EXHAUSTED", _too_expensive),
    Condition("order not found", "NOT_FOUND", _unknown_order),
    Condition("invalid symbol", "INVALID_ARGUMENT", _unknown_symbol),
    Condition("authentication failed", "UNAUTHENTICATED", _bad_key),
    Condition("venue maintenance", "UNAVAILABLE", _maintenance),
    Condition("rate limit exceeded", "RESOURCE_EXHAUSTED", _rate_limit),
)


async def check(trial: Trial, exchange: str, client: RemoteExchange, venue: VenueControl) -> None:
    """Facts error.mapping, one for each condition."""
    for condition in CONDITIONS:
        try:
            await condition.provoke(client, venue)
            code = "OK"
        except RemoteError as refused:
            code = refused.code
        detail = "" if code == condition.code else f"came out as {code}, must be {condition.code}"
        trial.fact("error.mapping", not detail, "1: right", subject=f"{exchange}/{condition.name}", detail=detail)
