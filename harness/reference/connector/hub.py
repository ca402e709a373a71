"""Hub: one venue subscription a topic, its updates serialised once and fanned out to bounded subscribers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import grpc
from google.protobuf.message import Message

from harness.reference.connector.backends.backend import STREAMS, Backend, Topic
from harness.reference.connector.refusal import Refusal, unavailable
from harness.reference.log import Log

CUT_OFF_GRACE_S = 10.0
"""How long a reader that was cut off may take to fetch its status before its stream is reset."""


@dataclass(eq=False)
class Subscriber:
    """One client's stream: a bounded queue of serialised messages and, once it is over, why."""

    stream: str
    peer: str
    limit: int
    symbols: frozenset[str] = frozenset()
    """Symbols wanted; empty: all."""
    queue: deque[bytes] = field(default_factory=deque)
    ended: Refusal | None = None
    writer: asyncio.Task[object] | None = None
    _waiter: asyncio.Future[None] | None = None

    def offer(self, payload: bytes) -> bool:
        """Queue one message; False when there is no room left."""
        if len(self.queue) >= self.limit:
            return False
        self.queue.append(payload)
        self._wake()
        return True

    def end(self, why: Refusal) -> None:
        """After what is queued the stream ends with this status."""
        self.ended = self.ended or why
        self._wake()

    async def ready(self) -> None:
        """Wait until there is something queued, or the end."""
        while not self.queue and self.ended is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


@dataclass(eq=False)
class _Channel:
    topic: Topic
    subscribers: list[Subscriber] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    waiting: int = 0


class Hub:
    """Subscribes at the backend while somebody listens, and only then. It is the backend's Sink."""

    def __init__(self, backend: Backend, log: Log, buffer_messages: int) -> None:
        self._backend = backend
        self._log = log
        self._buffer_messages = buffer_messages
        self._channels: dict[Topic, _Channel] = {}
        self._releasing: set[asyncio.Task[None]] = set()
        self._closing: Refusal | None = None
        self._leaving = asyncio.Event()
        self.delivered = 0
        self.cut_off = 0

    async def join(self, topics: Iterable[Topic], subscriber: Subscriber) -> None:
        """Subscribe to all the topics, with each one's current state first. Raises Refusal; then nothing is left."""
        joined: list[_Channel] = []
        try:
            for topic in topics:
                joined.append(await self._join_one(topic, subscriber))
        except BaseException:
            self.leave(subscriber)
            raise

    async def _join_one(self, topic: Topic, subscriber: Subscriber) -> _Channel:
        if self._closing is not None:
            raise self._closing
        channel = self._channels.get(topic)
        if channel is None:
            channel = self._channels[topic] = _Channel(topic)
        channel.waiting += 1
        try:
            async with channel.turn:
                if not channel.is_open:
                    await self._backend.open(topic, self)
                    channel.is_open = True
                # From here to the append nothing awaits: state and later updates fit together without a gap.
                for symbol, message in self._backend.state(topic):
                    if not subscriber.symbols or symbol in subscriber.symbols:
                        subscriber.offer(message.SerializeToString())
                channel.subscribers.append(subscriber)
        finally:
            channel.waiting -= 1
            self._release_unused(channel)
        return channel

    def leave(self, subscriber: Subscriber) -> None:
        """Forget the subscriber; topics that nobody listens to any more are released at the venue."""
        for channel in list(self._channels.values()):
            if subscriber in channel.subscribers:
                channel.subscribers.remove(subscriber)
                self._leaving.set()
                self._release_unused(channel)

    def publish(self, topic: Topic, symbol: str, message: Message) -> None:
        """Serialise once and queue the same bytes for every subscriber that wants the symbol."""
        channel = self._channels.get(topic)
        if channel is None or not channel.subscribers:
            return
        payload = message.SerializeToString()
        slow: list[Subscriber] = []
        for subscriber in channel.subscribers:
            if subscriber.symbols and symbol not in subscriber.symbols:
                continue
            if subscriber.offer(payload):
                self.delivered += 1
            else:
                slow.append(subscriber)
        for subscriber in slow:
            self._cut_off(subscriber)

    def lost(self, topic: Topic, reason: str) -> None:
        """End every stream of the topic, which is gone at the venue: clients must subscribe again and reconcile."""
        channel = self._channels.get(topic)
        if channel is None:
            return
        channel.is_open = False  # the backend has let go of it already; a newcomer must open it again
        subscribers = list(channel.subscribers)
        self._log.warn("venue stream lost", stream=topic.stream, symbol=topic.symbol, subscribers=len(subscribers))
        for subscriber in subscribers:
            subscriber.end(unavailable(f"venue stream lost, updates may have been missed: {reason}"))
            self.leave(subscriber)

    def subscriptions(self) -> dict[str, int]:
        """Open client subscriptions per stream."""
        counts: dict[str, set[int]] = {stream: set() for stream in STREAMS}
        for channel in self._channels.values():
            counts[channel.topic.stream].update(map(id, channel.subscribers))
        return {stream: len(ids) for stream, ids in counts.items()}

    def topics(self) -> int:
        """Venue subscriptions held."""
        return sum(channel.is_open for channel in self._channels.values())

    @property
    def has_subscribers(self) -> bool:
        """Whether any stream is open."""
        return any(channel.subscribers for channel in self._channels.values())

    def take_no_more(self, why: Refusal) -> None:
        """Refuse new streams from now on; those that are open go on."""
        self._closing = why

    async def left(self) -> None:
        """Wait until no stream is open."""
        while self.has_subscribers:
            self._leaving.clear()
            await self._leaving.wait()

    def end_all(self, why: Refusal) -> None:
        """End every stream and take no new one."""
        self.take_no_more(why)
        for channel in list(self._channels.values()):
            for subscriber in list(channel.subscribers):
                subscriber.end(why)
                self.leave(subscriber)

    async def close(self) -> None:
        """Wait until every topic is released at the venue."""
        while self._releasing:
            await asyncio.gather(*self._releasing, return_exceptions=True)

    def _cut_off(self, subscriber: Subscriber) -> None:
        self.cut_off += 1
        self._log.warn(
            "slow subscriber cut off", stream=subscriber.stream, peer=subscriber.peer, buffered=len(subscriber.queue)
        )
        subscriber.queue.clear()
        reason = f"this reader fell {subscriber.limit} messages behind; subscribe again and reconcile"
        subscriber.end(Refusal(grpc.StatusCode.RESOURCE_EXHAUSTED, reason))
        self.leave(subscriber)
        if subscriber.writer is not None:
            # Its writer sits in flow control and cannot even send the status until the reader moves.
            writer = subscriber.writer
            grace = asyncio.get_running_loop().call_later(CUT_OFF_GRACE_S, writer.cancel)
            writer.add_done_callback(lambda _: grace.cancel())

    def _release_unused(self, channel: _Channel) -> None:
        if channel.subscribers or channel.waiting:
            return
        if not channel.is_open:
            self._drop(channel)
            return
        task = asyncio.get_running_loop().create_task(self._release(channel), name=f"release {channel.topic.stream}")
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, channel: _Channel) -> None:
        async with channel.turn:
            if channel.subscribers or channel.waiting or not channel.is_open:
                return
            channel.is_open = False
            try:
                await self._backend.shut(channel.topic)
            except Exception as error:  # noqa: BLE001 - the venue may refuse anything; the topic is given up anyway
                self._log.warn("unsubscribe failed", stream=channel.topic.stream, error=str(error))
            if not channel.waiting:
                self._drop(channel)

    def _drop(self, channel: _Channel) -> None:
        if self._channels.get(channel.topic) is channel:
            del self._channels[channel.topic]
