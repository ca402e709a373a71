"""The interval of a quantile really holds it 19 times in 20, and too few samples leave its end open."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.verdict.interval import Interval
from harness.verdict.quantiles import quantile_interval, ranks, samples_needed, share_interval

pytestmark = pytest.mark.self

Draw = Callable[[np.random.Generator, int], np.ndarray[tuple[int], np.dtype[np.float64]]]
SHAPES: dict[str, tuple[Draw, Callable[[float], float]]] = {
    "exponential": (lambda rng, n: rng.exponential(2.0, n), lambda q: float(stats.expon.ppf(q, scale=2.0))),
    "long tail": (lambda rng, n: rng.pareto(1.5, n), lambda q: float(stats.lomax.ppf(q, 1.5))),
    "uniform": (lambda rng, n: rng.uniform(0, 1, n), lambda q: q),
    "whole milliseconds": (lambda rng, n: np.floor(rng.uniform(0, 20, n)), lambda q: math.floor(20 * q)),
}
REPEATS = 1500


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("quantile", "samples"), [(0.5, 30), (0.5, 1000), (0.95, 200), (0.99, 400), (0.99, 2000)])
def test_the_interval_holds_the_true_quantile_19_times_in_20(shape: str, quantile: float, samples: int) -> None:
    draw, true_quantile = SHAPES[shape]
    rng, true = np.random.default_rng(20300115), true_quantile(quantile)
    drawn = (draw(rng, samples) for _ in range(REPEATS))
    held = sum(quantile_interval(one, one, quantile).holds(true) for one in drawn)
    # Five standard deviations below 95 % of so many: the seed is fixed, a wrong rank shows all the same.
    assert held / REPEATS >= 0.95 - 5 * math.sqrt(0.95 * 0.05 / REPEATS)


@pytest.mark.parametrize(("quantile", "samples"), [(0.5, 1000), (0.99, 2000)])
def test_the_interval_is_no_wider_than_it_has_to_be(quantile: float, samples: int) -> None:
    rng = np.random.default_rng(7)
    held = 0
    for _ in range(REPEATS):
        one = rng.uniform(0, 1, samples)
        held += quantile_interval(one, one, quantile).holds(quantile)
    assert held / REPEATS <= 0.985


def test_298_calls_cannot_prove_any_p99() -> None:
    zeros = np.zeros(298)
    assert quantile_interval(zeros, zeros, 0.99).high == math.inf


@pytest.mark.parametrize("quantile", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_fewest_samples_that_bound_a_quantile_are_told_exactly(quantile: float) -> None:
    enough = samples_needed(quantile)
    assert ranks(enough, quantile)[1] <= enough
    assert ranks(enough - 1, quantile)[1] > enough - 1


def test_no_samples_say_nothing() -> None:
    none = np.zeros(0)
    assert quantile_interval(none, none, 0.5) == Interval(-math.inf, math.inf)
    assert quantile_interval(none, none, 0.5, floor=0.0) == Interval(0, math.inf)


def test_samples_that_are_ranges_give_the_low_end_of_the_lows_and_the_high_end_of_the_highs() -> None:
    low, high = np.arange(1000.0), np.arange(1000.0) + 50
    exact, ranged = quantile_interval(low, low, 0.9), quantile_interval(low, high, 0.9)
    assert (ranged.low, ranged.high) == (exact.low, exact.high + 50)


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.floats(0.05, 0.99), st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter_and_ends_are_samples(
    samples: list[float], quantile: float, shuffle: object
) -> None:
    one, other = np.array(samples), np.array(sorted(samples))
    interval = quantile_interval(one, one, quantile)
    assert interval == quantile_interval(other, other, quantile)
    assert interval.low in (*samples, -math.inf)
    assert interval.high in (*samples, math.inf)


@pytest.mark.parametrize("quantile", [0, 1, -0.5, 99])
def test_a_quantile_outside_0_and_1_is_refused(quantile: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile_interval(np.zeros(5), np.zeros(5), quantile)


def test_nan_samples_are_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        quantile_interval(np.array([1.0, math.nan]), np.array([1.0, math.nan]), 0.5)


def test_no_failure_in_n_calls_leaves_about_three_to_four_in_n() -> None:
    for samples in (100, 1000, 100_000):
        assert 3 <= share_interval(0, 0, samples).high * samples <= 4
        assert share_interval(0, 0, samples).low == 0


@pytest.mark.parametrize(("share", "samples"), [(0.001, 2000), (0.05, 300), (0.5, 40)])
def test_the_interval_of_a_share_holds_it_19_times_in_20(share: float, samples: int) -> None:
    hits = np.random.default_rng(5).binomial(samples, share, 1000)
    held = sum(share_interval(int(one), int(one), samples).holds(share) for one in hits)
    assert held / 1000 >= 0.95 - 5 * math.sqrt(0.95 * 0.05 / 1000)


def test_a_million_samples_are_not_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    # Selection is linear work; sorting a million samples for each of a hundred criteria must not come back.
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("sorted")

    monkeypatch.setattr(np, "sort", refuse)
    monkeypatch.setattr(np, "argsort", refuse)
    samples = np.random.default_rng(2).exponential(1.0, 1_000_000)
    assert quantile_interval(samples, samples, 0.99).holds(float(stats.expon.ppf(0.99)))
