"""Each toxic does what it says, counts what it did, and is over when it is removed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

import pytest

from harness.trial.path import Bandwidth, BlackHole, CutAfter, Latency, Path, Toxic

from .wires import Client, Echo, echo, play, until

pytestmark = pytest.mark.self

DELAY_S = 0.15


@contextlib.asynccontextmanager
async def wire() -> AsyncIterator[tuple[Echo, Path, Client]]:
    """A service, a path to it, and a client on it that has had an answer."""
    async with echo() as service, Path(service.address) as path, await Client.to(path.address) as client:
        await client.echoed()
        yield service, path, client


@pytest.mark.parametrize(("direction", "times"), [("up", 1), ("down", 1), ("both", 2)])
def test_latency_delays_each_way_that_it_is_for(direction: str, times: int) -> None:
    async def body() -> None:
        async with wire() as (_, path, client):
            standing = path.add(Latency(DELAY_S), direction)
            for _ in range(2):
                assert await client.echoed() >= times * DELAY_S * 0.99
            assert path.counters.delayed_bytes == standing.bitten_bytes == 2 * times * len(b"ping")
            path.remove(standing)
            delayed_bytes = path.counters.delayed_bytes
            await client.echoed()
            assert path.counters.delayed_bytes == delayed_bytes

    play(body)


def test_two_latencies_add_up() -> None:
    async def body() -> None:
        async with wire() as (_, path, client):
            path.add(Latency(DELAY_S), "up")
            path.add(Latency(DELAY_S), "up")
            assert await client.echoed() >= 2 * DELAY_S * 0.99

    play(body)


def test_bytes_in_flight_do_not_queue_behind_each_other() -> None:
    """Fifty pieces sent within 50 ms under 0.3 s of latency: one after the other would take 15 s."""

    async def body() -> None:
        async with wire() as (_, path, client):
            path.add(Latency(0.3), "up")
            began_s = time.monotonic()
            for number in range(50):
                await client.send(b"%02d" % number)
                await asyncio.sleep(0.001)
            assert await client.exactly(100) == b"".join(b"%02d" % number for number in range(50))
            assert time.monotonic() - began_s < 5

    play(body)


def test_latency_keeps_the_distance_between_pieces() -> None:
    """The last of two pieces 0.2 s apart arrives 0.2 s after the first, as far as can be said from below."""

    async def body() -> None:
        async with wire() as (_, path, client):
            path.add(Latency(0.3), "up")
            await client.send(b"1")
            await asyncio.sleep(0.2)
            sent_s = time.monotonic()
            await client.send(b"2")
            assert await client.exactly(1) == b"1"
            assert await client.exactly(1) == b"2"
            assert time.monotonic() - sent_s >= 0.3 * 0.99

    play(body)


def test_jitter_changes_the_delay_and_keeps_the_order() -> None:
    async def body() -> None:
        async with wire() as (_, path, client):
            standing = path.add(Latency(0.05, 0.05), "up")
            data = b"".join(b"%03d" % number for number in range(200))
            for at in range(0, len(data), 3):
                await client.send(data[at : at + 3])
                await asyncio.sleep(0)
            assert await client.exactly(len(data)) == data
            for _ in range(20):
                await client.echoed()
            assert standing.longest_s - standing.shortest_s > 0.02

    play(body)


@pytest.mark.parametrize("connections", [1, 3])
def test_bandwidth_is_kept_over_all_connections_together(connections: int) -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path, contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(await Client.to(path.address)) for _ in range(connections)]
            standing = path.add(Bandwidth(60_000), "up")
            began_s = time.monotonic()
            await asyncio.gather(*(one.echoed(bytes(30_000 // connections)) for one in clients))
            assert time.monotonic() - began_s >= 0.4
            assert standing.bitten_bytes == path.counters.throttled_bytes > 20_000
            path.remove(standing)
            await asyncio.gather(*(one.echoed(bytes(100_000)) for one in clients))

    play(body)


def test_a_tiny_bandwidth_costs_no_cpu() -> None:
    async def body() -> None:
        async with wire() as (_, path, client):
            path.add(Bandwidth(10), "up")
            await client.send(bytes(10_000))
            began_s = time.process_time()
            await client.exactly(5)
            assert time.process_time() - began_s < 0.2

    play(body)


def test_removing_a_bandwidth_lets_what_waits_go_at_once() -> None:
    async def body() -> None:
        async with wire() as (_, path, client):
            standing = path.add(Bandwidth(1), "up")
            await client.send(bytes(5_000))
            await until(lambda: standing.buckets, "the wait for the first token")
            path.remove(standing)
            await client.exactly(5_000)

    play(body)


@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_a_black_hole_holds_what_passes_until_it_is_healed(direction: str) -> None:
    async def body() -> None:
        async with wire() as (service, path, client):
            path.black_hole(direction)
            await client.send(b"into the dark")
            await until(lambda: path.swallowed_bytes == 13, "the swallowing")
            with pytest.raises(TimeoutError):
                await client.receive(limit_s=0.1)
            assert (b"dark" in service.received) == (direction == "down")
            path.heal()
            assert await client.exactly(13) == b"into the dark"
            await client.echoed()

    play(body)


@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_no_end_gets_through_a_black_hole_before_it_is_healed(how: str) -> None:
    async def body() -> None:
        async with wire() as (service, path, client):
            path.black_hole()
            client.abort() if how == "RST" else client.raw.close()
            async with await Client.to(path.address) as other:
                await other.send(b"x")
                await until(lambda: path.swallowed_bytes == 1, "a later byte, held")
                assert service.ends == []
                path.heal()
                await other.exactly(1)
                await until(lambda: service.ends == [how], "the end, late")

    play(body)


def test_bytes_on_their_way_fall_into_a_hole_that_opens() -> None:
    async def body() -> None:
        async with wire() as (service, path, client):
            latency = path.add(Latency(0.2), "up")
            await client.send(b"in flight")
            await until(lambda: path.counters.connections == 1, "the connection")
            hole = path.black_hole("up")
            path.remove(latency)
            with pytest.raises(TimeoutError):
                await client.receive(limit_s=0.4)
            assert b"in flight" not in service.received
            assert hole.bitten_bytes == len(b"in flight")
            path.remove(hole)
            await client.exactly(len(b"in flight"))

    play(body)


@pytest.mark.parametrize("after_bytes", [0, 1, 1000, 70_000])
@pytest.mark.parametrize("how", ["reset", "fin"])
def test_a_connection_is_cut_after_exactly_so_many_bytes(after_bytes: int, how: str) -> None:
    async def body() -> None:
        async with wire() as (service, path, client):
            service.echoes = False
            before = len(service.received)
            standing = path.add(CutAfter(after_bytes, how), "up")  # type: ignore[arg-type]
            data = bytes(range(256)) * 400
            try:
                await client.send(data)
                end = await client.ended()
            except (ConnectionResetError, BrokenPipeError):
                end = "RST"  # the sender hears of it once
            assert end == ("RST" if how == "reset" else "FIN")
            await until(lambda: service.ends, "the cut at the service")
            assert bytes(service.received[before:]) == data[:after_bytes]
            assert standing.bitten_connections == path.counters.cut_connections == 1
            path.remove(standing)
            service.echoes = True
            async with await Client.to(path.address) as new:
                await new.echoed(data)

    play(body)


def test_each_connection_is_cut_on_its_own_count() -> None:
    async def body() -> None:
        async with wire() as (_, path, client):
            standing = path.add(CutAfter(8), "up")
            async with await Client.to(path.address) as other:
                await client.echoed(b"1234567")
                await other.echoed(b"1234567")
                await client.send(b"89")
                assert await client.ended() == "RST"
                await other.send(b"89")
                assert await other.ended() == "RST"
            assert standing.bitten_connections == 2

    play(body)


@pytest.mark.parametrize("direction", ["up", "down"])
def test_half_close_ends_one_way_and_the_other_goes_on(direction: str) -> None:
    async def body() -> None:
        async with wire() as (service, path, client):
            assert path.half_close(direction) == path.counters.half_closed_connections == 1
            if direction == "down":
                assert await client.ended() == "FIN"
                await client.send(b"still heard")
                await until(lambda: bytes(service.received).endswith(b"still heard"), "the way up")
                await until(lambda: path.swallowed_bytes == len(b"still heard"), "the echo's end on the way")
            else:
                await until(lambda: service.ends == ["FIN"], "the end at the service")
                await client.send(b"to nobody")
                assert await client.ended() == "FIN"
                await until(lambda: path.swallowed_bytes == len(b"to nobody"), "the bytes' end on the way")
            client.raw.close()
            await until(lambda: not path.open_connections, "the end of the connection")
            async with await Client.to(path.address) as new:
                await new.echoed()

    play(body)


@pytest.mark.parametrize("delay_s", [0.0, 0.1])
def test_half_closed_towards_the_service_its_answers_still_arrive(delay_s: float) -> None:
    async def body() -> None:
        async with wire() as (service, path, client):
            service.echoes = False
            peer = service.open[0]
            if delay_s:
                path.add(Latency(delay_s), "down")
            await peer.send(b"before")
            path.half_close("up")
            assert await client.everything() == b"before"

    play(body)


@pytest.mark.parametrize(
    "wrong",
    [lambda: Latency(0), lambda: Latency(-1), lambda: Bandwidth(0), lambda: CutAfter(-1), lambda: CutAfter(1, "bye")],  # type: ignore[arg-type]
)
def test_a_toxic_that_makes_no_sense_is_refused(wrong: Callable[[], Toxic]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        wrong()


def test_a_direction_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="sideways"):
        Path("127.0.0.1:1").add(BlackHole(), "sideways")


@pytest.mark.parametrize("toxic", [Latency(0.1), Bandwidth(10_000), BlackHole(), CutAfter(3)])
def test_a_new_connection_meets_what_stands_already(toxic: Toxic) -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path:
            standing = path.add(toxic)
            async with await Client.to(path.address) as client:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    await client.send(bytes(1000))
                await until(lambda: standing.bitten_bytes or standing.bitten_connections, f"the bite of {toxic}")

    play(body)
