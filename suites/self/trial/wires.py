"""What the tests of paths share: an echoing service, raw clients, and a loop that must be left clean."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Self

LIMIT_S = 20.0


def play(body: Callable[[], Coroutine[Any, Any, None]], limit_s: float = 60.0) -> None:
    """One test body on a loop of its own; it must leave no task and no descriptor behind."""

    async def whole() -> None:
        before = descriptors()
        await asyncio.wait_for(body(), limit_s)
        await until(lambda: descriptors() <= before, f"the end of descriptors beyond {before}")
        await until(lambda: len(asyncio.all_tasks()) == 1, "the end of all tasks")

    asyncio.run(whole())


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


async def until(condition: Callable[[], object], what: str) -> None:
    end_s = time.monotonic() + LIMIT_S
    while True:
        holds = condition()
        if isinstance(holds, Awaitable):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < end_s, f"{what} did not happen within {LIMIT_S:g} s"
        await asyncio.sleep(0.01)


def endpoint(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


class Client:
    """A raw connection, with a limit on each wait."""

    def __init__(self, raw: socket.socket) -> None:
        self.raw = raw

    @classmethod
    async def to(cls, address: str, *, buffers_bytes: int = 0) -> Self:
        raw = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        raw.setblocking(False)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if buffers_bytes:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffers_bytes)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffers_bytes)
        try:
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(raw, endpoint(address)), LIMIT_S)
        except BaseException:
            raw.close()
            raise
        return cls(raw)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        self.raw.close()

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(asyncio.get_running_loop().sock_sendall(self.raw, data), LIMIT_S)

    async def receive(self, limit_s: float = LIMIT_S) -> bytes:
        """What is there next; empty at the end."""
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.raw, 65_536), limit_s)

    async def exactly(self, size_bytes: int, limit_s: float = LIMIT_S) -> bytes:
        data = b""
        while len(data) < size_bytes:
            chunk = await self.receive(limit_s)
            assert chunk, f"the end after {len(data)} of {size_bytes} bytes"
            data += chunk
        return data

    async def everything(self) -> bytes:
        """To the end."""
        data = b""
        while chunk := await self.receive():
            data += chunk
        return data

    async def echoed(self, data: bytes = b"ping", limit_s: float = LIMIT_S) -> float:
        """Seconds from here to the echo and back."""
        began_s = time.monotonic()
        await self.send(data)
        assert await self.exactly(len(data), limit_s) == data
        return time.monotonic() - began_s

    async def ended(self) -> str:
        """How it ends: FIN or RST; whatever still comes before is passed over."""
        try:
            while await self.receive():
                pass
        except (ConnectionResetError, BrokenPipeError):
            return "RST"
        return "FIN"

    def finish(self) -> None:
        self.raw.shutdown(socket.SHUT_WR)

    def abort(self) -> None:
        """Close with a RST."""
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.raw.close()


class Echo:
    """Sends back what it gets; remembers how each connection ended."""

    def __init__(self) -> None:
        self.address = ""
        self.received = bytearray()
        self.ends: list[str] = []
        self.open: list[Client] = []
        self.reads = True
        """False: it accepts and reads nothing."""
        self.echoes = True

    async def serve(self, raw: socket.socket) -> None:
        client = Client(raw)
        self.open.append(client)
        loop = asyncio.get_running_loop()
        try:
            while self.reads and (data := await loop.sock_recv(raw, 65_536)):
                self.received += data
                if self.echoes:
                    await loop.sock_sendall(raw, data)
            if self.reads:
                self.ends.append("FIN")
        except OSError:
            self.ends.append("RST")
        if self.reads:
            self.open.remove(client)
            raw.close()


@asynccontextmanager
async def echo() -> AsyncIterator[Echo]:
    service = Echo()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    listener.setblocking(False)
    service.address = f"127.0.0.1:{listener.getsockname()[1]}"
    serving: list[asyncio.Task[None]] = []

    async def accept() -> None:
        while True:
            raw, _ = await asyncio.get_running_loop().sock_accept(listener)
            raw.setblocking(False)
            serving.append(asyncio.create_task(service.serve(raw)))

    serving.append(asyncio.create_task(accept()))
    try:
        yield service
    finally:
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        listener.close()
        for client in service.open:
            with contextlib.suppress(OSError):
                client.raw.close()
