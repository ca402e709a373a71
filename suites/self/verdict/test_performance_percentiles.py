"""The distribution behind a verdict reaches as far as its samples do, and no further."""

from __future__ import annotations

import math

import numpy as np
import pytest

from harness.evidence.evidence import Evidence
from harness.spec.case import Argument
from harness.verdict.percentiles import percentiles

from .histories import criterion
from .loads import CEILING, WARM, Load, stamped, steady, trials

pytestmark = pytest.mark.self

OF: dict[str, Argument] = {"quantile": 0.99, "client": "load*", "window": "steady"}
LATENCY = criterion("calls.latency_ms", "<", 5, OF, unit="ms")


def test_five_trials_of_1000_calls_reach_p99_9_together_and_not_each() -> None:
    points = {one.quantile: one for one in percentiles(LATENCY, trials(Load(steady(0.8, 1.5))))}
    last, p99 = points[0.999], points[0.99]
    assert math.isinf(last.trials.high)
    assert last.pooled is not None
    assert last.pooled.holds(0.8 * math.exp(math.log(1.5 / 0.8) / 2.3263 * 3.0902) + 0.02)
    assert p99.pooled is not None
    assert p99.pooled.within(p99.trials)
    assert p99.trials.holds(1.52)
    assert p99.floor_ms == pytest.approx(0.5, rel=0.2)


def test_percentiles_never_fall() -> None:
    points = percentiles(LATENCY, trials(Load(steady(0.8, 1.5)), count=2))
    lows, highs = [one.trials.low for one in points], [one.trials.high for one in points]
    assert lows == sorted(lows)
    assert highs == sorted(highs)


def test_a_few_calls_reach_less_far() -> None:
    points = percentiles(LATENCY, trials(Load(steady(0.8, 1.5), calls=100), count=3))
    assert max(one.quantile for one in points) < 0.99


def test_streams_have_one_too() -> None:
    of: dict[str, Argument] = {"quantile": 0.99, "client": "load", "stream": "prices", "window": "steady"}
    evidence = Evidence.of(*CEILING, *WARM, *stamped(np.full(1000, 0.5), per_s=300))
    points = percentiles(criterion("messages.stamped_ms", "<", 3, of, unit="ms"), [evidence])
    assert {(one.trials.low, one.trials.high) for one in points if one.quantile <= 0.99} == {(0.5, 0.5)}
    assert points[0].floor_ms is None


def test_other_criteria_and_trials_without_calls_have_none() -> None:
    assert percentiles(criterion("calls.failed", "==", 0), trials(Load(), count=1)) == ()
    assert percentiles(LATENCY, [Evidence.of()]) == ()
    assert percentiles(LATENCY, []) == ()
