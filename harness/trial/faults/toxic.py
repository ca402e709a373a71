"""Toxic: a fault of a path's bytes that is in force for the length of a block."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from harness.trial.faults.inflicted import Bite, Fault, inflicted
from harness.trial.path import Direction, Path, Standing, Toxic
from harness.trial.trial import Trial


@asynccontextmanager
async def toxic(
    trial: Trial,
    kind: str,
    path: Path,
    what: Toxic,
    direction: Direction | str,
    proof: Callable[[Standing], dict[str, str]],
) -> AsyncIterator[Fault]:
    """Hold it over the path. `proof`: what shows that it bit, for the mark; empty while nothing does."""
    standing: list[Standing] = []

    async def begin() -> None:
        standing.append(path.add(what, direction))

    async def look() -> Bite | None:
        shown = proof(standing[0])
        return Bite(detail=shown) if shown else None

    async def heal() -> None:
        for one in standing:
            path.remove(one)

    async with inflicted(
        trial, kind, path.name, begin=begin, look=look, heal=heal, direction=str(Direction(direction))
    ) as fault:
        yield fault


def bitten_bytes(standing: Standing) -> dict[str, str]:
    """Bytes that it has bitten."""
    return {"bytes": str(standing.bitten_bytes)} if standing.bitten_bytes else {}
