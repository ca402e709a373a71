"""What the venue counts while it runs: sockets, subscriptions, requests, logins, orders, frames."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.venue.core.hub import Socket

CLOSED_SOCKETS_KEPT = 5_000
REQUEST_ROWS_KEPT = 10_000
CLIENT_IDS_KEPT = 200_000


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
    longest_ping_gap_ns: int


@dataclass(slots=True)
class Count:
    """Sockets of one path, kind and key."""

    now: int = 0
    peak: int = 0
    total: int = 0

    def up(self) -> None:
        """One more."""
        self.now += 1
        self.total += 1
        self.peak = max(self.peak, self.now)


class Meters:
    """Plain counters; reading them changes nothing."""

    def __init__(self) -> None:
        self.sockets: dict[tuple[str, str, str], Count] = {}
        self.all_sockets = Count()
        self.upgrades_ns: deque[int] = deque(maxlen=CLOSED_SOCKETS_KEPT)
        self.closed: deque[ClosedSocket] = deque(maxlen=CLOSED_SOCKETS_KEPT)
        self.subscription_adds = 0
        self.subscription_removes = 0
        self.requests: Counter[tuple[str, str, str, int, str]] = Counter()
        """(method, path, key, status, native code)."""
        self.logins: Counter[tuple[str, str]] = Counter()
        """(key, outcome)."""
        self.client_ids: Counter[tuple[str, str]] = Counter()
        """(account, client id): how often an order with it was asked for."""
        self.lenient_uses: Counter[str] = Counter()
        self.frames_sent = 0
        self.late_s_max = 0.0
        self.feed_sent = 0

    def socket_opened(self, path: str, kind: str, key: str, now_ns: int) -> None:
        """A handshake was completed."""
        self.upgrades_ns.append(now_ns)
        self.all_sockets.up()
        self.sockets.setdefault((path, kind, key), Count()).up()

    def socket_changed(self, path: str, before: tuple[str, str], after: tuple[str, str]) -> None:
        """A socket turned out to belong to a key: it counts there and no longer where it began."""
        if before == after:
            return
        count = self.sockets[(path, *before)]
        count.now -= 1
        count.total -= 1
        count.peak = min(count.peak, max(count.now, count.total))
        if not count.total:
            del self.sockets[(path, *before)]
        self.sockets.setdefault((path, *after), Count()).up()

    def socket_closed(self, socket: Socket, code: int | None, now_ns: int) -> None:
        """A connection is over."""
        self.all_sockets.now -= 1
        self.sockets[socket.path, socket.kind, socket.key].now -= 1
        self.closed.append(
            ClosedSocket(
                socket.number, socket.path, socket.kind, socket.key, socket.opened_ns, now_ns, code, socket.ended,
                socket.frames, socket.longest_ping_gap_ns,
            )
        )  # fmt: skip

    def request(self, method: str, path: str, key: str, status: int, code: str) -> None:
        """One REST request was answered; status 0: it was cut off. Made-up paths beyond a number count as one."""
        row = (method, path, key, status, code)
        if row not in self.requests and len(self.requests) >= REQUEST_ROWS_KEPT:
            row = (method, "(other)", "", status, code)
        self.requests[row] += 1

    def client_id_asked(self, account: str, client_id: str) -> None:
        """An order with this client id was asked for."""
        if client_id and (len(self.client_ids) < CLIENT_IDS_KEPT or (account, client_id) in self.client_ids):
            self.client_ids[account, client_id] += 1
