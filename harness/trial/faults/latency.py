"""Fault latency: every byte of a path arrives later by the same time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.faults.toxic import bitten_bytes, toxic
from harness.trial.path import Direction, Latency, Path
from harness.trial.trial import Trial


@kind("latency", "delays every byte by the same time", Over.PATH)
@asynccontextmanager
async def latency(
    trial: Trial, path: Path, *, delay_s: float, direction: Direction | str = Direction.BOTH
) -> AsyncIterator[Fault]:
    """`delay_s` each way. Bitten: bytes arrived later."""
    async with toxic(trial, "latency", path, Latency(delay_s), direction, bitten_bytes) as fault:
        yield fault
