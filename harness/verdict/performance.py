"""The evidence of a performance trial: what the load and the calibration leave behind, by which names it is read.

Every trial holds all of this in one timeline, in this order:

1. The instrument alone. Window `floor`: the same generator makes the same calls at the same offered rate
   against the null server, as client `null` (NULL). Where windows offer very different rates (5.2.3),
   `floor-WINDOW` is the floor of that window and goes before `floor`. Of streams: messages of client `null` on
   stream `null`, `sent_ns` the null server's own stamp, serial 0. Fact `instrument.ceiling` for each subject
   `calls` and `messages` that the case needs: the most that the instrument can do, per second.
2. Warm-up, in no window. Its end is a mark `load.warm {how, took_s}`: how tells what showed that it was over.
3. The load, in window `steady` (or the case's own: `clients-1` ..., `rate-200` ...): calls of `load-1`, `load-2`
   ..., one client a connection, each making one call at a time, with due_ns, sent_ns and done_ns. Stream
   clients likewise: `received_ns` by the kernel, `sent_ns` the message's own stamp where it carries one
   (and serial 0: a venue's ledger, where there is one, puts its own time there).

Facts about a window, subject the window's name:
`instrument.unsent` arrivals that were never sent although their user was free: the generator's doing;
`instrument.held` arrivals that were never sent because the target still owed that user an answer;
`instrument.offered_per_s` the rate of the timetable; `instrument.generator_cpu` share (0..1) of one core that the
busiest generator process used; `instrument.processes` their number; `host.steal_percent`;
`host.throttled` thermal throttle events; `host.cpu_mhz_min` and `host.cpu_mhz_max` as sampled in the window.
`instrument.real_time` 1 when all generators ran before ordinary processes while they measured.
Readings `host.others`: CPU seconds of the host that went to nobody of the run.
Fact `instrument.stamps`: 1 by the kernel, 0 by the user-space clock. What cannot be had on a platform is left out
(steal, throttling, frequency) or said by a fact `unmeasurable` (subject `instrument.floor`, `instrument.ceiling`).
"""

from __future__ import annotations

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import UNMEASURABLE, VENUE
from harness.evidence.tables import Floats
from harness.spec.case import Criterion
from harness.verdict.metric import Of, UnseenError, text
from harness.verdict.selecting import NS_PER_MS, NS_PER_S, NULL, closed, in_spans, windows
from harness.verdict.timetable import due_ns, punctual

FLOOR = "floor"
WARM = "load.warm"
CEILING = "instrument.ceiling"
UNSENT = "instrument.unsent"
HELD = "instrument.held"
OFFERED = "instrument.offered_per_s"
GENERATOR_CPU = "instrument.generator_cpu"
STAMPS = "instrument.stamps"
REAL_TIME = "instrument.real_time"
OTHERS = "host.others"
STEAL = "host.steal_percent"
THROTTLED = "host.throttled"
MHZ_MIN, MHZ_MAX = "host.cpu_mhz_min", "host.cpu_mhz_max"

CALLS, MESSAGES = "calls", "messages"
MAIN_PART = 0.1
"""A smaller part of a call's lateness than this is not why it was late."""
WINDOW_KEYS = ("window", "baseline_window", "baseline")


def fact(evidence: Evidence, name: str, subject: str = "") -> float | None:
    """The fact's value, of several the highest; None when nobody recorded it."""
    return max((one.value for one in evidence.facts if one.name == name and one.subject == subject), default=None)


def arrivals_left_out(evidence: Evidence, of: Of, name: str) -> int:
    """Arrivals (UNSENT or HELD) left out of the window that `of` selects, or of all but the instrument's own."""
    window = text(of, "window")
    counted = [one.value for one in evidence.facts if one.name == name and _concerns(one.subject, window)]
    return int(sum(counted))


def _concerns(subject: str, window: str) -> bool:
    return subject == window if window else not subject.startswith(FLOOR)


def windows_of(criterion: Criterion) -> tuple[str, ...]:
    """The windows that a criterion looks at."""
    return tuple(dict.fromkeys(text(criterion.of, key) for key in WINDOW_KEYS if key in criterion.of))


def floor_window(evidence: Evidence, window: str) -> str:
    """The name of the window that holds the floor of this one; empty when none was measured."""
    opened = {mark.detail.get("window") for mark in evidence.marks if mark.name == "window.begin"}
    return next((name for name in (f"{FLOOR}-{window}", FLOOR) if name in opened), "")


def floor_ms(evidence: Evidence, window: str, kind: str) -> Floats:
    """What the instrument itself took against the null server, from due to done or from stamp to receipt."""
    name = floor_window(evidence, window)
    if not name:
        return np.zeros(0)
    spans = windows(evidence, name)
    if kind == CALLS:
        calls = evidence.calls.rows(evidence.calls.client.equal(NULL))
        due = due_ns(calls)
        return ((calls.done_ns - np.minimum(due, calls.sent_ns)) / NS_PER_MS)[in_spans(due, spans)]
    rows = evidence.messages.rows(evidence.messages.client.equal(NULL))
    return ((rows.received_ns - rows.sent_ns) / NS_PER_MS)[in_spans(rows.received_ns, spans) & (rows.sent_ns > 0)]


def unmeasured(evidence: Evidence, subject: str) -> str:
    """Why something could not be measured; empty when nobody says so."""
    told = (one.detail for one in evidence.facts if one.name == UNMEASURABLE and one.subject == subject)
    return next(told, "")


def offered_per_s(evidence: Evidence, window: str, kind: str) -> float:
    """The rate that a window asked of the instrument: as its timetable says, or as it was carried out.

    Messages: those that the busiest client received. Raises UnseenError without such a window.
    """
    stated = fact(evidence, OFFERED, window) or 0.0
    mine, null = evidence.calls, window.startswith(FLOOR)
    if kind == MESSAGES:
        sent = evidence.messages.client.equal(VENUE)
        rows = evidence.messages.rows((evidence.messages.client.equal(NULL) == null) & ~sent)
        times, codes = rows.received_ns, rows.client.codes
    else:
        mine = mine.rows(mine.client.equal(NULL) == null)
        times, codes = due_ns(mine), np.zeros(len(mine), np.int32)
    chosen = closed(evidence, windows(evidence, window), times)
    length_s = sum(end - begin for begin, end in chosen) / NS_PER_S
    if length_s <= 0:
        raise UnseenError(f"the window {window} has no length")
    busiest = int(np.bincount(codes[in_spans(times, chosen)], minlength=1).max())
    if kind == CALLS:
        busiest += arrivals_left_out(evidence, {"window": window}, UNSENT)
        busiest += arrivals_left_out(evidence, {"window": window}, HELD)
        return max(stated, busiest / length_s)
    return busiest / length_s


def lateness_ms(evidence: Evidence, window: str) -> Floats:
    """How late each call due in the window was sent by the generator's own doing.

    Behind a target that cannot keep up the few microseconds that a generator needs for each call add up too;
    where they are a small part of the waiting they are not counted.
    """
    rows = evidence.calls
    chosen = in_spans(due_ns(rows), windows(evidence, window)) & ~rows.client.equal(NULL)
    ideal = punctual(rows)
    own, whole = rows.sent_ns - ideal.sent_ns, rows.sent_ns - ideal.due_ns
    late: Floats = np.where(own >= MAIN_PART * whole, own / NS_PER_MS, 0.0)[chosen]
    return late
