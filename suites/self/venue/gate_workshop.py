"""What the Gate tests share: ccxt's gate pointed at a real venue process, requests and subscriptions signed by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from typing import Any

import ccxt.pro

from harness.venue.control import ApiKey
from suites.self.venue import dialogue
from suites.self.venue.dialogue import ccxt_swaps, talking
from suites.self.venue.workshop import Running, requested, venue

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
    socket = f"ws://127.0.0.1:{running.port}/v4/ws/futures/usdt"

    def pointed(client: Any) -> None:
        for name, shape in client.urls["api"].items():
            rest = name in ("public", "private")
            client.urls["api"][name] = _everywhere(shape, f"{running.url}/api/v4" if rest else socket)

    options = {"fetchMarkets": {"types": ["swap"]}, "defaultType": "swap", "unifiedAccount": False}
    async with ccxt_swaps(ccxt.pro.gate, key, {"uid": UID, "options": options, **config}, pointed) as client:
        yield client


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
    status, text = await requested(running, method, path + (f"?{query}" if query else ""), body, given)
    return status, json.loads(text)


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


class Talk(dialogue.Talk):
    """A socket of Gate: decimals untouched."""

    def understood(self, text: str) -> Any:
        return json.loads(text, parse_float=Decimal)

    def data(self, channel: str) -> list[Any]:
        """All items of a channel's updates."""
        results = [one["result"] for one in self.heard if (one["event"], one["channel"]) == ("update", channel)]
        return [item for one in results for item in (one if isinstance(one, list) else [one])]


def talk(running: Running, path: str = "/") -> AbstractAsyncContextManager[Talk]:
    """Connected, with nothing said yet."""
    return talking(Talk, running, path)
