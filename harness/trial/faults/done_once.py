"""Done once: a fault that is one act on the connections that are open, after which new ones are whole again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Bite, Fault, inflicted
from harness.trial.path import Path
from harness.trial.trial import CutShort, Trial

SEEN_LIMIT_S = 1.0


@asynccontextmanager
async def done_once(trial: Trial, kind: str, path: Path, act: Callable[[], Awaitable[int]]) -> AsyncIterator[Fault]:
    """`act` returns how many connections it hit. Raises CutShort when there is none to hit."""
    if not path.open_connections:
        raise CutShort(f"fault {kind}: no connection is open on {path.name}")
    hit = 0

    async def begin() -> None:
        nonlocal hit
        hit = await act()

    async def look() -> Bite | None:
        return Bite(detail={"connections": str(hit)}) if hit else None

    async def heal() -> None:
        """What was cut stays cut."""

    async with inflicted(
        trial, kind, path.name, begin=begin, look=look, heal=heal, bites_within_s=SEEN_LIMIT_S
    ) as fault:
        yield fault
