"""Defect: told to stop, the connector is gone at once, whoever is still there."""

from __future__ import annotations

import os

from harness.reference.connector.farewell import Farewell

SERVICE = "connector"
CATCHES = (("4.3.1", "clients-first"),)


def apply() -> None:
    """End the process where it would have waited for its clients."""

    async def wait(self: Farewell) -> None:
        os._exit(0)

    Farewell.wait = wait  # type: ignore[method-assign]
