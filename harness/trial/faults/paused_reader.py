"""Fault paused-reader: a client that subscribes and then stops reading, so that flow control is felt."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.connector import Connector, subscribe
from harness.trial.nudge import nudge
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

SMALL_WINDOW_BYTES = 2048
"""Some forty price updates: after that, flow control keeps the connector from sending more."""


@asynccontextmanager
async def paused_reader(
    trial: Trial, connector: Connector, venue: VenueControl, name: str = "paused"
) -> AsyncIterator[None]:
    """A further client that subscribes to prices and then stops reading, until the context is left."""
    async with connector.client(name, window_bytes=SMALL_WINDOW_BYTES) as client:
        prices = subscribe(client, "prices")
        await trial.follow(prices)
        prices.pause()
        trial.mark("fault.begin", kind="paused-reader", subject=name)
        await nudge(venue, [prices])  # the read that was already under way takes this one
        await trial.observe(0.2)
        before = prices.received
        try:
            yield
        finally:
            if prices.received == before:
                trial.mark("fault.bit", kind="paused-reader", subject=name)
            prices.resume()
            trial.mark("fault.heal", kind="paused-reader", subject=name)
