"""Cut a series into blocks that are longer than one sawtooth and than its memory, and take the floor of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.verdict.slopes import cleaned, quick_slope

Floats = npt.NDArray[np.float64]

CELLS = 1440
"""A day of minutes: what is finer than that is reduced to the lowest value of each cell."""
FEWEST_CELLS = 5
"""A block has at least so many cells: fewer would leave the noise of single cells in."""
COARSE = 48
DROP_SHARE = 0.6
"""A fall by this share of the whole spread from one cell to the next ends a sawtooth."""
SAME_BOTH_WAYS = 4
"""Noise leaps up as often as down; a sawtooth hardly ever does."""
FEWEST_TEETH = 8
IRREGULAR = 0.7
"""Falls whose distances spread by more than this share of their mean are noise: its share is one."""
PEAK = 0.5
"""A correlation that comes back to this after it was negative is a period."""
SAME_PEAK = 0.8
LONGEST_SHARE = 0.9
MARGIN = 1.25
FEWEST_STEPS = 4
MAD_COST = 1.4826
"""A standard deviation over the median of absolute deviations."""
SUDDEN = 6.0
"""Standard deviations of the usual step from one block to the next, from which a fall is none of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The lowest value of each cell; NaN where a cell has no sample. Cell i begins at begin + i * width."""

    begin: float
    width: float
    values: Floats

    def x(self) -> Floats:
        """The cells' middles."""
        middles: Floats = self.begin + (np.arange(len(self.values), dtype=np.float64) + 0.5) * self.width
        return middles

    def since(self, x: float) -> Cells:
        """The cells that begin at x or later."""
        first = int(np.ceil((x - self.begin) / self.width - 1e-9))
        return Cells(self.begin + first * self.width, self.width, self.values[first:])

    def until(self, x: float) -> Cells:
        """The cells that end at x or before."""
        return Cells(self.begin, self.width, self.values[: int(np.floor((x - self.begin) / self.width + 1e-9))])


@dataclass(frozen=True, slots=True)
class Length:
    """A block's length in cells, and what decided it: `memory` and `period` in cells, 0 where there is none."""

    cells: int
    memory: float
    period: float


def cells(x: Floats, y: Floats, begin: float, end: float, width: float) -> Cells:
    """Reduce samples (x ascending, within begin and end) to cells that are at least so wide."""
    count = int(min(CELLS, max(1.0, np.floor((end - begin) / width + 1e-9))))
    values = np.full(count, np.inf)
    width = (end - begin) / count
    at = np.minimum(((x - begin) / width).astype(np.int64), count - 1)
    np.minimum.at(values, at, y)
    values[np.isinf(values)] = np.nan
    return Cells(begin, width, values)


def length(series: Cells) -> Length:
    """The block length that the series asks for."""
    residuals = detrended(series)
    known = residuals[~np.isnan(residuals)]
    if len(known) < FEWEST_CELLS or float(np.ptp(known)) == 0:
        return Length(FEWEST_CELLS, 0.0, 0.0)
    correlation = autocorrelation(residuals)
    below = np.flatnonzero(correlation < np.exp(-1))
    memory = float(below[0]) if len(below) else float(len(series.values))
    period = max(_sawtooth(residuals), _wave(correlation))
    return Length(int(np.ceil(max(FEWEST_CELLS, 2 * memory, MARGIN * period))), memory, period)


def floors(series: Cells, size: int) -> tuple[Floats, Floats]:
    """Middle and lowest value of each block of about `size` cells; a block that lacks half its cells is left out."""
    count = len(series.values) // size
    if count == 0:
        return np.empty(0), np.empty(0)
    edges = np.linspace(0, len(series.values), count + 1).astype(np.int64)
    there = ~np.isnan(series.values)
    enough = np.add.reduceat(there, edges[:-1]) * 2 > np.diff(edges)
    lowest = np.minimum.reduceat(np.where(there, series.values, np.inf), edges[:-1])
    middles = series.begin + (edges[:-1] + edges[1:]) / 2 * series.width
    return middles[enough], lowest[enough]


def detrended(series: Cells) -> Floats:
    """What a robust line through coarse blocks leaves of the cells."""
    x = series.x()
    middles, lowest = floors(series, max(1, len(series.values) // COARSE))
    slope = quick_slope(middles, lowest) if len(middles) >= 2 else 0.0
    residuals: Floats = series.values - slope * x
    if np.isnan(residuals).all():
        return residuals
    return cleaned(residuals - float(np.nanmean(residuals)), series.values)


def height(series: Cells) -> float:
    """From the lowest cell to the highest, without their trend: no tooth is higher. At least one has a value."""
    residuals = detrended(series)
    return float(np.nanmax(residuals) - np.nanmin(residuals))


def highest_fall(series: Cells, size: int) -> float:
    """The height of the highest sudden fall from one block's floor to the next; 0 where none is more than noise."""
    _, lowest = floors(series, size)
    if len(lowest) <= FEWEST_STEPS:
        return 0.0
    steps = cleaned(np.diff(lowest), lowest)
    steps = steps - np.median(steps)
    fall, noise = -float(steps.min()), MAD_COST * float(np.median(np.abs(steps)))
    return fall if fall > SUDDEN * noise else 0.0


def autocorrelation(residuals: Floats) -> Floats:
    """At lag 0, 1, ... up to half the length; cells without a value count for nothing."""
    there = ~np.isnan(residuals)
    size = 2 * len(residuals)
    seen = np.fft.rfft(np.where(there, residuals, 0.0), size)
    mask = np.fft.rfft(there.astype(np.float64), size)
    half = max(1, len(residuals) // 2)
    products = np.fft.irfft(seen * seen.conj(), size)[:half]
    pairs = np.fft.irfft(mask * mask.conj(), size)[:half]
    means = products / np.maximum(pairs, 1.0)
    return means / means[0] if means[0] > 0 else np.zeros(half)


def _sawtooth(residuals: Floats) -> float:
    """The longest usual time between two sudden falls; 0 where they are few, or come as irregularly as noise."""
    known = residuals[~np.isnan(residuals)]
    spread = float(np.subtract(*np.percentile(known, (98, 2))))
    steps = np.diff(residuals)
    falls = np.flatnonzero(steps < -DROP_SHARE * spread)
    gaps = np.diff(falls)
    if int((steps > DROP_SHARE * spread).sum()) * SAME_BOTH_WAYS > len(falls):
        return 0.0
    if len(gaps) < FEWEST_TEETH or float(gaps.sum()) < 0.5 * len(residuals):
        return 0.0
    if float(np.std(gaps)) > IRREGULAR * float(np.mean(gaps)):
        return 0.0
    return float(np.quantile(gaps, LONGEST_SHARE))


def _wave(correlation: Floats) -> float:
    """The first lag at which the correlation comes back about as high as ever; 0 when it does not come back."""
    negative = np.flatnonzero(correlation < 0)
    if not len(negative):
        return 0.0
    later = correlation[negative[0] :]
    if (highest := float(later.max())) < PEAK:
        return 0.0
    first = int(np.argmax(later >= SAME_PEAK * highest))
    return float(negative[0] + first + int(np.argmax(later[first : first + max(1, int(negative[0]))])))
