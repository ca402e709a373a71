"""What the Gate tests share: ccxt's gate pointed at a real venue process, requests and subscriptions signed by hand."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.pro
from yarl import URL

from harness.venue.control import ApiKey, LedgerRow
from suites.self.venue.workshop import Running, until, venue

KEY = ApiKey("main", "gate-key-of-main", "gate-secret-of-main")
OTHER = ApiKey("other", "gate-key-of-other", "gate-secret-of-other")
CONTRACT = "BTC_USDT"
FUTURES = "/api/v4/futures/usdt/"
UID = "20011"


def gate_venue(*flags: str, keys: tuple[ApiKey, ...] = (KEY,)) -> AbstractAsyncContextManager[Running]:
    """A strict Gate unless the flags say otherwise."""
    return venue("--venue", "gate", *flags, keys=keys)


def _everywhere(shape: Any, address: str) -> Any:
    return {name: _everywhere(one, address) for name, one in shape.items()} if isinstance(shape, dict) else address


@asynccontextmanager
async def gate_client(running: Running, key: ApiKey = KEY, **config: Any) -> AsyncIterator[Any]:
    """ccxt.pro's gate with nothing changed but its addresses, and told that only swaps are traded."""
    client = ccxt.pro.gate(
        {
            "apiKey": key.key, "secret": key.secret, "uid": UID, "enableRateLimit": False,
            "options": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap", "unifiedAccount": False}, **config,
        }
    )  # fmt: skip
    socket = f"ws://127.0.0.1:{running.port}/v4/ws/futures/usdt"
    for name, shape in client.urls["api"].items():
        rest = name in ("public", "private")
        client.urls["api"][name] = _everywhere(shape, f"{running.url}/api/v4" if rest else socket)
    client.has["fetchCurrencies"] = False
    try:
        yield client
    finally:
        await client.close()


def signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha512).hexdigest()


def headers(method: str, path: str, query: str = "", body: str = "", key: ApiKey = KEY, at: str = "") -> dict[str, str]:
    """The three headers of a private request, and the type of its body."""
    at = at or str(int(time.time()))
    text = f"{method}\n{path}\n{query}\n{hashlib.sha512(body.encode()).hexdigest()}\n{at}"
    return {
        "KEY": key.key, "SIGN": signature(key.secret, text), "Timestamp": at, "Content-Type": "application/json",
    }  # fmt: skip


async def send(
    running: Running, method: str, path: str, query: str = "", body: str = "", given: Any = None
) -> tuple[int, Any]:
    """One request exactly as written: (HTTP status, decoded body)."""
    async with aiohttp.ClientSession() as session:
        url = URL(f"{running.url}{path}" + (f"?{query}" if query else ""), encoded=True)
        async with session.request(method, url, data=body.encode() or None, headers=given or {}) as answer:
            return answer.status, json.loads(await answer.text())


async def ask(
    running: Running, method: str, path: str, query: str = "", body: Any = None, key: ApiKey = KEY
) -> tuple[int, Any]:
    """One private request signed as it should be; `path` without /api/v4/futures/usdt/."""
    text = "" if body is None else json.dumps(body)
    path = path if path.startswith("/") else FUTURES + path
    return await send(running, method, path, query, text, headers(method, path, query, text, key))


def public(channel: str, *payload: str, event: str = "subscribe", **more: Any) -> dict[str, Any]:
    """A frame without a signature."""
    return {"time": int(time.time()), "channel": channel, "event": event, "payload": list(payload), **more}


def private(
    channel: str, *payload: str, key: ApiKey = KEY, ago_s: int = 0, event: str = "subscribe", **more: Any
) -> dict[str, Any]:
    """A signed frame."""
    at = int(time.time()) - ago_s
    sign = signature(key.secret, f"channel={channel}&event={event}&time={at}")
    auth = {"method": "api_key", "KEY": key.key, "SIGN": sign}
    return {"time": at, "channel": channel, "event": event, "payload": list(payload), "auth": auth, **more}


class Talk:
    """A raw WebSocket that keeps everything it hears, decimals untouched."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Any] = []
        self.ended = False
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self.socket:
            self.heard.append(json.loads(str(message.data), parse_float=Decimal))
        self.ended = True

    async def say(self, frame: Any) -> None:
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def answer(self, frame: Any) -> Any:
        """Say something and wait for the next thing heard."""
        count = len(self.heard)
        await self.say(frame)
        await until(lambda: len(self.heard) > count, f"an answer to {frame}")
        return self.heard[count]

    def data(self, channel: str) -> list[Any]:
        """All items of a channel's updates."""
        results = [one["result"] for one in self.heard if (one["event"], one["channel"]) == ("update", channel)]
        return [item for one in results for item in (one if isinstance(one, list) else [one])]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def talk(running: Running, path: str = "/") -> AsyncIterator[Talk]:
    """Connected, with nothing said yet."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{running.port}{path}") as socket,
    ):
        one = Talk(socket)
        try:
            yield one
        finally:
            await one.stop()


async def subscribed(running: Running, count: int) -> None:
    """Wait until the venue has so many subscriptions."""

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
    """One value a serial, in order."""
    values: dict[int, str] = {}
    for row in rows:
        if row.stream == stream:
            values.setdefault(row.serial, row.value)
    return list(values.values())


def coins(contracts: str | float, step: str = "0.001") -> Decimal:
    """Contracts as base coins."""
    return Decimal(str(contracts)) * Decimal(step)
