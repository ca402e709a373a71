"""Numbers are short, carry their unit, and never lie about the side of the limit they are on."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from harness.report.numbers import duration_text, interval_text, limit_text, number, percent, quantity
from harness.report.plot import plot
from harness.verdict.interval import Interval
from harness.verdict.verdict import Finding, Status

pytestmark = pytest.mark.self

MIB = 1 << 20
finite = st.floats(-1e15, 1e15, allow_nan=False)
units = st.sampled_from(["s", "ms", "bytes", "updates", "", "%", "x", "messages/s"])
SIZES = {"": 1.0, "h": 3600.0, "min": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9, "B": 1.0, "KiB": 1024.0}
SIZES |= {"MiB": float(MIB), "GiB": 1024.0**3, "kB": 1e3, "MB": 1e6, "GB": 1e9}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.41237, "s", "412 ms"),
        (0.0, "s", "0 s"),
        (12.5, "s", "12.5 s"),
        (90, "s", "90 s"),
        (600, "s", "10 min"),
        (86_400, "s", "24 h"),
        (0.28, "ms", "280 µs"),
        (1, "ms", "1 ms"),
        (1500, "ms", "1.5 s"),
        (3e-8, "s", "30 ns"),
        (64 * MIB, "bytes", "64 MiB"),
        (500_000_000, "bytes", "500 MB"),
        (1023, "bytes", "1,023 B"),
        (2.5 * MIB, "bytes", "2.5 MiB"),
        (1000, "messages/s", "1,000 messages/s"),
        (1, "updates", "1 update"),
        (1, "recoveries", "1 recovery"),
        (1, "crashes", "1 crash"),
        (0, "tasks and channels", "0 tasks and channels"),
        (0.01, "%", "0.01 %"),
        (1.5, "x", "1.5 x"),
        (5, "", "5"),
        (-3, "units", "-3 units"),
        (1_234_567.8, "orders", "1,234,568 orders"),
        (math.inf, "s", "infinite s"),
        (1e-9, "", "1.00e-09"),
    ],
)
def test_a_quantity_reads_as_people_say_it(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("interval", "unit", "limit", "text"),
    [
        (Interval(1.23456, 3.4), "ms", 5, "1.23 to 3.4 ms"),
        (Interval(3, 3), "updates", 0, "3 updates"),
        (Interval(12.5, math.inf), "s", 10, "12.5 s or more"),
        (Interval(-math.inf, 3), "s", 10, "3 s or less"),
        (Interval(-math.inf, math.inf), "s", 10, "unknown"),
        (Interval(math.inf, math.inf), "s", 10, "infinite"),
        (Interval(0, 0.4), "s", 10, "0 to 400 ms"),
        (Interval(2 * MIB, 9e9), "bytes", 64 * MIB, "2 MiB to 8.38 GiB"),
        (Interval(480e6, 490e6), "bytes", 500e6, "480 to 490 MB"),
        (Interval(5.0004, 5.0004), "ms", 5, "5.0004 ms"),
        (Interval(4.9999, 5.0001), "ms", 5, "4.9999 to 5.0001 ms"),
        (Interval(0.9999999, 1.0), "", 1, "0.9999999 to 1"),
    ],
)
def test_an_interval_reads_as_a_range(interval: Interval, unit: str, limit: float, text: str) -> None:
    assert interval_text(interval, unit, limit) == text


@given(finite, finite, units)
@example(5.004, 5.0, "ms")
@example(4.9952, 4.996, "ms")
def test_a_value_never_looks_as_if_on_the_other_side_of_the_limit(value: float, limit: float, unit: str) -> None:
    assume(value == limit or abs(value - limit) > 1e-9 * max(abs(value), abs(limit)))
    assume(value == 0 or abs(value) > 1e-12)
    match = re.fullmatch(r"(-?[\d.,]+(?:e[+-]\d+)?) ?(.*)", interval_text(Interval(value, value), unit, limit))
    assert match
    own = {"ms": 1e-3}.get(unit, 1.0)
    shown = float(match[1].replace(",", "")) * SIZES.get(match[2], 1.0) / own
    if value == limit:
        assert shown == pytest.approx(limit)
    else:
        assert (shown > limit) == (value > limit) or shown == pytest.approx(limit, rel=1e-12)
        assert shown == pytest.approx(value, rel=6e-3)


@given(finite)
def test_a_number_is_within_half_a_percent_of_itself(value: float) -> None:
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.005)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (2.34, "2.3 s"), (18.4, "18 s"), (192.4, "3 min 12 s"), (3600, "1 h"), (86_460, "24 h 1 min")],
)
def test_a_run_length_reads_as_a_clock(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (1, "100 %"), (0.95, "95 %"), (0.9999, "99.9 %"), (0.0001, "0.1 %"), (5 / 16, "31.2 %")],
)
def test_a_share_is_never_rounded_to_all_or_nothing(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_limit_reads_as_words() -> None:
    assert limit_text("<=", 10, "s") == "at most 10 s"
    assert limit_text("==", 0, "updates") == "exactly 0 updates"


def finding(op: str, limit: float, interval: Interval | None) -> Finding:
    return Finding("a", "says", "required", "m.n", op, limit, "ms", interval, Status.PASS)


any_interval = st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)).map(lambda e: Interval(min(e), max(e)))


@given(st.sampled_from(["==", "<=", "<", ">=", ">"]), st.floats(allow_nan=False, allow_infinity=False), any_interval)
def test_a_plot_stays_in_its_box_and_keeps_the_order(op: str, limit: float, interval: Interval) -> None:
    drawn = plot(finding(op, limit, interval))
    if drawn is None:
        ends = [end for end in (interval.low, interval.high) if math.isfinite(end)]
        assert not ends or max(map(abs, (*ends, limit))) > 1e100
        return
    assert 0 <= drawn.bar_from <= drawn.bar_to <= 100
    assert 0 <= drawn.good_from <= drawn.good_to <= 100
    assert drawn.more_right == math.isinf(interval.high)
    if interval.low > limit and not drawn.is_point:
        # a bar that was widened to be seen may reach over the line by half its least width
        assert drawn.bar_to >= drawn.limit_at
    if interval.high < limit and not drawn.is_point:
        assert drawn.bar_from <= drawn.limit_at


def test_a_wide_span_is_on_a_logarithmic_axis_and_zero_at_its_left_edge() -> None:
    wide = plot(finding("<=", 10, Interval(0, 4000)))
    assert wide is not None
    assert (wide.is_log, wide.bar_from, wide.more_left) == (True, 0, True)
    narrow = plot(finding("<=", 10, Interval(2, 4)))
    assert narrow is not None
    assert (narrow.is_log, narrow.left_text, narrow.right_text) == (False, "0 ms", "15 ms")
    assert plot(finding("<=", 10, None)) is None
