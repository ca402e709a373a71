"""Whatever the chunks and whatever toxics come and go, short of loss: the bytes arrive exactly and in order."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.trial.path import Bandwidth, BlackHole, CutAfter, Direction, Latency, Path, Standing, Toxic

from .test_path import Seen
from .wires import Client, echo, play, until

pytestmark = pytest.mark.self

TOXICS = st.one_of(
    st.builds(Latency, st.floats(0.0, 0.02), st.floats(0.001, 0.02)),
    st.builds(Bandwidth, st.integers(300_000, 5_000_000)),
    st.just(BlackHole()),
    st.just(CutAfter(10**9)),
)


@dataclass(frozen=True)
class Chunk:
    """Sent at once; then a toxic may come, or all that stand may go."""

    size_bytes: int
    toxic: Toxic | None
    direction: Direction
    heals: bool


CHUNKS = st.lists(
    st.builds(
        Chunk,
        st.one_of(st.integers(1, 10), st.integers(1, 3_000), st.integers(60_000, 140_000)),
        st.one_of(st.none(), TOXICS),
        st.sampled_from(Direction),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(chunks=CHUNKS, seed=st.integers(0, 2**32))
def test_the_stream_of_bytes_is_preserved_exactly(chunks: list[Chunk], seed: int) -> None:
    data = random.Random(seed).randbytes(sum(one.size_bytes for one in chunks))
    seen = Seen()

    async def body() -> None:
        async with echo() as service, Path(service.address, observe=lambda: seen) as path:
            async with await Client.to(path.address) as client:
                receiving = asyncio.create_task(client.everything())
                await feed(path, client, chunks, data)
                assert await receiving == data
            assert bytes(service.received) == data
            await until(lambda: seen.closed_ns, "the end")
            assert seen.up == seen.down == data
            assert path.counters.cut_connections == path.counters.reset_connections == 0

    play(body)


async def feed(path: Path, client: Client, chunks: list[Chunk], data: bytes) -> None:
    """Send it, with the toxics coming and going; a black hole lasts until the end at most, which the reader awaits."""
    at, sending = 0, asyncio.create_task(asyncio.sleep(0))
    holes: list[Standing] = []
    for chunk in chunks:
        piece, at = data[at : at + chunk.size_bytes], at + chunk.size_bytes
        await sending
        if chunk.toxic is not None:
            standing = path.add(chunk.toxic, chunk.direction)
            holes += [standing] if isinstance(chunk.toxic, BlackHole) else []
        sending = asyncio.create_task(client.send(piece))
        await asyncio.sleep(0)
        if chunk.heals:
            path.heal()
        elif holes:  # or the next chunk may wait for room for ever
            await asyncio.sleep(0.002)
            path.remove(holes.pop())
    await sending
    client.finish()
    await asyncio.sleep(0.005)
    for hole in holes:
        path.remove(hole)
