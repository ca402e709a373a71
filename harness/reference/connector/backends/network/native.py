"""The ccxt.pro exchange object: exact numbers, every address replaced, every frame and socket event tapped."""

from __future__ import annotations

import asyncio
import importlib
import json
import ssl
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import urlsplit

import aiohttp
import certifi

from harness.reference.connector.backends.network.dialect import Native
from harness.reference.connector.settings import Credentials

REST_LIMIT_MS = 10_000
KEEP_CONNECTION_S = 3.0
"""REST connections above what is in use are closed after this. Less than two periods of the venue's probe: it takes the
idle connections in turn, and would keep two of them for ever."""
DIAL_LIMIT_MS = 4_000
PING_PERIOD_MS = 5_000
"""Two unanswered pings end a socket, so a black-holed venue is noticed within 15 s."""


class Tap(Protocol):
    """Who hears of frames and sockets before ccxt does."""

    def frame(self, client: Native, message: Any) -> bool:
        """True: done with; False: ccxt shall handle it."""
        ...

    def connected(self, client: Native) -> None:
        """A socket is open."""
        ...


def open_native(
    ccxt_id: str,
    config: Mapping[str, Any],
    credentials: Credentials,
    tap: Tap,
    *,
    with_tls: bool,
    exact_frames: bool = False,
) -> Native:
    """An exchange of that id whose numbers are strings and whose orders keep the digits they were given."""
    own_ssl = ssl.create_default_context(cafile=certifi.where()) if with_tls else True
    connector = aiohttp.TCPConnector(ssl=own_ssl, keepalive_timeout=KEEP_CONNECTION_S)
    module = importlib.import_module(f"ccxt.pro.{ccxt_id}")
    native = _tapped(getattr(module, ccxt_id), tap, exact_frames)(
        {
            "apiKey": credentials.api_key,
            "secret": credentials.secret,
            "password": credentials.passphrase,
            "timeout": REST_LIMIT_MS,
            # The venue counts; a refusal for rate goes to the client instead of a queue growing here.
            "enableRateLimit": False,
            "session": aiohttp.ClientSession(connector=connector, trust_env=True),
            **config,
        }
    )
    native.number = str
    native.streaming = {**native.streaming, "keepAlive": PING_PERIOD_MS, "connectionTimeout": DIAL_LIMIT_MS}
    return native


def _tapped(exchange_class: Any, tap: Tap, exact_frames: bool) -> Any:
    class Tapped(exchange_class):  # type: ignore[misc]
        """ccxt's class with the tap in front; conflating futures are left to ccxt's own use."""

        def client(self, url: str) -> Native:
            found = super().client(url)
            if exact_frames and "own_reader" not in found.__dict__:
                found.own_reader = found.handle_text_or_binary_message = _exact_reader(found)
            return found

        def handle_message(self, client: Native, message: Any) -> None:
            if not tap.frame(client, message):
                super().handle_message(client, message)

        def on_connected(self, client: Native, message: Any = None) -> None:
            super().on_connected(client, message)
            tap.connected(client)

        def ws_dial_delay(self, url: str) -> float:
            return 0.0  # Feeds has a back-off of its own, and a client's next attempt must not wait for another's

        def amount_to_precision(self, symbol: str, amount: Any) -> str:
            return str(amount)  # too many digits are the venue's to refuse, never ours to cut

        def price_to_precision(self, symbol: str, price: Any) -> str:
            return str(price)

        def delay(self, timeout: float, method: Any, *args: Any) -> asyncio.TimerHandle:
            # Each new listen key starts a chain of renewals; only the newest one may live.
            timers = self.__dict__.setdefault("own_timers", {})
            previous = timers.pop(method.__name__, None)
            if previous is not None:
                previous.cancel()
            timer: asyncio.TimerHandle = super().delay(timeout, method, *args)
            timers[method.__name__] = timer
            return timer

    return Tapped


def _exact_reader(client: Native) -> Any:
    """What ccxt's client does with a frame, except that a number with a fraction stays the text that it is."""

    def read(data: str | bytes) -> None:
        text = data if isinstance(data, str) else data.decode()
        message = json.loads(text, parse_float=str) if text[:1] in ("{", "[") else text
        client.on_message_callback(client, message)

    return read


async def close_native(native: Native) -> None:
    """Close sockets, session and timers."""
    for timer in native.__dict__.get("own_timers", {}).values():
        timer.cancel()
    native.timeout_on_exit = 0
    session = native.session
    await native.close()
    await session.close()


def rehosted(node: Any, base_url: str) -> Any:
    """A tree of addresses with scheme and host replaced by `base_url` (ws for wss), paths kept."""
    if isinstance(node, dict):
        return {key: rehosted(value, base_url) for key, value in node.items()}
    if not isinstance(node, str) or "://" not in node:
        return node
    parts = urlsplit(node)
    base = base_url.replace("http", "ws", 1) if parts.scheme in ("ws", "wss") else base_url
    return base + parts.path


def sockets_of(native: Native) -> list[Native]:
    """WebSocket clients with an open connection."""
    return [
        client for client in (native.clients or {}).values() if client.connection is not None and not client.closed()
    ]
