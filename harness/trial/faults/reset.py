"""Fault reset: the open connections of a path end with a RST on both sides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.trial.faults.done_once import done_once
from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, kind
from harness.trial.path import Path
from harness.trial.trial import Trial


@kind("reset", "resets the open connections", Over.PATH)
@asynccontextmanager
async def reset(trial: Trial, path: Path) -> AsyncIterator[Fault]:
    """Now, once; new connections pass at once. Bitten: there were connections. Raises CutShort when there is none."""
    async with done_once(trial, "reset", path, path.reset) as fault:
        yield fault
