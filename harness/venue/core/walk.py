"""The price walk: every step lands on a price, bid and ask that were not there for a long while."""

from __future__ import annotations

import random
from decimal import Decimal

SPREAD_TICKS = 1
"""Bid and ask are this many ticks from the last price, each side."""
UNIT_TICKS = 2 * SPREAD_TICKS + 1
"""Prices this far apart share neither last, bid nor ask."""
STRIDE_UNITS = 7
RANGE = Decimal("0.2")


class Walk:
    """Sweeps up and down within 20 % of the start; each sweep runs between the prices of the one before."""

    def __init__(self, start: Decimal, tick: Decimal, rng: random.Random) -> None:
        self._tick = tick
        self._direction = rng.choice((1, -1))
        self._recentre(start)

    def _recentre(self, price: Decimal) -> None:
        self._low = int(price * (1 - RANGE) / self._tick)
        self._high = int(price * (1 + RANGE) / self._tick)

    def step(self, price: Decimal) -> Decimal:
        """The price after `price`."""
        ticks = int(price / self._tick)
        if not self._low <= ticks <= self._high:
            self._recentre(price)
        stride = STRIDE_UNITS * UNIT_TICKS * self._direction
        if not self._low <= ticks + stride <= self._high:
            self._direction = -self._direction
            # One unit aside, so that the way back passes between the prices of the way here.
            return (ticks + UNIT_TICKS * self._direction) * self._tick
        return (ticks + stride) * self._tick
