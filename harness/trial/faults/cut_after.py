"""Fault cut-after: each connection of a path is cut once so many bytes have passed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.faults.toxic import toxic
from harness.trial.path import CutAfter, Direction, Path, Standing
from harness.trial.trial import Trial


@kind("cut-after", "cuts each connection once so many bytes have passed", Over.PATH)
@asynccontextmanager
async def cut_after(
    trial: Trial,
    path: Path,
    *,
    after_bytes: int,
    how: Literal["reset", "fin"] = "reset",
    direction: Direction | str = Direction.BOTH,
) -> AsyncIterator[Fault]:
    """Counted from now, on each connection and each way. Bitten: a connection was cut."""

    def proof(standing: Standing) -> dict[str, str]:
        return {"connections": str(standing.bitten_connections)} if standing.bitten_connections else {}

    async with toxic(trial, "cut-after", path, CutAfter(after_bytes, how), direction, proof) as fault:
        yield fault
