"""The one list of metrics: a criterion may use these and no others."""

from __future__ import annotations

from harness.verdict.metric import Metric
from harness.verdict.metrics import (
    alike,
    calls,
    curve,
    delivery,
    facts,
    marks,
    messages,
    rates,
    readings,
    recovery,
    stamped,
    trends,
    usage,
)

METRICS: tuple[Metric, ...] = (
    *messages.METRICS,
    *alike.METRICS,
    *delivery.METRICS,
    *marks.METRICS,
    *stamped.METRICS,
    *calls.METRICS,
    *rates.METRICS,
    *curve.METRICS,
    *recovery.METRICS,
    *readings.METRICS,
    *trends.METRICS,
    *usage.METRICS,
    *facts.METRICS,
)

_BY_NAME = {metric.name: metric for metric in METRICS}


def metric(name: str) -> Metric | None:
    """The metric of this name; None when there is none."""
    return _BY_NAME.get(name)
