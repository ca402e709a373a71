"""Endpoints: the venue's public and private sockets, kept while needed, closed when idle, dialled again when lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, Protocol

from harness.reference.connector.backends.network.dialect import Dialect, Native
from harness.reference.connector.backends.network.native import sockets_of
from harness.reference.connector.refusal import unavailable
from harness.reference.log import Log

DIAL_LIMIT_S = 5.0
CLOSE_LIMIT_S = 2.0
FIRST_REDIAL_S = 0.25
MAX_REDIAL_S = 2.0
LINGER_S = 2.0
"""A socket outlives its last subscription by this, so that a client that comes and goes costs no dial."""
_LOOK_S = 0.02


class Users(Protocol):
    """Who needs the endpoints."""

    def needs(self, private: bool) -> bool:
        """Whether any subscription uses the endpoint."""
        ...

    async def dial_private(self) -> None:
        """Open the private socket, with its login, and hold it. Raises when it cannot be opened."""
        ...

    async def leave_private(self) -> None:
        """Close the private socket, unless somebody needs it again."""
        ...


class Endpoints:
    """At most one socket each. `private` says which."""

    def __init__(self, dialect: Dialect, users: Users, log: Log) -> None:
        self._dialect = dialect
        self._users = users
        self._log = log
        self._native: Native = None
        self._lingering: dict[bool, asyncio.TimerHandle] = {}
        self._broken: set[bool] = set()
        self._public_urls: set[str] = set()
        """Most venues have one; OKX has candles at an address of their own."""
        self._chores: set[asyncio.Task[None]] = set()

    def use(self, native: Native) -> None:
        """The exchange object, made after this one."""
        self._native = native

    def opened(self, client: Native) -> bool:
        """A socket is open; returns whether it is the private one."""
        private = self._dialect.is_private(client.url)
        if not private:
            self._public_urls.add(client.url)
        self._log.info("venue socket open", endpoint="private" if private else "public")
        return private

    def count(self) -> int:
        """Open sockets."""
        return len(sockets_of(self._native))

    def broken(self) -> str:
        """Which endpoint cannot be reached at the moment; "" when all is well or nobody needs one."""
        return "private" if True in self._broken else "public" if self._broken else ""

    def broke(self, *, private: bool) -> None:
        """The socket was lost or could not be opened: dial until it is there again."""
        if private not in self._broken:
            self._broken.add(private)
            self._start(self._redial(private), "redial venue")

    def stay(self, *, private: bool) -> None:
        """Somebody needs the socket."""
        timer = self._lingering.pop(private, None)
        if timer is not None:
            timer.cancel()

    def linger(self, *, private: bool) -> None:
        """Nobody may need the socket any more: close it soon, unless somebody comes."""
        if not self._users.needs(private):
            self.stay(private=private)
            loop = asyncio.get_running_loop()
            self._lingering[private] = loop.call_later(LINGER_S, self._leave_soon, private)

    async def close_sockets(self, *, private: bool) -> None:
        """Close what is open; ccxt then cancels whatever waits for it."""
        await _close(self._detached(private))

    def give_up(self, *, private: bool) -> None:
        """Close them in the background: they are open but of no use any more."""
        self._start(_close(self._detached(private)), "close venue sockets")

    async def close(self) -> None:
        """End every timer and task."""
        for timer in self._lingering.values():
            timer.cancel()
        chores = list(self._chores)
        for chore in chores:
            chore.cancel()
        await asyncio.gather(*chores, return_exceptions=True)

    def _detached(self, private: bool) -> list[Native]:
        # At once, before anything can be dialled under the same address.
        found = [one for one in sockets_of(self._native) if self._dialect.is_private(one.url) == private]
        for client in found:
            self._native.clients.pop(client.url, None)
        return found

    def _leave_soon(self, private: bool) -> None:
        self._lingering.pop(private, None)
        self._start(self._leave(private), "close venue sockets")

    async def _leave(self, private: bool) -> None:
        if private:
            await self._users.leave_private()
        elif not self._users.needs(False):
            await self.close_sockets(private=False)

    async def _redial(self, private: bool) -> None:
        pause_s = FIRST_REDIAL_S
        while True:
            try:
                async with asyncio.timeout(DIAL_LIMIT_S):
                    await (self._users.dial_private() if private else self._dial_public())
                break
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt follows
                self._log.debug("venue redial failed", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_REDIAL_S)
        self._broken.discard(private)
        self.linger(private=private)

    async def _dial_public(self) -> None:
        for url in sorted(self._public_urls):  # none was ever reached: the next subscription dials
            client = self._native.client(url)
            connected = client.connect(self._native.session)
            while not connected.done():
                if client.error is not None:  # ccxt leaves `connected` pending for ever then
                    raise unavailable(str(client.error))
                await asyncio.sleep(_LOOK_S)

    def _start(self, chore: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(chore, name=name)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


async def _close(clients: list[Native]) -> None:
    for client in clients:
        with contextlib.suppress(Exception):
            async with asyncio.timeout(CLOSE_LIMIT_S):
                await client.close()
