"""What the Bybit tests share: ccxt's bybit pointed at a real venue process, requests and logins signed by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import ccxt.pro

from harness.venue.control import ApiKey
from suites.self.venue import dialogue
from suites.self.venue.dialogue import ccxt_swaps, talking
from suites.self.venue.workshop import KEY, Running, requested, venue

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
    config = {"urls": {"api": api}, "options": options, **config}
    async with ccxt_swaps(ccxt.pro.bybit, key, config) as client:
        yield client


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
    target = path + (f"?{payload}" if payload and method == "GET" else "")
    status, text = await requested(running, method, target, "" if method == "GET" else payload, given)
    return Answer(status, json.loads(text))


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


class Talk(dialogue.Talk):
    """A socket of Bybit."""

    def frames(self, topic: str) -> list[Any]:
        """All data frames of a topic."""
        return [one for one in self.heard if one.get("topic") == topic]


@asynccontextmanager
async def talk(running: Running, path: str = "/", *, login: bool = False) -> AsyncIterator[Talk]:
    """Connected, and logged in when asked to."""
    async with talking(Talk, running, path) as one:
        if login:
            assert (await one.answer(auth_of()))["success"] is True
        yield one
