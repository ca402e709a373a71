"""Simulated memory of a service, in MB at one sample a second: noise, garbage collection, warm-up, steps, leaks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.signal import lfilter

from harness.verdict.trend import Series

Floats = npt.NDArray[np.float64]
Draw = np.random.Generator

HOUR_S = 3600
DAY_S = 86400
LEVEL_MB = 80.0


def correlated(draw: Draw, count: int, phi: float, spread: float) -> Floats:
    """An AR(1) process in its steady state."""
    shocks = draw.standard_normal(count) * spread * np.sqrt(1 - phi * phi)
    shocks[0] = draw.standard_normal() * spread
    return np.asarray(lfilter([1.0], [1.0, -phi], shocks), np.float64)


def flat(draw: Draw, count: int) -> Floats:
    return np.zeros(count)


def white(draw: Draw, count: int) -> Floats:
    return draw.standard_normal(count) * 2


def ar_90(draw: Draw, count: int) -> Floats:
    return correlated(draw, count, 0.9, 2)


def ar_99(draw: Draw, count: int) -> Floats:
    return correlated(draw, count, 0.99, 2)


def sawtooth(draw: Draw, count: int) -> Floats:
    """A garbage collector: 20 MB every 20 s to 4 min."""
    return _teeth(draw, np.full(count, draw.uniform(20, 240)))


def slow_sawtooth(draw: Draw, count: int) -> Floats:
    """The same with 33 to 100 collections in the run."""
    return _teeth(draw, np.full(count, draw.uniform(0.01, 0.03) * count))


def drifting_sawtooth(draw: Draw, count: int) -> Floats:
    """Its period becomes 1.5 to 3 times as long, or as short, over the run."""
    first = draw.uniform(20, 120)
    periods = np.linspace(first, first * draw.uniform(1.5, 3), count)
    return _teeth(draw, periods if draw.random() < 0.5 else periods[::-1])


def warm_up(draw: Draw, count: int) -> Floats:
    """30 MB that fill up, done in the first part of the run."""
    decay = draw.uniform(1 / 60, 1 / 15) if count > HOUR_S else draw.uniform(1 / 40, 1 / 12)
    return -30 * np.exp(-np.arange(count) / (decay * count)) + correlated(draw, count, 0.9, 0.5)


def long_warm_up(draw: Draw, count: int) -> Floats:
    """30 MB that still fill up when the run ends."""
    return -30 * np.exp(-np.arange(count) / (draw.uniform(1 / 6, 1 / 2) * count)) + correlated(draw, count, 0.9, 0.5)


def step(draw: Draw, count: int) -> Floats:
    """3 MB more at once, at some time."""
    return one_step(draw, count) + correlated(draw, count, 0.9, 0.3)


def steps(draw: Draw, count: int) -> Floats:
    """Another level within 4 MB, about eight times."""
    return some_levels(draw, count) + correlated(draw, count, 0.9, 0.3)


def one_step(draw: Draw, count: int) -> Floats:
    """The level of `step` without its noise."""
    return np.where(np.arange(count) > draw.uniform(0.05, 0.95) * count, 3.0, 0.0)


def some_levels(draw: Draw, count: int) -> Floats:
    """The level of `steps` without its noise."""
    times = np.sort(draw.uniform(0, count, draw.poisson(8)))
    levels: Floats = draw.uniform(-2, 2, len(times) + 1)
    return levels[np.searchsorted(times, np.arange(count))]


def stepped(kind: Callable[[Draw, int], Floats], seed: int, count: int) -> float:
    """By how much the series rose in truth, from its first second to its last, besides any leak; 0 without steps."""
    if kind not in (step, steps):
        return 0.0
    level = (one_step if kind is step else some_levels)(np.random.default_rng(seed), count)
    return float(level[-1] - level[0])


KINDS: tuple[Callable[[Draw, int], Floats], ...] = (
    flat, white, ar_90, ar_99, sawtooth, slow_sawtooth, drifting_sawtooth, warm_up, long_warm_up, step, steps,
)  # fmt: skip


def memory(kind: Callable[[Draw, int], Floats], seed: int, seconds: int, leak_mb_per_h: float = 0.0) -> Floats:
    """One sample a second."""
    leaked = leak_mb_per_h / HOUR_S * np.arange(seconds)
    return LEVEL_MB + kind(np.random.default_rng(seed), seconds) + leaked


def by_the_second(values: Floats, **changes: object) -> Series:
    """As sampled."""
    count = len(values)
    series = {"x": np.arange(count) + 0.5, "y": values, "begin": 0.0, "end": float(count), "every": 1.0, **changes}
    return Series(**series)  # type: ignore[arg-type]


def by_the_minute(values: Floats) -> Series:
    """Reduced to the lowest value of each minute."""
    lowest: Floats = values.reshape(-1, 60).min(axis=1)
    return Series(np.arange(30, len(values), 60).astype(np.float64), lowest, 0.0, float(len(values)), 60.0)


def long_teeth(seconds: int, period_s: float, height_mb: float, phase: float, leak_mb: float = 0.0) -> Floats:
    """A service that frees everything at once, a few times in the run; it leaks so much over the run."""
    at = np.arange(seconds)
    noise = np.random.default_rng(1).standard_normal(seconds) * 0.2
    return LEVEL_MB + height_mb * ((at / period_s + phase) % 1) + noise + leak_mb * at / seconds


def _teeth(draw: Draw, periods: Floats) -> Floats:
    phase = np.cumsum(1 / periods) + draw.uniform()
    return 20 * (phase % 1) + draw.standard_normal(len(periods)) * 0.2
