"""Metrics over unary calls: how many, how they ended, how long they took, how steadily they were made."""

from __future__ import annotations

import math

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import Outcome
from harness.evidence.tables import CallTable, Ints, Mask
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Load, Measurement, Metric, Of, Parameter, UnseenError, number, without
from harness.verdict.metrics.delivery import QUANTILE, RESOLUTION, best_of, of_samples
from harness.verdict.quantiles import share_interval
from harness.verdict.selecting import NS_PER_MS, NS_PER_S, clients, closed, fits, in_spans, named, spans

SELECTORS = (
    Parameter("client", "texts", "a client's name, a prefix with `*`, or several"),
    Parameter("method", "texts", "only calls of this method"),
    Parameter("window", "text", "only calls due inside the windows of this name"),
    Parameter("after", "text", "only calls due after the first mark of this name"),
    Parameter("before", "text", "only calls due before the first mark of this name"),
)
OUTCOME = Parameter("outcome", "texts", "ok, fail or unknown")
CODE = Parameter("code", "texts", "gRPC status code name")
BASELINES = tuple(
    Parameter(f"baseline_{name}", "text", f"{name} of the calls to compare with")
    for name in ("client", "method", "window")
)
NEVER_SENT = "load.never_sent"
"""Name of the facts that count arrivals which the load generator had to leave out."""


def selected(evidence: Evidence, of: Of) -> CallTable:
    """The calls that the selectors leave; a call belongs to the time at which it was due."""
    rows = evidence.calls
    mask = rows.client.one_of(clients(evidence, of)) if "client" in of else np.ones(len(rows), np.bool_)
    for key, column in (("method", rows.method), ("outcome", rows.outcome), ("code", rows.code)):
        if key in of:
            mask &= column.one_of(name for name in column.names if fits(name, of[key]))
    if any(name in of for name in ("window", "after", "before")):
        mask &= in_spans(due_ns(rows), spans(evidence, of))
    return rows.rows(mask)


def due_ns(rows: CallTable) -> Ints:
    """When each call should have been sent; calls without a timetable were due when they were sent."""
    return np.where(rows.due_ns > 0, rows.due_ns, rows.sent_ns)


def count(evidence: Evidence, of: Of) -> Measurement:
    """Number of calls, of one outcome or code when that is given."""
    _some(evidence, without(of, "outcome", "code"))
    return Measurement.exactly(len(selected(evidence, of)))


def failed(evidence: Evidence, of: Of) -> Measurement:
    """Calls without an answer; one of unknown outcome under a fault may or may not have been done."""
    rows = _some(evidence, of)
    least, most = _failures(evidence, rows)
    codes = sorted(set(rows.rows(~rows.outcome.equal(Outcome.OK)).code.distinct()))
    return Measurement(Interval(least, most), f"codes: {', '.join(codes)}" if most else "")


def error_percent(evidence: Evidence, of: Of) -> Measurement:
    """Share of failed calls with the interval that their number allows; none of n leaves about 370/n."""
    rows = _some(evidence, of)
    share = share_interval(*_failures(evidence, rows), len(rows))
    return Measurement(share * Interval.exactly(100.0), samples=len(rows))


def latency_ms(evidence: Evidence, of: Of) -> Measurement:
    """Quantile of the calls' latency: low end from sent to done, high end from due to done.

    From `sent` hides a late sender's queue, from `due` blames the service for it: both ends are kept.
    A call that was not answered took at least until it was given up.
    """
    rows = _some(evidence, of)
    answered = rows.outcome.equal(Outcome.OK)
    low = (rows.done_ns - rows.sent_ns) / NS_PER_MS
    high = np.where(answered, (rows.done_ns - np.minimum(due_ns(rows), rows.sent_ns)) / NS_PER_MS, math.inf)
    return of_samples(low, high, number(of, "quantile"))


def latency_added_ms(evidence: Evidence, of: Of) -> Measurement:
    """The quantile of the selected calls minus that of the baseline's."""
    inside, outside = _both(evidence, of)
    return Measurement(_known(inside) - _known(outside), inside.reason or outside.reason)


def latency_ratio(evidence: Evidence, of: Of) -> Measurement:
    """The quantile of the selected calls over that of the baseline's, which counts as at least `resolution_ms`."""
    inside, outside = _both(evidence, of)
    divisor = _known(outside).at_least(number(of, "resolution_ms", 0.0))
    return Measurement(_known(inside) / divisor, inside.reason or outside.reason)


def rate_per_s(evidence: Evidence, of: Of) -> Measurement:
    """Answered calls a second: done inside the window, or from the first one's due time to the last one's end."""
    rows = _some(evidence, without(of, "window"))
    rows = rows.rows(rows.outcome.equal(Outcome.OK))
    chosen = closed(evidence, spans(evidence, of), np.concatenate([due_ns(rows), rows.done_ns]))
    length_s = sum(end - begin for begin, end in chosen) / NS_PER_S
    done = int(in_spans(rows.done_ns, chosen).sum())
    return Measurement.exactly(done / length_s if length_s > 0 else 0.0)


def achieved_ratio(evidence: Evidence, of: Of) -> Measurement:
    """Answered in time over offered. The low end blames the service for what the load generator sent late or never.

    In time: by the end of the window, or of the time over which calls were due.
    """
    rows = _some(evidence, of)
    due = due_ns(rows)
    last = int(due.max() + (due.max() - due.min()) / max(len(due) - 1, 1))
    chosen = spans(evidence, of) if "window" in of else ((float(due.min()), float(last)),)
    answered = rows.outcome.equal(Outcome.OK)
    punctual_done = rows.done_ns - np.maximum(rows.sent_ns - due, 0)
    never = sum(fact.value for fact in evidence.facts if fact.name == NEVER_SENT)
    done = int((answered & in_spans(rows.done_ns, chosen)).sum())
    would_be = int((answered & in_spans(punctual_done, chosen)).sum())
    return Measurement(Interval(done / (len(rows) + never), max(would_be, done) / len(rows)), samples=len(rows))


def _some(evidence: Evidence, of: Of) -> CallTable:
    rows = selected(evidence, of)
    if not len(rows):
        raise UnseenError("no call was made that the criterion is about")
    return rows


def _failures(evidence: Evidence, rows: CallTable) -> tuple[int, int]:
    """At least and at most so many calls failed."""
    unknown = rows.outcome.equal(Outcome.UNKNOWN)
    excused = unknown & _under_fault(evidence, rows)
    most = int((~rows.outcome.equal(Outcome.OK)).sum())
    return most - int(excused.sum()), most


def _under_fault(evidence: Evidence, rows: CallTable) -> Mask:
    """Calls that were under way while a fault was."""
    mask = np.zeros(len(rows), np.bool_)
    heals = [mark.t_ns for mark in named(evidence, "fault.heal")]
    for mark in named(evidence, "fault.begin"):
        end = next((heal for heal in heals if heal >= mark.t_ns), math.inf)
        mask |= (rows.sent_ns <= end) & (rows.done_ns >= mark.t_ns)
    return mask


def _both(evidence: Evidence, of: Of) -> tuple[Measurement, Measurement]:
    names = tuple(parameter.name for parameter in BASELINES)
    plain = without(of, *names, "resolution_ms")
    other = {name.removeprefix("baseline_"): of[name] for name in names if name in of}
    return latency_ms(evidence, plain), latency_ms(evidence, {**plain, **other})


def _known(measurement: Measurement) -> Interval:
    assert measurement.interval is not None
    return measurement.interval


def _best_latency(of: Of, load: Load) -> Interval | None:
    return best_of(of, load, "calls")


def _best_error_percent(of: Of, load: Load) -> Interval | None:
    if "calls" not in load:
        return None
    return share_interval(0, 0, load["calls"]) * Interval.exactly(100.0)


_LATENCY = (*SELECTORS, QUANTILE)

METRICS = (
    Metric("calls.count", "", "number of calls", (*SELECTORS, OUTCOME, CODE), count, grows=True),
    Metric("calls.failed", "", "calls without an answer", SELECTORS, failed, grows=True),
    Metric("calls.error_percent", "%", "share of calls without an answer", SELECTORS, error_percent,
           _best_error_percent, unknown=Interval(0, 100), pooled=True),
    Metric("calls.latency_ms", "ms", "time from due (high end) and sent (low end) to done", _LATENCY, latency_ms,
           _best_latency, pooled=True, timed=True),
    Metric("calls.latency_added_ms", "ms", "latency minus the baseline's", (*_LATENCY, *BASELINES), latency_added_ms,
           unknown=EVERYTHING, pooled=True, timed=True),
    Metric("calls.latency_ratio", "", "latency over the baseline's", (*_LATENCY, *BASELINES, RESOLUTION),
           latency_ratio, pooled=True, paced=True),
    Metric("calls.rate_per_s", "/s", "answered calls a second", SELECTORS, rate_per_s, pooled=True, paced=True),
    Metric("calls.achieved_ratio", "", "calls answered in time over calls offered", SELECTORS, achieved_ratio,
           unknown=Interval(0, 1), pooled=True, paced=True),
)  # fmt: skip
