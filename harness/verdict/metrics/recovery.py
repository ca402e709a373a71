"""Metric over the time that calls need after a load until they are as quick again as they were at rest."""

from __future__ import annotations

import math

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import Outcome
from harness.verdict.interval import Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, number, text, without
from harness.verdict.metrics.calls import latency_samples_ms, selected
from harness.verdict.quantiles import quantile_interval
from harness.verdict.selecting import NS_PER_S, first_ns
from harness.verdict.timetable import due_ns

CLIENT = Parameter("client", "texts", "a client's name, a prefix with `*`, or several")
METHOD = Parameter("method", "texts", "only calls of this method")
SINCE = Parameter("after", "text", "mark from which the time counts", required=True)
IDLE = Parameter("baseline_window", "text", "the window at rest", required=True)
BLOCK = Parameter("block_s", "number", "length of a stretch that is looked at as one, 1 s unless it says otherwise")
FACTOR = Parameter("factor", "number", "up to this times the latency at rest is back, 1.5 unless it says otherwise")
MEDIAN = 0.5


def recovery_s(evidence: Evidence, of: Of) -> Measurement:
    """Seconds after a mark until the median latency is at most `factor` times that at rest, and stays so.

    Looked at in blocks of `block_s`: back between the beginning of the last slow block and that of the next one.
    """
    plain = without(of, "after", "baseline_window", "block_s", "factor")
    begin_ns, block_s = first_ns(evidence, text(of, "after")), number(of, "block_s", 1.0)
    rest = quantile_interval(
        *latency_samples_ms(evidence, {**plain, "window": text(of, "baseline_window")}), MEDIAN, floor=0.0
    )
    if math.isinf(rest.high):
        raise UnseenError(f"too few calls in the window {text(of, 'baseline_window')} to know the latency at rest")
    level_ms = rest.high * number(of, "factor", 1.5)
    chosen = {**plain, "after": text(of, "after")}
    rows = selected(evidence, chosen)
    if not len(rows):
        raise UnseenError(f"no call was made after {text(of, 'after')}")
    high = latency_samples_ms(evidence, chosen)[1][: len(rows)]
    block = ((due_ns(rows) - begin_ns) / (block_s * NS_PER_S)).astype(np.int64)
    slow = [int(at) for at in np.unique(block) if float(np.median(high[block == at])) > level_ms]
    last = int(block.max())
    if not slow:
        return Measurement(Interval(0.0, block_s))
    if slow[-1] == last:
        answered = "answered" if rows.outcome.equal(Outcome.OK).all() else "answered or lost"
        reason = f"the last calls, {answered}, still took more than {level_ms:.3g} ms"
        return Measurement(Interval(last * block_s, math.inf), reason)
    return Measurement(Interval(slow[-1] * block_s, (slow[-1] + 1) * block_s))


METRICS = (
    Metric("calls.recovery_s", "s", "time until latency is back at what it was at rest, and stays",
           (CLIENT, METHOD, SINCE, IDLE, BLOCK, FACTOR), recovery_s, timed=True),
)  # fmt: skip
