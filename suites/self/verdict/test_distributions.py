"""The quantiles that intervals rest on are those of the reference library, without loading it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.verdict.distributions import (
    beta_cdf,
    beta_quantile,
    binomial_quantile,
    student_quantile,
    tied_ranks,
)

pytestmark = pytest.mark.self

SHARES = st.sampled_from([0.0005, 0.005, 0.025, 0.1, 0.5, 0.9, 0.975, 0.995, 0.9995])


@settings(deadline=None)
@given(SHARES, st.floats(0.5, 2_000), st.floats(0.5, 2_000))
def test_beta(share: float, a: float, b: float) -> None:
    assert beta_quantile(share, a, b) == pytest.approx(float(stats.beta.ppf(share, a, b)), rel=1e-6, abs=1e-12)


@settings(deadline=None)
@given(st.floats(0, 1), st.floats(0.5, 50_000), st.floats(0.5, 50_000))
def test_the_distribution_itself(x: float, a: float, b: float) -> None:
    assert beta_cdf(x, a, b) == pytest.approx(float(stats.beta.cdf(x, a, b)), abs=1e-9)


@settings(deadline=None)
@given(st.sampled_from([0.95, 0.975, 0.99, 0.995, 0.9995]), st.floats(1, 100_000))
def test_student(share: float, freedom: float) -> None:
    assert student_quantile(share, freedom) == pytest.approx(float(stats.t.ppf(share, freedom)), rel=1e-6)


@settings(deadline=None)
@given(st.sampled_from([0.025, 0.975]), st.integers(1, 100_000), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_binomial(share: float, trials: int, chance: float) -> None:
    assert binomial_quantile(share, trials, chance) == int(stats.binom.ppf(share, trials, chance))


@pytest.mark.parametrize("trials", [864_000, 8_640_000, 20_000_000])
def test_a_days_samples(trials: int) -> None:
    for share in (0.025, 0.975):
        assert binomial_quantile(share, trials, 0.99) == int(stats.binom.ppf(share, trials, 0.99))


def test_the_ends() -> None:
    assert beta_cdf(0.0, 2, 3) == 0.0
    assert beta_cdf(1.0, 2, 3) == 1.0
    assert beta_quantile(0.025, 1, 100_000) == pytest.approx(-math.expm1(math.log1p(-0.025) / 100_000), rel=1e-6)


@given(st.lists(st.sampled_from([0.0, 1.0, 1.5, 2.0, -7.0]), min_size=1, max_size=40))
def test_ranks_with_ties(values: list[float]) -> None:
    assert tied_ranks(np.array(values)).tolist() == stats.rankdata(values).tolist()
