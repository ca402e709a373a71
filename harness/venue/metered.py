"""What the meters tell, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class SocketCount:
    """Sockets of one path, kind (public, private) and API key."""

    path: str
    kind: str
    key: str
    now: int
    peak: int
    total: int


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """One connection that is open. `path`: without temporary keys.

    `longest_ping_gap_ns`: between two pings that follow each other; `longest_unpinged_ns`: the same with the time
    before the first and after the last one.
    """

    number: int
    path: str
    kind: str
    key: str
    opened_ns: int
    frames: int
    black_holed: bool
    pings: int
    longest_ping_gap_ns: int
    longest_unpinged_ns: int


@dataclass(frozen=True, slots=True)
class ClosedSocketState:
    """One connection that is over. `code`: the client's close code; `ended`: how the venue cut it, if it did."""

    number: int
    path: str
    kind: str
    key: str
    opened_ns: int
    closed_ns: int
    code: int | None
    ended: str
    frames: int
    pings: int
    longest_ping_gap_ns: int
    longest_unpinged_ns: int


@dataclass(frozen=True, slots=True)
class ActiveSubscription:
    """One (channel, symbol, socket)."""

    channel: str
    symbol: str
    socket: int


@dataclass(frozen=True, slots=True)
class RequestCount:
    """Answers of one kind. `status` 0: cut off without one; `code`: native, empty for success."""

    method: str
    path: str
    key: str
    status: int
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class LoginCount:
    """Logins, or what the venue has in their place (listen keys), per key and outcome."""

    key: str
    outcome: str
    count: int


@dataclass(frozen=True, slots=True)
class ClientId:
    """How often an order with a client id was asked for, and the order it became."""

    account: str
    client_order_id: str
    asked: int
    order_id: str
    status: str


@dataclass(frozen=True, slots=True)
class LenientUse:
    """How often a row of the lenient profile made a difference."""

    row: str
    count: int


@dataclass(frozen=True, slots=True)
class MarkedSocket:
    """A socket that was open at a marked moment. `latency_s`, `code`: None while it is still open."""

    number: int
    latency_s: float | None
    code: int | None
    ended: str
    """How the venue cut it, empty when the client closed it or it is still open."""


@dataclass(frozen=True, slots=True)
class MarkedMoment:
    """Close latencies: from the moment (a client's unsubscribe or cancel) to the end of each socket."""

    name: str
    t_ns: int
    sockets: tuple[MarkedSocket, ...]


class LogRow(NamedTuple):
    """One thing that happened. `number` counts from 1 without a gap, `t_ns` is Unix time."""

    number: int
    t_ns: int
    what: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class FaultCount:
    """A knob and how often it fired."""

    handle: int
    kind: str
    fired: int


@dataclass(frozen=True, slots=True)
class Meters:
    """All meters at one moment. `client_ids`: the latest repeated ones and the latest ones; the totals are of all."""

    sockets_now: int
    sockets_peak: int
    sockets_total: int
    sockets: tuple[SocketCount, ...]
    open_sockets: tuple[OpenSocket, ...]
    closed_sockets: tuple[ClosedSocketState, ...]
    upgrades_ns: tuple[int, ...]
    subscriptions: tuple[ActiveSubscription, ...]
    subscription_adds: int
    subscription_removes: int
    requests: tuple[RequestCount, ...]
    logins: tuple[LoginCount, ...]
    orders_accepted: int
    client_ids: tuple[ClientId, ...]
    duplicate_client_ids: int
    frames_sent: int
    feed_sent: int
    feed_late_s_max: float
    lenient_uses: tuple[LenientUse, ...]
    moments: tuple[MarkedMoment, ...]
    ledger_serial: int
    ledger_bytes: int
    log_rows: int
    log_rows_dropped: int
    faults: tuple[FaultCount, ...]
