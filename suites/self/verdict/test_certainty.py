"""Since when a miss was certain: told of a failed trend or baseline, by looks at the run so far."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.records import Mark, Record
from harness.spec.case import Argument
from harness.verdict.certainty import MOST_SAMPLES, thinned
from harness.verdict.verdict import Finding

from .histories import S, criterion, finding, readings, window
from .simulated import DAY_S, HOUR_S, Draw, Floats, ar_90, by_the_second, memory, warm_up, white

pytestmark = pytest.mark.self

MB = 1_000_000
PROJECTED = criterion(
    "readings.growth_projected", "<", 10 * MB, {"probe": "connector.rss", "window": "steady", "hours": 24, "every_s": 1}
)
OFF = criterion(
    "readings.off_baseline", "<=", 5, {"probe": "connector.runtime_units", "baseline": "baseline", "at": "settled"}
)


def soaked(values: Floats) -> Finding:
    return finding(PROJECTED, [*readings(values * MB), *window("steady", 0, len(values) * S)])


@pytest.mark.parametrize("kind", [white, ar_90, warm_up])
def test_two_megabytes_an_hour_are_certain_hours_before_the_day_is_over(kind: object) -> None:
    assert callable(kind)
    one = soaked(memory(kind, 1, DAY_S, 2.0))
    told = re.match(r"certain after ([\d.]+) (min|h) of 24 h; ", one.reason)
    assert one.status == "fail"
    assert told, one.reason
    hours = float(told[1]) / (60 if told[2] == "min" else 1)
    assert 0.5 <= hours <= 16


def test_what_does_not_fail_is_certain_of_nothing() -> None:
    for leak in (0.0, 0.25):
        one = soaked(memory(white, 1, DAY_S, leak))
        assert one.status == "pass"
        assert not one.reason
    unsure = soaked(memory(white, 1, 180))
    assert unsure.status == "inconclusive"
    assert "certain" not in unsure.reason


def test_a_leak_per_cycle_is_certain_after_some_of_the_cycles() -> None:
    cycles, every_s = 1000, 0.05
    marks: list[Record] = [
        Mark(int((at + 1) * every_s * S), "stream.ended", {"client": "cycle"}) for at in range(cycles)
    ]
    grown = 100 * MB + 65536.0 * np.arange(cycles)
    of: dict[str, Argument] = {"probe": "connector.rss", "mark": "stream.ended", "client": "cycle*", "cycles": 1000}
    judged = criterion("readings.growth_over_cycles", "<", 5 * MB, of)
    one = finding(judged, [*marks, *readings(grown, every_ns=int(every_s * S), from_ns=int(every_s * S))])
    assert one.status == "fail"
    told = re.match(r"certain after (\d+) of 1000 cycles; ", one.reason)
    assert told, one.reason
    assert 20 <= int(told[1]) <= 300


def test_units_that_never_come_back_are_told_from_the_first_reading_beyond_the_limit() -> None:
    units = [20.0, 20, 40, 24, 26, 27, 40, 40]
    marks = [Mark(S, "baseline", {}), Mark(7 * S, "settled", {})]
    one = finding(OFF, [*readings(units, "connector.runtime_units"), *marks])
    assert (one.status, one.reason) == ("fail", "beyond the limit for good 3 s after baseline; 20 became 40")
    back = finding(OFF, [*readings([20.0, 20, 40, 40, 40, 40, 40, 25], "connector.runtime_units"), *marks])
    assert back.status == "pass"


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5 * MOST_SAMPLES), st.integers(0, 9))
def test_thinning_keeps_the_run_and_its_lowest_value(count: int, seed: int) -> None:
    draw: Draw = np.random.default_rng(seed)
    series = by_the_second(draw.standard_normal(count))
    thin = thinned(series)
    assert len(thin.x) <= MOST_SAMPLES
    assert (thin.begin, thin.end) == (series.begin, series.end)
    assert thin.every == pytest.approx(series.every * (count // len(thin.x) if len(thin.x) else 1), rel=0.5)
    kept = series.y[: len(thin.x) * round(thin.every)]
    assert thin.y.min() == kept.min()
    assert series.end - float(thin.x[-1]) <= 2 * thin.every


def test_a_day_is_told_from_an_hour() -> None:
    assert "of 60 min; " in soaked(memory(white, 1, HOUR_S, 8.0)).reason
