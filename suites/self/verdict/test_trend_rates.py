"""How often the trend judge cries wolf, and how often it finds a leak: simulated series, counted.

`TREND_SERIES=200 pytest suites/self/verdict/test_trend_rates.py -s` prints the table that the documentation quotes;
without it a few series of each kind keep the rates from being lost.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.verdict.trend import Trend, trend

from .simulated import DAY_S, HOUR_S, KINDS, Draw, Floats, by_the_minute, by_the_second, long_warm_up, memory, stepped

pytestmark = pytest.mark.self

SERIES = int(os.environ.get("TREND_SERIES", "8"))
LIMIT_MB = 10.0
LEAKS = (0.0, 0.25, 0.5, 2.0)


@dataclass(slots=True)
class Rates:
    """Of so many series: how many were judged to break the limit of 10 MB in 24 h, to keep it, to grow at all; and
    how many intervals hold the true slope. A run of a day is judged by its growth, an hour by its projection.

    `wrongly`: kept although it broke the limit in truth. Steps down can outweigh a leak: then the day's growth
    keeps the limit, and it is right to say so.
    """

    series: int = 0
    broke: int = 0
    kept: int = 0
    wrongly: int = 0
    grew: int = 0
    held: int = 0

    def add(self, found: Trend, leak: float, day: bool, stepped_mb: float) -> None:
        slope = found.projected(3600.0)
        growth = found.growth if day else found.projected(DAY_S)
        self.series += 1
        self.broke += growth.low >= LIMIT_MB
        self.kept += growth.high < LIMIT_MB
        self.wrongly += growth.high < LIMIT_MB <= 24 * leak + (stepped_mb if day else 0.0)
        self.grew += slope.low > 0
        self.held += slope.holds(leak) or abs(found.slope * 3600 - leak) < 1e-6

    def told(self) -> str:
        shares = (self.broke, self.kept, self.wrongly, self.grew, self.held)
        return " ".join(f"{share / self.series:8.1%}" for share in shares)


def judged(kind: Callable[[Draw, int], Floats], seconds: int, leak: float) -> Rates:
    rates = Rates()
    for seed in range(SERIES):
        values = memory(kind, seed, seconds, leak)
        day = seconds == DAY_S
        found = trend(by_the_minute(values) if day else by_the_second(values))
        rates.add(found, leak, day, stepped(kind, seed, seconds))
    return rates


@pytest.mark.parametrize("seconds", [HOUR_S, DAY_S], ids=["1h", "24h"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_false_alarm_and_no_leak_missed(kind: Callable[[Draw, int], Floats], seconds: int) -> None:
    leaks = LEAKS if SERIES >= 100 else (0.0, 2.0)
    rates = {leak: judged(kind, seconds, leak) for leak in leaks}
    for leak, seen in rates.items():
        print(f"\n{seconds // HOUR_S:2} h {kind.__name__:18} leak {leak:4.2f} MB/h: {seen.told()}", end="")  # noqa: T201
    allowed = 0.02 * SERIES
    assert rates[0.0].broke <= allowed, "a healthy service was failed"
    assert rates[2.0].wrongly <= allowed, "a leak of 48 MB a day was passed"
    if seconds == DAY_S:
        assert rates[2.0].broke >= 0.95 * SERIES, "a leak of 48 MB a day was not found"
    if 0.5 in rates:
        assert rates[0.5].wrongly <= 0.025 * SERIES, "a leak of 12 MB a day was passed"
    if kind is not long_warm_up:
        assert rates[0.0].held >= 0.9 * SERIES - 1
