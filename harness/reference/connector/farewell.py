"""Farewell: on the way out, clients that are connected may finish what they do before the connector goes."""

from __future__ import annotations

import asyncio
import time

from harness.reference.connector.hub import Hub

GRACE_S = 5.0
QUIET_S = 2.5
"""A client that keeps its streams open but has called nothing for so long is not finishing anything."""
LINGER_S = 1.0
"""A client that has closed its streams still needs a moment until its process is gone."""


class Farewell:
    """Clients are taken for gone when no stream is open any more: cancelling their orders, they still listen."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._called_s = 0.0

    def called(self) -> None:
        """Some client has just made a unary call."""
        self._called_s = time.monotonic()

    async def wait(self) -> None:
        """Until the last stream is closed and a moment longer, at once when there is none.

        At most 5 s, and at most 2.5 s from now or from the last call.
        """
        if not self._hub.has_subscribers:
            return
        left = asyncio.ensure_future(self._hub.left())
        began_s = time.monotonic()
        while not left.done():
            until_s = min(began_s + GRACE_S, max(began_s, self._called_s) + QUIET_S)
            wait_s = until_s - time.monotonic()
            if wait_s <= 0:
                break
            await asyncio.wait({left}, timeout=wait_s)
        else:
            await asyncio.sleep(LINGER_S)
        left.cancel()
