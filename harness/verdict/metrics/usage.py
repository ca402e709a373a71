"""Metrics over probes of what a service uses: its mean, a quantile, and busy time as a share of one core."""

from __future__ import annotations

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import ReadingTable
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, number, text
from harness.verdict.metrics.delivery import QUANTILE
from harness.verdict.metrics.readings import AFTER, BEFORE, PROBE, PROXY, WINDOW, seen
from harness.verdict.quantiles import quantile_interval
from harness.verdict.selecting import NS_PER_S, in_spans, spans, windows

WHOLE_WINDOW = Parameter("window", "text", "the windows over which it is taken", required=True)
COVERED = 0.8
"""Readings that cover less than this share of the window do not stand for it."""


def mean(evidence: Evidence, of: Of) -> Measurement:
    """Mean of the readings, each weighing as much as any other."""
    return Measurement.exactly(float(_selected(evidence, of).value.mean()))


def quantile(evidence: Evidence, of: Of) -> Measurement:
    """Quantile of the readings with the interval that their number allows."""
    values = _selected(evidence, of).value
    return Measurement(quantile_interval(values, values, number(of, "quantile")), samples=len(values))


def busy_percent(evidence: Evidence, of: Of) -> Measurement:
    """CPU time over elapsed time, percent of one core, of a probe that counts CPU seconds from the process's start.

    Between the first and the last reading inside each window. A count that fell belongs to another process.
    """
    rows = evidence.readings.rows(evidence.readings.probe.equal(text(of, "probe")))
    used_s, lasted_s, asked_s = 0.0, 0.0, 0.0
    for begin, end in windows(evidence, text(of, "window")):
        mine = rows.rows(in_spans(rows.t_ns, ((begin, end),)))
        if len(mine) < 2:
            raise UnseenError(f"the probe {text(of, 'probe')} was read less than twice in the window")
        if (np.diff(mine.value) < 0).any():
            raise UnseenError(f"the probe {text(of, 'probe')} fell: the process was another one")
        used_s += float(mine.value[-1] - mine.value[0])
        lasted_s += float(mine.t_ns[-1] - mine.t_ns[0]) / NS_PER_S
        asked_s += (min(end, float(mine.t_ns[-1])) - begin if np.isinf(end) else end - begin) / NS_PER_S
    if lasted_s < COVERED * asked_s:
        raise UnseenError(f"the readings of {text(of, 'probe')} cover {lasted_s:.0f} s of {asked_s:.0f} s")
    return Measurement.exactly(100.0 * used_s / lasted_s)


def _selected(evidence: Evidence, of: Of) -> ReadingTable:
    rows = evidence.readings.rows(evidence.readings.probe.equal(text(of, "probe")))
    rows = rows.rows(in_spans(rows.t_ns, spans(evidence, of)))
    if not len(rows):
        raise UnseenError(f"the probe {text(of, 'probe')} has no reading in the selected time")
    return rows


METRICS = (
    Metric("readings.mean", "", "mean reading", (PROBE, WINDOW, AFTER, BEFORE, PROXY), seen(mean), unknown=EVERYTHING),
    Metric("readings.quantile", "", "quantile of the readings", (PROBE, QUANTILE, WINDOW, AFTER, BEFORE, PROXY),
           seen(quantile), unknown=EVERYTHING),
    Metric("readings.busy_percent", "%", "CPU time as a share of one core", (PROBE, WHOLE_WINDOW, PROXY),
           seen(busy_percent), unknown=Interval(0.0, float("inf"))),
)  # fmt: skip
