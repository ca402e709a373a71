"""Numbers for people: three digits, a fitting unit, and never rounded across the limit they are compared with."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.verdict.interval import Interval
from harness.verdict.verdict import Finding

_DIGITS = 3
_MOST_DIGITS = 17
_SMALL = 0.1
"""Below this many of the larger end's unit, the smaller end is shown in a unit of its own."""
NOT_MEASURED = "not measured"

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0}
_TIMES = (("h", 3600.0, 7200.0), ("min", 60.0, 120.0), ("s", 1.0, 1.0), ("ms", 1e-3, 1e-3), ("µs", 1e-6, 1e-6))
"""Name, seconds in it, and from how many seconds on it is used: 90 s reads better than 1.5 min."""
_BINARY = (("GiB", 1024.0**3), ("MiB", 1024.0**2), ("KiB", 1024.0))
_DECIMAL = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_BARE = ("", "1", "count")

COMPARISONS = {"==": "exactly", "<=": "at most", "<": "below", ">=": "at least", ">": "above"}


@dataclass(frozen=True, slots=True)
class Scale:
    """A unit to show values in: `size` of the values' own units make one of it."""

    unit: str
    size: float

    def text(self, value: float, digits: int = _DIGITS) -> str:
        """The value with the unit."""
        return with_unit(number(value / self.size, digits), self.unit)


def scale_for(value: float, unit: str, limit: float = math.nan) -> Scale:
    """The scale that suits a value. A limit in whole decimal megabytes keeps bytes decimal."""
    size = abs(value)
    if unit in _SECONDS:
        seconds = size * _SECONDS[unit]
        if seconds == 0 or math.isinf(seconds):
            return Scale(unit, 1.0)
        # an hour's worth of float error must not turn 1 ms into 1000 µs
        name, one = next(((n, s) for n, s, since in _TIMES if seconds >= since * (1 - 1e-9)), ("ns", 1e-9))
        return Scale(unit, 1.0) if name == unit else Scale(name, one / _SECONDS[unit])
    if unit in ("bytes", "B"):
        decimal = limit >= 1e6 and limit % 1e6 == 0 and limit % 1024 != 0
        for name, one in _DECIMAL if decimal else _BINARY:
            if one <= size < math.inf:
                return Scale(name, one)
        return Scale("B", 1.0)
    return Scale("" if unit in _BARE else unit, 1.0)


def quantity(value: float, unit: str, digits: int = _DIGITS) -> str:
    """One value: `12.3 ms`, `64 MiB`, `1,000`, `1 update`."""
    return scale_for(value, unit, limit=value).text(value, digits)


def number(value: float, digits: int = _DIGITS) -> str:
    """Whole numbers in full; others to that many significant digits, without an exponent where that is readable."""
    if math.isinf(value):
        return "infinite" if value > 0 else "minus infinite"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    magnitude = math.floor(math.log10(abs(value)))
    if not -5 <= magnitude < 15:
        return f"{value:.{digits - 1}e}"
    text = f"{value:,.{max(0, digits - 1 - magnitude)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_unit(text: str, unit: str) -> str:
    """The number and its unit, singular for one."""
    if not unit:
        return text
    return f"{text} {_singular(unit) if text == '1' else unit}"


def limit_text(op: str, limit: float, unit: str) -> str:
    """`at most 10 s`."""
    return f"{COMPARISONS.get(op, op)} {quantity(limit, unit)}"


def measured_text(finding: Finding) -> str:
    """What was measured, as a range where it is one: `1.2 to 3.4 ms`, `3 s or more`."""
    if finding.interval is None:
        return NOT_MEASURED
    return interval_text(finding.interval, finding.unit, finding.limit)


def interval_text(interval: Interval, unit: str, limit: float) -> str:
    """The range in one unit; an end that is not the limit never looks like it, nor as if on its other side."""
    low, high = interval.low, interval.high
    if math.isinf(low) and math.isinf(high):
        return "unknown" if low < high else number(low)
    largest = max(abs(end) for end in (low, high) if math.isfinite(end))
    scale = scale_for(largest, unit, limit)
    if math.isinf(high):
        return with_unit(_clear(low, limit, scale), scale.unit) + " or more"
    if math.isinf(low):
        return with_unit(_clear(high, limit, scale), scale.unit) + " or less"
    small = scale_for(low, unit, limit)
    if abs(low) < _SMALL * scale.size and low and small.unit != scale.unit:
        one, other = _clear(low, limit, small), _clear(high, limit, scale)
        return f"{with_unit(one, small.unit)} to {with_unit(other, scale.unit)}"
    low_text, high_text = _clear(low, limit, scale), _clear(high, limit, scale)
    if low_text == high_text:
        return with_unit(low_text, scale.unit)
    return f"{low_text} to {with_unit(high_text, scale.unit)}"


def _clear(value: float, limit: float, scale: Scale) -> str:
    """As many digits as it takes to see on which side of the limit the value lies."""
    shown, edge = value / scale.size, limit / scale.size
    for digits in range(_DIGITS, _MOST_DIGITS + 1):
        text = number(shown, digits)
        rounded = float(text.replace(",", ""))
        if _side(rounded, edge) == _side(shown, edge):
            return text
    return repr(shown)


def _side(value: float, edge: float) -> int:
    return (value > edge) - (value < edge)


def _singular(unit: str) -> str:
    if " " in unit or not unit.endswith("s") or len(unit) < 4:
        return unit
    if unit.endswith("/s"):
        return unit
    if unit.endswith("ies"):
        return unit[:-3] + "y"
    if unit.endswith(("ches", "shes", "sses", "xes")):
        return unit[:-2]
    return unit[:-1]


def duration_text(seconds: float) -> str:
    """A run's length: `3 min 12 s`, `2 h 5 min`."""
    whole = round(seconds)
    if seconds < 10:
        return quantity(round(seconds, 1), "s")
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 else "")
    return f"{whole // 3600} h" + (f" {whole % 3600 // 60} min" if whole % 3600 >= 60 else "")


def percent(share: float) -> str:
    """A share (0..1) as `95 %`; never rounded up to 100 % or down to 0 %."""
    if share in (0.0, 1.0):
        return f"{share:.0%}".replace("%", " %")
    text = f"{share * 100:.1f}".removesuffix(".0")
    return {"100": "99.9", "0": "0.1"}.get(text, text) + " %"
