"""What the venue counts while it runs: sockets, subscriptions, requests, logins, orders, frames."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.venue.core.counting import AskedIds, Capped, Count
from harness.venue.core.runlog import RunLog

if TYPE_CHECKING:
    from harness.venue.core.hub import Socket

CLOSED_SOCKETS_KEPT = 5_000
REQUEST_ROWS_KEPT = 10_000
SOCKET_ROWS_KEPT = 1_000
LOGIN_ROWS_KEPT = 1_000
CLIENT_IDS_KEPT = 50_000
MOMENTS_KEPT = 200
OTHER = "(other)"
"""The row of everything beyond a limit."""
TEMPORARY_KEY = re.compile(r"(?<=/)[0-9A-Za-z_-]{32,}(?=/|$)")
MAX_ENDPOINT = 120


def endpoint_of(path: str) -> str:
    """A path as meters count it: temporary keys (listen keys above all) are one endpoint, whichever they are."""
    return TEMPORARY_KEY.sub("{key}", path)[:MAX_ENDPOINT]


@dataclass(frozen=True, slots=True)
class ClosedSocket:
    """A connection that is over. `code`: the client's close code, None when there was none."""

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


@dataclass(slots=True)
class Moment:
    """A moment that somebody marked, and what became of the sockets that were open then: None while they are."""

    name: str
    t_ns: int
    sockets: dict[int, ClosedSocket | None] = field(default_factory=dict)


class Meters:
    """Plain counters; reading them changes nothing. However much clients make up, the memory is bounded."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self.log = RunLog(now_ns)
        self.sockets: dict[tuple[str, str, str], Count] = {}
        """By (endpoint, kind, key)."""
        self.all_sockets = Count()
        self.upgrades_ns: deque[int] = deque(maxlen=CLOSED_SOCKETS_KEPT)
        self.closed: deque[ClosedSocket] = deque(maxlen=CLOSED_SOCKETS_KEPT)
        self.moments: deque[Moment] = deque(maxlen=MOMENTS_KEPT)
        self.subscription_adds = 0
        self.subscription_removes = 0
        self.requests: Counter[tuple[str, str, str, int, str]] = Capped(
            REQUEST_ROWS_KEPT, lambda row: (row[0], OTHER, "", row[3], row[4])
        )
        """(method, path, key, status, native code)."""
        self.logins: Counter[tuple[str, str]] = Capped(
            LOGIN_ROWS_KEPT, lambda row: (OTHER, row[1]), lambda row: self.log.add("login", row[0], row[1])
        )
        """(key, outcome)."""
        self.client_ids = AskedIds(CLIENT_IDS_KEPT)
        self.lenient_uses: Counter[str] = Counter()
        """By row of the lenient profile."""
        self.frames_sent = 0
        self.late_s_max = 0.0
        self.feed_sent = 0

    def socket_opened(self, socket: Socket, now_ns: int) -> None:
        """A handshake was completed."""
        self.upgrades_ns.append(now_ns)
        self.all_sockets.up()
        self._count(socket)
        self.log.add("socket.opened", str(socket.number), socket.endpoint)

    def socket_leaves(self, socket: Socket) -> None:
        """A socket turns out to belong to a key: it no longer counts where it began, as if it never had."""
        socket.counted.back()
        row = (socket.endpoint, socket.kind, socket.key)
        if not socket.counted.total and self.sockets.get(row) is socket.counted:
            del self.sockets[row]

    def socket_identified(self, socket: Socket) -> None:
        """From now on it counts for its key."""
        self._count(socket)
        self.log.add("socket.identified", str(socket.number), socket.key)

    def socket_closed(self, socket: Socket, code: int | None, now_ns: int) -> None:
        """A connection is over."""
        self.all_sockets.now -= 1
        socket.counted.now -= 1
        closed = ClosedSocket(
            socket.number, socket.endpoint, socket.kind, socket.key, socket.opened_ns, now_ns, code, socket.ended,
            socket.frames, socket.pings, socket.longest_ping_gap_ns, socket.longest_unpinged_ns(now_ns),
        )  # fmt: skip
        self.closed.append(closed)
        for moment in self.moments:
            if socket.number in moment.sockets:
                moment.sockets[socket.number] = closed
        how = socket.ended or "by the client"
        self.log.add("socket.closed", str(socket.number), f"{how}, code {'none' if code is None else code}")

    def _count(self, socket: Socket) -> None:
        row = (socket.endpoint, socket.kind, socket.key)
        if row not in self.sockets and len(self.sockets) >= SOCKET_ROWS_KEPT:
            row = (OTHER, "", "")
        socket.counted = self.sockets.setdefault(row, Count())
        socket.counted.up()

    def mark(self, name: str, sockets: list[int]) -> Moment:
        """From now on the time is taken until each of these sockets is over."""
        moment = Moment(name, self._now_ns(), dict.fromkeys(sockets))
        self.moments.append(moment)
        self.log.add("moment", name, f"{len(sockets)} sockets")
        return moment

    def subscribed(self, number: int, channel: str, symbol: str) -> None:
        """A socket has a subscription more."""
        self.subscription_adds += 1
        self.log.add("subscribed", str(number), f"{channel} {symbol}")

    def unsubscribed(self, number: int, channel: str, symbol: str) -> None:
        """A socket has a subscription less."""
        self.subscription_removes += 1
        self.log.add("unsubscribed", str(number), f"{channel} {symbol}")

    def request(self, method: str, path: str, key: str, status: int, code: str, arrived_ns: int) -> None:
        """One REST request was answered just now; status 0: it was cut off. Made-up paths beyond a number are one."""
        self.requests[method, path, key, status, code] += 1
        self.log.add("request", f"{method} {path}", f"status {status} code {code or '-'} arrived_ns {arrived_ns} {key}")

    def client_id_asked(self, account: str, client_id: str) -> None:
        """An order with this client id was asked for."""
        self.client_ids.ask(account, client_id)
