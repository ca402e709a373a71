"""RemoteExchange: the client that the contract asks for, with every call, update and event written down as Evidence."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Any

from grpc import aio

from harness.client import requests
from harness.client.backoff import CONTRACT_BACKOFF, Backoff
from harness.client.calls import UnaryCalls
from harness.client.channel import KEEPALIVE_S, Tls, metadata, one_line, open_channel
from harness.client.errors import ConnectFailed, RemoteError
from harness.client.link import Link
from harness.client.requests import StreamRequest
from harness.client.subscription import Subscription
from harness.evidence.clock import now_ns
from harness.evidence.records import Mark, Record
from harness.wire.opensqt.market_maker.v1 import resources_pb2

CLOSE_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The exchange's state as fetched after an outage; `count` numbers the reconciliations from 1."""

    orders: tuple[resources_pb2.Order, ...]
    positions: tuple[resources_pb2.Position, ...]
    account: resources_pb2.Account
    t_ns: int
    count: int


class RemoteExchange(UnaryCalls):
    """A client of the connector at `address` (host:port); `async with` connects and closes it.

    A lost connection is restored by itself, attempts and waits as in `backoff`; afterwards the
    streams subscribe again and the state is fetched once: `reconciled`, then `on_reconnect`.
    `deadline_s` bounds each unary call and each connection attempt. Attempts are marks, not Calls.
    `window_bytes`: see `channel.open_channel`.
    """

    def __init__(
        self, address: str, *, name: str, record: Callable[[Record], None], api_key: str | None = None,
        tls: Tls | None = None, backoff: Backoff = CONTRACT_BACKOFF, deadline_s: float = 5.0,
        keepalive_s: float = KEEPALIVE_S, window_bytes: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(name, record, api_key, deadline_s)
        self.address = address
        self.backoff = backoff
        self._tls = tls
        self._keepalive_s = keepalive_s
        self._window_bytes = window_bytes
        self._link: Link | None = None
        self._links: set[Link] = set()
        self._up = asyncio.Event()
        self._tried = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._subscriptions: list[Subscription] = []
        self._epochs: Counter[str] = Counter()
        self._away: set[Subscription] = set()
        self._all_back = asyncio.Event()
        self._broken: list[BaseException] = []
        self._closed = False
        self.connect_attempts = 0
        """Attempts of the latest outage; of the first connection before there was one."""
        self.outages = 0
        self.failure: ConnectFailed | None = None
        """Why the client gave up: all attempts of an outage failed."""
        self.reconciled: Reconciled | None = None
        self.on_reconnect: Callable[[Reconciled], None] | None = None

    async def __aenter__(self) -> RemoteExchange:
        """Connect. ConnectFailed when no attempt succeeds."""
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close; an error of the body goes first."""
        try:
            await self.close()
        except Exception:
            if error is None:
                raise

    async def connect(self) -> None:
        """Connect for the first time and keep the connection from then on. ConnectFailed after the last attempt.

        UNAUTHENTICATED is retried like anything else: the contract excepts no code, and a connector may
        load its keys late. ConnectFailed.code says which it was.
        """
        if self._links or self._closed:
            raise RuntimeError(f"{self.name}: connected before; make a new RemoteExchange")
        try:
            link = await self._establish()
        except BaseException:
            await self.close()
            raise
        self.spawn(self._keep(link), f"{self.name}:keep")

    async def close(self) -> None:
        """End all streams and the connection, in bounded time. Raises what a callback raised."""
        self._closed = True
        running = [one for one in self._subscriptions if one.running]
        await asyncio.gather(*(one.cancel() for one in running))
        ours = self._tasks - {task for task in (asyncio.current_task(),) if task is not None}
        for task in ours:
            task.cancel()
        if ours:
            await asyncio.wait(ours, timeout=CLOSE_LIMIT_S)
        self._link = None
        for link in self._links:
            await link.close()
        if self._broken:
            raise self._broken.pop(0)

    def leftovers(self) -> int:
        """Tasks and channels of this client that are still alive; 0 after `close`."""
        return sum(not task.done() for task in self._tasks) + sum(not link.closed for link in self._links)

    async def wait_connected(self, limit_s: float) -> bool:
        """Whether there is a verified connection before `limit_s` is over."""
        try:
            await asyncio.wait_for(self.connected(), limit_s)
        except (TimeoutError, ConnectFailed):
            return False
        return True

    def account(self) -> Subscription:
        """Updates of the whole account."""
        return self._subscription(requests.account_stream())

    def positions(self, symbol: str = "") -> Subscription:
        """Updates of positions, of one symbol or of all."""
        return self._subscription(requests.position_stream(symbol))

    def orders(self) -> Subscription:
        """Updates of all orders."""
        return self._subscription(requests.order_stream())

    def prices(self, symbols: Sequence[str]) -> Subscription:
        """Price changes of these symbols."""
        return self._subscription(requests.price_stream(symbols))

    def klines(self, symbols: Sequence[str], interval: str = requests.DEFAULT_KLINE_INTERVAL) -> Subscription:
        """Candles of these symbols."""
        return self._subscription(requests.kline_stream(symbols, interval))

    def funding(self, symbol: str = "") -> Subscription:
        """Funding rates, of one symbol or of all."""
        return self._subscription(requests.funding_stream(symbol))

    # What a Subscription needs (subscription.Connection).

    @property
    def secret(self) -> str | None:
        """The API key, to be kept out of everything that is written."""
        return self._secret

    def record(self, record: Record) -> None:
        """Write one record of evidence."""
        self._record(record)

    async def connected(self) -> Link:
        """The verified connection, waited for during an outage. ConnectFailed when the client has given up."""
        while True:
            await self._up.wait()
            if self.failure is not None:
                raise self.failure
            link = self._link
            if link is not None and link.ready:
                return link
            # The loss shows in the channel before the keeper's task has run: let nobody use it meanwhile.
            self._note_lost(link)

    def admit(self, subscription: Subscription) -> None:
        """Register a subscription that starts. RuntimeError when its stream has one, or there is no client."""
        if not self._links or self._closed:
            raise RuntimeError(f"{self.name}: connect before starting the {subscription.stream} stream")
        self._subscriptions = [one for one in self._subscriptions if one.running]
        if any(one.stream == subscription.stream for one in self._subscriptions):
            raise RuntimeError(
                f"{self.name}: the {subscription.stream} stream has a subscription already: "
                "cancel it first, or use another client"
            )
        self._subscriptions.append(subscription)

    def next_epoch(self, stream: str) -> int:
        """Number of the client's next subscription to `stream`, from 1."""
        self._epochs[stream] += 1
        return self._epochs[stream]

    def came_back(self, subscription: Subscription, link: Link | None) -> None:
        """The subscription is open on `link`, or over: the reconciliation waits for it no longer."""
        if link is None or link is self._link:
            self._away.discard(subscription)
        if not self._away:
            self._all_back.set()

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a task that `leftovers` counts and `close` ends."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (broken := task.exception()) is not None:
            self._broken.append(broken)

    def _subscription(self, request: StreamRequest) -> Subscription:
        return Subscription(self, request)

    async def _link_for_call(self) -> Link | None:
        if self._link is None and not self._tried.is_set() and self._links:
            # As gRPC does: a call waits while the first dial is under way, and fails once one has failed.
            with suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), self._deadline_s)
        return self._link

    async def _keep(self, link: Link) -> None:
        """Watch the connection; restore it when it is lost, until all attempts of one outage have failed."""
        while True:
            await link.lost()
            self._note_lost(link)
            try:
                restored = await self._establish()
            except ConnectFailed as failure:
                self.failure = failure
                self._mark("client.gave_up", attempts=str(failure.attempts), code=failure.code)
                self._up.set()
                return
            self.spawn(self._reconcile(restored), f"{self.name}:reconcile")
            await link.retire()
            link = restored

    def _note_lost(self, link: Link | None) -> None:
        """The connection is gone: nobody gets it any more. Whoever notices first says so."""
        if link is None or link is not self._link:
            return
        self._link = None
        self._up.clear()
        self._tried.clear()
        self._all_back.clear()
        self._away = {one for one in self._subscriptions if one.running and not one.paused}
        self.outages += 1
        self._mark("client.disconnected")

    async def _establish(self) -> Link:
        """Dial until verified; at most `backoff.attempts` times. ConnectFailed."""
        code, cause = "UNKNOWN", "no attempt was made"
        for attempt in range(1, self.backoff.attempts + 1):
            self.connect_attempts = attempt
            self._mark("client.connecting", attempt=str(attempt))
            channel = open_channel(
                self.address, self._tls, keepalive_s=self._keepalive_s, window_bytes=self._window_bytes
            )
            link = Link(channel, metadata(self._secret))
            self._links = {one for one in self._links if not one.closed} | {link}
            try:
                await link.verify(self._deadline_s)
            except aio.AioRpcError as error:
                code, cause = error.code().name, one_line(error.details(), self._secret)
                await link.close()
                self._mark("client.connect_failed", attempt=str(attempt), code=code)
                self._tried.set()
            else:
                self._link = link
                self._mark("client.connected", attempt=str(attempt))
                self._up.set()
                self._tried.set()
                return link
            if attempt < self.backoff.attempts:
                await asyncio.sleep(self.backoff.connect_delay_s(attempt))
        raise ConnectFailed(self.address, self.backoff.attempts, code, f"{code}: {cause}")

    async def _reconcile(self, link: Link) -> None:
        """Once the streams are back, fetch what may have been missed; again when that fails, until it is done."""
        if self._away:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_back.wait(), self.backoff.stream_limit_s + self._deadline_s)
        failures = 0
        while self._link is link:
            try:
                orders, positions = await self.get_open_orders(), await self.get_positions()
                account = await self.get_account()
            except RemoteError as error:
                failures += 1
                self._mark("client.reconcile_failed", code=error.code, method=error.method)
                await asyncio.sleep(self.backoff.stream_delay_s(failures))
                continue
            count = 1 if self.reconciled is None else self.reconciled.count + 1
            self.reconciled = Reconciled(orders, positions, account, now_ns(), count)
            self._mark("client.reconciled")
            if self.on_reconnect is not None:
                self.on_reconnect(self.reconciled)
            return

    def _mark(self, name: str, **detail: str) -> None:
        self._record(Mark(now_ns(), name, MappingProxyType({"client": self.name, **detail})))
