"""Defect: the port opens before the credentials are known to be good."""

from __future__ import annotations

import asyncio
import socket

from harness.reference.connector import process
from harness.reference.connector.backends import Backend
from harness.reference.connector.settings import Settings
from harness.reference.log import Log

CATCHES = (("3.2.4", "port-wrong-key"), ("3.2.4", "port-wrong-secret"))
OPEN_FOR_S = 0.5


def apply() -> None:
    """Listen on the port while the venue is asked, and a moment longer."""
    validated = process._validated

    async def hasty(backend: Backend, settings: Settings, log: Log, stop: asyncio.Event) -> bool:
        with socket.create_server(("", settings.port)):
            accepted = await validated(backend, settings, log, stop)
            await asyncio.sleep(OPEN_FOR_S)
        return accepted

    process._validated = hasty
