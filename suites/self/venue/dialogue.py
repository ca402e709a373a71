"""What the tests of all venues share to talk to one: raw sockets, ccxt, and the ledger it is held against."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, TypeVar

import aiohttp

from harness.venue.control import ApiKey, LedgerRow
from suites.self.venue.workshop import Running, until


@asynccontextmanager
async def ccxt_swaps(
    kind: Any, key: ApiKey, config: dict[str, Any], pointed: Callable[[Any], None] = lambda client: None
) -> AsyncIterator[Any]:
    """A ccxt client told that only swaps are traded; its addresses are in `config`, or set by `pointed`."""
    identity = {"apiKey": key.key, "secret": key.secret, "enableRateLimit": False}
    if key.passphrase:
        identity["password"] = key.passphrase
    client = kind({**identity, **config})
    client.has["fetchCurrencies"] = False
    pointed(client)
    try:
        yield client
    finally:
        await client.close()


class Talk:
    """A raw WebSocket that keeps everything it hears; text that is no JSON is kept as it is."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Any] = []
        self.ended = False
        self._task = asyncio.create_task(self._listen())

    def understood(self, text: str) -> Any:
        """What is kept of a frame."""
        return json.loads(text) if text[:1] in ("{", "[") else text

    async def _listen(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.heard.append(self.understood(message.data))
        self.ended = True

    async def say(self, frame: Any) -> None:
        """A frame, or raw text."""
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def answer(self, frame: Any) -> Any:
        """Say something and wait for the next thing heard."""
        count = len(self.heard)
        await self.say(frame)
        await until(lambda: len(self.heard) > count, f"an answer to {frame}")
        return self.heard[count]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


SomeTalk = TypeVar("SomeTalk", bound=Talk)


@asynccontextmanager
async def talking(kind: type[SomeTalk], running: Running, path: str) -> AsyncIterator[SomeTalk]:
    """Connected to ws://venue/path, with nothing said yet."""
    url = f"ws://127.0.0.1:{running.port}{path}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        one = kind(socket)
        try:
            yield one
        finally:
            await one.stop()


async def subscribed(running: Running, count: int) -> None:
    """Until the venue counts so many subscriptions."""

    async def enough() -> bool:
        return len((await running.control.meters()).subscriptions) >= count

    await until(enough, f"{count} subscriptions")


@asynccontextmanager
async def watching(*watches: Callable[[], Any]) -> AsyncIterator[list[list[Any]]]:
    """Each watch again and again into a list of its own, for the length of the block; a watch that fails fails it."""
    seen: list[list[Any]] = [[] for _ in watches]

    async def collect(watch: Callable[[], Any], into: list[Any]) -> None:
        while True:
            into.append(copy.deepcopy(await watch()))  # ccxt changes in place what it has given

    tasks = [asyncio.create_task(collect(*pair)) for pair in zip(watches, seen, strict=True)]
    try:
        yield seen
        assert [task.exception() for task in tasks if task.done()] == []
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def values_of(rows: tuple[LedgerRow, ...], stream: str) -> list[str]:
    """The first spelling of each update of a stream, in order."""
    values: dict[int, str] = {}
    for row in rows:
        if row.stream == stream:
            values.setdefault(row.serial, row.value)
    return list(values.values())


def coins(contracts: str | float, step: str = "0.001") -> Decimal:
    """Contracts as base coins."""
    return Decimal(str(contracts)) * Decimal(step)
