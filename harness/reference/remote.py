"""Remote: what a client of the connector must do - connect with retries, keep streams open, reconcile afterwards.

remote = Remote("connector:50051", log, backoff_scale=1.0)
remote.stream("prices", lambda stub: stub.SubscribePrice(request), on_price)
remote.on_reconnect(reconcile)           # async; fetch what may have been missed
await remote.connect()                   # GaveUp after ten attempts
await remote.subscribed(5)               # every stream is live (or 5 s are over): now fetch the first state
await remote.run()                       # keeps all of it going; raises GaveUp when the connector is gone for good
await remote.close()
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar

import grpc
from grpc import aio

from harness.reference.log import Log
from harness.reference.remote_stream import Call, Stream, cause_of, pause_s
from harness.wire.opensqt.market_maker.v1 import exchange_pb2, exchange_pb2_grpc

CONNECT_PAUSES_S = (1, 2, 4, 8, 16, 32, 60, 60, 60, 60)
"""One after each failed attempt; after the last of them the client gives up."""
VERIFY_LIMIT_S = 5.0
SUBSCRIBE_LIMIT_S = 10.0
DRAIN_S = 6.0
"""How long calls on a lost connection may take to end by themselves; longer than any call's own deadline."""
CLOSE_LIMIT_S = 2.0
KEY_METADATA = "x-api-key"

OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.use_local_subchannel_pool", 1),  # a fresh channel dials at once, whatever became of the one before
    ("grpc.enable_retries", 0),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.http2.ping_timeout_ms", 5_000),  # a minute otherwise, whatever the line above says
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.client_idle_timeout_ms", 2**31 - 1),
    ("grpc.enable_http_proxy", 0),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
)

Message = TypeVar("Message")


class NotConnected(grpc.RpcError):
    """A call on a connection that is known to be lost; it was not sent. Codes as any other UNAVAILABLE."""

    def code(self) -> grpc.StatusCode:
        """UNAVAILABLE."""
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        """Why."""
        return "not connected to exchange_connector"


class GaveUp(Exception):
    """The connector did not answer in ten attempts: log it as FATAL and exit with code 1."""


class Remote:
    """One connection to the connector at `address` (host:port), its streams, and what happens after it was lost.

    `backoff_scale` multiplies the pauses between connection attempts. `api_key` goes as x-api-key metadata.
    """

    def __init__(self, address: str, log: Log, *, backoff_scale: float = 1.0, api_key: str | None = None) -> None:
        self.address = address
        self.exchange = ""
        """What GetName said."""
        self.state = "idle"
        """idle, connecting, connected, gave up or closed."""
        self.attempt = 0
        """Of the connection attempts going on, or of those that led to the connection."""
        self._log = log
        self._scale = backoff_scale
        self._metadata = ((KEY_METADATA, api_key),) if api_key else ()
        self._channel: aio.Channel | None = None
        self._keyed: _Keyed | None = None
        self._stub: Any = None
        self._up = asyncio.Event()
        self._closing = asyncio.Event()
        self._streams: dict[str, Stream] = {}
        self._callbacks: list[Callable[[], Awaitable[None]]] = []
        self._missed = asyncio.Event()
        """Set when updates may have been missed and no callback has begun to fetch the state since."""
        self._is_stale = False
        self._draining: set[asyncio.Task[None]] = set()

    @property
    def stub(self) -> Any:
        """ExchangeServiceStub of the live channel; while there is none, its calls raise NotConnected.

        Give each call a `timeout` of at most 5 s. Raises RuntimeError before `connect`.
        """
        if self._stub is None:
            raise RuntimeError("not connected yet: await connect() first")
        return self._stub

    @property
    def is_connected(self) -> bool:
        """Whether there is a verified connection now."""
        return self._up.is_set()

    @property
    def is_current(self) -> bool:
        """Connected, every stream live, and whatever was missed has been fetched by the callbacks."""
        return self._up.is_set() and not self._is_stale and all(self.streams().values())

    def streams(self) -> dict[str, bool]:
        """Each stream's name, and whether it is subscribed now."""
        return {name: stream.live.is_set() for name, stream in self._streams.items()}

    def stream(self, name: str, make_call: Callable[[Any], Call], on_message: Callable[[Any], None]) -> Stream:
        """Keep a stream open from now on; `make_call` gets a stub and returns a server stream, e.g. SubscribeOrders.

        Subscribed again after any error or end (1 s doubling to 30 s, reset on success), one subscription at a time.
        `on_message` is called with each message on the event loop, never after `cancel()`; it must not block.
        """
        if name in self._streams:
            raise ValueError(f"there is a stream {name!r} already")
        stream = Stream(name, self._log, self._up, lambda: make_call(self._stub), on_message, self.missed)
        self._streams[name] = stream
        stream.start()
        return stream

    def on_reconnect(self, callback: Callable[[], Awaitable[None]]) -> None:
        """Await it whenever the streams are back after the connection or one of them was lost.

        A gRPC error in it means that it is called again (1 s doubling to 30 s). Not called after the first `connect`.
        """
        self._callbacks.append(callback)

    def missed(self) -> None:
        """Updates may have been missed: have the callbacks awaited as soon as the streams are live."""
        self._is_stale = True
        self._missed.set()

    async def connect(self) -> None:
        """Up to ten attempts, each verified by GetName and GetType within 5 s. Raises GaveUp."""
        self.state = "connecting"
        cause = ""
        for attempt, pause in enumerate(CONNECT_PAUSES_S, 1):
            self.attempt = attempt
            self._log.info("connecting to exchange_connector", attempt=attempt, address=self.address)
            channel = aio.insecure_channel(self.address, options=OPTIONS)
            keyed = _Keyed(channel, self._metadata)
            try:
                stub = await self._verify(keyed)
            except grpc.RpcError as error:
                await self._shut(channel)
                cause, wait_s = cause_of(error), pause * self._scale
                self._log.warn("connection attempt failed", attempt=attempt, cause=cause, retry_in_s=wait_s)
                await asyncio.sleep(wait_s)
                continue
            except BaseException:
                await self._shut(channel)
                raise
            self._channel, self._keyed, self._stub = channel, keyed, stub
            self.state = "connected"
            self._log.info("connected to exchange_connector", attempt=attempt, exchange=self.exchange)
            self._up.set()
            return
        self.state = "gave up"
        raise GaveUp(
            f"failed to connect to exchange_connector at {self.address} after {len(CONNECT_PAUSES_S)} attempts: {cause}"
        )

    async def subscribed(self, limit_s: float) -> bool:
        """Wait until every stream is live; False when `limit_s` is over first."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*(stream.live.wait() for stream in self._streams.values()))
        return all(self.streams().values())

    async def run(self) -> None:
        """Watch the connection until `close`, connect again when it is lost, have the callbacks reconcile. GaveUp."""
        tasks: set[asyncio.Task[Any]] = {
            asyncio.create_task(self._stay_connected(), name="connection"),
            asyncio.create_task(self._reconcile_when_missed(), name="reconcile"),
            asyncio.create_task(
                self._closing.wait(), name="closed"
            ),  # a channel's watchers are not told that it was closed
        }
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """End every stream and the connection; at most about 2 s. No callback comes after it was called."""
        self.state = "closed"
        self._closing.set()
        self._up.clear()
        for stream in self._streams.values():
            stream.cancel()
        if self._streams:
            await asyncio.wait({stream.task for stream in self._streams.values()}, timeout=CLOSE_LIMIT_S)
        for task in self._draining:
            task.cancel()
        if self._channel is not None:
            await self._shut(self._channel)

    async def _stay_connected(self) -> None:
        while True:
            await self._until_lost()
            self._is_stale = True
            await self.connect()
            self.missed()

    async def _verify(self, channel: _Keyed) -> Any:
        stub = exchange_pb2_grpc.ExchangeServiceStub(channel)  # type: ignore[no-untyped-call]
        until_s = time.monotonic() + VERIFY_LIMIT_S
        self.exchange = (await stub.GetName(exchange_pb2.GetNameRequest(), timeout=VERIFY_LIMIT_S)).name
        await stub.GetType(exchange_pb2.GetTypeRequest(), timeout=max(0.001, until_s - time.monotonic()))
        return stub

    async def _until_lost(self) -> None:
        channel, keyed = self._channel, self._keyed
        if channel is None or keyed is None:
            raise RuntimeError("not connected yet: await connect() first")
        ready = grpc.ChannelConnectivity.READY
        if channel.get_state() is ready:
            await channel.wait_for_state_change(ready)
        keyed.is_lost = True  # or a call on it would have gRPC dial by itself, beside the counted attempts
        self._up.clear()
        self.state = "connecting"
        self._log.warn("connection to exchange_connector lost", address=self.address)
        # Calls still under way end by themselves, each with its own status; a cut would look like a cancellation.
        drain = asyncio.create_task(self._shut(channel, DRAIN_S), name="drain")
        self._draining.add(drain)
        drain.add_done_callback(self._draining.discard)

    async def _reconcile_when_missed(self) -> None:
        failures = 0
        while True:
            await self._missed.wait()
            await self._up.wait()
            if not await self.subscribed(SUBSCRIBE_LIMIT_S):
                if not self._up.is_set():
                    continue
                self._log.warn(
                    "reconciling without all streams", down=[n for n, up in self.streams().items() if not up]
                )
            self._missed.clear()
            try:
                for callback in self._callbacks:
                    await callback()
                failures = 0
                self._is_stale = self._missed.is_set()
            except grpc.RpcError as error:
                self._missed.set()
                failures += 1
                self._log.warn("reconciling failed", cause=cause_of(error), retry_in_s=pause_s(failures))
                await asyncio.sleep(pause_s(failures))

    async def _shut(self, channel: aio.Channel, grace_s: float | None = None) -> None:
        # Not wait_for: before Python 3.12 it swallows a cancellation that comes as the channel has just closed.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout((grace_s or 0) + CLOSE_LIMIT_S):
                await channel.close(grace_s)


class _Keyed:
    """A channel, as far as the generated stub needs one: adds the metadata, and refuses calls once it is lost."""

    def __init__(self, channel: aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self._metadata = metadata
        self.is_lost = False

    def unary_unary(self, path: str, **form: Any) -> Callable[..., Any]:
        return partial(self._call, self._channel.unary_unary(path, **form))

    def unary_stream(self, path: str, **form: Any) -> Callable[..., Any]:
        return partial(self._call, self._channel.unary_stream(path, **form))

    def _call(self, invoke: Callable[..., Any], request: Any, timeout: float | None = None) -> Any:
        if self.is_lost:
            raise NotConnected
        return invoke(request, timeout=timeout, metadata=self._metadata)
