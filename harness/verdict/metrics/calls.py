"""Metrics over unary calls: how many, how they ended, how long they took."""

from __future__ import annotations

import math

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import Outcome
from harness.evidence.tables import CallTable, Floats, Mask
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Load, Measurement, Metric, Of, Parameter, UnseenError, number, without
from harness.verdict.metrics.delivery import QUANTILE, RESOLUTION, best_of, of_samples
from harness.verdict.performance import HELD, UNSENT, arrivals_left_out
from harness.verdict.quantiles import quantile_difference, share_interval
from harness.verdict.selecting import NS_PER_MS, NULL, clients, fits, in_spans, named, spans
from harness.verdict.timetable import Timetable, due_ns, punctual

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


def selected(evidence: Evidence, of: Of) -> CallTable:
    """The calls that the selectors leave; a call belongs to the time at which it was due."""
    return evidence.calls.rows(_mask(evidence, of))


def selected_with_timetable(evidence: Evidence, of: Of) -> tuple[CallTable, Timetable]:
    """The same calls, at least one, with what a punctual generator would have seen. Raises UnseenError for none."""
    mask = _mask(evidence, of)
    if not mask.any():
        raise UnseenError("no call was made that the criterion is about")
    return evidence.calls.rows(mask), punctual(evidence.calls).rows(mask)


def _mask(evidence: Evidence, of: Of) -> Mask:
    rows = evidence.calls
    mask = rows.client.one_of(clients(evidence, of)) if "client" in of else ~rows.client.equal(NULL)
    for key, column in (("method", rows.method), ("outcome", rows.outcome), ("code", rows.code)):
        if key in of:
            mask &= column.one_of(name for name in column.names if fits(name, of[key]))
    if any(name in of for name in ("window", "after", "before")):
        mask &= in_spans(due_ns(rows), spans(evidence, of))
    return mask


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
    """Quantile of the calls' latency from when they were due, with the generator's own lateness as uncertainty.

    High end: due to done. Low end: the same without what the generator was late by itself; time in which a
    user could not send because the target still owed it an answer stays in both (see Timetable). A call
    that was not answered, or failed, took at least until it was given up, however quick that was, and is
    never dropped. An arrival that the generator left out is unknown, [0, inf]; one that the target kept from
    being sent is infinitely late. Several trials: each must bound the quantile by itself, the hull is
    judged. It is wider than the interval of the pooled samples, on purpose: calls inside one trial sway
    together, so that pooling them would promise what the next trial does not keep.
    """
    return of_samples(*latency_samples_ms(evidence, of), number(of, "quantile"))


def latency_samples_ms(evidence: Evidence, of: Of) -> tuple[Floats, Floats]:
    """At least and at most so many milliseconds for each call and each arrival left out.

    Raises UnseenError when no call was made.
    """
    rows, ideal = selected_with_timetable(evidence, of)
    answered = rows.outcome.equal(Outcome.OK)
    unsent, held = (arrivals_left_out(evidence, of, name) for name in (UNSENT, HELD))
    low = (ideal.done_ns - ideal.due_ns) / NS_PER_MS
    high = np.where(answered, (rows.done_ns - ideal.due_ns) / NS_PER_MS, math.inf)
    low = np.concatenate([low, np.zeros(unsent), np.full(held, math.inf)])
    return low, np.concatenate([high, np.full(unsent + held, math.inf)])


def latency_added_ms(evidence: Evidence, of: Of) -> Measurement:
    """The quantile of the selected calls minus that of the baseline's.

    Calls that are interleaved in time sway together, so that the interval is rather too wide than too narrow.
    """
    plain, other = _of_both(of)
    one, two = latency_samples_ms(evidence, plain), latency_samples_ms(evidence, other)
    quantile = number(of, "quantile")
    reason = of_samples(*one, quantile).reason or of_samples(*two, quantile).reason
    return Measurement(quantile_difference(one, two, quantile), reason, samples=min(len(one[0]), len(two[0])))


def latency_ratio(evidence: Evidence, of: Of) -> Measurement:
    """The quantile of the selected calls over that of the baseline's, which counts as at least `resolution_ms`."""
    plain, other = _of_both(of)
    inside, outside = latency_ms(evidence, plain), latency_ms(evidence, other)
    divisor = _known(outside).at_least(number(of, "resolution_ms", 0.0))
    few = [one.samples for one in (inside, outside) if one.samples is not None]
    return Measurement(_known(inside) / divisor, inside.reason or outside.reason, samples=min(few, default=None))


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


def _of_both(of: Of) -> tuple[Of, Of]:
    """What selects the calls, and what selects those to compare with."""
    names = tuple(parameter.name for parameter in BASELINES)
    plain = without(of, *names, "resolution_ms")
    return plain, {**plain, **{name.removeprefix("baseline_"): of[name] for name in names if name in of}}


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
    Metric("calls.latency_ms", "ms", "time from due to done, its low end without the generator's own lateness",
           _LATENCY, latency_ms,
           _best_latency, pooled=True, timed=True),
    Metric("calls.latency_added_ms", "ms", "latency minus the baseline's", (*_LATENCY, *BASELINES), latency_added_ms,
           unknown=EVERYTHING, pooled=True, timed=True),
    Metric("calls.latency_ratio", "", "latency over the baseline's", (*_LATENCY, *BASELINES, RESOLUTION),
           latency_ratio, pooled=True, paced=True),
)  # fmt: skip
