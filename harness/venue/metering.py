"""Reads the meters out as frozen values."""

from __future__ import annotations

from harness.venue import metered
from harness.venue.core.meters import Moment
from harness.venue.venue import Venue

NEWEST_IDS = 200


def meters(venue: Venue) -> metered.Meters:
    """All meters."""
    one, hub, exchange = venue.meters, venue.hub, venue.exchange
    now_ns = venue.now_ns()
    return metered.Meters(
        sockets_now=one.all_sockets.now,
        sockets_peak=one.all_sockets.peak,
        sockets_total=one.all_sockets.total,
        sockets=tuple(metered.SocketCount(*row, it.now, it.peak, it.total) for row, it in one.sockets.items()),
        open_sockets=tuple(
            metered.OpenSocket(
                it.number, it.endpoint, it.kind, it.key, it.opened_ns, it.frames, it.black_holed, it.pings,
                it.longest_ping_gap_ns, it.longest_unpinged_ns(now_ns),
            )
            for it in hub.sockets.values()
        ),
        closed_sockets=tuple(
            metered.ClosedSocketState(
                it.number, it.path, it.kind, it.key, it.opened_ns, it.closed_ns, it.code, it.ended, it.frames,
                it.pings, it.longest_ping_gap_ns, it.longest_unpinged_ns,
            )
            for it in one.closed
        ),
        upgrades_ns=tuple(one.upgrades_ns),
        subscriptions=tuple(
            metered.ActiveSubscription(channel.name, channel.symbol, it.number)
            for it in hub.sockets.values()
            for channel in it.channels
        ),
        subscription_adds=one.subscription_adds,
        subscription_removes=one.subscription_removes,
        requests=tuple(metered.RequestCount(*row, count) for row, count in one.requests.items()),
        logins=tuple(metered.LoginCount(*row, count) for row, count in one.logins.items()),
        orders_accepted=exchange.book.accepted,
        client_ids=tuple(_client_ids(venue)),
        duplicate_client_ids=one.client_ids.repeated_total,
        frames_sent=one.frames_sent,
        feed_sent=one.feed_sent,
        feed_late_s_max=one.late_s_max,
        lenient_uses=tuple(metered.LenientUse(row, count) for row, count in one.lenient_uses.items()),
        moments=tuple(_moment(it) for it in one.moments),
        ledger_serial=exchange.ledger.serial,
        ledger_bytes=exchange.ledger.bytes,
        log_rows=one.log.last,
        log_rows_dropped=one.log.dropped,
        faults=tuple(metered.FaultCount(it.handle, it.knob.kind.value, it.fired) for it in venue.faults.all),
    )  # fmt: skip


def _client_ids(venue: Venue) -> list[metered.ClientId]:
    asked = []
    for account, client_id, count in venue.meters.client_ids.shown(NEWEST_IDS):
        order = venue.exchange.book.by_client_id(account, client_id)
        shown = ("", "") if order is None else (str(order.order_id), order.status.value)
        asked.append(metered.ClientId(account, client_id, count, *shown))
    return asked


def _moment(one: Moment) -> metered.MarkedMoment:
    return metered.MarkedMoment(
        one.name,
        one.t_ns,
        tuple(
            metered.MarkedSocket(number, None, None, "")
            if closed is None
            else metered.MarkedSocket(number, (closed.closed_ns - one.t_ns) / 1e9, closed.code, closed.ended)
            for number, closed in one.sockets.items()
        ),
    )
