"""What the venue's tests share: a real venue process, ccxt pointed at it, and requests signed by hand."""

from __future__ import annotations

import asyncio
import atexit
import functools
import hashlib
import hmac
import io
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import aiohttp
import ccxt.pro
from yarl import URL

from harness.venue.control import ApiKey, VenueControl
from suites.self.venue.warm import WarmVenues

KEY = ApiKey("main", "a" * 64, "secret-of-main")
OTHER = ApiKey("other", "b" * 64, "secret-of-other")
LIMIT_S = 20.0
BTC = "BTC/USDT:USDT"


@dataclass(frozen=True, slots=True)
class Running:
    """A venue process that is ready."""

    port: int
    control: VenueControl

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@functools.cache
def warm_venues() -> WarmVenues:
    """One for all tests of this process."""
    started = WarmVenues()
    atexit.register(started.stop)
    return started


@asynccontextmanager
async def venue(*flags: str, keys: tuple[ApiKey, ...] = (KEY,)) -> AsyncIterator[Running]:
    """A new process of the venue's own command line, stopped by SIGTERM, which must end it with exit code 0."""
    listed = [{"name": one.name, "key": one.key, "secret": one.secret, "passphrase": one.passphrase} for one in keys]
    process = warm_venues().start(("--tick-s", "0", *flags), json.dumps(listed))
    try:
        ready = json.loads(await process.first_line())
        async with VenueControl.connect(f"127.0.0.1:{ready['control_port']}") as control:
            yield Running(ready["port"], control)
            assert process.returncode is None, "the venue died"
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
    finally:
        process.close()


@asynccontextmanager
async def ccxt_client(running: Running, key: ApiKey = KEY, **config: Any) -> AsyncIterator[Any]:
    """binanceusdm with nothing changed but its addresses."""
    rest = running.url
    api: dict[str, Any] = {"sapi": f"{rest}/sapi/v1", "fapiPublic": f"{rest}/fapi/v1", "fapiPrivate": f"{rest}/fapi/v1"}
    for version in (2, 3):
        api[f"fapiPublicV{version}"] = api[f"fapiPrivateV{version}"] = f"{rest}/fapi/v{version}"
    api["ws"] = {"linear": f"ws://127.0.0.1:{running.port}/ws"}
    client = ccxt.pro.binanceusdm(
        {"apiKey": key.key, "secret": key.secret, "enableRateLimit": False, "urls": {"api": api}, **config}
    )
    try:
        yield client
    finally:
        await client.close()


def run(body: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """One test body in a loop of its own, with a limit."""
    asyncio.run(asyncio.wait_for(body(), 60))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; `code` is the native one, None when the body has none."""

    status: int
    body: Any

    @property
    def code(self) -> int | None:
        return self.body.get("code") if isinstance(self.body, dict) else None


def signed(params: dict[str, Any], key: ApiKey = KEY, **changed: Any) -> str:
    """A query with timestamp and signature last."""
    query = urlencode({"timestamp": int(time.time() * 1000), **params, **changed})
    return f"{query}&signature={hmac.new(key.secret.encode(), query.encode(), hashlib.sha256).hexdigest()}"


async def requested(
    running: Running, method: str, target: str, body: str | bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, str]:
    """One request exactly as written, `target` with its query: (HTTP status, text)."""
    # A file, not bytes: aiohttp warns of large ones.
    data = io.BytesIO(body.encode() if isinstance(body, str) else body) if body else None
    async with aiohttp.ClientSession() as session:
        url = URL(f"{running.url}{target}", encoded=True)
        async with session.request(method, url, data=data, headers=headers or {}) as answer:
            return answer.status, await answer.text()


async def ask(
    running: Running, method: str, path: str, query: str = "", *, key: str | None = KEY.key, body: bytes = b""
) -> Answer:
    """One request exactly as written."""
    headers = {} if key is None else {"X-MBX-APIKEY": key}
    status, text = await requested(running, method, path + (f"?{query}" if query else ""), body, headers)
    try:
        return Answer(status, json.loads(text))
    except ValueError:
        return Answer(status, text)


async def ask_signed(running: Running, method: str, path: str, **params: Any) -> Answer:
    """One request signed as it should be."""
    return await ask(running, method, path, signed(params))


async def inside_a_minute(needed_s: float) -> None:
    """Wait for the next full minute if this one is over too soon: a closing candle is an update of its own.

    To be asked before the venue starts: the first move after a minute's turn closes the candle of the minute before.
    """
    left_s = 60 - time.time() % 60
    if left_s < needed_s:
        await asyncio.sleep(left_s + 0.2)


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for a condition, sync or async."""
    end_s = time.monotonic() + LIMIT_S
    while True:
        holds = condition()
        if asyncio.iscoroutine(holds):
            holds = await holds
        if holds:
            return
        assert time.monotonic() < end_s, f"{what} did not happen within {LIMIT_S:g} s"
        await asyncio.sleep(0.01)


class Listener:
    """A raw WebSocket that keeps everything it hears."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.heard: list[dict[str, Any]] = []
        self.pongs = 0
        self.ended = ""
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        try:
            async for message in self.socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.heard.append(json.loads(message.data))
                elif message.type is aiohttp.WSMsgType.PONG:
                    self.pongs += 1
        finally:
            self.ended = "closed"

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.heard if one.get("e") == kind]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def listener(running: Running, path: str) -> AsyncIterator[Listener]:
    """Connected to ws://venue/path."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{running.port}{path}", autoping=False) as socket,
    ):
        one = Listener(socket)
        try:
            yield one
        finally:
            await one.stop()


async def listen_key(running: Running, key: ApiKey = KEY) -> str:
    answer = await ask(running, "POST", "/fapi/v1/listenKey", key=key.key)
    assert answer.status == 200
    return str(answer.body["listenKey"])
