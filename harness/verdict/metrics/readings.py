"""Metrics over the readings of probes: extremes, growth, and the way back to a baseline."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import UNMEASURABLE
from harness.evidence.tables import ReadingTable
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, flag, number, text
from harness.verdict.selecting import NS_PER_S, first_ns, in_spans, named, spans, windows

PROBE = Parameter("probe", "text", "which probe", required=True)
PROXY = Parameter("proxy", "text", "probe to show beside it when the one asked for cannot be measured")
WINDOW = Parameter("window", "text", "only inside the windows of this name")
AFTER = Parameter("after", "text", "only after the first mark of this name")
BEFORE = Parameter("before", "text", "only before the first mark of this name")
FROM = Parameter("from", "text", "mark at whose time growth begins")
TO = Parameter("to", "text", "mark at whose time growth ends")
BASELINE = Parameter("baseline", "text", "mark: the last reading at or before it is the baseline", required=True)
AT = Parameter(
    "at",
    "text",
    "mark: the last reading at or before it is compared; of several the last before another baseline",
    required=True,
)
SINCE = Parameter("after", "text", "mark from which the time counts", required=True)
TOLERANCE = Parameter("tolerance", "number", "this far above the baseline is back")
ABSOLUTE = Parameter("absolute", "flag", "below the baseline counts like above it")

Measure = Callable[[Evidence, Of], Measurement]


def seen(measure: Measure) -> Measure:
    """The same metric, not measurable where the probe has no source; its proxy is then shown, not judged."""

    def measured(evidence: Evidence, of: Of) -> Measurement:
        probe = text(of, "probe")
        if evidence.readings.probe.equal(probe).any():
            return measure(evidence, of)
        reasons = [fact.detail for fact in evidence.facts if fact.name == UNMEASURABLE and fact.subject == probe]
        if not reasons:
            raise UnseenError(f"the probe {probe} has no readings, and nobody said why")
        return Measurement.unmeasurable(reasons[0], _proxy(measure, evidence, of))

    return measured


def _proxy(measure: Measure, evidence: Evidence, of: Of) -> tuple[str, ...]:
    proxy = text(of, "proxy")
    if not proxy or not evidence.readings.probe.equal(proxy).any():
        return (f"the proxy {proxy} has no readings either",) if proxy else ()
    try:
        interval = measure(evidence, {**of, "probe": proxy}).interval
    except UnseenError as unseen:
        return (f"proxy {proxy}: {unseen}",)
    assert interval is not None
    return (f"proxy {proxy} (shown, not judged): [{interval.low:g}, {interval.high:g}]",)


def extreme(choose: Callable[[ReadingTable], float]) -> Measure:
    """A metric that takes one reading of those selected."""

    def measured(evidence: Evidence, of: Of) -> Measurement:
        rows = _probe(evidence, text(of, "probe"))
        rows = rows.rows(in_spans(rows.t_ns, spans(evidence, of)))
        if not len(rows):
            raise UnseenError(f"the probe {text(of, 'probe')} has no reading in the selected time")
        return Measurement.exactly(choose(rows))

    return seen(measured)


def growth(evidence: Evidence, of: Of) -> Measurement:
    """Highest reading of each window minus the last before it; or the reading at `to` minus the one at `from`."""
    rows = _probe(evidence, text(of, "probe"))
    if "from" in of or "to" in of:
        begin_ns, end_ns = first_ns(evidence, text(of, "from")), first_ns(evidence, text(of, "to"))
        return Measurement.exactly(_value_at(rows, end_ns, since_ns=begin_ns) - _value_at(rows, begin_ns))
    parts = []
    for begin, end in windows(evidence, text(of, "window")):
        inside = rows.value[(rows.t_ns >= begin) & (rows.t_ns <= end)]
        if not len(inside):
            raise UnseenError(f"the probe {text(of, 'probe')} has no reading in the window {text(of, 'window')}")
        before = rows.value[rows.t_ns <= begin]
        start = before[-1] if len(before) else inside[0]
        parts.append(Interval.exactly(float(inside.max() - start)))
    return Measurement.each(parts)


def return_s(evidence: Evidence, of: Of) -> Measurement:
    """Seconds after `after` until the probe is back at its baseline for good: between two readings."""
    rows = _probe(evidence, text(of, "probe"))
    baseline = _value_at(rows, first_ns(evidence, text(of, "baseline")))
    begin_ns = first_ns(evidence, text(of, "after"))
    later = rows.t_ns >= begin_ns
    if not later.any():
        raise UnseenError(f"the probe {text(of, 'probe')} has no reading after {text(of, 'after')}")
    times_s = (rows.t_ns[later] - begin_ns) / NS_PER_S
    off = rows.value[later] - baseline
    away = np.flatnonzero((np.abs(off) if flag(of, "absolute") else off) > number(of, "tolerance"))
    last = int(away[-1]) if len(away) else -1
    low = float(times_s[last]) if last >= 0 else 0.0
    if last + 1 < len(times_s):
        return Measurement(Interval(low, float(times_s[last + 1])))
    reason = f"last reading {rows.value[-1]:g}, baseline {baseline:g}"
    return Measurement(Interval(low, math.inf), reason)


def off_baseline(evidence: Evidence, of: Of) -> Measurement:
    """The reading at `at` minus the one at `baseline`; where there were several baselines, each has to be kept."""
    rows, pairs = _probe(evidence, text(of, "probe")), baselines_ns(evidence, of)
    if not pairs:
        first_ns(evidence, text(of, "baseline"))
        first_ns(evidence, text(of, "at"))
        raise UnseenError(f"no mark named {text(of, 'at')!r} came after one named {text(of, 'baseline')!r}")
    parts, notes = [], []
    for begin_ns, end_ns in pairs:
        baseline, value = _value_at(rows, begin_ns), _value_at(rows, end_ns, since_ns=begin_ns)
        parts.append(Interval.exactly(abs(value - baseline) if flag(of, "absolute") else value - baseline))
        notes.append(f"{baseline:g} became {value:g}")
    return Measurement.each(parts, notes) if len(parts) > 1 else Measurement(parts[0], notes[0])


def baselines_ns(evidence: Evidence, of: Of) -> tuple[tuple[int, int], ...]:
    """Each `baseline` with the last `at` before the next one; a run that is taken up again may have one a life.

    One that was never held against anything is left out: its process is gone.
    """
    begins = [mark.t_ns for mark in named(evidence, text(of, "baseline"))]
    ends = [mark.t_ns for mark in named(evidence, text(of, "at"))]
    pairs = []
    for begin_ns, next_ns in pairwise([*begins, math.inf]):
        mine = [end_ns for end_ns in ends if begin_ns <= end_ns < next_ns]
        pairs += [(int(begin_ns), mine[-1])] if mine else []
    return tuple(pairs)


def _probe(evidence: Evidence, probe: str) -> ReadingTable:
    return evidence.readings.rows(evidence.readings.probe.equal(probe))


def _value_at(rows: ReadingTable, t_ns: int, since_ns: int = -1) -> float:
    """The last reading at or before a time, but after `since_ns`. Raises UnseenError when there is none."""
    row = int(np.searchsorted(rows.t_ns, t_ns, side="right")) - 1
    if row < 0 or rows.t_ns[row] <= since_ns:
        raise UnseenError(f"the probe {rows.probe[0]} was not read in time before a mark that its change is judged by")
    return float(rows.value[row])


def _metric(
    name: str, says: str, parameters: tuple[Parameter, ...], measure: Measure, *, timed: bool = False
) -> Metric:
    unit = "s" if timed else ""
    unknown = Interval(0, math.inf) if timed else EVERYTHING
    return Metric(f"readings.{name}", unit, says, (PROBE, *parameters, PROXY), measure, unknown=unknown, timed=timed)


_SELECTED = (WINDOW, AFTER, BEFORE)

METRICS = (
    _metric("max", "highest reading", _SELECTED, extreme(lambda rows: float(rows.value.max()))),
    _metric("min", "lowest reading", _SELECTED, extreme(lambda rows: float(rows.value.min()))),
    _metric("last", "last reading", _SELECTED, extreme(lambda rows: float(rows.value[-1]))),
    _metric("growth", "rise over a window, or between two marks", (WINDOW, FROM, TO), seen(growth)),
    _metric(
        "return_s", "time until the probe is back at its baseline, and stays",
        (BASELINE, SINCE, TOLERANCE, ABSOLUTE), seen(return_s), timed=True,
    ),
    _metric("off_baseline", "change against the baseline", (BASELINE, AT, ABSOLUTE), seen(off_baseline)),
)  # fmt: skip
