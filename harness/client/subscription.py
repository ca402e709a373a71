"""One stream of one client, kept open until cancelled: subscribes again after every error, with back-off."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import MappingProxyType
from typing import Any, Protocol

from grpc import aio

from harness.client.backoff import Backoff
from harness.client.channel import one_line
from harness.client.content import Update, digest_of, read
from harness.client.errors import ConnectFailed, RemoteError
from harness.client.link import Link, RawStream
from harness.client.requests import StreamRequest
from harness.evidence.clock import now_ns
from harness.evidence.records import Mark, Message, Record

CANCEL_LIMIT_S = 5.0

OnUpdate = Callable[[Update], None]
OnError = Callable[[RemoteError], None]


class Connection(Protocol):
    """What a subscription needs from the client that it belongs to."""

    name: str
    backoff: Backoff

    @property
    def secret(self) -> str | None:
        """The API key, to be kept out of everything that is written."""
        ...

    async def connected(self) -> Link:
        """The verified connection, waited for during an outage. ConnectFailed when the client has given up."""
        ...

    def admit(self, subscription: Subscription) -> None:
        """Register a subscription that starts. RuntimeError when its stream has one already."""
        ...

    def next_epoch(self, stream: str) -> int:
        """Number of the client's next subscription to `stream`, from 1."""
        ...

    def came_back(self, subscription: Subscription, link: Link | None) -> None:
        """The subscription is open on `link`; None: it is over."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that the client accounts for."""
        ...

    def record(self, record: Record) -> None:
        """Write one record of evidence."""
        ...


class Subscription:
    """A stream of updates; made by RemoteExchange, opened by `start`, ended by `cancel` and by nothing else.

    `attempts`: calls opened by this subscription; `subscription`: number of the latest one among all of
    the client's to this stream; `received`: messages over all of them.
    """

    def __init__(self, connection: Connection, request: StreamRequest) -> None:
        self._connection = connection
        self._request = request
        self._task: asyncio.Task[None] | None = None
        self._gate = asyncio.Event()
        self._gate.set()
        self._on_update: OnUpdate | None = None
        self._on_error: OnError | None = None
        self._live_on_first = False
        self._cancelling = False
        self._cancel_returned = False
        self._errors: list[str] = []
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self.live = 0
        self.subscription = 0
        self.attempts = 0
        self.received = 0
        self.callbacks_after_cancel = 0

    @property
    def stream(self) -> str:
        """One of: account, positions, orders, prices, klines, funding."""
        return self._request.stream

    @property
    def keys(self) -> tuple[str, ...]:
        """The symbols that it is limited to; empty: everything on the stream."""
        return self._request.symbols

    @property
    def client(self) -> str:
        """The client's name."""
        return self._connection.name

    @property
    def errors(self) -> tuple[str, ...]:
        """Code names of the errors so far; OK is an end that nobody asked for."""
        return tuple(self._errors)

    @property
    def paused(self) -> bool:
        """Whether reading is suspended."""
        return not self._gate.is_set()

    @property
    def running(self) -> bool:
        """Started, and neither cancelled nor given up."""
        return self._task is not None and not self._task.done() and not self._cancelling

    def start(
        self, on_update: OnUpdate | None = None, on_error: OnError | None = None, *, live_on_first: bool = False
    ) -> Subscription:
        """Open the stream; returns itself at once. RuntimeError: started before, or the stream has one already.

        Callbacks run in the event loop and must not block; an exception of theirs ends the
        subscription and is raised by the client's `close`. `live_on_first`: record stream.live at the first
        message of each subscription.
        """
        if self._task is not None:
            raise RuntimeError(f"{self.client}: this {self.stream} subscription was started before: make a new one")
        self._connection.admit(self)
        self._on_update, self._on_error, self._live_on_first = on_update, on_error, live_on_first
        self._task = self._connection.spawn(self._run(), f"{self.client}:{self.stream}")
        return self

    async def cancel(self) -> None:
        """End the stream; no callback fires after this returns. TimeoutError when it does not end in 5 s."""
        if self._task is None:
            self._cancel_returned = True
            return
        if not self._cancelling:
            self._cancelling = True
            if not self._task.done():
                self._mark("stream.cancelled")
                self._task.cancel()
        done, _ = await asyncio.wait({self._task}, timeout=CANCEL_LIMIT_S)
        if not done:
            raise TimeoutError(f"{self.client}: the {self.stream} stream did not end {CANCEL_LIMIT_S:g} s after cancel")
        self._cancel_returned = True

    def pause(self) -> None:
        """Stop reading, so that flow control reaches the server; one message already asked for may still come."""
        if self._gate.is_set():
            self._gate.clear()
            self._mark("stream.paused")

    def resume(self) -> None:
        """Read again."""
        if not self._gate.is_set():
            self._mark("stream.resumed")
            self._gate.set()

    def mark_live(self) -> None:
        """Record stream.live: from now on, this subscription is owed every update."""
        self._mark("stream.live", **({"keys": ",".join(self.keys)} if self.keys else {}))

    async def wait_received(self, n: int, limit_s: float) -> bool:
        """Whether the subscription has received `n` messages in all before `limit_s` is over."""
        if self.received >= n:
            return True
        arrived: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((n, arrived))
        await asyncio.wait({arrived}, timeout=limit_s)
        self._waiters = [waiter for waiter in self._waiters if waiter[1] is not arrived]
        return self.received >= n

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                link = await self._connection.connected()
                before = self.received
                error = await self._one_subscription(link)
                failures = 1 if self.received > before else failures + 1
                self._call_on_error(error)
                await asyncio.sleep(self._connection.backoff.stream_delay_s(failures))
        except ConnectFailed as failed:
            self._call_on_error(RemoteError(failed.code, str(failed), self._request.method))
        finally:
            self._connection.came_back(self, None)
            self._mark("stream.ended")

    async def _one_subscription(self, link: Link) -> RemoteError:
        """Open the stream once and read it to its end; returns why it ended."""
        self.subscription = self._connection.next_epoch(self.stream)
        self.attempts += 1
        call = link.stream(self._request)
        self.live += 1
        self._mark("stream.opened")
        self._connection.came_back(self, link)
        try:
            await self._read(call)
            error = RemoteError("OK", "the server ended the stream", self._request.method)
        except aio.AioRpcError as failure:
            details = one_line(failure.details(), self._connection.secret)
            error = RemoteError(failure.code().name, details, self._request.method)
        finally:
            call.cancel()
            self.live -= 1
            if not self._cancelling:
                self._mark("stream.down")
            await link.release()
        self._errors.append(error.code)
        self._mark("stream.error", code=error.code)
        return error

    async def _read(self, call: RawStream) -> None:
        first = self.received
        while True:
            if not self._gate.is_set():
                await self._gate.wait()
            raw = await call.read()
            received_ns = now_ns()
            if not isinstance(raw, bytes):  # grpc's end-of-stream object
                return
            if self._cancelling:
                return
            self._deliver(raw, received_ns)
            if self._live_on_first and self.received == first + 1:
                self.mark_live()

    def _deliver(self, raw: bytes, received_ns: int) -> None:
        content = read(self.stream, raw)
        self._connection.record(
            Message(
                self.client,
                self.stream,
                content.key,
                content.value,
                serial=0,
                sent_ns=0,
                received_ns=received_ns,
                subscription=self.subscription,
                digest=digest_of(raw),
                wrong=content.wrong,
            )
        )
        self.received += 1
        for wanted, arrived in self._waiters:
            if self.received >= wanted and not arrived.done():
                arrived.set_result(None)
        if self._on_update is not None and content.update is not None:
            self._count_callback()
            self._on_update(content.update)

    def _call_on_error(self, error: RemoteError) -> None:
        if self._on_error is not None and not self._cancelling:
            self._count_callback()
            self._on_error(error)

    def _count_callback(self) -> None:
        # Counted where callbacks are made, apart from what is meant to prevent it: a count that can be wrong.
        if self._cancel_returned:
            self.callbacks_after_cancel += 1

    def _mark(self, name: str, **detail: str) -> None:
        about = {"client": self.client, "stream": self.stream, "subscription": str(self.subscription), **detail}
        self._connection.record(Mark(now_ns(), name, MappingProxyType(about)))
