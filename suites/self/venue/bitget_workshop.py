"""What the bitget tests share: ccxt's bitget pointed at a real venue process, requests and logins signed by hand."""

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
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import ccxt.pro
from yarl import URL

from harness.venue.control import ApiKey, LedgerRow
from suites.self.venue.workshop import Running, until, venue

KEY = ApiKey("main", "bg_" + "a" * 32, "bitget-secret-of-main", "phrase")
OTHER = ApiKey("other", "bg_" + "b" * 32, "bitget-secret-of-other", "other-phrase")
PRODUCT = {"productType": "USDT-FUTURES"}
MIX = "/api/v2/mix"
ORDER = {
    "symbol": "BTCUSDT", **PRODUCT, "marginMode": "crossed", "marginCoin": "USDT", "side": "buy", "orderType": "limit",
    "force": "gtc", "size": "0.01", "price": "40000",
}  # fmt: skip


def bitget_venue(*flags: str, keys: tuple[ApiKey, ...] = (KEY,)) -> AbstractAsyncContextManager[Running]:
    """A strict bitget unless the flags say otherwise."""
    return venue("--venue", "bitget", *flags, keys=keys)


def pointed(client: Any, running: Running) -> None:
    """Every address of a ccxt bitget goes to the venue."""
    api = client.urls["api"]
    for name, value in list(api.items()):
        if isinstance(value, str):
            api[name] = running.url
        else:
            paths = {one: "private" if "rivate" in one else "public" for one in value}
            api[name] = {one: f"ws://127.0.0.1:{running.port}/v2/ws/{path}" for one, path in paths.items()}


@asynccontextmanager
async def bitget_client(running: Running, key: ApiKey = KEY, **config: Any) -> AsyncIterator[Any]:
    """ccxt.pro's bitget with nothing changed but its addresses, and told that only swaps are traded."""
    options = {"fetchMarkets": {"types": ["swap"]}, "uta": False, "defaultType": "swap"}
    client = ccxt.pro.bitget(
        {
            "apiKey": key.key, "secret": key.secret, "password": key.passphrase, "enableRateLimit": False,
            "options": options, **config,
        }
    )  # fmt: skip
    client.has["fetchCurrencies"] = False
    pointed(client, running)
    try:
        yield client
    finally:
        await client.close()


def signature(secret: str, text: str) -> str:
    """Base64 of an HMAC-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()).decode()


def headers(method: str, path: str, body: str = "", key: ApiKey = KEY, ago_ms: int = 0) -> dict[str, str]:
    """The headers of a private request; `path` with its query."""
    stamp = str(int(time.time() * 1000) - ago_ms)
    return {
        "ACCESS-KEY": key.key,
        "ACCESS-SIGN": signature(key.secret, f"{stamp}{method}{path}{body}"),
        "ACCESS-TIMESTAMP": stamp,
        "ACCESS-PASSPHRASE": key.passphrase,
        "Content-Type": "application/json",
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["code"])

    @property
    def data(self) -> Any:
        assert (self.status, self.code, self.body["msg"]) == (200, "00000", "success"), self
        return self.body["data"]


async def send(running: Running, method: str, path: str, body: str, given: dict[str, str]) -> Answer:
    """One request exactly as written."""
    async with aiohttp.ClientSession() as session:
        url = URL(f"{running.url}{path}", encoded=True)
        async with session.request(method, url, data=body.encode() or None, headers=given) as answer:
            text = await answer.text()
    try:
        return Answer(answer.status, json.loads(text))
    except ValueError:
        return Answer(answer.status, {"code": "none", "text": text})


async def get(running: Running, path: str, params: dict[str, Any] | None = None, key: ApiKey = KEY) -> Answer:
    """A GET signed as it should be."""
    whole = f"{path}?{urlencode(params)}" if params else path
    return await send(running, "GET", whole, "", headers("GET", whole, "", key))


async def post(running: Running, path: str, body: Any, key: ApiKey = KEY) -> Answer:
    """A POST signed as it should be."""
    text = json.dumps(body)
    return await send(running, "POST", path, text, headers("POST", path, text, key))


def login_of(key: ApiKey = KEY, ago_s: float = 0.0, **changed: Any) -> dict[str, Any]:
    """A login frame."""
    stamp = str(int(time.time() - ago_s))
    sign = signature(key.secret, f"{stamp}GET/user/verify")
    one = {"apiKey": key.key, "passphrase": key.passphrase, "timestamp": stamp, "sign": sign}
    return {"op": "login", "args": [{**one, **changed}]}


def subscribe_to(
    channel: str, of: str = "BTCUSDT", kind: str = "USDT-FUTURES", op: str = "subscribe"
) -> dict[str, Any]:
    """A frame for one channel."""
    return {
        "op": op,
        "args": [{"instType": kind, "channel": channel, "coin" if channel == "account" else "instId": of}],
    }


class Talk:
    """A raw WebSocket that keeps everything it hears; text that is no JSON is kept as it is."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[Any] = []
        self.ended = False
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self.socket:
            if message.type is aiohttp.WSMsgType.TEXT:
                self.heard.append(message.json() if message.data[:1] in "{[" else message.data)
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

    def data(self, channel: str) -> list[dict[str, Any]]:
        """All data frames of a channel."""
        return [one for one in self.heard if isinstance(one, dict) and one.get("arg", {}).get("channel") == channel
                and "action" in one]  # fmt: skip

    async def caught_up(self) -> None:
        """Everything that was sent before now has been heard."""
        pongs = self.heard.count("pong")
        await self.say("ping")
        await until(lambda: self.heard.count("pong") > pongs, "a pong")

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def talk(running: Running, path: str = "/v2/ws/public", login: ApiKey | None = None) -> AsyncIterator[Talk]:
    """Connected, and logged in when asked."""
    url = f"ws://127.0.0.1:{running.port}{path}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        one = Talk(socket)
        try:
            if login is not None:
                assert await one.answer(login_of(login)) == {"event": "login", "code": 0}
            yield one
        finally:
            await one.stop()


async def subscribed(running: Running, count: int) -> None:
    """Until the venue counts so many subscriptions."""

    async def enough() -> bool:
        return len((await running.control.meters()).subscriptions) >= count

    await until(enough, f"{count} subscriptions")


async def collect(watch: Callable[[], Any], into: list[Any]) -> None:
    """Watch for ever; ccxt changes in place what it has given, so copies are kept."""
    while True:
        into.append(copy.deepcopy(await watch()))


def values_of(rows: tuple[LedgerRow, ...], stream: str) -> list[str]:
    """The first spelling of each update of a stream."""
    values: dict[int, str] = {}
    for row in rows:
        if row.stream == stream:
            values.setdefault(row.serial, row.value)
    return list(values.values())
