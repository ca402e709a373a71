"""Fault refuse: connecting to a path is refused, as by the port of a dead service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Bite, Fault, inflicted
from harness.trial.faults.registry import Over, kind
from harness.trial.path import Path
from harness.trial.trial import Trial

SEEN_LIMIT_S = 5.0


@kind("refuse", "refuses new connections; open ones stay", Over.PATH)
@asynccontextmanager
async def refuse(trial: Trial, path: Path) -> AsyncIterator[Fault]:
    """For the length of a block. Bitten: a connection of our own was refused (the kernel counts nobody else's)."""

    async def look() -> Bite | None:
        return Bite(detail={"seen": "ECONNREFUSED"}) if await path.is_refused() else None

    async with inflicted(
        trial, "refuse", path.name, begin=path.refuse, look=look, heal=path.accept_again, bites_within_s=SEEN_LIMIT_S
    ) as fault:
        yield fault
