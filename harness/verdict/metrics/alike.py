"""Metrics that compare clients of one stream with each other: complete, in the same order, with the same bytes."""

from __future__ import annotations

from functools import reduce

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Ints, MessageTable
from harness.verdict.interval import Interval
from harness.verdict.metric import Measurement, Metric, Of, UnseenError
from harness.verdict.metrics.messages import POLLED, SELECTORS, duplicates, missing, selected
from harness.verdict.metrics.tally import polled_streams
from harness.verdict.owed import owed_serials
from harness.verdict.selecting import subscribers


def complete_clients(evidence: Evidence, of: Of) -> Measurement:
    """Clients that got every update owed to them, each once. One to which nothing was owed may be one or not."""
    complete, untold, told = 0, 0, []
    for client in subscribers(evidence, of):
        mine = {**of, "client": client}
        try:
            lost = missing(evidence, mine)
            doubled = duplicates(evidence, mine) if _got_something(evidence, mine) else Measurement.exactly(0)
        except UnseenError as unseen:
            untold += 1
            told.append(f"{client}: {unseen}")
            continue
        if lost.interval == doubled.interval == Interval.exactly(0):
            complete += 1
        elif lost.interval != Interval.exactly(0):
            told.append(lost.reason)
        else:
            told.append(f"{client} got some update twice")
    return Measurement(Interval(complete, complete + untold), "; ".join(told[:3]))


def sequence_differences(evidence: Evidence, of: Of) -> Measurement:
    """Clients whose sequence of updates differs from the first client's, over the updates owed to all of them."""
    names = subscribers(evidence, of)
    if len(names) < 2:
        raise UnseenError(f"only {names[0]} took part: there is no other sequence to compare")
    owed = {name: owed_serials(evidence, name, of) for name in names}
    streams = set.intersection(*(set(one) for one in owed.values()))
    shared = {stream: reduce(np.intersect1d, (owed[name][stream] for name in names)) for stream in streams}
    if not any(len(serials) for serials in shared.values()):
        raise UnseenError("no update was owed to all of the selected clients")
    polled = set(polled_streams(evidence))
    differing = set()
    for stream, serials in shared.items():
        first = _sequence(evidence, names[0], stream, serials, stream in polled)
        for name in names[1:]:
            if not np.array_equal(first, _sequence(evidence, name, stream, serials, stream in polled)):
                differing.add(name)
    reason = f"differing from {names[0]}: {', '.join(sorted(differing))}" if differing else ""
    return Measurement(Interval.exactly(len(differing)), reason)


def payload_differences(evidence: Evidence, of: Of) -> Measurement:
    """Updates that reached several clients with different bytes."""
    rows = selected(evidence, of)
    rows = rows.rows((rows.serial > 0) & (rows.digest != 0))
    shared = _shared_by_clients(rows)
    if not len(shared):
        raise UnseenError("no update reached two of the selected clients")
    rows = rows.rows(np.isin(rows.serial, shared))
    pairs = np.unique(np.stack([rows.stream.codes.astype(np.int64), rows.serial, rows.digest], axis=1), axis=0)
    _, kinds = np.unique(pairs[:, :2], axis=0, return_counts=True)
    return Measurement.exactly(int((kinds > 1).sum()))


def _shared_by_clients(rows: MessageTable) -> Ints:
    """Serials that two clients or more received."""
    pairs = np.unique(np.stack([rows.serial, rows.client.codes.astype(np.int64)], axis=1), axis=0)
    serials, receivers = np.unique(pairs[:, 0], return_counts=True)
    return serials[receivers > 1]


def _got_something(evidence: Evidence, of: Of) -> bool:
    return bool((selected(evidence, of).serial > 0).any())


def _sequence(evidence: Evidence, client: str, stream: str, serials: Ints, polled: bool) -> Ints:
    """The serials in the order of arrival; a polled state sent again counts once."""
    rows = evidence.messages
    mine = rows.serial[rows.client.equal(client) & rows.stream.equal(stream)]
    mine = mine[np.isin(mine, serials)]
    if polled and len(mine):
        _, first = np.unique(mine, return_index=True)
        return mine[np.sort(first)]
    return mine


METRICS = (
    Metric(
        "messages.complete_clients", "", "clients with every owed update exactly once",
        (*SELECTORS, POLLED), complete_clients, grows=True,
    ),
    Metric(
        "messages.sequence_differences", "", "clients whose sequence differs from the first one's",
        SELECTORS, sequence_differences,
    ),
    Metric(
        "messages.payload_differences", "", "updates whose bytes differ between clients",
        SELECTORS, payload_differences, grows=True,
    ),
)  # fmt: skip
