"""Fault kill: SIGKILL; healed by starting the service again at the same address, until it serves."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from harness.target.service import Capability, Service
from harness.trial.faults.ended import ended
from harness.trial.faults.inflicted import Fault
from harness.trial.faults.registry import Over, check, kind
from harness.trial.path import Path
from harness.trial.trial import Trial

KILLED_CODE = 128 + 9
SEEN_LIMIT_S = 5.0


@kind("kill", "ends a service by SIGKILL; it is then started again", Over.SERVICE, Capability.KILL, Capability.RESTART)
@asynccontextmanager
async def kill(
    trial: Trial, service: Service, *, refused_at: Sequence[Path] = (), restart_limit_s: float = 60.0
) -> AsyncIterator[Fault]:
    """Kill it for the length of a block. Bitten: its exit code says SIGKILL. Marks also process.restarted_serving.

    `refused_at`: paths to it, which refuse connections while it does not serve, as its own port would.
    """
    check("kill", service)
    async with ended(
        trial, "kill", service, service.kill, SEEN_LIMIT_S, refused_at, restart_limit_s, code=KILLED_CODE
    ) as fault:
        yield fault
