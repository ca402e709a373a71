"""The whole distribution of a latency for a plot: percentiles to p99.9 with intervals, beside the instrument's own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Floats
from harness.spec.case import Criterion
from harness.verdict.interval import Interval, hull
from harness.verdict.metric import UnseenError
from harness.verdict.metrics import calls, delivery, stamped
from harness.verdict.performance import CALLS, MESSAGES, floor_ms, windows_of
from harness.verdict.quantiles import quantile_interval, ranks
from harness.verdict.selecting import subscribers

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)


@dataclass(frozen=True, slots=True)
class Percentile:
    """One point, ms. `trials`: the hull over the trials, which is judged; its high end is infinite where a trial
    has too few samples. `pooled`: all samples as one, sharper and rather too sure; None where even they are too few.
    `floor_ms`: what the instrument takes by itself there; None where that is not known."""

    quantile: float
    trials: Interval
    pooled: Interval | None
    floor_ms: float | None


def percentiles(
    criterion: Criterion, evidences: Sequence[Evidence], quantiles: Sequence[float] = QUANTILES
) -> tuple[Percentile, ...]:
    """The distribution behind a criterion on a latency (calls.latency_ms, messages.delivery_ms, messages.stamped_ms),
    as far as its samples reach; empty for any other criterion, and where a trial has no sample."""
    if criterion.metric not in ("calls.latency_ms", "messages.delivery_ms", "messages.stamped_ms"):
        return ()
    try:
        samples = [_samples_ms(criterion, evidence) for evidence in evidences]
    except UnseenError:
        return ()
    if not samples:
        return ()
    low, high = (np.concatenate([one[side] for one in samples]) for side in (0, 1))
    floor = _floor_ms(criterion, evidences)
    found = []
    for quantile in quantiles:
        trials = hull(quantile_interval(*one, quantile, floor=0.0) for one in samples)
        bounded = ranks(len(low), quantile)[1] <= len(low)
        pooled = quantile_interval(low, high, quantile, floor=0.0) if bounded else None
        if pooled is None and math.isinf(trials.high):
            break
        own = float(np.quantile(floor, quantile)) if ranks(len(floor), quantile)[1] <= len(floor) else None
        found.append(Percentile(quantile, trials, pooled, own))
    return tuple(found)


def _samples_ms(criterion: Criterion, evidence: Evidence) -> tuple[Floats, Floats]:
    """One trial's samples; of several subscribers all of them."""
    if criterion.metric == "calls.latency_ms":
        return calls.latency_samples_ms(evidence, criterion.of)
    of_client = stamped.samples_ms if criterion.metric == "messages.stamped_ms" else delivery.samples_ms
    each = [of_client(evidence, name, criterion.of) for name in subscribers(evidence, criterion.of)]
    return np.concatenate([low for low, _ in each]), np.concatenate([high for _, high in each])


def _floor_ms(criterion: Criterion, evidences: Sequence[Evidence]) -> Floats:
    kind = CALLS if criterion.metric.startswith(CALLS) else MESSAGES
    window = next(iter(windows_of(criterion)), "")
    return np.concatenate([floor_ms(evidence, window, kind) for evidence in evidences])
