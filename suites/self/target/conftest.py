"""A workshop a test, and the event loop on which a test plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from .workshop import Workshop


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """A fresh one; `play` closes it."""
    return Workshop(tmp_path)


@pytest.fixture
def play(workshop: Workshop) -> Callable[[Callable[[], Awaitable[None]]], None]:
    """Carry out a choreography on its own event loop, within 60 s; whatever happens, its services are closed."""

    def carry_out(choreography: Callable[[], Awaitable[None]]) -> None:
        async def whole() -> None:
            try:
                await asyncio.wait_for(choreography(), 60)
            finally:
                await workshop.close()

        asyncio.run(whole())

    return carry_out
