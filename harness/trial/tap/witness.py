"""Witness: what is known about one watched client over all its connections, and how it becomes evidence."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import grpc

from harness.client.codes import outcome_of
from harness.client.content import STREAMS, digest_of, read
from harness.evidence.clock import now_ns
from harness.evidence.records import UNMEASURABLE, Call, Fact, Mark, Message, Outcome, Record


@dataclass(frozen=True, slots=True)
class Exchange:
    """One finished unary RPC of the contract: its name, the messages' bytes, times in Unix ns.

    `code` is a gRPC status code name; `reply` is empty unless it is OK.
    """

    method: str
    request: bytes
    reply: bytes
    code: str
    sent_ns: int
    done_ns: int


class TappedStream:
    """One stream of a watched client, whoever opens it and how often: as much of a Subscription as a trial needs.

    `live`: calls open now; `subscription`: number of the latest one, from 1; `received`: messages over all of
    them; `keys`: the symbols that the latest one asked for, empty for all.
    """

    def __init__(self, client: str, stream: str, record: Callable[[Record], None]) -> None:
        self.client = client
        self.stream = stream
        self.keys: tuple[str, ...] = ()
        self.live = 0
        self.subscription = 0
        self.received = 0
        self._record = record

    @property
    def paused(self) -> bool:
        """Never: how fast the client reads is its own business."""
        return False

    def start(self, on_update: Callable[[object], None] | None = None) -> None:
        """Nothing to do: the client itself opens the stream, when it wants to."""

    def mark_live(self) -> None:
        """Record stream.live: from now on, the latest subscription is owed every update."""
        asked = {"keys": ",".join(self.keys)} if self.keys else {}
        self.mark("stream.live", self.subscription, now_ns(), **asked)

    def opened(self, t_ns: int) -> int:
        """The client has opened the stream once more; returns the number of this subscription."""
        self.subscription += 1
        self.live += 1
        self.mark("stream.opened", self.subscription, t_ns)
        return self.subscription

    def deliver(self, raw: bytes, subscription: int, t_ns: int) -> None:
        """A message has reached the client."""
        content = read(self.stream, raw)
        self.received += 1
        self._record(
            Message(
                self.client, self.stream, content.key, content.value, 0, 0, t_ns, subscription, digest_of(raw),
                content.wrong,
            )
        )  # fmt: skip

    def mark(self, name: str, subscription: int, t_ns: int, **detail: str) -> None:
        """Record an event of one subscription."""
        about = {"client": self.client, "stream": self.stream, "subscription": str(subscription), **detail}
        self._record(Mark(t_ns, name, MappingProxyType(about)))


class Witness:
    """Counts calls, subscriptions and connections of one client, and writes down what happened to them."""

    def __init__(self, name: str, record: Callable[[Record], None]) -> None:
        self.name = name
        self.connections = 0
        """Connections open now."""
        self.on_exchange: Callable[[Exchange], None] | None = None
        """Called with each finished unary RPC whose messages could be read, after its Call was recorded."""
        self._record = record
        self._seq = itertools.count(1)
        self._streams = {stream: TappedStream(name, stream, record) for stream in STREAMS}
        self._blind_for: set[str] = set()

    def stream(self, stream: str) -> TappedStream:
        """One of the six streams. ValueError for a name that the contract lacks."""
        if stream not in self._streams:
            raise ValueError(f"{self.name}: no stream {stream!r}: use one of {', '.join(self._streams)}")
        return self._streams[stream]

    def open_streams(self) -> MappingProxyType[str, int]:
        """How many calls of each stream are open now; a stream without one is left out."""
        return MappingProxyType({name: one.live for name, one in self._streams.items() if one.live})

    def mark(self, name: str, t_ns: int, **detail: str) -> None:
        """Record an event of the client."""
        self._record(Mark(t_ns, name, MappingProxyType({"client": self.name, **detail})))

    def blind(self, why: str, t_ns: int, **detail: str) -> None:
        """Record, once for each reason, that something of this client cannot be seen."""
        reason = " ".join([why, *(f"({key} {value})" for key, value in detail.items())])
        if reason in self._blind_for:
            return
        self._blind_for.add(reason)
        self.mark("tap.blind", t_ns, why=why, **detail)
        self._record(Fact(UNMEASURABLE, 1.0, "", f"tap.{self.name}", reason))

    def answered(self, exchange: Exchange, code: grpc.StatusCode, *, writes: bool, undone: bool) -> None:
        """A unary RPC is over. `undone`: the service cannot have done it, whatever the code leaves open."""
        outcome = Outcome.FAIL if undone else outcome_of(code, writes=writes)
        sent_ns = exchange.sent_ns
        self._record(
            Call(
                next(self._seq), self.name, exchange.method, sent_ns, sent_ns, exchange.done_ns, outcome, exchange.code
            )
        )

    def tell(self, exchange: Exchange) -> None:
        """Pass a finished unary RPC on to whoever follows the orders."""
        if self.on_exchange is not None:
            self.on_exchange(exchange)
