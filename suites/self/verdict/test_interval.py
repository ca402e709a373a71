"""Interval arithmetic: the result holds every result of values in the operands, and nothing is silently undefined."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.spec.case import Op
from harness.verdict.compare import compare
from harness.verdict.interval import EVERYTHING, Interval, hull
from harness.verdict.verdict import Status

pytestmark = pytest.mark.self
exact = settings(derandomize=True, deadline=None, max_examples=300)

INF = math.inf
_ends = st.one_of(st.integers(-50, 50).map(float), st.sampled_from([-INF, INF]))
intervals = st.tuples(_ends, _ends).map(lambda ends: Interval(min(ends), max(ends)))
_inside = st.floats(0, 1)


def some_value(interval: Interval, share: float) -> float:
    low, high = max(interval.low, -1e6), min(interval.high, 1e6)
    return min(max(low + share * (high - low), interval.low), interval.high) if low <= high else interval.low


def close_inside(value: float, interval: Interval) -> bool:
    slack = 1e-9 * max(1.0, abs(value))
    return interval.low - slack <= value <= interval.high + slack


@exact
@given(intervals, intervals, _inside, _inside)
def test_every_operation_holds_the_results_of_all_values(
    one: Interval, two: Interval, share_one: float, share_two: float
) -> None:
    a, b = some_value(one, share_one), some_value(two, share_two)
    if math.isinf(a) or math.isinf(b):
        return
    assert close_inside(a + b, one + two)
    assert close_inside(a - b, one - two)
    assert close_inside(a * b, one * two)
    if b != 0:
        assert close_inside(a / b, one / two)


@exact
@given(intervals, intervals)
def test_addition_and_multiplication_commute(one: Interval, two: Interval) -> None:
    assert one + two == two + one
    assert one * two == two * one


@exact
@given(intervals, intervals, intervals)
def test_wider_operands_never_give_a_narrower_result(one: Interval, two: Interval, more: Interval) -> None:
    wide = hull([one, more])
    assert (one + two).within(wide + two)
    assert (one - two).within(wide - two)
    assert (two - one).within(two - wide)
    assert (one * two).within(wide * two)
    assert (one / two).within(wide / two)
    if one != Interval(0, 0):  # nothing can be divided by exactly zero: that answer is everything
        assert (two / one).within(two / wide)


@exact
@given(st.lists(intervals, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_hull_holds_all_and_no_order_matters(known: list[Interval], shuffle: object) -> None:
    together = hull(known)
    assert all(one.within(together) for one in known)
    assert hull(reversed(known)) == together
    assert hull([together, *known]) == together


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (Interval(0, INF) - Interval(0, INF), EVERYTHING),
        (Interval(1, 2) - Interval(0, INF), Interval(-INF, 2)),
        (Interval(0, 0) * Interval(0, INF), Interval(0, 0)),
        (Interval(1, 2) / Interval(0, 4), Interval(0.25, INF)),
        (Interval(1, 2) / Interval(-4, 0), Interval(-INF, -0.25)),
        (Interval(1, 2) / Interval(-1, 1), EVERYTHING),
        (Interval(1, 2) / Interval(0, 0), EVERYTHING),
        (Interval(1, INF) / Interval(2, INF), Interval(0, INF)),
        (Interval(INF, INF) + Interval(-INF, -INF), EVERYTHING),
        (Interval(2, 6) / Interval(2, 3), Interval(2 / 3, 3)),
    ],
)
def test_infinite_ends_and_zero_divisors(result: Interval, expected: Interval) -> None:
    assert result.low == pytest.approx(expected.low)
    assert result.high == pytest.approx(expected.high)


@pytest.mark.parametrize("ends", [(math.nan, 1), (0, math.nan), (2, 1)])
def test_nonsense_is_refused(ends: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="interval"):
        Interval(*ends)


def test_the_hull_of_nothing_and_a_limit_of_nan_are_refused() -> None:
    with pytest.raises(ValueError, match="no intervals"):
        hull([])
    with pytest.raises(ValueError, match="NaN"):
        compare(Interval(1, 2), Op.LE, math.nan)


@pytest.mark.parametrize(
    ("low", "high", "op", "limit", "expected"),
    [
        (1, 2, "<=", 2, "pass"), (1, 2, "<=", 1.5, "inconclusive"), (1, 2, "<=", 0.5, "fail"),
        (1, 2, "<", 2, "inconclusive"), (1, 2, "<", 2.1, "pass"), (2, 3, "<", 2, "fail"), (2, 2, "<=", 2, "pass"),
        (1, 2, ">=", 1, "pass"), (1, 2, ">=", 1.5, "inconclusive"), (1, 2, ">=", 3, "fail"),
        (1, 2, ">", 1, "inconclusive"), (1, 2, ">", 2, "fail"), (1, 2, ">", 0, "pass"),
        (3, 3, "==", 3, "pass"), (3, 4, "==", 3, "inconclusive"), (4, 5, "==", 3, "fail"), (0, 1, "==", 3, "fail"),
        (0, INF, "<=", 9, "inconclusive"), (10, INF, "<=", 9, "fail"), (0, INF, "==", 0, "inconclusive"),
        (-INF, INF, ">=", 0, "inconclusive"),
    ],
)  # fmt: skip
def test_wholly_right_passes_wholly_wrong_fails_across_is_inconclusive(
    low: float, high: float, op: str, limit: float, expected: str
) -> None:
    assert compare(Interval(low, high), Op(op), limit) is Status(expected)


@exact
@given(intervals, intervals, st.sampled_from(Op), st.integers(-60, 60))
def test_widening_an_interval_never_decides_what_was_open_nor_turns_a_verdict_round(
    one: Interval, more: Interval, op: Op, limit: int
) -> None:
    narrow, wide = compare(one, op, limit), compare(hull([one, more]), op, limit)
    assert wide in (narrow, Status.INCONCLUSIVE)
