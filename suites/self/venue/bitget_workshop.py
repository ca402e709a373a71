"""What the bitget tests share: ccxt's bitget pointed at a real venue process, requests and logins signed by hand."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import ccxt.pro

from harness.venue.control import ApiKey
from suites.self.venue import dialogue
from suites.self.venue.dialogue import ccxt_swaps, talking
from suites.self.venue.workshop import Running, requested, until, venue

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
    config = {"options": options, **config}
    async with ccxt_swaps(ccxt.pro.bitget, key, config, lambda client: pointed(client, running)) as client:
        yield client


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
    status, text = await requested(running, method, path, body, given)
    try:
        return Answer(status, json.loads(text))
    except ValueError:
        return Answer(status, {"code": "none", "text": text})


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


class Talk(dialogue.Talk):
    """A socket of bitget."""

    def data(self, channel: str) -> list[dict[str, Any]]:
        """All data frames of a channel."""
        return [one for one in self.heard if isinstance(one, dict) and one.get("arg", {}).get("channel") == channel
                and "action" in one]  # fmt: skip

    async def caught_up(self) -> None:
        """Everything that was sent before now has been heard."""
        pongs = self.heard.count("pong")
        await self.say("ping")
        await until(lambda: self.heard.count("pong") > pongs, "a pong")


@asynccontextmanager
async def talk(running: Running, path: str = "/v2/ws/public", login: ApiKey | None = None) -> AsyncIterator[Talk]:
    """Connected, and logged in when asked."""
    async with talking(Talk, running, path) as one:
        if login is not None:
            assert await one.answer(login_of(login)) == {"event": "login", "code": 0}
        yield one
