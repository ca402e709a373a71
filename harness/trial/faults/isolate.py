"""Fault isolate: a service is cut off from everybody; packets to and from it vanish."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path as FilePath

from harness.target.errors import CannotDoError
from harness.target.service import Capability, Service
from harness.trial.faults.inflicted import Bite, Fault, inflicted
from harness.trial.faults.registry import Over, kind
from harness.trial.path import Path, Standing
from harness.trial.trial import Trial

SEEN_LIMIT_S = 10.0
REACH_LIMIT_S = 1.0
HOLES = "black holes on the paths to and from it: a process has no network of its own to be taken off"


@kind("isolate", "takes a service off its network, or holds all bytes on its paths", Over.SERVICE)
@asynccontextmanager
async def isolate(trial: Trial, service: Service, *, paths: Sequence[Path] = ()) -> AsyncIterator[Fault]:
    """Partition it for the length of a block. `how` of fault.begin: network, or what was done in its place.

    A container leaves its network; bitten: it has no interface left, or does not answer where it did before. Any
    other service: every path of `paths`, which have to be all to and from it, becomes a black hole; bitten: bytes
    were held. Raises CannotDoError when neither can be.
    """
    if Capability.ISOLATE in service.capabilities:
        off = _off_network(trial, service)
    elif paths:
        off = _holed(trial, service, paths)
    else:
        raise CannotDoError(
            f"fault isolate: {service.name} has no network of its own: give the paths to and from it, or run containers"
        )
    async with off as fault:
        yield fault


@asynccontextmanager
async def _off_network(trial: Trial, service: Service) -> AsyncIterator[Fault]:
    address = service.direct_address
    answered = await _answers(address)

    async def look() -> Bite | None:
        interfaces = interfaces_of(service.pid)
        if interfaces is not None:
            return None if interfaces else Bite(detail={"seen": "no network interface"})
        return Bite(detail={"seen": f"{address} silent"}) if answered and not await _answers(address) else None

    async with inflicted(
        trial, "isolate", service.name, begin=service.isolate, look=look, heal=service.rejoin,
        bites_within_s=SEEN_LIMIT_S, how="network",
    ) as fault:  # fmt: skip
        yield fault


@asynccontextmanager
async def _holed(trial: Trial, service: Service, paths: Sequence[Path]) -> AsyncIterator[Fault]:
    holes: list[tuple[Path, Standing]] = []

    async def begin() -> None:
        holes.extend((path, path.black_hole()) for path in paths)

    async def look() -> Bite | None:
        held_bytes = sum(hole.bitten_bytes for _, hole in holes)
        return Bite(detail={"held_bytes": str(held_bytes)}) if held_bytes else None

    async def heal() -> None:
        for path, hole in holes:
            path.remove(hole)

    async with inflicted(trial, "isolate", service.name, begin=begin, look=look, heal=heal, how=HOLES) as fault:
        yield fault


def interfaces_of(pid: int | None) -> frozenset[str] | None:
    """Network interfaces that this process has beside the loopback; None when nobody can see them."""
    if pid is None:
        return None
    try:
        lines = FilePath(f"/proc/{pid}/net/dev").read_text().splitlines()
    except OSError:
        return None
    return frozenset(line.split(":")[0].strip() for line in lines if ":" in line) - {"lo"}


async def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    if not host:
        return False
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), REACH_LIMIT_S)
    except (OSError, TimeoutError):
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True
