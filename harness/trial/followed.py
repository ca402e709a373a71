"""What a trial waits for: a stream that delivers into the evidence, and what it has delivered so far."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from harness.evidence.records import Message
from harness.trial.oracle import Update


class Followable(Protocol):
    """A stream that delivers into the evidence: a client's own subscription, or one that is watched from outside."""

    @property
    def client(self) -> str:
        """Name of the client, as in its Messages."""
        ...

    @property
    def stream(self) -> str:
        """One of prices, orders, account, positions, klines, funding."""
        ...

    @property
    def keys(self) -> Collection[str]:
        """Symbols that it asks for; empty for all."""
        ...

    @property
    def live(self) -> int:
        """Calls that are open now."""
        ...

    @property
    def paused(self) -> bool:
        """Whether it has stopped reading on purpose."""
        ...

    @property
    def subscription(self) -> int:
        """Number of the latest call among all of the client's to this stream, from 1."""
        ...

    def start(self, on_update: Callable[[Any], None] | None = None) -> object:
        """Subscribe, where that is ours to do."""
        ...

    def mark_live(self) -> None:
        """Record stream.live: from now on every update is owed."""
        ...


KEPT = 2_000
"""Of so many deliveries it is remembered that they came: more than are ever waited for, however long a trial lasts."""


@dataclass(eq=False)
class Followed:
    """A subscription and what it has delivered so far, by key and value."""

    subscription: Followable
    seen: dict[tuple[str, str], None] = field(default_factory=dict)
    """Key and value of the last KEPT deliveries, the oldest first."""
    live_serial: int = 0
    """Updates after this one are owed."""
    first_received_ns: int = 0
    last_received_ns: int = 0

    def called(self, update: object) -> None:
        """The subscription's callback, what a client would act upon: the subscription counts those after a cancel."""

    def heard(self, message: Message) -> None:
        """A message of the subscription."""
        what = (message.key, message.value)
        self.seen.pop(what, None)
        self.seen[what] = None
        if len(self.seen) > KEPT:
            del self.seen[next(iter(self.seen))]
        self.first_received_ns = self.first_received_ns or message.received_ns
        self.last_received_ns = message.received_ns

    def has(self, update: Update) -> bool:
        """Whether this update arrived, in any of its spellings."""
        return update.stream == self.subscription.stream and any(spelled in self.seen for spelled in update.spellings)

    def has_all(self, wanted: Iterable[Update]) -> bool:
        """Whether each of the updates that are owed to this subscription arrived."""
        return all(self.has(update) for update in wanted if self.is_owed(update))

    def is_owed(self, update: Update) -> bool:
        """Whether it is on this stream, about its symbols, and later than when the subscription was live."""
        symbols = self.subscription.keys
        return (
            update.stream == self.subscription.stream
            and update.serial > self.live_serial
            and (not symbols or not update.keys.isdisjoint(symbols))
        )
