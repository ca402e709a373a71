"""Ended: what killing and stopping a service have in common: its exit is seen, and it is started again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from harness.target.service import Service
from harness.trial.faults.inflicted import Act, Bite, Fault, inflicted
from harness.trial.path import Path
from harness.trial.trial import CutShort, Trial


@asynccontextmanager
async def ended(
    trial: Trial,
    kind: str,
    service: Service,
    end: Act,
    exit_limit_s: float,
    refused_at: Sequence[Path],
    restart_limit_s: float,
    *,
    code: int | None = None,
) -> AsyncIterator[Fault]:
    """A service that is no more for the length of a block. `code`: the exit code that counts as bitten, None: any."""
    if (earlier := await service.wait_exit(0.0)) is not None:
        raise CutShort(f"fault {kind}: {service.name} had ended before, with code {earlier}")

    async def begin() -> None:
        await end()
        for path in refused_at:
            await path.refuse()

    async def look() -> Bite | None:
        seen = await service.wait_exit(0.0)
        return None if seen is None or code not in (None, seen) else Bite(detail={"code": str(seen)})

    async def heal() -> None:
        try:
            await service.restart(limit_s=restart_limit_s)
            trial.mark("process.restarted_serving", service=service.name)
        finally:
            for path in refused_at:
                await path.accept_again()

    async with inflicted(
        trial, kind, service.name, begin=begin, look=look, heal=heal, bites_within_s=exit_limit_s
    ) as fault:
        yield fault
