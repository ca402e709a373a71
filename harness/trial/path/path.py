"""Path: listens in front of a service and passes connections on, as they are or as the toxics in force have it."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from harness.target.ports import LOOPBACK, HeldPort
from harness.trial.path.link import Link, close
from harness.trial.path.toxics import BlackHole, Counters, Course, Direction, Standing, Toxic
from harness.trial.path.watched import Observer, Watched

CONNECT_LIMIT_S = 5.0
KERNEL_BYTES = 262_144
"""Of each socket, so that a slow reader is felt soon: the kernel would let its buffers grow to megabytes."""
BACKLOG = 512
ACCEPT_AT_ONCE = 64
NO_DESCRIPTORS_PAUSE_S = 0.1


class Path:
    """`async with Path(host_port) as path`: clients use `path.address` in place of the service's.

    `target` is "host:port", or what to ask for it at each connection (the address of a container may change).
    `host` is the IPv4 address of this machine to listen on. `observe` makes an observer for each connection.
    `port`: where clients of an earlier path look for it; 0: any.

    Acts on the connections that are open: `reset`, `half_close`. In force until removed or healed: toxics
    (`add`, `remove`), `black_hole`, and `refuse` until `accept_again`. Delays are kept to about a millisecond.
    """

    def __init__(
        self,
        target: str | Callable[[], str],
        name: str = "path",
        *,
        host: str = LOOPBACK,
        observe: Callable[[], Observer] | None = None,
        port: int = 0,
    ) -> None:
        self._port = port
        self._target = target
        self.name = name
        self._host = host
        self._observe = observe
        self.counters = Counters()
        self.observer_failures: list[str] = []
        """Why observing stopped, one sentence for each connection on which it did."""
        self._up = Course(Direction.UP, self.counters, f"{name} up")
        self._down = Course(Direction.DOWN, self.counters, f"{name} down")
        self._standing: list[Standing] = []
        self._links: list[Link] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._held: HeldPort | None = None
        self._listener: socket.socket | None = None
        self._pause: asyncio.TimerHandle | None = None
        self.address = ""

    async def __aenter__(self) -> Self:
        self._held = HeldPort(self._port, host=self._host)
        self.address = f"{self._host}:{self._held.port}"
        try:
            self._listen()
        except BaseException:
            self._held.release()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deafen()
        if self._held is not None:
            self._held.release()
        await self._give_up_opening()
        for link in list(self._links):
            link.end(reset=False)

    @property
    def swallowed_bytes(self) -> int:
        """Bytes that a black hole (or a half-close) has taken so far: proof that it bit."""
        return self.counters.swallowed_bytes

    @property
    def open_connections(self) -> int:
        """Connections that pass bytes now."""
        return len(self._links)

    def service_side_ports(self) -> tuple[int, ...]:
        """Local ports of the proxy's connections to the service: what the service sees as its peers."""
        return tuple(link.far_port for link in self._links)

    # -- the port -----------------------------------------------------------------------------------

    async def refuse(self) -> None:
        """Close the listening port, so that connecting is refused as by a dead service; open connections stay."""
        self._deafen()

    async def accept_again(self) -> None:
        """Listen on the same port as before."""
        if self._listener is None:
            self._listen()

    async def is_refused(self) -> bool:
        """Whether a connection to the address is refused now: tried for real, and counted when it is."""
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            try:
                await asyncio.wait_for(loop.sock_connect(probe, _endpoint(self.address)), CONNECT_LIMIT_S)
            except ConnectionRefusedError:
                self.counters.refused_connections += 1
                return True
            except (OSError, TimeoutError):
                return False
        return False

    # -- toxics -------------------------------------------------------------------------------------

    def add(self, toxic: Toxic, direction: Direction | str = Direction.BOTH) -> Standing:
        """From now on this holds for all bytes that pass, on connections old and new; several add up."""
        standing = Standing(toxic, Direction(direction))
        self._standing.append(standing)
        self._follow(standing)
        if isinstance(toxic, BlackHole):
            for link in self._links:
                for lane in link.lanes(standing.direction):
                    lane.hole_began()
        self._changed(standing)
        return standing

    def remove(self, standing: Standing) -> None:
        """It holds no longer; bytes on their way keep their delay. Nothing when it was removed already."""
        if standing in self._standing:
            self._standing.remove(standing)
            self._follow(standing)
            self._changed(standing)

    def black_hole(self, direction: Direction | str = Direction.BOTH) -> Standing:
        """From now on no byte passes, and nobody is told; connections are still accepted, into silence."""
        return self.add(BlackHole(), direction)

    def heal(self) -> None:
        """Remove every toxic: bytes pass again."""
        for standing in list(self._standing):
            self.remove(standing)

    def _follow(self, standing: Standing) -> None:
        for course in (self._up, self._down):
            if standing.direction.covers(course.direction):
                course.follow(self._standing)

    def _changed(self, standing: Standing) -> None:
        for link in list(self._links):
            for lane in link.lanes(standing.direction):
                lane.changed()

    # -- acts ---------------------------------------------------------------------------------------

    async def reset(self) -> int:
        """Send RST on both sides of every open connection; returns how many there were."""
        links = list(self._links)
        await self._give_up_opening()
        for link in links:
            link.end(reset=True)
        self.counters.reset_connections += len(links)
        return len(links)

    def half_close(self, direction: Direction | str = Direction.UP) -> int:
        """Send FIN in that direction on every open connection; the other way goes on. Returns on how many it did.

        Whoever was cut off from sending is not told: what it still sends is read and swallowed.
        """
        hit = 0
        for link in list(self._links):
            hit += sum(lane.silence() for lane in link.lanes(Direction(direction))) > 0
        self.counters.half_closed_connections += hit
        return hit

    # -- accepting ----------------------------------------------------------------------------------

    def _listen(self) -> None:
        assert self._held is not None, "enter the path first"
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.setblocking(False)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            _bound_buffers(listener)  # those that it accepts have the same
            listener.bind((self._host, self._held.port))
            listener.listen(BACKLOG)
        except BaseException:
            listener.close()
            raise
        self._listener = listener
        asyncio.get_running_loop().add_reader(listener, self._acceptable, listener)

    def _deafen(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._listener is not None:
            asyncio.get_running_loop().remove_reader(self._listener)
            self._listener.close()
            self._listener = None

    def _acceptable(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPT_AT_ONCE):
            try:
                near, _ = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                # Out of descriptors: the loop would spin on the one that still waits.
                loop.remove_reader(listener)
                self._pause = loop.call_later(
                    NO_DESCRIPTORS_PAUSE_S, lambda: loop.add_reader(listener, self._acceptable, listener)
                )
                return
            near.setblocking(False)
            opening = loop.create_task(self._pass_on(near), name=f"path {self.name}: connect")
            self._opening.add(opening)
            opening.add_done_callback(functools.partial(self._opened, near))

    async def _pass_on(self, near: socket.socket) -> None:
        """Connect to the service and let bytes pass; a service that cannot be reached resets its client."""
        try:
            far = await self._reached()
        except (OSError, TimeoutError, ValueError):
            self.counters.unreachable_connections += 1
            close(near, reset=True)
            return
        near.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watched = None if self._observe is None else Watched(self._observe, self._complain)
        link = Link(near, far, self._up, self._down, watched, self._links.remove)
        self._links.append(link)
        self.counters.connections += 1
        link.start()

    async def _reached(self) -> socket.socket:
        """A connection to the service."""
        target = self._target if isinstance(self._target, str) else self._target()
        far = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            far.setblocking(False)
            far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _bound_buffers(far)
            await asyncio.wait_for(asyncio.get_running_loop().sock_connect(far, _endpoint(target)), CONNECT_LIMIT_S)
        except BaseException:
            far.close()
            raise
        return far

    def _opened(self, near: socket.socket, opening: asyncio.Task[None]) -> None:
        self._opening.discard(opening)
        if opening.cancelled():  # even before its first step
            close(near, reset=True)

    async def _give_up_opening(self) -> None:
        opening = list(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)

    def _complain(self, reason: str) -> None:
        self.observer_failures.append(f"path {self.name}: a connection is not observed any more: {reason}")


def _endpoint(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host, int(port)


def _bound_buffers(side: socket.socket) -> None:
    side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BYTES)
    side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
