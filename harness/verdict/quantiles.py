"""Quantiles and shares with the interval that their samples allow: exact binomial, no assumption on the shape."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from harness.verdict.distributions import beta_quantile, binomial_quantile
from harness.verdict.interval import Interval

CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2

Floats = npt.NDArray[np.float64]


def quantile_interval(low: Floats, high: Floats, quantile: float, floor: float = -math.inf) -> Interval:
    """Where the quantile (0 < quantile < 1) of what was sampled lies, with 95 % confidence.

    Sample i is known to lie between low[i] and high[i]; exact samples are the same array twice. The
    ends are order statistics: the low end comes from the low values, the high end from the high
    ones. Too few samples leave an end open: infinite above, `floor` below. Linear in the samples.
    """
    if not 0 < quantile < 1:
        raise ValueError(f"a quantile lies between 0 and 1, not {quantile}")
    if len(low) != len(high):
        raise ValueError(f"low and high values differ in number: {len(low)} and {len(high)}")
    if np.isnan(low).any() or np.isnan(high).any():
        raise ValueError("samples contain NaN")
    below, above = ranks(len(low), quantile)
    return Interval(_ranked(low, below, floor), _ranked(high, above, math.inf))


def quantile_difference(one: tuple[Floats, Floats], other: tuple[Floats, Floats], quantile: float) -> Interval:
    """Where the difference of two quantiles lies: of `one` minus of `other`, both (low, high) samples from 0 up.

    Square-and-add (Newcombe): each end moves from the difference of the sample quantiles by the root of
    the sum of the squares of what the two intervals leave on that side. No end is sharper than for
    independent samples; samples that sway together make it too wide, never too narrow.
    """
    mine, its = (quantile_interval(*samples, quantile, floor=0.0) for samples in (one, other))
    if not all(math.isfinite(end) for end in (mine.low, mine.high, its.low, its.high)):
        return mine - its
    low, high = (_sample_quantile(values, quantile) for values in one)
    its_low, its_high = (_sample_quantile(values, quantile) for values in other)
    down = math.hypot(low - mine.low, its.high - its_high)
    up = math.hypot(mine.high - high, its_low - its.low)
    return Interval(low - its_high - down, high - its_low + up)


@lru_cache(maxsize=1024)
def ranks(samples: int, quantile: float) -> tuple[int, int]:
    """Ranks, from 1, of the order statistics that enclose the quantile; 0 and samples + 1 are open ends."""
    if samples == 0:
        return 0, 1
    below = binomial_quantile(_TAIL, samples, quantile)
    above = binomial_quantile(1 - _TAIL, samples, quantile) + 1
    return below, above


def samples_needed(quantile: float) -> int:
    """The fewest samples whose largest one still bounds this quantile from above."""
    return math.ceil(math.log(_TAIL) / math.log(quantile))


def share_interval(least: int, most: int, samples: int) -> Interval:
    """The share (0..1) behind between `least` and `most` hits in so many samples (Clopper and Pearson).

    None of n leaves about 3.7/n as the high end. No samples: [0, 1].
    """
    if samples == 0:
        return Interval(0.0, 1.0)
    low = beta_quantile(_TAIL, least, samples - least + 1) if least > 0 else 0.0
    high = beta_quantile(1 - _TAIL, most + 1, samples - most) if most < samples else 1.0
    return Interval(low, high)


def _sample_quantile(values: Floats, quantile: float) -> float:
    return _ranked(values, max(1, math.ceil(len(values) * quantile)), math.inf)


def _ranked(values: Floats, rank: int, open_end: float) -> float:
    if not 1 <= rank <= len(values):
        return open_end
    return float(np.partition(values, rank - 1)[rank - 1])
