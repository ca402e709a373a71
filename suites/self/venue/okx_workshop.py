"""What the OKX tests share: ccxt's okx pointed at a real venue process, requests and logins signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import ccxt.pro

from harness.venue.control import ApiKey
from suites.self.venue import dialogue
from suites.self.venue.dialogue import ccxt_swaps, talking
from suites.self.venue.workshop import Running, requested, venue

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
    config = {
        "urls": {"api": api}, "options": {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap"}, **config,
    }  # fmt: skip
    async with ccxt_swaps(ccxt.pro.okx, key, config) as client:
        yield client


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
    status, text = await requested(running, method, path, body, given)
    return status, json.loads(text)


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


class Talk(dialogue.Talk):
    """A socket of OKX."""

    def data(self, channel: str) -> list[Any]:
        """All data items of a channel."""
        frames = [one for one in self.heard if isinstance(one, dict) and "data" in one]
        return [item for one in frames if one["arg"]["channel"] == channel for item in one["data"]]


@asynccontextmanager
async def talk(running: Running, path: str = "/", *, login: bool = False) -> AsyncIterator[Talk]:
    """Connected, and logged in when asked to."""
    async with talking(Talk, running, path) as one:
        if login:
            assert (await one.answer(login_of()))["event"] == "login"
        yield one
