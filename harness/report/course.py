"""Latency, rate and lateness of a load over time: each trial's window in slices, counted here and not in the page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.evidence.clock import NS_PER_MS, NS_PER_S
from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Outcome
from harness.evidence.tables import Floats, Ints
from harness.spec.case import Argument
from harness.verdict.metric import UnseenError
from harness.verdict.metrics import calls, messages
from harness.verdict.performance import CALLS, MESSAGES
from harness.verdict.selecting import NULL, closed, windows
from harness.verdict.timetable import due_ns

_MOST_SLICES, _FEWEST_SLICES = 120, 10
_SAMPLES_A_SLICE = 20

Of = Mapping[str, Argument]


@dataclass(frozen=True, slots=True)
class Course:
    """One trial. All lists have one entry a slice; `at_s` its middle, from the window's begin."""

    trial: int
    length_s: float
    at_s: tuple[float, ...]
    median_ms: tuple[float, ...]
    """NaN where nothing was seen; likewise below."""
    highest_ms: tuple[float, ...]
    rate_per_s: tuple[float, ...]
    lateness_ms: tuple[float, ...]
    """The latest sending of the slice; empty for messages, which nobody has to send on time here."""


def course(trial: int, evidence: Evidence, kind: str, of: Of) -> Course | None:
    """The course of the calls or messages that `of` selects, over its window; None when there were none."""
    try:
        seen = _calls(evidence, of) if kind == CALLS else _messages(evidence, of)
        spans = closed(evidence, windows(evidence, str(of["window"])), seen.placed_ns)
    except UnseenError:
        return None
    if not len(seen.placed_ns) or not spans:
        return None
    begin, end = spans[0][0], spans[-1][1]
    wanted = len(seen.placed_ns) // _SAMPLES_A_SLICE
    edges = np.linspace(begin, end, min(max(wanted, _FEWEST_SLICES), _MOST_SLICES) + 1)
    width_s = float(edges[1] - edges[0]) / NS_PER_S
    if width_s <= 0:
        return None
    which = np.digitize(seen.placed_ns, edges) - 1
    done = np.histogram(seen.done_ns, edges)[0]
    return Course(
        trial=trial,
        length_s=(end - begin) / NS_PER_S,
        at_s=tuple(((edges[:-1] + edges[1:]) / 2 - begin) / NS_PER_S),
        median_ms=_by_slice(which, seen.took_ms, len(edges) - 1, 0.5),
        highest_ms=_by_slice(which, seen.took_ms, len(edges) - 1, 1.0),
        rate_per_s=tuple(float(count) / width_s for count in done),
        lateness_ms=_by_slice(which, seen.late_ms, len(edges) - 1, 1.0) if len(seen.late_ms) else (),
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    placed_ns: Ints
    """When each belongs on the time axis."""
    done_ns: Ints
    took_ms: Floats
    late_ms: Floats


def _calls(evidence: Evidence, of: Of) -> _Seen:
    rows = calls.selected(evidence, {key: of[key] for key in ("client", "method", "window") if key in of})
    due = np.minimum(due_ns(rows), rows.sent_ns)
    answered = rows.done_ns[rows.outcome.equal(Outcome.OK)]
    return _Seen(due, answered, (rows.done_ns - due) / NS_PER_MS, (rows.sent_ns - due) / NS_PER_MS)


def _messages(evidence: Evidence, of: Of) -> _Seen:
    keys = ("client", "stream", "symbol", "window")
    rows = messages.selected(evidence, {key: of[key] for key in keys if key in of})
    rows = rows.rows(~rows.client.equal(VENUE) & ~rows.client.equal(NULL))
    took = np.where(rows.sent_ns > 0, (rows.received_ns - rows.sent_ns) / NS_PER_MS, math.nan)
    return _Seen(rows.received_ns, rows.received_ns, took, np.zeros(0))


def _by_slice(which: Ints, values: Floats, slices: int, quantile: float) -> tuple[float, ...]:
    order = np.argsort(which, kind="stable")
    starts = np.searchsorted(which[order], np.arange(slices + 1))
    parts = [values[order[starts[at] : starts[at + 1]]] for at in range(slices)]
    known = [part[np.isfinite(part)] for part in parts]
    return tuple(float(np.quantile(part, quantile)) if len(part) else math.nan for part in known)


def shared_end_s(courses: Sequence[Course]) -> float:
    """The longest window."""
    return max(one.length_s for one in courses)


def kind_of(metric: str) -> str:
    """CALLS, MESSAGES, or nothing: what a metric over a load looks at."""
    return next((kind for kind in (CALLS, MESSAGES) if metric.startswith(f"{kind}.")), "")
