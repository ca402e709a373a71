"""The meters as Prometheus text (exposition format 0.0.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.venue.metered import Meters
from harness.venue.state import Identity

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Sample = tuple[Mapping[str, str], float]


def exposed(identity: Identity, one: Meters) -> str:
    """Every line carries the venue's name."""
    text = _Text(identity.venue)
    text.family("sockets", "gauge", "Open WebSockets.", (
        ({"path": it.path, "kind": it.kind, "key": it.key}, it.now) for it in one.sockets
    ))  # fmt: skip
    text.family("sockets_peak", "gauge", "Most WebSockets open at once, of one row.", (
        ({"path": it.path, "kind": it.kind, "key": it.key}, it.peak) for it in one.sockets
    ))  # fmt: skip
    text.family("sockets_opened_total", "counter", "WebSocket handshakes completed.", (
        ({"path": it.path, "kind": it.kind, "key": it.key}, it.total) for it in one.sockets
    ))  # fmt: skip
    active = Counter((it.channel, it.symbol) for it in one.subscriptions)
    text.family("subscriptions", "gauge", "Active subscriptions.", (
        ({"channel": channel, "symbol": symbol}, count) for (channel, symbol), count in active.items()
    ))  # fmt: skip
    text.single("subscription_adds_total", "counter", "Subscriptions made.", one.subscription_adds)
    text.single("subscription_removes_total", "counter", "Subscriptions ended.", one.subscription_removes)
    text.family("requests_total", "counter", "REST requests answered; status 0: cut off.", (
        ({"method": it.method, "path": it.path, "key": it.key, "status": str(it.status), "code": it.code}, it.count)
        for it in one.requests
    ))  # fmt: skip
    text.family("logins_total", "counter", "Logins, or what the venue has in their place.", (
        ({"key": it.key, "outcome": it.outcome}, it.count) for it in one.logins
    ))  # fmt: skip
    text.single("orders_accepted_total", "counter", "Orders booked.", one.orders_accepted)
    text.single(
        "duplicate_client_ids_total", "counter", "Client ids asked for more than once.", one.duplicate_client_ids
    )
    text.single("frames_sent_total", "counter", "WebSocket frames with an event.", one.frames_sent)
    text.single("feed_moves_total", "counter", "Price moves of the feed.", one.feed_sent)
    text.single("feed_late_seconds_max", "gauge", "Worst lateness of the feed.", one.feed_late_s_max)
    gaps = max((it.longest_unpinged_ns for it in one.open_sockets), default=0)
    text.single("unpinged_seconds_max", "gauge", "Longest time without a ping, of the open sockets.", gaps / 1e9)
    text.family("lenient_uses_total", "counter", "Rows of the lenient profile that made a difference.", (
        ({"row": it.row}, it.count) for it in one.lenient_uses
    ))  # fmt: skip
    firings: Counter[str] = Counter()
    for it in one.faults:
        firings[it.kind] += it.fired
    text.family("fault_firings_total", "counter", "Faults that bit.", (
        ({"kind": kind}, count) for kind, count in firings.items()
    ))  # fmt: skip
    text.family("close_latency_seconds", "gauge", "From a marked moment to a socket's end.", (
        ({"moment": moment.name, "socket": str(it.number)}, it.latency_s)
        for moment in {moment.name: moment for moment in one.moments}.values()
        for it in moment.sockets
        if it.latency_s is not None
    ))  # fmt: skip
    text.single("serial", "counter", "Updates emitted, without a gap.", one.ledger_serial)
    text.single("ledger_bytes", "gauge", "Memory of the ledger.", one.ledger_bytes)
    text.single("log_rows_total", "counter", "Rows of the run's log.", one.log_rows)
    return text.whole()


class _Text:
    def __init__(self, venue: str) -> None:
        self._venue = venue
        self._lines: list[str] = []

    def single(self, name: str, kind: str, says: str, value: float) -> None:
        """A family of one sample."""
        self.family(name, kind, says, [({}, value)])

    def family(self, name: str, kind: str, says: str, samples: Iterable[Sample]) -> None:
        """All samples of one name."""
        self._lines += [f"# HELP venue_{name} {says}", f"# TYPE venue_{name} {kind}"]
        for labels, value in samples:
            shown = ",".join(f'{label}="{_escaped(text)}"' for label, text in {"venue": self._venue, **labels}.items())
            self._lines.append(f"venue_{name}{{{shown}}} {value:.15g}")

    def whole(self) -> str:
        """What /metrics answers."""
        return "\n".join(self._lines) + "\n"


def _escaped(text: str) -> str:
    # A lone surrogate, as undecodable bytes in a path become, is no UTF-8.
    clean = text.encode("utf-8", "replace").decode()
    return clean.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
