"""What the OKX tests share: ccxt's okx pointed at a real venue process, requests and logins signed by hand."""

from __future__ import annotations

import asyncio
import base64
import copy
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import aiohttp
import ccxt.pro
from yarl import URL

from harness.venue.control import ApiKey, LedgerRow
from suites.self.venue.workshop import Running, until, venue

KEY = ApiKey("main", "okx-key-of-main", "okx-secret-of-main", "okx-phrase")
OTHER = ApiKey("other", "okx-key-of-other", "okx-secret-of-other", "other-phrase")
SWAP = "BTC-USDT-SWAP"


def okx_venue(*flags: str, keys: tuple[ApiKey, ...] = (KEY,)) -> AbstractAsyncContextManager[Running]:
    """A strict OKX unless the flags say otherwise."""
    return venue("--venue", "okx", *flags, keys=keys)


@asynccontextmanager
async def okx_client(running: Running, key: ApiKey = KEY, **config: Any) -> AsyncIterator[Any]:
    """ccxt.pro's okx with nothing changed but its addresses, and told that only swaps are traded."""
    api = {"rest": running.url, "ws": f"ws://127.0.0.1:{running.port}/ws/v5"}
    client = ccxt.pro.okx(
        {
            "apiKey": key.key, "secret": key.secret, "password": key.passphrase, "enableRateLimit": False,
            "urls": {"api": api}, "options": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"}, **config,
        }
    )  # fmt: skip
    client.has["fetchCurrencies"] = False
    try:
        yield client
    finally:
        await client.close()


def signature(secret: str, text: str) -> str:
    """Base64 of an HMAC-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def stamp(ago_s: float = 0.0) -> str:
    """ISO 8601 with milliseconds and Z."""
    at = datetime.fromtimestamp(time.time() - ago_s, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def headers(method: str, path: str, body: str = "", key: ApiKey = KEY, at: str = "") -> dict[str, str]:
    """The four headers of a private request; `path` with its query."""
    at = at or stamp()
    return {
        "OK-ACCESS-KEY": key.key,
        "OK-ACCESS-SIGN": signature(key.secret, f"{at}{method}{path}{body}"),
        "OK-ACCESS-TIMESTAMP": at,
        "OK-ACCESS-PASSPHRASE": key.passphrase,
        "Content-Type": "application/json",
    }


async def send(running: Running, method: str, path: str, body: str = "", given: Any = None) -> tuple[int, Any]:
    """One request exactly as written: (HTTP status, decoded body)."""
    async with aiohttp.ClientSession() as session:
        url = URL(f"{running.url}{path}", encoded=True)
        async with session.request(method, url, data=body.encode() or None, headers=given or {}) as answer:
            return answer.status, json.loads(await answer.text())


async def ask(running: Running, method: str, path: str, body: Any = None, key: ApiKey = KEY) -> tuple[int, Any]:
    """One private request signed as it should be."""
    text = "" if body is None else json.dumps(body)
    return await send(running, method, path, text, headers(method, path, text, key))


def login_of(key: ApiKey = KEY, ago_s: float = 0.0, **changed: str) -> dict[str, Any]:
    """A login frame."""
    at = str(int(time.time() - ago_s))
    one = {
        "apiKey": key.key,
        "passphrase": key.passphrase,
        "timestamp": at,
        "sign": signature(key.secret, f"{at}GET/users/self/verify"),
    }
    return {"op": "login", "args": [{**one, **changed}]}


class Talk:
    """A raw WebSocket that keeps everything it hears, text frames that are no JSON as text."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Any] = []
        self.ended = False
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self.socket:
            text = str(message.data)
            self.heard.append(json.loads(text) if text.startswith("{") else text)
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
        """All data items of a channel."""
        frames = [one for one in self.heard if isinstance(one, dict) and "data" in one]
        return [item for one in frames if one["arg"]["channel"] == channel for item in one["data"]]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def talk(running: Running, path: str = "/", *, login: bool = False) -> AsyncIterator[Talk]:
    """Connected, and logged in when asked to."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{running.port}{path}") as socket,
    ):
        one = Talk(socket)
        try:
            if login:
                assert (await one.answer(login_of()))["event"] == "login"
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
    """Each watch again and again into a list of its own, for the length of the block."""
    seen: list[list[Any]] = [[] for _ in watches]

    async def collect(watch: Callable[[], Any], into: list[Any]) -> None:
        while True:
            into.append(copy.deepcopy(await watch()))  # ccxt changes in place what it has given

    tasks = [asyncio.create_task(collect(*pair)) for pair in zip(watches, seen, strict=True)]
    try:
        yield seen
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
