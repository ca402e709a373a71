"""The trend of a long series: what is warm-up, what is a sawtooth, what is a leak, and what may not be claimed."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_benchmark.fixture import BenchmarkFixture

from harness.verdict.slopes import line
from harness.verdict.trend import MISSING_SHARE, Series, Trend, certain_since, trend

from .simulated import (
    DAY_S,
    HOUR_S,
    Draw,
    Floats,
    ar_90,
    ar_99,
    by_the_minute,
    by_the_second,
    drifting_sawtooth,
    flat,
    long_teeth,
    long_warm_up,
    memory,
    sawtooth,
    slow_sawtooth,
    step,
    warm_up,
    white,
)

pytestmark = pytest.mark.self
law = settings(derandomize=True, deadline=None, max_examples=40)
SEEDS = range(6)


def per_h(found: Trend) -> tuple[float, float, float]:
    """The slope and its interval in MB/h."""
    return found.slope * HOUR_S, found.slope_interval.low * HOUR_S, found.slope_interval.high * HOUR_S


class TestSlope:
    def test_of_points_on_a_line_is_exact(self) -> None:
        x = np.arange(50.0)
        found = line(x, 3 + 0.25 * x)
        assert found.slope == pytest.approx(0.25)
        assert [found.interval.low, found.interval.high] == pytest.approx([0.25, 0.25])
        assert (found.curvature, found.stretch) == (0, 1)

    def test_a_few_wild_points_do_not_move_it(self) -> None:
        x = np.arange(60.0)
        y = 0.1 * x + np.random.default_rng(1).normal(0, 0.1, 60)
        wild = y.copy()
        wild[[3, 30, 31, 55]] += 500
        assert line(x, wild).slope == pytest.approx(line(x, y).slope, abs=0.01)

    def test_neighbours_that_go_together_widen_it(self) -> None:
        draw, x = np.random.default_rng(2), np.arange(200.0)
        alone = draw.normal(0, 1, 200)
        together = np.convolve(draw.normal(0, 1, 219), np.full(20, 1 / 20), "valid") * math.sqrt(20)
        assert line(x, together).stretch > 4 > 1.5 > line(x, alone).stretch

    def test_few_points_bound_nothing(self) -> None:
        assert line(np.arange(5.0), np.array([1.0, 2, 1, 2, 1])).interval.high == math.inf

    @law
    @given(st.integers(0, 10_000), st.floats(-50, 50), st.floats(0.01, 100), st.floats(-5, 5))
    def test_units_and_levels_do_not_matter(self, seed: int, level: float, scale: float, tilt: float) -> None:
        x = np.arange(30.0)
        y = np.random.default_rng(seed).normal(0, 1, 30)
        plain, changed = line(x, y), line(x, level + scale * y + tilt * x)
        # Rounding may swap the ranks of two residuals, and so move the interval by a little of its width.
        near = 0.1 * scale * (plain.interval.high - plain.interval.low)
        assert changed.slope == pytest.approx(scale * plain.slope + tilt, abs=1e-6)
        assert changed.interval.low == pytest.approx(scale * plain.interval.low + tilt, abs=near)
        assert changed.interval.high == pytest.approx(scale * plain.interval.high + tilt, abs=near)


class TestWarmUp:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_is_cut_off_and_no_leak(self, seed: int) -> None:
        found = trend(by_the_minute(memory(warm_up, seed, DAY_S)))
        assert found.settled
        assert found.begin > DAY_S / 60
        assert found.growth.high < 2
        assert per_h(found)[1] < 0.05

    @pytest.mark.parametrize("seed", SEEDS)
    def test_does_not_hide_a_leak(self, seed: int) -> None:
        found = trend(by_the_minute(memory(warm_up, seed, DAY_S, 2.0)))
        assert found.growth.low > 20
        assert found.plateau is None

    @pytest.mark.parametrize("seed", SEEDS)
    def test_that_the_run_is_too_short_for_is_never_taken_for_a_leak(self, seed: int) -> None:
        found = trend(by_the_second(memory(long_warm_up, seed, HOUR_S)))
        assert not found.settled
        assert found.slope_interval.low == -math.inf
        assert found.plateau is None

    def test_a_straight_leak_has_none(self) -> None:
        assert trend(by_the_minute(memory(white, 1, DAY_S, 2.0))).begin == 0


class TestBlocks:
    @pytest.mark.parametrize("kind", [sawtooth, slow_sawtooth, drifting_sawtooth])
    @pytest.mark.parametrize("seed", SEEDS)
    def test_are_longer_than_a_sawtooth(self, kind: Callable[[Draw, int], Floats], seed: int) -> None:
        values = memory(kind, seed, HOUR_S)
        longest = float(np.median(np.diff(np.flatnonzero(np.diff(values) < -10))))
        found = trend(by_the_second(values))
        assert found.block >= longest
        assert found.period >= 0.8 * longest
        assert max(found.floors) - min(found.floors) < 5, "20 MB of sawtooth are gone from the floors"

    def test_are_longer_than_the_memory(self) -> None:
        short, long = (trend(by_the_second(memory(kind, 1, HOUR_S))) for kind in (ar_90, ar_99))
        assert short.block < long.block
        assert long.block >= 2 * long.memory > 20

    def test_longer_runs_see_smaller_leaks(self) -> None:
        leaks = [trend(by_the_second(memory(ar_90, 3, hours * HOUR_S))).smallest_leak for hours in (1, 4, 16)]
        assert leaks[0] > 2 * leaks[1] > 4 * leaks[2]

    def test_a_few_samples_bound_nothing(self) -> None:
        for count in (1, 2, 7, 20):
            found = trend(by_the_second(memory(white, 1, count)))
            assert math.isinf(found.smallest_leak)
            assert found.growth.high == math.inf


class TestGrowth:
    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_leak_that_begins_late_counts_in_full(self, seed: int) -> None:
        values = memory(ar_90, seed, DAY_S) + np.maximum(0, np.arange(DAY_S) - 0.6 * DAY_S) / HOUR_S * 2.0
        found = trend(by_the_minute(values))
        assert found.growth.low > 10, "of 19 MB"

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_step_is_what_it_is_and_no_rate(self, seed: int) -> None:
        found = trend(by_the_minute(memory(step, seed, DAY_S)))
        assert found.growth.high < 8, "of 3 MB"
        assert found.projected(DAY_S).low < 3

    @pytest.mark.parametrize("phase", [0.0, 0.2, 0.5, 0.75])
    @pytest.mark.parametrize(("hours", "height"), [(3, 20), (6, 40), (8, 60), (12, 60)])
    @pytest.mark.parametrize("leak", [0.0, 14.0, 48.0])
    def test_of_teeth_longer_than_any_block_is_open_by_their_height(
        self, hours: float, height: float, phase: float, leak: float
    ) -> None:
        found = trend(by_the_minute(long_teeth(DAY_S, hours * HOUR_S, height, phase, leak)))
        assert found.growth.low <= leak <= found.growth.high

    @pytest.mark.parametrize("phase", [0.0, 0.25, 0.5])
    def test_of_an_hour_with_four_teeth_is_no_alarm(self, phase: float) -> None:
        assert trend(by_the_second(long_teeth(HOUR_S, 900, 40, phase))).growth.low < 10

    def test_that_is_large_against_long_teeth_is_still_seen(self) -> None:
        found = trend(by_the_minute(long_teeth(DAY_S, 3 * HOUR_S, 20, 0.2, 100)))
        assert found.growth.low > 20

    @pytest.mark.parametrize("phase", [0.0, 0.3, 0.5])
    def test_after_a_single_fall_is_open_by_its_height(self, phase: float) -> None:
        """Two teeth in a day have no rhythm yet: whether the second falls too is not known."""
        found = trend(by_the_minute(long_teeth(DAY_S, DAY_S / 2, 60, phase)))
        assert found.growth.low < 0 < found.growth.high

    def test_does_not_hide_behind_a_fall_near_the_end(self) -> None:
        found = trend(by_the_minute(long_teeth(DAY_S, 14 * HOUR_S, 60, 0.6, 48)))
        assert found.growth.high > 48

    def test_a_shrinking_service_has_a_negative_one(self) -> None:
        found = trend(by_the_minute(memory(white, 1, DAY_S, -1.0)))
        assert found.growth.high < -15
        assert per_h(found)[2] < -0.9

    @law
    @given(st.integers(0, 5000), st.floats(-3, 3))
    def test_a_leak_adds_itself(self, seed: int, leak: float) -> None:
        """On top of noise, whatever the noise."""
        values = memory(ar_90, seed, 4 * HOUR_S)
        plain = trend(by_the_second(values))
        leaking = trend(by_the_second(values + leak * np.arange(len(values)) / HOUR_S))
        assert per_h(leaking)[0] == pytest.approx(per_h(plain)[0] + leak, abs=0.5)


def without(series: Series, low: float, high: float) -> Series:
    kept = (series.x < low) | (series.x > high)
    return Series(series.x[kept], series.y[kept], series.begin, series.end, series.every, series.excluded)


class TestMissing:
    HOUR = by_the_second(memory(white, 1, HOUR_S))

    def test_a_few_short_gaps_change_little(self) -> None:
        gappy = self.HOUR
        for minute in (5, 17, 29, 41, 53):
            gappy = without(gappy, minute * 60, minute * 60 + 60)
        found = trend(gappy)
        assert not found.unseen
        assert found.missing == pytest.approx(300 / 3600, abs=0.001)
        assert found.smallest_leak < 2 * trend(self.HOUR).smallest_leak

    @pytest.mark.parametrize(("low", "high"), [(0, 400), (1000, 1400), (3500, 3600), (0, 3600)])
    def test_much_missing_or_the_end_leaves_everything_open(self, low: float, high: float) -> None:
        found = trend(without(self.HOUR, low, high))
        assert found.unseen
        assert (found.growth.low, found.growth.high) == (-math.inf, math.inf)
        assert math.isinf(found.smallest_leak)
        assert found.plateau is None

    def test_every_second_sample_missing_is_no_gap_but_three_of_four_are(self) -> None:
        x, y = self.HOUR.x, self.HOUR.y
        assert not trend(Series(x[::2], y[::2], 0, 3600, 1)).unseen
        assert trend(Series(x[::5], y[::5], 0, 3600, 1)).missing > MISSING_SHARE

    def test_what_is_excluded_is_not_missing_and_not_judged(self) -> None:
        disturbed = self.HOUR.y + 500.0 * ((self.HOUR.x > 1000) & (self.HOUR.x < 1500))
        spans = ((995.0, 1505.0), (3590.0, math.inf))
        found = trend(by_the_second(disturbed, excluded=spans))
        assert not found.unseen
        assert found.missing == 0
        assert max(found.floors) < 100
        assert not trend(without(by_the_second(disturbed, excluded=spans), 995, 1505)).unseen

    @law
    @given(st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 600)), max_size=6), st.floats(0, 3))
    def test_less_evidence_never_bounds_what_more_left_open(self, gaps: list[tuple[int, int]], leak: float) -> None:
        series = by_the_second(memory(white, 1, HOUR_S, leak))
        for begin, lasts in gaps:
            series = without(series, begin, begin + lasts)
        found = trend(series)
        lost = 1 - len(series.x) / 3600
        assert found.unseen or lost <= MISSING_SHARE + 0.01


class TestCertainty:
    def test_a_leak_is_certain_long_before_the_end(self) -> None:
        leaking = by_the_minute(memory(ar_90, 1, DAY_S, 2.0))
        since = certain_since(leaking, lambda found: found.projected(DAY_S).low >= 10)
        assert since is not None
        assert since < 6 * HOUR_S
        before = trend(leaking.until(since - DAY_S / 48))
        assert before.projected(DAY_S).low < 10

    def test_a_larger_leak_is_certain_earlier_and_none_never(self) -> None:
        def since(leak: float) -> float | None:
            series = by_the_second(memory(white, 1, HOUR_S, leak))
            return certain_since(series, lambda found: found.projected(DAY_S).low >= 10)

        small, large = since(2.0), since(20.0)
        assert since(0.0) is None
        assert small is not None
        assert large is not None
        assert large < small

    def test_what_was_certain_once_and_is_no_more_does_not_count(self) -> None:
        values = memory(white, 1, 2 * HOUR_S, 20.0)
        values[HOUR_S:] = values[:HOUR_S].max() + memory(white, 2, HOUR_S) - 80
        assert certain_since(by_the_second(values), lambda found: found.projected(DAY_S).low >= 10) is None


class TestPlateau:
    def test_level_from_the_beginning(self) -> None:
        assert trend(by_the_minute(memory(flat, 1, DAY_S))).plateau == 0

    def test_after_a_rise_it_is_found(self) -> None:
        values = memory(white, 4, DAY_S) + np.minimum(np.arange(DAY_S), 0.3 * DAY_S) / HOUR_S * 3
        found = trend(by_the_minute(values))
        assert found.plateau is not None
        assert 0.2 * DAY_S < found.plateau < 0.6 * DAY_S

    def test_a_leak_has_none(self) -> None:
        assert trend(by_the_minute(memory(white, 1, DAY_S, 1.0))).plateau is None


def test_a_day_of_seconds_is_judged_quickly(benchmark: BenchmarkFixture) -> None:
    series = by_the_second(memory(sawtooth, 1, DAY_S, 0.25))
    found = benchmark(trend, series)
    assert found.slope * HOUR_S == pytest.approx(0.25, abs=0.05)
    if benchmark.stats is not None:  # None when benchmarks are switched off
        assert benchmark.stats.stats.min < 2
