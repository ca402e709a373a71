"""A minimal forwarding proxy for the tap's tests: tells a ClientTap what passes, and keeps it to be told again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from harness.evidence.clock import now_ns
from harness.trial.path import Observer
from harness.trial.tap import ClientTap

Side = Literal["sent", "replied", "closed"]


@dataclass(frozen=True)
class Told:
    """One thing that the proxy told: which connection's, what, when."""

    connection: int
    side: Side
    chunk: bytes
    t_ns: int


class Proxy:
    """Forwards to `target`; `black_hole` keeps back every byte; `cut` resets all connections."""

    def __init__(self, tap: ClientTap, target: str, chunk_bytes: int = 65_536) -> None:
        self._tap = tap
        self._target = target.rsplit(":", 1)
        self._chunk_bytes = chunk_bytes
        self._open = asyncio.Event()
        self._open.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.told: list[Told] = []
        self.connections = 0
        self.address = ""

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        observer = self._tap.connection()
        try:
            far_reader, far = await asyncio.open_connection(self._target[0], int(self._target[1]))
        except OSError:
            observer.closed(now_ns())
            near.transport.abort()
            return
        for writer in (near, far):
            writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._writers += [near, far]
        try:
            pumps = [
                asyncio.create_task(self._pump(number, observer, "sent", near_reader, far)),
                asyncio.create_task(self._pump(number, observer, "replied", far_reader, near)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            for writer in (near, far):
                writer.transport.abort()
            self._tell(number, observer, "closed", b"")

    async def _pump(
        self, number: int, observer: Observer, side: Side, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(OSError):
            while chunk := await reader.read(self._chunk_bytes):
                await self._open.wait()
                self._tell(number, observer, side, chunk)
                writer.write(chunk)
                await writer.drain()

    def _tell(self, number: int, observer: Observer, side: Side, chunk: bytes) -> None:
        one = Told(number, side, chunk, now_ns())
        self.told.append(one)
        tell(observer, one)

    def black_hole(self) -> None:
        self._open.clear()

    def heal(self) -> None:
        self._open.set()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def tell(observer: Observer, one: Told) -> None:
    if one.side == "sent":
        observer.sent(one.chunk, one.t_ns)
    elif one.side == "replied":
        observer.replied(one.chunk, one.t_ns)
    else:
        observer.closed(one.t_ns)


def tell_again(tap: ClientTap, told: Iterable[Told]) -> None:
    """Tell a fresh tap a captured conversation; connections open with their first chunk."""
    observers: dict[int, Observer] = {}
    for one in told:
        if one.connection not in observers:
            observers[one.connection] = tap.connection(one.t_ns)
        tell(observers[one.connection], one)


@asynccontextmanager
async def proxied(tap: ClientTap, target: str, chunk_bytes: int = 65_536) -> AsyncIterator[Proxy]:
    proxy = Proxy(tap, target, chunk_bytes)
    listener = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    proxy.address = f"127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.stop()
