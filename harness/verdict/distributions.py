"""Quantiles of the distributions that intervals rest on, and ranks with ties: exact enough, without a large library.

The library that has them takes 60 MB and seconds to load: more than a runner that must stay small has to spare.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from harness.evidence.tables import Floats

_TINY = 1e-300
_CLOSE = 1e-15
_MOST_TERMS = 200_000
_HALVINGS = 200


def beta_cdf(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b); a and b above 0."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    # The fraction converges quickly on the near side of the mean only.
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * _fraction(x, a, b) / a)
    return max(0.0, 1.0 - front * _fraction(1.0 - x, b, a) / b)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The x at which I_x(a, b) is `share`, which is between 0 and 1."""
    return _inverse(lambda x: beta_cdf(x, a, b), share)


def student_quantile(share: float, freedom: float) -> float:
    """Of Student's t with so many degrees of freedom, which may be no whole number; `share` from 0.5 to 1."""
    # P(|T| > t) = I_x(freedom / 2, 1 / 2) with x = freedom / (freedom + t^2).
    x = beta_quantile(2.0 * (1.0 - share), freedom / 2.0, 0.5)
    return math.sqrt(freedom * (1.0 - x) / x) if x > 0.0 else math.inf


def binomial_quantile(share: float, trials: int, chance: float) -> int:
    """The least number of hits of so many trials that is not exceeded with at least this probability."""
    low, high = 0, trials
    while low < high:
        middle = (low + high) // 2
        if beta_cdf(1.0 - chance, trials - middle, middle + 1.0) >= share:
            high = middle
        else:
            low = middle + 1
    return low


def tied_ranks(values: Floats) -> Floats:
    """Rank of each value from 1; equal values share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Floats = last - (counts - 1) / 2.0
    return means[group]


def _inverse(rising: Callable[[float], float], wanted: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = math.sqrt(low * high) if low > 0.0 and high / low > 2.0 else (low + high) / 2.0
        if not low < middle < high:
            break
        if rising(middle) < wanted:
            low = middle
        else:
            high = middle
    return high


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    d = 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    c, found = 1.0, d
    for term in range(1, _MOST_TERMS):
        even = term * (b - term) * x / ((a + 2 * term - 1.0) * (a + 2 * term))
        odd = -(a + term) * (a + b + term) * x / ((a + 2 * term) * (a + 2 * term + 1.0))
        for step in (even, odd):
            d = 1.0 + step * d
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = 1.0 + step / c
            c = c if abs(c) > _TINY else _TINY
            found *= d * c
        if abs(d * c - 1.0) < _CLOSE:
            break
    return found
