"""Defect: every client of the connector costs the venue one more connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import aiohttp

from harness.reference.connector.backends.backend import Topic
from harness.reference.connector.hub import Hub, Subscriber

SERVICE = "connector"
CATCHES = (
    ("4.1.2", "one-socket"),
    ("4.1.2", "second-client"),
    ("4.1.2", "third-client"),
    ("4.1.2", "tenth-client"),
)


def apply() -> None:
    """Dial the venue's public address again for each client after the first."""
    join, peers, reading = Hub.join, set[str](), set[asyncio.Task[None]]()

    async def hold(url: str) -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
            async for _ in socket:
                pass

    async def lavish(self: Hub, topics: Iterable[Topic], subscriber: Subscriber) -> None:
        await join(self, topics, subscriber)
        if peers and subscriber.peer not in peers:
            urls = self._backend._feeds._endpoints._public_urls  # type: ignore[attr-defined]
            reading.update(asyncio.create_task(hold(url)) for url in urls)
        peers.add(subscriber.peer)

    Hub.join = lavish  # type: ignore[method-assign]
