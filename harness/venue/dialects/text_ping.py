"""Keepalive by a text frame instead of a ping frame: metered alike, and left unanswered by the same fault."""

from __future__ import annotations

from harness.venue.core.faults import FaultKind, Scope
from harness.venue.core.hub import Socket
from harness.venue.venue import Venue


def text_ping(venue: Venue, socket: Socket, answer: str) -> None:
    """A client's ping came in as text: answer it unless a fault says otherwise."""
    now_ns = venue.now_ns()
    socket.pinged(now_ns)
    socket.last_heard_ns = now_ns
    where = Scope(socket.path, "", "", socket.key, "", socket.kind)
    if venue.faults.fires(FaultKind.IGNORE_PING, where, f"socket {socket.number}") is None:
        socket.send(answer)
