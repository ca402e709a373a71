"""Metrics over stream deliveries: what arrived, how often, in which order, and with what content."""

from __future__ import annotations

import math

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import UNKNOWN_SERIAL, VENUE
from harness.evidence.tables import Ints, Mask, MessageTable
from harness.verdict.interval import Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, flag, text
from harness.verdict.owed import key_mask, owed_serials
from harness.verdict.selecting import NS_PER_S, clients, closed, fits, in_spans, named, spans, subscribers

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
    rows = evidence.messages
    mask = rows.client.one_of((VENUE,) if of.get("client") == VENUE else clients(evidence, of))
    if "stream" in of:
        wanted = of["stream"]
        mask &= rows.stream.one_of(name for name in rows.stream.names if fits(name, wanted))
    mask &= key_mask(rows, of)
    if any(name in of for name in ("window", "after", "before")):
        times = np.where(rows.sent_ns > 0, rows.sent_ns, rows.received_ns) if by_sent else rows.received_ns
        mask &= in_spans(times, spans(evidence, of))
    return rows.rows(mask)


def count(evidence: Evidence, of: Of) -> Measurement:
    """Number of deliveries; for the venue number of updates, however many spellings its ledger has for each."""
    rows = selected(evidence, of)
    sent = rows.client.equal(VENUE)
    updates = np.unique(np.stack([rows.stream.codes[sent].astype(np.int64), rows.serial[sent]]), axis=1)
    return Measurement.exactly(int((~sent).sum()) + updates.shape[1])


def missing(evidence: Evidence, of: Of) -> Measurement:
    """Updates that were owed to a selected client and never reached it, over all selected clients."""
    lost, owing = 0, 0
    told = []
    for client in clients(evidence, of):
        for stream, owed in owed_serials(evidence, client, of).items():
            absent = np.setdiff1d(owed, _received(evidence, client, stream), assume_unique=False)
            owing += len(owed)
            lost += len(absent)
            if len(absent):
                told.append(f"{client} lacks {len(absent)} of {len(owed)} {stream} updates, first serial {absent[0]}")
    if not owing:
        raise UnseenError("no update was owed to the selected clients: they were not live, or the venue sent nothing")
    return Measurement(Interval.exactly(lost), "; ".join(told[:3]))


def duplicates(evidence: Evidence, of: Of) -> Measurement:
    """Deliveries of an update that the same subscription had delivered before."""
    rows = _resolved(selected(evidence, of))
    return Measurement.exactly(int(_repeats(evidence, rows, flag(of, "polled")).sum()))


def reordered(evidence: Evidence, of: Of) -> Measurement:
    """Deliveries that came after a later update of the same key in the same subscription."""
    rows = _resolved(selected(evidence, of))
    again = _repeats(evidence, rows, polled=True)
    late = 0
    for positions in groups(rows.client.codes, rows.stream.codes, rows.subscription, rows.key.codes):
        serials = rows.serial[positions]
        highest = np.maximum.accumulate(serials)
        late += int(((serials < highest) & ~again[positions]).sum())
    return Measurement.exactly(late)


def unknown(evidence: Evidence, of: Of) -> Measurement:
    """Deliveries with a content that the venue never sent."""
    rows = selected(evidence, of)
    if not (rows.serial != 0).any():
        raise UnseenError("no selected delivery could be compared with the venue's ledger")
    return Measurement.exactly(int((rows.serial == UNKNOWN_SERIAL).sum()))


def wrong(evidence: Evidence, of: Of) -> Measurement:
    """Deliveries whose content breaks the contract."""
    rows = selected(evidence, of)
    if not len(rows):
        raise UnseenError("nothing was delivered to the selected clients")
    bad = ~rows.wrong.equal("")
    told = [rows.wrong[row] for row in np.flatnonzero(bad)[:3]]
    return Measurement(Interval.exactly(int(bad.sum())), "; ".join(told))


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


def _received(evidence: Evidence, client: str, stream: str) -> Ints:
    rows = evidence.messages
    serials = rows.serial[rows.client.equal(client) & rows.stream.equal(stream)]
    return np.unique(serials[serials > 0])


def _resolved(rows: MessageTable) -> MessageTable:
    """The deliveries of which the ledger tells the update. Raises UnseenError when there is none."""
    known = rows.rows(rows.serial > 0)
    if not len(known):
        raise UnseenError("no selected delivery could be told apart by the venue's ledger")
    return known


def _repeats(evidence: Evidence, rows: MessageTable, polled: bool) -> Mask:
    """Rows that repeat an earlier one of their subscription; on polled streams not the latest state sent again."""
    repeats = np.zeros(len(rows), np.bool_)
    lenient = rows.stream.one_of(rows.stream.names if polled else polled_streams(evidence))
    subscription = (rows.client.codes, rows.stream.codes, rows.subscription)
    for same_update in groups(*subscription, rows.serial):
        repeats[same_update[1:]] = True
    if lenient.any():
        for same_subject in groups(*subscription, rows.key.codes):
            unchanged = np.diff(rows.serial[same_subject], prepend=-1) == 0
            repeats[same_subject] &= ~(unchanged & lenient[same_subject])
    return repeats


def polled_streams(evidence: Evidence) -> tuple[str, ...]:
    """The streams that the target polls, as the trial stated them."""
    return tuple(fact.subject for fact in evidence.facts if fact.name == "cadence.polled" and fact.value == 1)


def groups(*columns: np.ndarray[tuple[int], np.dtype[np.integer]]) -> list[np.ndarray[tuple[int], np.dtype[np.intp]]]:
    """Positions of the rows that agree in all columns, in their order."""
    order = np.lexsort(columns)
    if not len(order):
        return []
    changes = np.zeros(len(order) - 1, np.bool_)
    for column in columns:
        changes |= np.diff(column[order]) != 0
    return np.split(order, np.flatnonzero(changes) + 1)


METRICS = (
    Metric("messages.count", "", "number of deliveries", SELECTORS, count, grows=True),
    Metric("messages.missing", "", "owed updates that never arrived", SELECTORS, missing),
    Metric("messages.duplicates", "", "updates delivered again by one subscription", (*SELECTORS, POLLED), duplicates,
           grows=True),
    Metric("messages.reordered", "", "deliveries behind a later update of their key", SELECTORS, reordered, grows=True),
    Metric("messages.unknown", "", "deliveries that the venue never sent", SELECTORS, unknown, grows=True),
    Metric("messages.wrong", "", "deliveries whose content breaks the contract", SELECTORS, wrong, grows=True),
    Metric("messages.first_s", "s", "time to the first delivery after a mark", SELECTORS, first_s, timed=True),
    Metric("messages.rate_per_s", "/s", "deliveries a second at each client", SELECTORS, rate_per_s, paced=True),
)  # fmt: skip
