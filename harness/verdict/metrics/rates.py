"""Metrics over the rate of unary calls: on the whole, in the worst stretch, against what was offered."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import Outcome
from harness.evidence.tables import Ints
from harness.verdict.interval import Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, number, text, without
from harness.verdict.metrics.calls import SELECTORS, selected_with_timetable
from harness.verdict.performance import HELD, UNSENT, arrivals_left_out
from harness.verdict.selecting import NS_PER_S, Span, closed, in_spans, spans, windows
from harness.verdict.timetable import due_ns

BLOCK = Parameter("block_s", "number", "length of a stretch, 1 s unless it says otherwise")


def rate_per_s(evidence: Evidence, of: Of) -> Measurement:
    """Answered calls a second: done inside the window, or from the first one's due time to the last one's end.

    The high end adds what a generator without any delay of its own would have got answered besides.
    """
    rows, ideal = selected_with_timetable(evidence, without(of, "window"))
    answered = rows.outcome.equal(Outcome.OK)
    if not answered.any():
        return Measurement(Interval.exactly(0.0), "no call was answered")
    chosen = closed(evidence, spans(evidence, of), np.concatenate([due_ns(rows)[answered], rows.done_ns[answered]]))
    length_s = sum(end - begin for begin, end in chosen) / NS_PER_S
    if length_s <= 0:
        return Measurement.exactly(0.0)
    done = int(in_spans(rows.done_ns[answered], chosen).sum())
    ideally = int(in_spans(ideal.done_ns[answered], chosen).sum())
    most = max(done, ideally) + arrivals_left_out(evidence, of, UNSENT)
    return Measurement(Interval(done / length_s, most / length_s))


def sustained_per_s(evidence: Evidence, of: Of) -> Measurement:
    """Answered calls a second in the worst whole block of `block_s` of the window: not the mean over it."""
    block_s = number(of, "block_s", 1.0)
    rows, ideal = selected_with_timetable(evidence, without(of, "window", "block_s"))
    answered = rows.outcome.equal(Outcome.OK)
    edges = [
        block_edges(span, block_s) for span in closed(evidence, windows(evidence, text(of, "window")), rows.done_ns)
    ]
    counts = counted(rows.done_ns[answered], edges)
    ideally = counted(ideal.done_ns[answered], edges)
    most = max(int(ideally.min()) + arrivals_left_out(evidence, of, UNSENT), int(counts.min()))
    reason = f"worst is the {int(counts.argmin()) + 1}. of {len(counts)} blocks of {block_s:g} s"
    return Measurement(Interval(int(counts.min()) / block_s, most / block_s), reason)


def achieved_ratio(evidence: Evidence, of: Of) -> Measurement:
    """Answered in time over offered. The low end blames the service for what the generator sent late or never.

    In time: by the end of the window, or of the time over which calls were due.
    """
    rows, ideal = selected_with_timetable(evidence, of)
    due = due_ns(rows)
    last = int(due.max() + (due.max() - due.min()) / max(len(due) - 1, 1))
    chosen = spans(evidence, of) if "window" in of else ((float(due.min()), float(last)),)
    answered = rows.outcome.equal(Outcome.OK)
    unsent, held = (arrivals_left_out(evidence, of, name) for name in (UNSENT, HELD))
    offered = len(rows) + unsent + held
    done = int((answered & in_spans(rows.done_ns, chosen)).sum())
    ideally = int((answered & in_spans(ideal.done_ns, chosen)).sum())
    return Measurement(Interval(done / offered, (max(done, ideally) + unsent) / offered), samples=offered)


def block_edges(span: Span, block_s: float) -> Ints:
    """Where the whole blocks of a window begin and end, ns."""
    if block_s <= 0:
        raise ValueError(f"a block lasts longer than {block_s:g} s")
    whole = int((span[1] - span[0]) / (block_s * NS_PER_S) + 1e-9)
    return (span[0] + np.arange(whole + 1) * block_s * NS_PER_S).astype(np.int64)


def counted(times_ns: Ints, edges: Iterable[Ints]) -> Ints:
    """How many of the times lie in each block, over all windows. Raises UnseenError without a whole block."""
    blocks = [np.histogram(times_ns, one)[0] for one in edges if len(one) > 1]
    if not blocks:
        raise UnseenError("the window is shorter than one block")
    return np.concatenate(blocks).astype(np.int64)


METRICS = (
    Metric("calls.rate_per_s", "/s", "answered calls a second", SELECTORS, rate_per_s, pooled=True, paced=True),
    Metric("calls.sustained_per_s", "/s", "answered calls a second in the worst block of the window",
           (*(one for one in SELECTORS if one.name not in ("after", "before", "window")),
            Parameter("window", "text", "the windows to cut into blocks", required=True), BLOCK),
           sustained_per_s, pooled=True, paced=True),
    Metric("calls.achieved_ratio", "", "calls answered in time over calls offered", SELECTORS, achieved_ratio,
           unknown=Interval(0, 1), pooled=True, paced=True),
)  # fmt: skip
