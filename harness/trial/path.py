"""Path: a TCP proxy between a client and a service, on which real connections can be reset or black-holed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

_CHUNK_BYTES = 65_536
_CONNECT_LIMIT_S = 5.0
_RST_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class _Link:
    """One client connection and its twin towards the service."""

    near: socket.socket
    far: socket.socket
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    ended: int = 0

    @property
    def far_port(self) -> int:
        port: int = self.far.getsockname()[1]
        return port


class Path:
    """`async with Path(host_port) as path`: clients use `path.address` in place of the service's.

    `black_hole()` stops every byte in both directions and keeps the sockets open, so that each peer
    sees only silence; `reset()` sends a TCP RST both ways; `heal()` lets new bytes through again.
    Closing the client's side closes the service's side as TCP does (FIN for FIN, RST for RST).
    """

    def __init__(self, target: str, name: str = "path") -> None:
        host, port = target.rsplit(":", 1)
        self._target = (host, int(port))
        self.name = name
        self._links: list[_Link] = []
        self._open = asyncio.Event()
        self._open.set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self.address = ""
        self.swallowed_bytes = 0
        """Bytes that the black hole has taken so far: proof that it bit."""

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setblocking(False)
        self._listener = listener
        self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        self._accepting = asyncio.create_task(self._accept(listener), name=f"path {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        if self._listener is not None:
            self._listener.close()
        for link in list(self._links):
            await self._drop(link, reset=False)

    def service_side_ports(self) -> tuple[int, ...]:
        """Local ports of the proxy's connections to the service: what the service sees as its peers."""
        return tuple(link.far_port for link in self._links)

    def black_hole(self) -> None:
        """From now on no byte passes, in either direction, and nobody is told."""
        self._open.clear()

    def heal(self) -> None:
        """Let bytes pass again."""
        self._open.set()

    async def reset(self) -> None:
        """Send RST on both sides of every open connection."""
        for link in list(self._links):
            await self._drop(link, reset=True)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            near, _ = await loop.sock_accept(listener)
            near.setblocking(False)
            far = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            far.setblocking(False)
            for side in (near, far):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                await asyncio.wait_for(loop.sock_connect(far, self._target), _CONNECT_LIMIT_S)
            except (OSError, TimeoutError):
                _close(near, reset=True)
                _close(far, reset=True)
                continue
            link = _Link(near, far)
            self._links.append(link)
            link.tasks = [
                asyncio.create_task(self._pump(link, near, far)),
                asyncio.create_task(self._pump(link, far, near)),
            ]

    async def _pump(self, link: _Link, source: socket.socket, sink: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                chunk = await loop.sock_recv(source, _CHUNK_BYTES)
                if not self._open.is_set():
                    self.swallowed_bytes += len(chunk)
                    await self._open.wait()
                if not chunk:
                    break
                await loop.sock_sendall(sink, chunk)
        except OSError:
            await self._drop(link, reset=True)  # a reset on one side is a reset on the other
            return
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)
        link.ended += 1
        if link.ended == len(link.tasks):
            await self._drop(link, reset=False)

    async def _drop(self, link: _Link, *, reset: bool) -> None:
        with contextlib.suppress(ValueError):
            self._links.remove(link)
        # The pumps must have let go of a socket before it is closed: its number may be handed out again at once.
        pumps = [task for task in link.tasks if task is not asyncio.current_task()]
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for side in (link.near, link.far):
            _close(side, reset=reset)


def _close(side: socket.socket, *, reset: bool) -> None:
    with contextlib.suppress(OSError):
        if reset:
            side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        side.close()
