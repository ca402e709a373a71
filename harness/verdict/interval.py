"""Interval: a measurement is a range that we are 95 % sure of; a count is a range of one point."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """Closed range [low, high]; either end may be infinite. Raises ValueError for NaN or low above high.

    Arithmetic gives the range of every result that values of the two ranges can have.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if math.isnan(self.low) or math.isnan(self.high):
            raise ValueError(f"an interval has no NaN end: [{self.low}, {self.high}]")
        if self.low > self.high:
            raise ValueError(f"an interval's low end is not above its high end: [{self.low}, {self.high}]")

    @classmethod
    def exactly(cls, value: float) -> Interval:
        """The range of one point."""
        return cls(value, value)

    def __add__(self, other: Interval) -> Interval:
        return Interval(_sum(self.low, other.low, -math.inf), _sum(self.high, other.high, math.inf))

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Interval) -> Interval:
        return self + -other

    def __mul__(self, other: Interval) -> Interval:
        ends = [_product(one, two) for one in (self.low, self.high) for two in (other.low, other.high)]
        return Interval(min(ends), max(ends))

    def __truediv__(self, other: Interval) -> Interval:
        """A divisor that may be zero leaves the side open towards which the quotient grows."""
        if other.low < 0 < other.high or other.low == other.high == 0:
            return EVERYTHING
        return self * Interval(_inverse(other.high, -math.inf), _inverse(other.low, math.inf))

    def holds(self, value: float) -> bool:
        """Whether the value lies in the range."""
        return self.low <= value <= self.high

    def within(self, other: Interval) -> bool:
        """Whether no value of this range lies outside the other."""
        return other.low <= self.low and self.high <= other.high

    def at_least(self, floor: float) -> Interval:
        """Both ends raised to the floor: for quantities that cannot be below it."""
        return Interval(max(self.low, floor), max(self.high, floor))


EVERYTHING = Interval(-math.inf, math.inf)


def hull(intervals: Iterable[Interval]) -> Interval:
    """The smallest range that holds all of these. Raises ValueError for none."""
    known = tuple(intervals)
    if not known:
        raise ValueError("the hull of no intervals is not defined")
    return Interval(min(one.low for one in known), max(one.high for one in known))


def _sum(one: float, two: float, undecided: float) -> float:
    result = one + two
    return undecided if math.isnan(result) else result


def _product(one: float, two: float) -> float:
    # An infinite end stands for "any size": zero times any size is still zero.
    return 0.0 if one == 0 or two == 0 else one * two


def _inverse(end: float, at_zero: float) -> float:
    return at_zero if end == 0 else 1 / end
