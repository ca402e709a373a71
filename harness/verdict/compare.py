"""Compare an interval with a limit: wholly right passes, wholly wrong fails, across it is inconclusive."""

from __future__ import annotations

import math

from harness.spec.case import Op
from harness.verdict.interval import Interval
from harness.verdict.verdict import Status


def compare(interval: Interval, op: Op, limit: float) -> Status:
    """PASS, FAIL or INCONCLUSIVE. Raises ValueError for a limit that is NaN."""
    if math.isnan(limit):
        raise ValueError("a limit is a number, not NaN")
    holds, breaks = _decide(interval, op, limit)
    if holds:
        return Status.PASS
    return Status.FAIL if breaks else Status.INCONCLUSIVE


def _decide(interval: Interval, op: Op, limit: float) -> tuple[bool, bool]:
    """Whether every value of the interval keeps the limit, and whether every value breaks it."""
    low, high = interval.low, interval.high
    match op:
        case Op.LE:
            return high <= limit, low > limit
        case Op.LT:
            return high < limit, low >= limit
        case Op.GE:
            return low >= limit, high < limit
        case Op.GT:
            return low > limit, high <= limit
        case Op.EQ:
            return low == high == limit, not interval.holds(limit)
