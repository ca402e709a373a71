"""What the Bybit tests share: ccxt's bybit pointed at a real venue process, requests and logins signed by hand."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import hmac
import io
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import ccxt.pro
from yarl import URL

from harness.venue.control import ApiKey, LedgerRow
from suites.self.venue.workshop import KEY, Running, until, venue

PUBLIC, PRIVATE = "/v5/public/linear", "/v5/private"
WINDOW = "5000"


def bybit_venue(*flags: str, keys: tuple[ApiKey, ...] = (KEY,)) -> AbstractAsyncContextManager[Running]:
    """A strict Bybit unless the flags say otherwise."""
    return venue("--venue", "bybit", *flags, keys=keys)


@asynccontextmanager
async def bybit_client(running: Running, key: ApiKey = KEY, **config: Any) -> AsyncIterator[Any]:
    """ccxt.pro's bybit with nothing changed but its addresses, and told that only linear swaps are traded."""
    web = f"ws://127.0.0.1:{running.port}"
    api: dict[str, Any] = dict.fromkeys(("public", "private", "v2", "spot", "futures"), running.url)
    api["ws"] = {
        "public": {"linear": web + PUBLIC},
        "private": {"contract": web + PRIVATE, "spot": {"unified": web + PRIVATE}, "trade": f"{web}/v5/trade"},
    }
    options = {
        "fetchMarkets": {"types": ["linear"]}, "enableUnifiedMargin": False, "enableUnifiedAccount": True,
        "defaultType": "swap",
    }  # fmt: skip
    client = ccxt.pro.bybit(
        {
            "apiKey": key.key, "secret": key.secret, "enableRateLimit": False, "urls": {"api": api},
            "options": options, **config,
        }
    )  # fmt: skip
    client.has["fetchCurrencies"] = False
    try:
        yield client
    finally:
        await client.close()


def now_ms(ahead_ms: int = 0) -> int:
    """This host's clock."""
    return int(time.time() * 1000) + ahead_ms


def signature(secret: str, text: str) -> str:
    """Hex of an HMAC-SHA256."""
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def headers(payload: str, key: ApiKey = KEY, *, ahead_ms: int = 0, window: str = WINDOW) -> dict[str, str]:
    """The headers of a private request whose query or body is `payload`."""
    stamp = str(now_ms(ahead_ms))
    return {
        "X-BAPI-API-KEY": key.key,
        "X-BAPI-TIMESTAMP": stamp,
        "X-BAPI-RECV-WINDOW": window,
        "X-BAPI-SIGN": signature(key.secret, stamp + key.key + window + payload),
        "Content-Type": "application/json",
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any

    @property
    def code(self) -> Any:
        return self.body["retCode"]

    @property
    def result(self) -> Any:
        return self.body["result"]


async def send(running: Running, method: str, path: str, payload: str = "", given: Any = None) -> Answer:
    """One request exactly as written: a GET's payload is its query, a POST's its body."""
    target = f"{running.url}{path}" + (f"?{payload}" if payload and method == "GET" else "")
    body = io.BytesIO(payload.encode()) if method != "GET" else None
    async with aiohttp.ClientSession() as session:
        url = URL(target, encoded=True)
        async with session.request(method, url, data=body, headers=given or {}) as answer:
            return Answer(answer.status, json.loads(await answer.text()))


async def get(running: Running, path: str, query: str = "category=linear", key: ApiKey = KEY) -> Answer:
    """One signed GET."""
    return await send(running, "GET", path, query, headers(query, key))


async def post(running: Running, path: str, body: Any, key: ApiKey = KEY) -> Answer:
    """One signed POST."""
    text = body if isinstance(body, str) else json.dumps(body)
    return await send(running, "POST", path, text, headers(text, key))


ORDER: dict[str, Any] = {
    "category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit", "qty": "0.010", "price": "40000.0",
}  # fmt: skip


def auth_of(owner: ApiKey = KEY, ahead_ms: int = 10_000, **changed: Any) -> dict[str, Any]:
    """An auth frame; `changed`: key, expires, sign."""
    expires = str(now_ms(ahead_ms))
    one = {"key": owner.key, "expires": expires, "sign": signature(owner.secret, f"GET/realtime{expires}"), **changed}
    return {"op": "auth", "args": [one["key"], one["expires"], one["sign"]]}


def subscribe_to(*topics: str, number: str = "1") -> dict[str, Any]:
    """A subscribe frame."""
    return {"op": "subscribe", "req_id": number, "args": list(topics)}


class Talk:
    """A raw WebSocket that keeps everything it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Any] = []
        self.ended = False
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self.socket:
            self.heard.append(json.loads(message.data))
        self.ended = True

    async def say(self, frame: Any) -> None:
        await self.socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def answer(self, frame: Any) -> Any:
        """Say something and wait for the next thing heard."""
        count = len(self.heard)
        await self.say(frame)
        await until(lambda: len(self.heard) > count, f"an answer to {frame}")
        return self.heard[count]

    def frames(self, topic: str) -> list[Any]:
        """All data frames of a topic."""
        return [one for one in self.heard if one.get("topic") == topic]

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
                assert (await one.answer(auth_of()))["success"] is True
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
