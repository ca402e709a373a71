"""Client: everything that one watched client does, over all connections that it opens, as evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from harness.evidence.clock import now_ns
from harness.evidence.records import Record
from harness.trial.tap.connection import TappedConnection
from harness.trial.tap.witness import TappedStream, Witness

__all__ = ["ClientTap", "Observer", "TappedStream"]


class Observer(Protocol):
    """Whom a proxy tells what passes on one connection. Times are Unix ns; chunks come whole and in order."""

    def sent(self, chunk: bytes, t_ns: int) -> None:
        """Bytes from the client, told before they are forwarded."""
        ...

    def replied(self, chunk: bytes, t_ns: int) -> None:
        """Bytes from the service, told before they are forwarded."""
        ...

    def closed(self, t_ns: int) -> None:
        """The connection is gone."""
        ...


class ClientTap(Witness):
    """Watches the client `name` from outside: its calls, streams and connections are told to `record`.

    Not thread-safe: the proxy, `record` and the readers of the counters share one thread.
    """

    def __init__(self, name: str, record: Callable[[Record], None]) -> None:
        super().__init__(name, record)

    def connection(self, t_ns: int = 0) -> Observer:
        """The client has opened a connection, now or at `t_ns`: tell the observer what passes on it."""
        return TappedConnection(self, t_ns or now_ns())
