"""Fault half-close: one way of a path's open connections ends with a FIN while the other goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.done_once import done_once
from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.path import Direction, Path
from harness.trial.trial import Trial


@kind("half-close", "ends one way of the open connections, the other goes on", Over.PATH)
@asynccontextmanager
async def half_close(trial: Trial, path: Path, *, direction: Direction | str = Direction.UP) -> AsyncIterator[Fault]:
    """Now, once: FIN in that direction; new connections are whole. Raises CutShort when no connection is open."""

    async def act() -> int:
        return path.half_close(direction)

    async with done_once(trial, "half-close", path, act) as fault:
        yield fault
