"""A simulated venue as its own process, with blocking control calls, and connectors over it."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from harness.reference.connector.settings import NEEDS_PASSPHRASE
from harness.venue.control import LedgerRow, VenueControl

from .launched import Connector

KEY, SECRET, PASSPHRASE = "refkey3f8a1c5d7e9b", "refsecretb2c4d6e8f0a1", "refphrase7d9f1b3"
Answer = TypeVar("Answer")


class Venue:
    """`with Venue() as venue`: binance, or the one named."""

    def __init__(self, exchange: str = "binance") -> None:
        self.exchange = exchange

    def __enter__(self) -> Venue:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.venue", "--venue", self.exchange, "--tick-s", "0",
             "--key", f"main:{KEY}:{SECRET}" + (f":{PASSPHRASE}" if self.exchange in NEEDS_PASSPHRASE else "")],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[3],
        )  # fmt: skip
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.base_url = f"http://127.0.0.1:{ready['port']}"
        self._control = f"127.0.0.1:{ready['control_port']}"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)
        if self.process.stdout is not None:
            self.process.stdout.close()

    def do(self, act: Callable[[VenueControl], Awaitable[Answer]]) -> Answer:
        """One act over the control port."""

        async def once() -> Answer:
            async with VenueControl.connect(self._control) as control:
                return await act(control)

        return asyncio.run(once())

    def fault(self, kind: str, **knob: Any) -> None:
        """Set a fault knob."""
        self.do(lambda control: control.fault(kind, **knob))

    def heal(self) -> None:
        """End all faults."""
        self.do(lambda control: control.heal_all())

    def ledger(self, since: int, stream: str) -> list[set[tuple[str, str]]]:
        """The stream's updates after a serial, each with its spellings, in order."""
        rows: tuple[LedgerRow, ...] = self.do(lambda control: control.ledger(since))
        updates: dict[int, set[tuple[str, str]]] = {}
        for row in rows:
            if row.stream == stream:
                updates.setdefault(row.serial, set()).add((row.key, row.value))
        return [updates[serial] for serial in sorted(updates)]


def keys(venue: Venue) -> dict[str, str]:
    """The environment of a connector over this venue."""
    env = {"EXCHANGE": venue.exchange, "BASE_URL": venue.base_url, "API_KEY": KEY, "API_SECRET": SECRET}
    return env | ({"PASSPHRASE": PASSPHRASE} if venue.exchange in NEEDS_PASSPHRASE else {})


def over(venue: Venue, **env: str) -> Connector:
    """A connector over this venue."""
    return Connector(env=keys(venue) | env)
