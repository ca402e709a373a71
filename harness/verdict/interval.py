"""Interval: a measurement is a range that we are 95 % sure of; a count is a range of one point."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """Closed range [low, high]; either end may be infinite."""

    low: float
    high: float
