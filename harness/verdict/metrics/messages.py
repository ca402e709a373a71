"""Metrics over stream deliveries: what arrived, how often, in which order, and with what content."""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.evidence.evidence import Evidence
from harness.evidence.tables import MessageTable
from harness.verdict.interval import Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, text
from harness.verdict.metrics.tally import TALLIES, tallied
from harness.verdict.selecting import NS_PER_S, closed, fits, named, spans, subscribers
from harness.verdict.selection import Selection

SELECTORS = (
    Parameter("client", "texts", "a client's name, a prefix with `*`, or several"),
    Parameter("stream", "texts", "account, positions, orders, prices, klines or funding"),
    Parameter("symbol", "texts", "only this key"),
    Parameter("symbol_not", "texts", "only other keys than this"),
    Parameter("window", "text", "only inside the windows of this name"),
    Parameter("after", "text", "only after the first mark of this name"),
    Parameter("before", "text", "only before the first mark of this name"),
)
POLLED = Parameter("polled", "flag", "a repeat of the latest update is no duplicate")


def selected(evidence: Evidence, of: Of, *, by_sent: bool = False) -> MessageTable:
    """Deliveries that the common selectors leave, in the order of arrival; `client: venue` is the ledger."""
    return Selection.of_criterion(evidence, of, by_sent=by_sent).rows(evidence.messages)


def missing(evidence: Evidence, of: Of) -> Measurement:
    """Updates that were owed to a selected client and never reached it, over all selected clients."""
    return _tallied("missing")(evidence, of)


def duplicates(evidence: Evidence, of: Of) -> Measurement:
    """Deliveries of an update that the same subscription had delivered before."""
    return _tallied("duplicates")(evidence, of)


def first_s(evidence: Evidence, of: Of) -> Measurement:
    """Seconds from a mark (stream.opened unless `after` names another) to each client's next delivery."""
    begins_at = text(of, "after", "stream.opened")
    last_ns = evidence.span_ns()[1]
    chosen = {name: value for name, value in of.items() if name != "after"}
    parts, notes = [], []
    for client in subscribers(evidence, chosen):
        begin = _first_about(evidence, begins_at, client, of)
        received = selected(evidence, {**chosen, "client": client}).received_ns
        later = received[received >= begin]
        if len(later):
            parts.append(Interval.exactly((int(later[0]) - begin) / NS_PER_S))
            notes.append(f"{client} waited {parts[-1].low:.3g} s for its first delivery after {begins_at}")
        else:
            parts.append(Interval((last_ns - begin) / NS_PER_S, math.inf))
            notes.append(f"nothing was delivered to {client} after {begins_at}")
    return Measurement.each(parts, notes)


def rate_per_s(evidence: Evidence, of: Of) -> Measurement:
    """Deliveries a second at each selected client, over the window or from the first to the last."""
    parts, names = [], subscribers(evidence, of)
    for client in names:
        rows = selected(evidence, {**of, "client": client})
        bounded = any(name in of for name in ("window", "after"))
        chosen = closed(evidence, spans(evidence, of), rows.received_ns)
        length_s = sum(end - begin for begin, end in chosen) / NS_PER_S
        arrived = len(rows) if bounded else len(rows) - 1
        parts.append(Interval.exactly(max(arrived, 0) / length_s if length_s > 0 else 0.0))
    return Measurement.each(parts, (f"{name} got {part.low:.4g}/s" for name, part in zip(names, parts, strict=True)))


def _first_about(evidence: Evidence, name: str, client: str, of: Of) -> int:
    """When a mark first occurred that concerns this client and stream, as far as it says so."""
    for mark in named(evidence, name):
        stream = mark.detail.get("stream")
        if mark.detail.get("client", client) == client and (
            stream is None or "stream" not in of or fits(stream, of["stream"])
        ):
            return mark.t_ns
    raise UnseenError(f"no mark named {name!r} occurred for {client}")


def _tallied(name: str) -> Callable[[Evidence, Of], Measurement]:
    return tallied(f"messages.{name}", TALLIES[f"messages.{name}"])


METRICS = (
    Metric("messages.count", "", "number of deliveries", SELECTORS, _tallied("count"), grows=True),
    Metric("messages.missing", "", "owed updates that never arrived", SELECTORS, _tallied("missing")),
    Metric("messages.duplicates", "", "updates delivered again by one subscription", (*SELECTORS, POLLED),
           _tallied("duplicates"), grows=True),
    Metric("messages.reordered", "", "deliveries behind a later update of their key", SELECTORS,
           _tallied("reordered"), grows=True),
    Metric("messages.unknown", "", "deliveries that the venue never sent", SELECTORS, _tallied("unknown"), grows=True),
    Metric("messages.wrong", "", "deliveries whose content breaks the contract", SELECTORS, _tallied("wrong"),
           grows=True),
    Metric("messages.first_s", "s", "time to the first delivery after a mark", SELECTORS, first_s, timed=True),
    Metric("messages.rate_per_s", "/s", "deliveries a second at each client", SELECTORS, rate_per_s, paced=True),
)  # fmt: skip
