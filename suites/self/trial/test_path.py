"""A path passes connections on as they are: bytes, ends, back-pressure; and its port can be closed and opened."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time

import pytest

from harness.trial.path import BlackHole, Latency, Path

from .wires import Client, descriptors, echo, play, until

pytestmark = pytest.mark.self

REFUSES_NOBODY = "127.0.0.1:1"


class Seen:
    """An observer that keeps what it hears."""

    def __init__(self) -> None:
        self.up, self.down = bytearray(), bytearray()
        self.stamps: list[int] = []
        self.closed_ns = 0

    def sent(self, chunk: bytes, t_ns: int) -> None:
        self.up += chunk
        self.stamps.append(t_ns)

    def replied(self, chunk: bytes, t_ns: int) -> None:
        self.down += chunk
        self.stamps.append(t_ns)

    def closed(self, t_ns: int) -> None:
        assert not self.closed_ns
        self.closed_ns = t_ns


class Broken(Seen):
    def __init__(self, breaks_at: str) -> None:
        super().__init__()
        if breaks_at == "the start":
            raise RuntimeError("no observer today")
        self.breaks_at = breaks_at

    def sent(self, chunk: bytes, t_ns: int) -> None:
        super().sent(chunk, t_ns)
        if self.breaks_at == "sent":
            raise RuntimeError("sent breaks")

    def closed(self, t_ns: int) -> None:
        super().closed(t_ns)
        raise RuntimeError("closed breaks")


@pytest.mark.parametrize("who", ["client", "service"])
@pytest.mark.parametrize("how", ["FIN", "RST"])
def test_the_end_of_one_side_reaches_the_other_as_it_was(who: str, how: str) -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path, await Client.to(path.address) as client:
            service.echoes = False
            await client.send(b"hello")
            await until(lambda: service.received == b"hello", "the bytes at the service")
            side = client if who == "client" else service.open[0]
            side.abort() if how == "RST" else side.finish()
            if who == "service":
                assert await client.ended() == how
            else:
                await until(lambda: service.ends == [how], "the end at the service")
            client.raw.close()
            await until(lambda: not path.open_connections, "the end of the connection on the path")

    play(body)


def test_what_was_sent_before_a_fin_arrives_and_the_other_way_goes_on() -> None:
    async def body() -> None:
        data = bytes(range(256)) * 4000
        async with echo() as service, Path(service.address) as path, await Client.to(path.address) as client:
            sending = asyncio.create_task(client.send(data))
            got = await client.exactly(len(data) // 2)
            await sending
            client.finish()
            assert got + await client.everything() == data
            await until(lambda: not path.open_connections, "the end")

    play(body)


@pytest.mark.parametrize("delay_s", [0.0, 0.05])
def test_a_slow_reader_is_felt_by_the_sender(delay_s: float) -> None:
    """Only so much is on its way: the buffers of the kernel and of the path are bounded."""

    async def body() -> None:
        async with echo() as service, Path(service.address) as path:
            service.reads = False
            if delay_s:
                path.add(Latency(delay_s))
            async with await Client.to(path.address) as client:
                client.raw.setblocking(False)
                sent_bytes, stuck = 0, 0
                while stuck < 20:
                    try:
                        sent_bytes += client.raw.send(bytes(65_536))
                        stuck = 0
                    except BlockingIOError:
                        stuck += 1
                        await asyncio.sleep(0.02)
                    assert sent_bytes < 30_000_000, "nobody reads and nobody says so"

    play(body)


def test_many_connections_at_once() -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path:
            clients = await asyncio.gather(*(Client.to(path.address) for _ in range(200)))
            await asyncio.gather(*(one.echoed(b"%d" % number * 1000) for number, one in enumerate(clients)))
            assert path.open_connections == path.counters.connections == 200
            assert len(set(path.service_side_ports())) == 200
            for one in clients:
                one.raw.close()
            await until(lambda: not path.open_connections, "the end of all")

    play(body)


def test_nothing_is_left_when_the_body_raises_in_the_middle_of_things() -> None:
    async def body() -> None:
        before = descriptors()
        async with echo() as service:
            clients: list[Client] = []
            path = Path(service.address)

            async def fails() -> None:
                async with path:
                    clients.extend([await Client.to(path.address) for _ in range(5)])
                    await clients[0].echoed()
                    path.add(BlackHole())
                    await clients[1].send(b"held")
                    clients.append(await Client.to(path.address))  # perhaps not accepted yet
                    raise KeyError

            with pytest.raises(KeyError):
                await fails()
            for one in clients:
                assert await one.ended() in ("FIN", "RST")
                one.raw.close()
            with pytest.raises(ConnectionRefusedError):
                await Client.to(path.address)
        await until(lambda: descriptors() <= before, "the end of the descriptors")

    play(body)


def test_a_service_that_cannot_be_reached_resets_its_client_and_comes_back() -> None:
    async def body() -> None:
        async with echo() as service:
            where = [REFUSES_NOBODY]
            async with Path(lambda: where[-1]) as path:
                async with await Client.to(path.address) as client:
                    assert await client.ended() == "RST"
                where.append("nonsense")
                async with await Client.to(path.address) as client:
                    assert await client.ended() == "RST"
                assert path.counters.unreachable_connections == 2
                where.append(service.address)
                async with await Client.to(path.address) as client:
                    await client.echoed()

    play(body)


def test_refuse_and_accept_again_on_the_same_port() -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path, await Client.to(path.address) as old:
            await old.echoed()
            address = path.address
            for _ in range(3):
                await path.refuse()
                await path.refuse()
                with pytest.raises(ConnectionRefusedError):
                    await Client.to(address)
                assert await path.is_refused()
                await old.echoed()
                await path.accept_again()
                await path.accept_again()
                async with await Client.to(address) as new:
                    await new.echoed()
            assert path.counters.refused_connections == 3

    play(body)


def test_reset_ends_every_connection_and_new_ones_pass() -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path:
            clients = [await Client.to(path.address) for _ in range(3)]
            for one in clients:
                await one.echoed()
            assert await path.reset() == 3
            assert [await one.ended() for one in clients] == ["RST"] * 3
            await until(lambda: service.ends == ["RST"] * 3, "the resets at the service")
            for one in clients:
                one.raw.close()
            async with await Client.to(path.address) as new:
                await new.echoed()

    play(body)


def test_an_observer_sees_every_byte_in_order() -> None:
    async def body() -> None:
        seen: list[Seen] = []

        def make() -> Seen:
            seen.append(Seen())
            return seen[-1]

        async with echo() as service, Path(service.address, observe=make) as path:
            for number in range(2):
                async with await Client.to(path.address) as client:
                    for size in (1, 1000, 300_000):
                        await asyncio.gather(client.send(b"%d" % number * size), client.exactly(size))
            await until(lambda: all(one.closed_ns for one in seen), "the end of both")
            assert [one.up for one in seen] == [one.down for one in seen] == [b"0" * 301_001, b"1" * 301_001]
            for one in seen:
                assert 0 < min(one.stamps) <= max(one.stamps) <= one.closed_ns
            assert path.observer_failures == []

    play(body)


@pytest.mark.parametrize("breaks_at", ["the start", "sent", "closed"])
def test_a_broken_observer_breaks_nothing_and_is_told_once(breaks_at: str) -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address, observe=lambda: Broken(breaks_at)) as path:
            async with await Client.to(path.address) as client:
                for _ in range(3):
                    await client.echoed()
            await until(lambda: not path.open_connections, "the end")
            assert len(path.observer_failures) == 1
            assert "RuntimeError" in path.observer_failures[0]

    play(body)


def test_it_survives_a_lack_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that waits is accepted once there are descriptors again; the loop does not spin meanwhile."""

    async def body() -> None:
        async with echo() as service, Path(service.address) as path:
            async with await Client.to(path.address) as client:
                await client.echoed()
            accept, port = socket.socket.accept, int(path.address.rpartition(":")[2])
            refusals = 0

            def scarce(self: socket.socket) -> object:
                nonlocal refusals
                if self.getsockname()[1] == port and refusals < 2:
                    refusals += 1
                    raise OSError(errno.EMFILE, "Too many open files")
                return accept(self)

            monkeypatch.setattr(socket.socket, "accept", scarce)
            async with await Client.to(path.address) as client:
                await client.echoed()
            monkeypatch.undo()
            assert refusals == 2

    play(body)


def test_a_client_that_leaves_at_once_leaves_nothing() -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path:
            for number in range(50):
                client = await Client.to(path.address)
                client.abort() if number % 2 else client.raw.close()
            await until(lambda: path.counters.connections == 50, "fifty connections")
            await until(lambda: not path.open_connections, "their end")
            async with await Client.to(path.address) as client:
                await client.echoed()

    play(body)


def test_idle_connections_cost_no_cpu() -> None:
    async def body() -> None:
        async with echo() as service, Path(service.address) as path, contextlib.AsyncExitStack() as stack:
            for _ in range(50):
                client = await stack.enter_async_context(await Client.to(path.address))
                await client.echoed()
            path.add(BlackHole())
            await client.send(b"held")
            began_s = time.process_time()
            await asyncio.sleep(1.0)
            assert time.process_time() - began_s < 0.3

    play(body)
