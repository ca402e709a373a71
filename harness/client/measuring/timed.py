"""One measured call: when it was due, sent and done, and how it ended."""

from __future__ import annotations

from typing import NamedTuple

from harness.evidence.records import Call, Outcome


class Timed(NamedTuple):
    """All times are Unix ns of this host's real-time clock. A NamedTuple: one is made per call, at thousands a second.

    `sent_ns` was read just before the first byte was handed to the kernel, or before dialling again where the server
    had closed the connection since the last call, and `written_ns` just after the last byte;
    `done_ns` is when the kernel received the segment that ended the reply (by the user-space clock where the client's
    `stamps` says "user", and for calls that ended without one: a deadline, a lost connection).
    A call that was never sent has `written_ns` 0.
    """

    due_ns: int
    sent_ns: int
    done_ns: int
    code: str
    """gRPC status code name, for example OK or NOT_FOUND."""
    outcome: Outcome
    reply: bytes
    """The reply message's bytes; empty unless the code is OK."""
    written_ns: int = 0
    details: str = ""
    """What the server or the client said about a code other than OK, on one line and without metadata values."""

    def call(self, seq: int, client: str, method: str) -> Call:
        """The record of it."""
        return Call(seq, client, method, self.due_ns, self.sent_ns, self.done_ns, self.outcome, self.code)
