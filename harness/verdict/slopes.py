"""A straight line through few noisy points that outliers do not move, with the interval of its slope."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.verdict.distributions import student_quantile, tied_ranks
from harness.verdict.interval import EVERYTHING, Interval

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.98
"""Of the bare formula: the block length and the warm-up are read off the same series, and simulation shows that
this leaves the 95 % that an interval promises."""
FEWEST_POINTS = 6
"""Fewer points bound no slope: even the steepest and the flattest pair are then no 95 % interval worth having."""
ROUNDING = 1e-9
CAUTION = 0.5
"""Standard errors that are added to the correlation seen."""
CLOSEST = 0.97
"""A correlation of neighbours beyond this leaves nothing to count as independent."""


@dataclass(frozen=True, slots=True)
class Line:
    """The Theil-Sen line: `slope` in y per x, `level` at x = 0, `interval` of the slope at 95 %.

    `stretch`: by how much the correlation of neighbours multiplies the variance. `curvature`: how many
    standard errors the points bend away from the line; negative: they rise ever less.
    """

    slope: float
    level: float
    interval: Interval
    stretch: float
    curvature: float


def line(x: Floats, y: Floats) -> Line:
    """The line through the points, x ascending. At least two points with distinct x.

    The slope is the median of those of all pairs; its interval are order statistics of them, as Kendall's
    tau has it, with the variance stretched by what the residuals' correlation says (after Hamed and Rao),
    taken somewhat too large, since few points tell little about it.
    """
    slopes = _slopes(x, y)
    slope = _median(slopes)
    level = float(np.median(y - slope * x))
    residuals = cleaned(y - slope * x - level, y)
    stretch = stretched(residuals)
    return Line(slope, level, _interval(slopes, len(x), stretch), stretch, _curvature(x, residuals, stretch))


def quick_slope(x: Floats, y: Floats) -> float:
    """The Theil-Sen slope alone."""
    return _median(_slopes(x, y))


def cleaned(residuals: Floats, y: Floats) -> Floats:
    """Residuals that are nothing but rounding are none."""
    noise = ROUNDING * float(np.nanmax(np.abs(y)))
    return residuals if float(np.nanmax(np.abs(residuals))) > noise else np.zeros_like(residuals)


def stretched(residuals: Floats, parameters: int = 2) -> float:
    """How much larger than for independent residuals the variance of their mean is; 1 at least."""
    count = len(residuals)
    ranks = tied_ranks(residuals)
    centred = ranks - ranks.mean()
    power = float(centred @ centred)
    if power == 0 or count <= parameters + 1:
        return 1.0
    seen = float(centred[1:] @ centred[:-1]) / power
    # What was fitted takes correlation away: about (parameters + 4 rho) / n of it.
    mended = seen + (parameters + 4 * seen) / count
    close = min(mended + CAUTION * math.sqrt(max(1 - mended * mended, 0.0) / count), CLOSEST)
    return (1 + close) / (1 - close) if close > 0 else 1.0


def student(independent: float) -> float:
    """The two-sided quantile for so many independent points less the two that the line takes."""
    return student_quantile((1 + CONFIDENCE) / 2, max(independent - 2, 1))


def _slopes(x: Floats, y: Floats) -> Floats:
    first, second = np.triu_indices(len(x), 1)
    return np.sort((y[second] - y[first]) / (x[second] - x[first]))


def _median(ordered: Floats) -> float:
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else float(ordered[middle - 1] + ordered[middle]) / 2


def _interval(slopes: Floats, count: int, stretch: float) -> Interval:
    if count < FEWEST_POINTS:
        return EVERYTHING
    spread = math.sqrt(stretch * count * (count - 1) * (2 * count + 5) / 18) * student(count / stretch)
    below = math.floor((len(slopes) - spread) / 2)
    above = math.ceil((len(slopes) + spread) / 2) + 1
    low = float(slopes[below - 1]) if below >= 1 else -math.inf
    high = float(slopes[above - 1]) if above <= len(slopes) else math.inf
    return Interval(low, high)


def _curvature(x: Floats, residuals: Floats, stretch: float) -> float:
    """The parabola's part of the residuals in its own standard errors."""
    if len(x) < FEWEST_POINTS:
        return 0.0
    at = (x - x.mean()) / (float(np.ptp(x)) or 1.0)
    basis = np.column_stack([np.ones_like(at), at, at * at - float(np.mean(at * at))])
    ortho, _ = np.linalg.qr(basis)
    bow = ortho[:, 2] if float(ortho[:, 2] @ (at * at)) > 0 else -ortho[:, 2]
    part = float(bow @ residuals)
    rest = residuals - ortho @ (ortho.T @ residuals)
    variance = float(rest @ rest) / max(len(x) - 3, 1) * stretch
    if variance <= 0:
        return (
            0.0
            if abs(part) <= 1e-12 * max(1.0, float(np.abs(residuals).max(initial=0.0)))
            else math.copysign(math.inf, part)
        )
    return part / math.sqrt(variance)
