"""Who made a call late: the load generator, or the target that still owed the same user its previous answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.evidence.tables import CallTable, Ints, Mask

RELEASED_NS = 1_000_000
"""A call that was due meanwhile and leaves so soon after its user's previous answer waited for that answer alone."""
SEQUENTIAL_SHARE = 0.99
"""A client that waited for its previous answer in at least this share of its calls makes one call at a time."""


@dataclass(frozen=True, slots=True, eq=False)
class Timetable:
    """For each row of a call table what a generator without any delay of its own would have seen. All Unix ns.

    `due_ns` is the timetable (the sending time where there is none), `sent_ns` when a punctual generator
    would have sent the call: when it was due, or, of a user who makes one call at a time, as soon as the
    target had answered the one before. `done_ns` is that plus the time that the call really took. So
    `done_ns - due_ns` is what the target is to blame for, and `sent - sent_ns` what the generator is.
    """

    due_ns: Ints
    sent_ns: Ints
    done_ns: Ints

    def rows(self, mask: Mask) -> Timetable:
        """The same for some rows only."""
        return Timetable(self.due_ns[mask], self.sent_ns[mask], self.done_ns[mask])


def due_ns(rows: CallTable) -> Ints:
    """When each call should have been sent; calls without a timetable were due when they were sent."""
    return np.where(rows.due_ns > 0, rows.due_ns, rows.sent_ns)


@lru_cache(maxsize=8)  # every criterion and guard of a trial asks for the same table; tables are frozen
def punctual(rows: CallTable) -> Timetable:
    """The timetable of these calls, each client's as a whole: select from the result, not before."""
    due = np.minimum(due_ns(rows), rows.sent_ns)
    took = rows.done_ns - rows.sent_ns
    sent = due.copy()
    for mine in _each_client(rows):
        if len(mine) > 1 and _waits(rows.sent_ns[mine], rows.done_ns[mine]):
            # Without delays of its own the user sends at max(due, end of the call before): unrolled, the sum
            # of all earlier calls' times plus the latest start of a busy spell.
            before = np.cumsum(took[mine]) - took[mine]
            ideal = before + np.maximum.accumulate(due[mine] - before)
            sent[mine] = np.minimum(ideal, rows.sent_ns[mine])
    return Timetable(due, sent, sent + took)


def released(rows: CallTable) -> Mask:
    """The calls that left at once when the target had answered the same user's call before: the target's timing."""
    due, found = due_ns(rows), np.zeros(len(rows), np.bool_)
    for mine in _each_client(rows):
        before, late = rows.done_ns[mine][:-1], mine[1:]
        found[late] = (due[late] <= before) & (rows.sent_ns[late] - before <= RELEASED_NS)
    return found


def _each_client(rows: CallTable) -> list[Ints]:
    """The positions of each client's rows."""
    order = np.argsort(rows.client.codes, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(rows.client.codes[order])) + 1)


def _waits(sent_ns: Ints, done_ns: Ints) -> bool:
    """Whether a client, its rows in the order of sending, waits for each answer before the next call."""
    return float(np.mean(sent_ns[1:] >= done_ns[:-1])) >= SEQUENTIAL_SHARE
