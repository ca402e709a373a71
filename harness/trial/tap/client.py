"""Client: everything that one watched client does, over all connections that it opens, as evidence."""

from __future__ import annotations

from harness.evidence.clock import now_ns
from harness.trial.tap.connection import TappedConnection
from harness.trial.tap.witness import Witness


class ClientTap(Witness):
    """Watches the client `name` from outside: its calls, streams and connections are told to `record`.

    Not thread-safe: the proxy, `record` and the readers of the counters share one thread.
    """

    def connection(self, t_ns: int = 0) -> TappedConnection:
        """The client has opened a connection, now or at `t_ns` (Unix ns): tell the observer what passes on it."""
        return TappedConnection(self, t_ns or now_ns())
