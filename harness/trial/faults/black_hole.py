"""Fault black-hole: nothing passes on a path any more and nobody is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.faults.toxic import bitten_bytes, toxic
from harness.trial.path import BlackHole, Direction, Path
from harness.trial.trial import Trial


@kind("black-hole", "lets nothing pass, and nobody is told", Over.PATH)
@asynccontextmanager
async def black_hole(trial: Trial, path: Path, *, direction: Direction | str = Direction.BOTH) -> AsyncIterator[Fault]:
    """Silence on open and new connections; what was held passes when healed. Bitten: bytes were held."""
    async with toxic(trial, "black-hole", path, BlackHole(), direction, bitten_bytes) as fault:
        yield fault
