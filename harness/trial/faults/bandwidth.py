"""Fault bandwidth: a path passes only so many bytes a second."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.faults.toxic import bitten_bytes, toxic
from harness.trial.path import Bandwidth, Direction, Path
from harness.trial.trial import Trial


@kind("bandwidth", "passes only so many bytes a second", Over.PATH)
@asynccontextmanager
async def bandwidth(
    trial: Trial, path: Path, *, bytes_per_s: float, direction: Direction | str = Direction.BOTH
) -> AsyncIterator[Fault]:
    """`bytes_per_s` each way over all connections together. Bitten: bytes had to wait for their turn."""
    async with toxic(trial, "bandwidth", path, Bandwidth(bytes_per_s), direction, bitten_bytes) as fault:
        yield fault
