"""What each client was owed: the venue's updates while its subscription was live."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Mark
from harness.evidence.tables import Ints, Mask, MessageTable
from harness.verdict.metric import Of
from harness.verdict.selecting import Span, fits, in_spans, spans

ENDS = ("stream.down", "stream.cancelled", "stream.quiet")
SETTLED = "trial.settled"


@dataclass(frozen=True, slots=True)
class Live:
    """A span in which one client was live on one stream. `keys`: the only symbols it asked for; empty is all."""

    client: str
    stream: str
    begin_ns: int
    end_ns: float
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """The venue's updates of one stream: one row for each spelling, sorted by time."""

    rows: MessageTable

    def owed(self, live: Live, of: Of, evidence: Evidence) -> Ints:
        """Serials, sorted, of the updates that this span owes and that the criterion is about."""
        return np.unique(self.rows.serial[owed_mask(self.rows, live, of, within(evidence, of))])


def within(evidence: Evidence, of: Of) -> Sequence[Span] | None:
    """The spans of time that the criterion is about; None: any time. Raises UnseenError where one never began."""
    return spans(evidence, of) if any(name in of for name in ("window", "after", "before")) else None


def owed_mask(ledger: MessageTable, live: Live, of: Of, chosen: Sequence[Span] | None) -> Mask:
    """Rows of a stream's ledger that a span owes and that the criterion is about, as `within` has it."""
    sent_ns = ledger.sent_ns
    mask: Mask = (sent_ns > live.begin_ns) & (sent_ns <= live.end_ns) & key_mask(ledger, of)
    if live.keys:
        mask &= ledger.key.one_of(live.keys)
    if chosen is not None:
        mask &= in_spans(sent_ns, chosen)
    return mask


def key_mask(rows: MessageTable, of: Of) -> Mask:
    """Rows whose key `symbol` and `symbol_not` leave."""
    mask = np.ones(len(rows), np.bool_)
    if "symbol" in of:
        wanted = of["symbol"]
        mask &= rows.key.one_of(name for name in rows.key.names if fits(name, wanted))
    if "symbol_not" in of:
        refused = of["symbol_not"]
        mask &= ~rows.key.one_of(name for name in rows.key.names if fits(name, refused))
    return mask


def ledger(evidence: Evidence, stream: str) -> Ledger:
    """The venue's updates of a stream; empty when it sent none."""
    rows = evidence.messages
    return Ledger(rows.rows(rows.client.equal(VENUE) & rows.stream.equal(stream)))


def live_spans(evidence: Evidence, client: str, of: Of) -> tuple[Live, ...]:
    """The spans in which a client was live, on the stream that `of` selects or on all of its streams."""
    mine = [mark for mark in evidence.marks if mark.detail.get("client", client) == client]
    opened = {_subscription(mark): mark for mark in mine if mark.name == "stream.opened"}
    found = []
    for mark in (one for one in mine if one.name == "stream.live"):
        stream = mark.detail.get("stream", "")
        if "client" in mark.detail and ("stream" not in of or fits(stream, of["stream"])):
            keys = _keys(mark) or _keys(opened.get(_subscription(mark), mark))
            found.append(Live(client, stream, mark.t_ns, _end_ns(mine, stream, mark.t_ns), keys))
    return tuple(found)


def _end_ns(mine: Sequence[Mark], stream: str, begin_ns: int) -> float:
    """When a client that was live from `begin_ns` on stopped being so."""
    for mark in mine[bisect_left(mine, begin_ns, key=lambda one: one.t_ns) :]:
        if mark.name == SETTLED or (mark.name in ENDS and mark.detail.get("stream", stream) == stream):
            return mark.t_ns
    return math.inf


def owed_serials(evidence: Evidence, client: str, of: Of) -> dict[str, Ints]:
    """For each stream on which the client was live the serials it was owed, sorted."""
    owed: dict[str, Ints] = {}
    for live in live_spans(evidence, client, of):
        serials = ledger(evidence, live.stream).owed(live, of, evidence)
        owed[live.stream] = np.union1d(owed.get(live.stream, serials), serials)
    return owed


def _subscription(mark: Mark) -> tuple[str, str]:
    return mark.detail.get("stream", ""), mark.detail.get("subscription", "")


def _keys(mark: Mark) -> tuple[str, ...]:
    """The symbols that a subscription asked for, when its mark tells them: detail `keys`, separated by commas."""
    return tuple(key.strip() for key in mark.detail.get("keys", "").split(",") if key.strip())
