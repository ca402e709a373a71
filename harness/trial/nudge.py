"""Make the venue emit something on a stream, so that a client can see whether its subscription has taken effect."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from harness.trial.followed import Followable
from harness.venue.control import VenueControl

DEFAULT_SYMBOL = "BTCUSDT"


async def nudge(venue: VenueControl, subscriptions: Iterable[Followable]) -> None:
    """One update for each (stream, symbol) that the subscriptions listen to."""
    wanted: dict[str, set[str]] = {}
    for subscription in subscriptions:
        wanted.setdefault(subscription.stream, set()).update(subscription.keys or (DEFAULT_SYMBOL,))
    await _move(venue, wanted)


async def nudge_streams(venue: VenueControl, streams: Iterable[str]) -> None:
    """One update of the default symbol on each of these streams."""
    await _move(venue, {stream: {DEFAULT_SYMBOL} for stream in streams})


async def _move(venue: VenueControl, wanted: Mapping[str, set[str]]) -> None:
    for stream, symbols in sorted(wanted.items()):
        if stream in ("prices", "klines"):
            for symbol in sorted(symbols):
                await venue.move_price(symbol)
        elif stream == "positions":
            await venue.move_positions(sorted(symbols))
        elif stream == "account":
            await venue.move_balance()
        elif stream == "orders":
            await move_order(venue)
        elif stream == "funding":
            for symbol in sorted(symbols):
                await venue.move_funding(symbol)


async def move_order(venue: VenueControl, symbol: str = DEFAULT_SYMBOL) -> None:
    """Place an order far from the price and cancel it: two updates of one order."""
    order = await venue.place_resting(symbol)
    await venue.cancel_order(order.order_id)


@asynccontextmanager
async def feed(venue: VenueControl, per_s: float, *symbols: str) -> AsyncIterator[None]:
    """Price updates at a constant rate, of the symbols in turn, for the length of a block."""
    await venue.start_feed(symbols or [DEFAULT_SYMBOL], per_s)
    try:
        yield
    finally:
        await venue.stop_feed()
