"""Fault jitter: the bytes of a path arrive later by a time that changes, in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.faults.toxic import toxic
from harness.trial.path import Direction, Latency, Path, Standing
from harness.trial.trial import Trial


@kind("jitter", "delays bytes by a time that changes", Over.PATH)
@asynccontextmanager
async def jitter(
    trial: Trial,
    path: Path,
    *,
    jitter_s: float,
    delay_s: float | None = None,
    direction: Direction | str = Direction.BOTH,
) -> AsyncIterator[Fault]:
    """`delay_s` (None: as much as the jitter) give or take up to `jitter_s`.

    Bitten: of the delays that bytes really had, two lie at least half of `jitter_s` apart.
    """

    def proof(standing: Standing) -> dict[str, str]:
        spread_s = standing.longest_s - standing.shortest_s
        return {"spread_s": f"{spread_s:.4f}"} if spread_s >= jitter_s / 2 else {}

    what = Latency(jitter_s if delay_s is None else delay_s, jitter_s)
    async with toxic(trial, "jitter", path, what, direction, proof) as fault:
        yield fault
