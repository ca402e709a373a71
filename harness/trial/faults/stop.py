"""Fault stop: SIGTERM; healed by starting the service again at the same address, until it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from harness.target.service import Capability, Service
from harness.trial.faults.ended import ended
from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, check, kind
from harness.trial.path import Path
from harness.trial.trial import Trial


@kind("stop", "ends a service by SIGTERM; it is then started again", Over.SERVICE, Capability.KILL, Capability.RESTART)
@asynccontextmanager
async def stop(
    trial: Trial,
    service: Service,
    *,
    refused_at: Sequence[Path] = (),
    stop_limit_s: float = 20.0,
    restart_limit_s: float = 60.0,
) -> AsyncIterator[Fault]:
    """Stop it for the length of a block. Bitten: it has exited; the mark has its code.

    The block begins when it has, or when `stop_limit_s` is over. For `refused_at` see `kill`.
    """
    check("stop", service)
    async with ended(trial, "stop", service, service.terminate, stop_limit_s, refused_at, restart_limit_s) as fault:
        yield fault
