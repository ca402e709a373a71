"""Browser: a WebSocket client of live_server, as an open page would be; what it is sent becomes evidence."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Self

import aiohttp

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Mark, Message, Record
from harness.target.outside import Missing
from harness.target.profile_shape import Pushes

CONNECT_LIMIT_S = 10.0
CLOSE_LIMIT_S = 2.0
KEPT = 500
"""Of so many keys and ids the last word is kept, the oldest forgotten beyond that."""
MOST_UNREAD = 1_000


class PushedStream:
    """One kind of what live_server pushes, in the form that a trial can follow."""

    paused = False
    subscription = 1

    def __init__(self, browser: Browser, stream: str, keys: tuple[str, ...]) -> None:
        self._browser = browser
        self.client = browser.name
        self.stream = stream
        self.keys = keys

    @property
    def live(self) -> int:
        """1 while the WebSocket is open."""
        return int(self._browser.connected)

    def start(self, on_update: Callable[[Any], None] | None = None) -> object:
        """Nothing to do: the server pushes everything from the start."""
        return self

    def mark_live(self) -> None:
        """From now on the page is owed every update."""
        asked = {"keys": ",".join(self.keys)} if self.keys else {}
        self._browser.mark("stream.live", stream=self.stream, subscription="1", **asked)


class Browser:
    """`async with Browser(...)`: connects and keeps what it was told last about each key.

    `last`: (stream, key) -> value, values as in Messages. `unread`: messages of a known kind that could not be read.
    """

    def __init__(self, address: str, pushes: Pushes, record: Callable[[Record], None], name: str = "browser") -> None:
        self.name = name
        self.last: dict[tuple[str, str], str] = {}
        self.ids: dict[str, set[str]] = {}
        """Under each id of an order: every id that was ever shown together with it."""
        self.kinds: dict[str, int] = {}
        self.unread: list[str] = []
        self._url = f"ws://{address}{pushes.path}"
        self._pushes = pushes
        self._record = record
        self._open = contextlib.AsyncExitStack()
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        session = await self._open.enter_async_context(aiohttp.ClientSession())
        try:
            self._socket = await asyncio.wait_for(session.ws_connect(self._url, max_msg_size=0), CONNECT_LIMIT_S)
        except BaseException:
            await self._open.aclose()
            raise
        self.mark("stream.opened", stream="websocket", subscription="1")
        self._reading = asyncio.create_task(self._read(self._socket), name=f"{self.name} reads")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        if self._socket is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._socket.close(), CLOSE_LIMIT_S)
        await self._open.aclose()

    @property
    def connected(self) -> bool:
        """Whether the socket is open."""
        return self._socket is not None and not self._socket.closed

    def stream(self, stream: str, *keys: str) -> PushedStream:
        """What it is pushed of this stream (klines, orders, account, positions), in a form that can be followed."""
        return PushedStream(self, stream, keys)

    def values(self, stream: str) -> Mapping[str, str]:
        """Key -> the value that it was told last."""
        return {key: value for (of, key), value in self.last.items() if of == stream}

    async def until_told(self, kind: str, limit_s: float) -> bool:
        """Whether a message of this kind came within `limit_s`."""
        end_s = monotonic_s() + limit_s
        while not self.kinds.get(kind) and monotonic_s() < end_s:
            await asyncio.sleep(0.02)
        return bool(self.kinds.get(kind))

    def mark(self, name: str, **detail: str) -> None:
        """Record that something happened to this client."""
        self._record(Mark(now_ns(), name, MappingProxyType({"client": self.name, **detail})))

    async def _read(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        async for frame in socket:
            received_ns = now_ns()
            if frame.type is aiohttp.WSMsgType.TEXT:
                self._take(frame.data, received_ns)
        for stream in {stream for stream, _ in self.last}:
            self.mark("stream.down", stream=stream, subscription="1")

    def _take(self, text: str, received_ns: int) -> None:
        try:
            message = json.loads(text)
            kind = str(message["type"])
            updates = self._pushes.read(message)
            shown = [self._ids(kind, one) for one in _items(message)]
        except (ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
            self._unreadable(f"{type(error).__name__}: {text[:200]}")
            return
        for ids in shown:
            for one in ids:
                self.ids.setdefault(one, set()).update(ids)
        _bound(self.ids)
        self.kinds[kind] = self.kinds.get(kind, 0) + 1
        for stream, key, value in updates:
            self.last[stream, key] = value
            _bound(self.last)
            self._record(
                Message(self.name, stream, key, value, serial=0, sent_ns=0, received_ns=received_ns, subscription=1)
            )

    def _ids(self, kind: str, one: object) -> set[str]:
        """Every id in one order that was pushed; Pushes.read takes only the first."""
        how = self._pushes.kinds.get(kind)
        if how is None or how.stream != "orders":
            return set()
        ids = set()
        for name in how.key:
            with contextlib.suppress(Missing):
                ids.add(how.model_copy(update={"key": (name,)}).read(one).key)
        return ids

    def _unreadable(self, what: str) -> None:
        if not self.unread:
            self.mark("push.unreadable", what=what)
        if len(self.unread) < MOST_UNREAD:
            self.unread.append(what)


def _bound(known: dict[Any, Any]) -> None:
    while len(known) > KEPT:
        del known[next(iter(known))]


def _items(message: Any) -> list[object]:
    data = message.get("data") if isinstance(message, dict) else None
    return data if isinstance(data, list) else [data]
