"""How long judging takes where it takes longest: the interval of a quantile over a million samples."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.verdict.quantiles import quantile_interval

pytestmark = pytest.mark.self


def test_quantile_interval_of_a_million_samples(benchmark: BenchmarkFixture) -> None:
    samples = np.random.default_rng(1).exponential(1.0, 1_000_000)
    interval = benchmark(quantile_interval, samples, samples, 0.99)
    assert 4.5 < interval.low < interval.high < 4.7
