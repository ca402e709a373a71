"""Counting over messages part by part: each tally takes the messages in the order of time, in parts of any size."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Protocol

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import UNKNOWN_SERIAL, VENUE
from harness.evidence.tables import Mask, MessageTable
from harness.verdict.interval import Interval
from harness.verdict.metric import Measurement, Of, UnseenError, flag
from harness.verdict.owed import Live, live_spans, owed_mask, within
from harness.verdict.selecting import clients
from harness.verdict.selection import Selection
from harness.verdict.serials import Serials


class Tally(Protocol):
    """A measurement in the making."""

    def take(self, rows: MessageTable) -> None:
        """The next messages."""

    def done(self) -> Measurement:
        """What they came to. Raises UnseenError where nothing was seen that it could be told from."""


def tallied(name: str, make: Callable[[Evidence, Of], Tally]) -> Callable[[Evidence, Of], Measurement]:
    """The measure of a metric that is such a tally; `name`: the metric's."""
    return lambda evidence, of: evidence.folded(key_of(name, of), lambda: make(evidence, of)).done()


def key_of(name: str, of: Of) -> tuple[str, str]:
    """What tells this tally of an evidence from any other."""
    return name, repr(sorted(of.items()))


class Count:
    """Number of deliveries; for the venue number of updates, however many spellings its ledger has for each."""

    def __init__(self, evidence: Evidence, of: Of) -> None:
        self._chosen = Selection.of_criterion(evidence, of)
        self._updates: dict[str, Serials] = defaultdict(Serials)
        self._delivered = 0

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        chosen, by_venue = self._chosen.mask(rows), rows.client.equal(VENUE)
        sent = chosen & by_venue
        self._delivered += int((chosen & ~by_venue).sum())
        for stream in rows.stream.rows(sent).distinct():
            self._updates[stream].add(rows.serial[sent & rows.stream.equal(stream)])

    def done(self) -> Measurement:
        """The number."""
        return Measurement.exactly(self._delivered + sum(map(len, self._updates.values())))


class Missing:
    """Updates that were owed to a selected client and never reached it, over all selected clients."""

    def __init__(self, evidence: Evidence, of: Of) -> None:
        self._of, self._within = of, within(evidence, of)  # the evidence itself keeps its folds: no circle
        self._live: dict[tuple[str, str], list[Live]] = {}
        for client in clients(evidence, of):
            for live in live_spans(evidence, client, of):
                self._live.setdefault((client, live.stream), []).append(live)
        self._owed = {one: Serials() for one in self._live}
        self._received = {one: Serials() for one in self._live}

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        sent = rows.client.equal(VENUE)
        times_ns = rows.sent_ns[sent]
        updates = {stream: sent & rows.stream.equal(stream) for stream in dict.fromkeys(of for _, of in self._live)}
        for (client, stream), lives in self._live.items():
            for live in lives:
                if len(times_ns) and times_ns.max() > live.begin_ns and times_ns.min() <= live.end_ns:
                    mask = updates[stream] & owed_mask(rows, live, self._of, self._within)
                    self._owed[client, stream].add(rows.serial[mask])
            serials = rows.serial[rows.client.equal(client) & rows.stream.equal(stream)]
            self._received[client, stream].add(serials[serials > 0])

    def done(self) -> Measurement:
        """Their number, with what the first clients lack."""
        lost, owing = 0, 0
        told = []
        for (client, stream), owed in self._owed.items():
            count, (absent, first) = len(owed), owed.without(self._received[client, stream])
            owing += count
            lost += absent
            if absent:
                told.append(f"{client} lacks {absent} of {count} {stream} updates, first serial {first}")
        if not owing:
            raise UnseenError(
                "no update was owed to the selected clients: they were not live, or the venue sent nothing"
            )
        return Measurement(Interval.exactly(lost), "; ".join(told[:3]))


class Repeats:
    """Which deliveries repeat an earlier one of their subscription; of polled streams not the latest state again."""

    def __init__(self, evidence: Evidence, *, polled: bool) -> None:
        self._polled = None if polled else frozenset(polled_streams(evidence))
        self._seen: dict[tuple[str, str, int], Serials] = defaultdict(Serials)
        self._latest: dict[tuple[str, str, int, str], int] = {}

    def of(self, rows: MessageTable) -> Mask:
        """Which of the next rows, all of known serial, do."""
        repeats = np.zeros(len(rows), np.bool_)
        lenient = rows.stream.one_of(rows.stream.names if self._polled is None else self._polled)
        for same in groups(rows.client.codes, rows.stream.codes, rows.subscription):
            known = self._seen[_subscription(rows, same[0])].add(rows.serial[same])
            repeats[same] = known
        if lenient.any():
            polled = np.flatnonzero(lenient)
            of_them = rows.rows(polled)
            for subject in groups(of_them.client.codes, of_them.stream.codes, of_them.subscription, of_them.key.codes):
                mine, serials = (*_subscription(of_them, subject[0]), of_them.key[subject[0]]), of_them.serial[subject]
                repeats[polled[subject]] &= np.diff(serials, prepend=self._latest.get(mine, UNKNOWN_SERIAL)) != 0
                self._latest[mine] = int(serials[-1])
        return repeats


class Duplicates:
    """Deliveries of an update that the same subscription had delivered before."""

    def __init__(self, evidence: Evidence, of: Of) -> None:
        self._chosen = Selection.of_criterion(evidence, of)
        self._repeats = Repeats(evidence, polled=flag(of, "polled"))
        self._known = self._number = 0

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        rows = _resolved(rows, self._chosen)
        self._known += len(rows)
        self._number += int(self._repeats.of(rows).sum())

    def done(self) -> Measurement:
        """Their number."""
        _told_apart(self._known)
        return Measurement.exactly(self._number)


class Reordered:
    """Deliveries that came after a later update of the same key in the same subscription."""

    def __init__(self, evidence: Evidence, of: Of) -> None:
        self._chosen = Selection.of_criterion(evidence, of)
        self._repeats = Repeats(evidence, polled=True)
        self._highest: dict[tuple[str, str, int, str], int] = {}
        self._known = self._late = 0

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        rows = _resolved(rows, self._chosen)
        again = self._repeats.of(rows)
        self._known += len(rows)
        for same in groups(rows.client.codes, rows.stream.codes, rows.subscription, rows.key.codes):
            mine, serials = (*_subscription(rows, same[0]), rows.key[same[0]]), rows.serial[same]
            highest = np.maximum(np.maximum.accumulate(serials), self._highest.get(mine, 0))
            self._highest[mine] = int(highest[-1])
            self._late += int(((serials < highest) & ~again[same]).sum())

    def done(self) -> Measurement:
        """Their number."""
        _told_apart(self._known)
        return Measurement.exactly(self._late)


class Unknown:
    """Deliveries with a content that the venue never sent."""

    def __init__(self, evidence: Evidence, of: Of) -> None:
        self._chosen = Selection.of_criterion(evidence, of)
        self._number, self._compared = 0, False

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        serials = rows.serial[self._chosen.mask(rows)]
        self._compared |= bool((serials != 0).any())
        self._number += int((serials == UNKNOWN_SERIAL).sum())

    def done(self) -> Measurement:
        """Their number."""
        if not self._compared:
            raise UnseenError("no selected delivery could be compared with the venue's ledger")
        return Measurement.exactly(self._number)


class Wrong:
    """Deliveries whose content breaks the contract."""

    def __init__(self, evidence: Evidence, of: Of) -> None:
        self._chosen = Selection.of_criterion(evidence, of)
        self._seen = self._number = 0
        self._told: list[str] = []

    def take(self, rows: MessageTable) -> None:
        """The next messages."""
        rows = self._chosen.rows(rows)
        bad = np.flatnonzero(~rows.wrong.equal(""))
        self._seen += len(rows)
        self._number += len(bad)
        self._told += [rows.wrong[row] for row in bad[: 3 - len(self._told)]]

    def done(self) -> Measurement:
        """Their number, with what is wrong with the first."""
        if not self._seen:
            raise UnseenError("nothing was delivered to the selected clients")
        return Measurement(Interval.exactly(self._number), "; ".join(self._told))


TALLIES: dict[str, Callable[[Evidence, Of], Tally]] = {
    "messages.count": Count,
    "messages.missing": Missing,
    "messages.duplicates": Duplicates,
    "messages.reordered": Reordered,
    "messages.unknown": Unknown,
    "messages.wrong": Wrong,
}
"""By metric. Whatever else asks for the messages of a large recording loads them whole."""


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


def _subscription(rows: MessageTable, row: int | np.intp) -> tuple[str, str, int]:
    return rows.client[int(row)], rows.stream[int(row)], int(rows.subscription[row])


def _resolved(rows: MessageTable, chosen: Selection) -> MessageTable:
    """The chosen deliveries of which the ledger tells the update."""
    return rows.rows(chosen.mask(rows) & (rows.serial > 0))


def _told_apart(known: int) -> None:
    if not known:
        raise UnseenError("no selected delivery could be told apart by the venue's ledger")
