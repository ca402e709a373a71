"""Feeds: venue subscriptions over ccxt.pro, one socket an endpoint, every frame delivered exactly once and in order."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import Message

from harness.reference.connector.backends.backend import Sink, Topic
from harness.reference.connector.backends.network.account_feed import AccountFeed
from harness.reference.connector.backends.network.codes import refusal_of
from harness.reference.connector.backends.network.dialect import (
    PRIVATE_STREAMS,
    AccountSnapshot,
    Dialect,
    Native,
    PositionState,
    Totals,
)
from harness.reference.connector.backends.network.endpoints import Endpoints
from harness.reference.connector.backends.network.market_topics import MarketTopics
from harness.reference.connector.backends.network.symbols import Symbols
from harness.reference.connector.refusal import Refusal, unavailable
from harness.reference.log import Log
from harness.wire.opensqt.market_maker.v1 import events_pb2 as events
from harness.wire.opensqt.market_maker.v1 import resources_pb2 as resources

OPEN_LIMIT_S = 5.0
UNSUBSCRIBE_LIMIT_S = 2.0
ORDERS = Topic("orders")
_PRIVATE = Topic("orders", "", "private")
"""Stands for the private endpoint as a whole, which carries orders, account and positions."""


@dataclass(eq=False)
class _Held:
    """A subscription at the venue: the task that holds it, and whether the venue has confirmed it."""

    topic: Topic
    unified: str
    live: asyncio.Future[None]
    task: asyncio.Task[None] | None = None

    def confirm(self) -> None:
        if not self.live.done():
            self.live.set_result(None)


class Feeds:
    """The network backend's streams. It is the dialect's Readings and the exchange object's Tap."""

    def __init__(self, dialect: Dialect, symbols: Symbols, log: Log) -> None:
        self._dialect = dialect
        self._symbols = symbols
        self._log = log
        self._native: Native = None
        self._sink: Sink | None = None
        self._held: dict[Topic, _Held] = {}
        self._users: dict[Topic, set[Topic]] = {}
        """The public topics that a held channel carries."""
        self._turns: defaultdict[Topic, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._private_open: set[Topic] = set()
        self._private_turn = asyncio.Lock()
        self._account = AccountFeed()
        self._market = MarketTopics(dialect.name, self._told)
        self._endpoints = Endpoints(dialect, self, log)
        self._last_error = ""

    def use(self, native: Native) -> None:
        """The exchange object, made after this one."""
        self._native = native
        self._endpoints.use(native)

    def socket_count(self) -> int:
        """Open WebSocket connections to the venue."""
        return self._endpoints.count()

    def broken(self) -> str:
        """Which endpoint cannot be reached at the moment, "" when all is well or nobody needs one."""
        return self._endpoints.broken()

    async def open(self, topic: Topic, sink: Sink) -> None:
        """Subscribe; returns once the venue has confirmed. Raises Refusal."""
        self._sink = sink
        if topic.stream in PRIVATE_STREAMS:
            await self._open_private(topic)
            return
        unified = self._symbols.unified(topic.symbol)
        channel = self._dialect.channel(topic)
        self._market.add(topic, sink)
        self._users.setdefault(channel, set()).add(topic)
        try:
            async with self._turns[channel]:
                if channel not in self._held:
                    await self._hold(channel, unified)
        except BaseException:
            self._market.remove(topic)
            self._users.get(channel, set()).discard(topic)
            raise

    async def shut(self, topic: Topic) -> None:
        """Unsubscribe; the endpoint's socket goes with its last subscription."""
        if topic.stream in PRIVATE_STREAMS:
            self._private_open.discard(topic)
            if not self._private_open:
                self._endpoints.linger(private=True)
            return
        self._market.remove(topic)
        channel = self._dialect.channel(topic)
        async with self._turns[channel]:
            users = self._users.get(channel, set())
            users.discard(topic)
            if not users:
                self._users.pop(channel, None)
                await self._release(channel)

    async def _release(self, channel: Topic) -> None:
        held = self._held.pop(channel, None)
        if held is None:
            return
        try:
            async with asyncio.timeout(UNSUBSCRIBE_LIMIT_S):
                await self._dialect.unwatch(self._native, channel, held.unified)
        except BaseException:
            # Nobody knows now what the venue still sends here: a new socket is the way to be sure.
            await self._endpoints.close_sockets(private=False)
            raise
        finally:
            await _ended(held.task)
            self._endpoints.linger(private=False)

    def state(self, topic: Topic) -> Sequence[tuple[str, Message]]:
        """Account and positions after the last event; the other streams have no state."""
        return self._account.current(topic)

    async def close(self) -> None:
        """End every task and timer."""
        await self._endpoints.close()
        tasks = [held.task for held in self._held.values() if held.task is not None]
        self._held.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # -- holding subscriptions ------------------------------------------------------------------

    async def _hold(self, topic: Topic, unified: str) -> None:
        self._endpoints.stay(private=topic == _PRIVATE)
        held = _Held(topic, unified, asyncio.get_running_loop().create_future())
        held.task = asyncio.get_running_loop().create_task(self._watch(held), name=f"watch {topic.stream} {unified}")
        self._held[topic] = held
        try:
            async with asyncio.timeout(OPEN_LIMIT_S):
                await asyncio.shield(held.live)
        except BaseException as error:
            if self._held.get(topic) is held:
                del self._held[topic]
            await _ended(held.task)
            self._endpoints.linger(private=topic == _PRIVATE)
            if isinstance(error, TimeoutError):
                await self._abandon(private=topic == _PRIVATE)
                error = unavailable(f"the venue did not confirm the subscription within {OPEN_LIMIT_S:g} s")
            if isinstance(error, Refusal) and error.code is grpc.StatusCode.UNAVAILABLE:
                self._endpoints.broke(private=topic == _PRIVATE)
            raise error from None

    async def _abandon(self, *, private: bool) -> None:
        """No answer: a socket that serves nobody else is given up, it may be one that a partition has left dead."""
        if private or not any(topic != _PRIVATE and held.live.done() for topic, held in self._held.items()):
            await self._endpoints.close_sockets(private=private)

    async def _watch(self, held: _Held) -> None:
        try:
            while True:  # the future resolves for a frame that ccxt read itself; the subscription goes on
                await self._dialect.watch(self._native, held.topic, held.unified)
        except asyncio.CancelledError:
            if self._held.get(held.topic) is not held:
                raise
            refusal = unavailable("the venue socket was closed")  # ccxt cancels its futures then
        except Exception as error:  # noqa: BLE001 - ccxt raises the socket's error, whatever it is
            refusal = refusal_of(error, self._dialect.code_pattern, self._dialect.native_codes)
        if not held.live.done():
            held.live.set_exception(refusal)
            held.live.exception()  # retrieved by open(), unless its client has gone meanwhile
        elif self._held.get(held.topic) is held:
            del self._held[held.topic]
            self._lost(held.topic, refusal.reason)

    def _lost(self, topic: Topic, reason: str) -> None:
        if self._sink is None:
            return
        self._endpoints.broke(private=topic == _PRIVATE)
        if topic == _PRIVATE:
            topics, self._private_open = sorted(self._private_open, key=lambda one: one.stream), set()
            self._account.forget()
            for one in topics:
                self._sink.lost(one, reason)
            self._endpoints.linger(private=True)
            return
        for user in sorted(self._users.pop(topic, ()), key=lambda one: one.stream):
            self._market.remove(user)
            self._sink.lost(user, reason)
        self._endpoints.linger(private=False)

    async def _open_private(self, topic: Topic) -> None:
        async with self._private_turn:
            if _PRIVATE not in self._held:
                self._account.forget()
                await self._reach_private()
            self._endpoints.stay(private=True)
            if topic != ORDERS and not self._account.is_known:
                await self._take_snapshot()
            self._private_open.add(topic)

    async def _reach_private(self) -> None:
        if _PRIVATE not in self._held:
            self._dialect.renew(self._native)
            await self._hold(_PRIVATE, "")

    async def _take_snapshot(self) -> None:
        self._account.keep()
        try:
            snapshot = await self._dialect.snapshot(self._native)
            await self._dialect.caught_up(self._native)
        except Exception as error:  # noqa: BLE001 - ccxt's classes and, for odd replies, anything else
            self._endpoints.linger(private=True)
            raise refusal_of(error, self._dialect.code_pattern, self._dialect.native_codes) from None
        finally:
            early = self._account.kept()
        if _PRIVATE not in self._held:
            raise unavailable("the venue's private stream was lost while it was opened")
        self._account.begin_late(snapshot, early, self._sink)

    # -- Users of the endpoints -----------------------------------------------------------------

    def needs(self, private: bool) -> bool:
        """Whether any topic is open on the endpoint."""
        return bool(self._private_open) if private else any(topic != _PRIVATE for topic in self._held)

    async def dial_private(self) -> None:
        """Open and hold the private socket."""
        async with self._private_turn:
            await self._reach_private()

    async def leave_private(self) -> None:
        """Close it, unless a topic was opened meanwhile."""
        async with self._private_turn:
            if self._private_open:
                return
            held = self._held.pop(_PRIVATE, None)
            self._account.forget()
            await self._endpoints.close_sockets(private=True)
            if held is not None:
                await _ended(held.task)

    # -- Tap ------------------------------------------------------------------------------------

    def frame(self, client: Native, message: Any) -> bool:
        """Every parsed frame; an error here must not end ccxt's receive loop."""
        try:
            return self._dialect.read(client, message, self._symbols, self)
        except Exception as error:  # noqa: BLE001 - a frame that nobody can read is logged, the next one counts
            self._complain(f"{type(error).__name__}: {error}")
            return True

    def connected(self, client: Native) -> None:
        """A socket is open: that is all a private one needs where there is no login."""
        if self._endpoints.opened(client) and not self._dialect.logs_in:
            self.confirmed(_PRIVATE)

    def _complain(self, text: str) -> None:
        if text != self._last_error:
            self._last_error = text
            self._log.error("unreadable venue frame", error=text)

    # -- Readings -------------------------------------------------------------------------------

    def accepted(self, client: Native, request_id: str) -> None:
        """Confirm whichever subscription has this request's id."""
        for topic, held in self._held.items():
            if topic == _PRIVATE or held.live.done():
                continue
            known = client.subscriptions.get(self._dialect.subscription_hash(topic, held.unified))
            if isinstance(known, dict) and str(known.get("id")) == request_id:
                held.confirm()

    def confirmed(self, channel: Topic) -> None:
        """Confirm the subscription of this channel."""
        held = self._held.get(channel)
        if held is not None:
            held.confirm()

    def private_ready(self, snapshot: AccountSnapshot | None) -> None:
        """Confirm the private endpoint; with a snapshot its state is known."""
        if snapshot is not None and _PRIVATE in self._held:
            self._account.begin(snapshot)
        self.confirmed(_PRIVATE)

    def price(self, symbol: str, price: str, t_ms: int) -> None:
        """To the symbol's topic."""
        self._market.price(symbol, price, t_ms)

    def candle(self, interval: str, candle: resources.Candle) -> None:
        """To the symbol's and interval's topic."""
        self._market.candle(interval, candle)

    def funding(self, symbol: str, rate: str, next_ms: int, t_ms: int) -> None:
        """To the symbol's topic, when it changed."""
        self._market.funding(symbol, rate, next_ms, t_ms)

    def order(self, update: events.OrderUpdate) -> None:
        """To everybody who follows orders."""
        if self._sink is not None:
            self._sink.publish(ORDERS, update.symbol, update)

    def account(
        self, t_ms: int, wallet: str | None, positions: Sequence[PositionState], totals: Totals | None = None
    ) -> None:
        """To the account and positions streams."""
        self._account.event((t_ms, wallet, positions, totals), self._sink)

    def totals(self, told: Totals) -> None:
        """To the account stream."""
        self._account.totals(told, self._sink)

    def all_positions(self, positions: Sequence[PositionState]) -> None:
        """To the positions stream."""
        self._account.all_positions(positions, self._sink)

    def private_over(self, reason: str) -> None:
        """The socket stays open but silent: it is as good as lost."""
        held = self._held.pop(_PRIVATE, None)
        if held is not None and held.task is not None:
            held.task.cancel()
            self._endpoints.give_up(private=True)
            self._lost(_PRIVATE, reason)

    def _told(self, topic: Topic) -> None:
        self.confirmed(topic)


async def _ended(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
