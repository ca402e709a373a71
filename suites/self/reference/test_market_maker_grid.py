"""The grid, for any price, interval, window, rules and orders: one order a level, each acceptable, and then quiet."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.reference.market_maker.grid import Grid, Level, Plan, Resting, Rules, Side

pytestmark = pytest.mark.self

BTC = Rules(Decimal("0.1"), Decimal("0.001"), Decimal("0.001"), Decimal(5))
steps = st.sampled_from([Decimal(1).scaleb(power) * factor for power in range(-6, 2) for factor in (1, 2, 5)])
positive = st.decimals(Decimal("0.00001"), Decimal(200_000), allow_nan=False, allow_infinity=False)
rules = st.builds(Rules, steps, steps, st.just(Decimal(0)) | steps, st.just(Decimal(0)) | positive)
windows = st.integers(0, 8)
grids = st.builds(Grid, positive, positive, windows, windows, rules)
fills = st.none() | st.builds(Level, st.sampled_from(Side), positive)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Grid, Decimal, list[Resting], Level | None, Decimal | None]:
    """A grid, a price, orders on its levels and elsewhere, perhaps a fill at one of them and a window that stands."""
    grid, price = draw(grids), draw(positive)
    price = max(grid.rules.tick, price // grid.rules.tick * grid.rules.tick)
    near = [price + draw(st.integers(-12, 12)) * grid.spacing for _ in range(draw(st.integers(0, 12)))]
    levels = [one // grid.spacing * grid.spacing for one in near if one > grid.spacing]
    orders = [Resting(f"mm{number}", draw(st.sampled_from(Side)), one) for number, one in enumerate(levels)]
    fill = draw(st.none() | st.sampled_from([Level(one.side, one.price) for one in orders])) if orders else None
    return grid, price, orders, fill, draw(st.none() | positive)


def done(orders: list[Resting], plan: Plan) -> list[Resting]:
    """The orders once the plan was carried out."""
    left = [one for one in orders if one.client_order_id not in plan.cancel]
    taken = {one.client_order_id for one in orders}
    names = (name for name in map("new{}".format, range(1000)) if name not in taken)
    return left + [Resting(next(names), one.side, one.price) for one in plan.place]


@given(situations())
def test_each_level_is_on_its_side_on_the_tick_and_there_once(
    situation: tuple[Grid, Decimal, list[Resting], Level | None, Decimal | None],
) -> None:
    grid, price, _, fill, anchor = situation
    levels = grid.levels(price, fill, anchor)
    assert len({one.price for one in levels}) == len(levels)
    for level in levels:
        assert level.price > 0
        assert level.price % grid.rules.tick == 0
        assert level.price % grid.spacing == 0
        assert level.price < price if level.side is Side.BUY else level.price > price
    if anchor is None:
        buys = sum(level.side is Side.BUY for level in levels)
        assert buys <= grid.buys
        assert len(levels) - buys == grid.sells
        if price > grid.spacing * (grid.buys + 2):
            assert buys == grid.buys


@given(situations())
def test_every_order_is_on_the_step_and_large_enough_and_worth_no_more_than_needed(
    situation: tuple[Grid, Decimal, list[Resting], Level | None, Decimal | None],
) -> None:
    grid, price, orders, fill, anchor = situation
    for ticket in grid.plan(price, orders, fill, anchor).place:
        assert ticket.quantity % grid.rules.step == 0
        assert ticket.quantity >= max(grid.rules.step, grid.rules.min_quantity)
        assert ticket.quantity * ticket.price >= grid.rules.min_notional
        smaller = ticket.quantity - grid.rules.step
        is_smallest = (
            smaller < max(grid.rules.step, grid.rules.min_quantity)
            or smaller * ticket.price < grid.rules.min_notional
        )  # fmt: skip
        assert ticket.quantity * ticket.price <= grid.order_quantity or is_smallest


@given(situations())
def test_no_level_ever_has_two_orders_and_after_two_rounds_there_is_nothing_left_to_do(
    situation: tuple[Grid, Decimal, list[Resting], Level | None, Decimal | None],
) -> None:
    grid, price, orders, fill, anchor = situation
    first = grid.plan(price, orders, fill, anchor)
    assert not {one.price for one in first.place} & {one.price for one in orders}
    assert len(set(first.cancel)) == len(first.cancel)
    once = done(orders, first)
    assert len({one.price for one in once}) == len(once)
    second = grid.plan(price, once, fill, anchor)
    assert second.cancel == ()
    twice = done(once, second)
    assert grid.plan(price, twice, fill, anchor) == Plan((), ())
    assert {Level(one.side, one.price) for one in twice} == set(grid.levels(price, fill, anchor))


def prices(grid: Grid, price: str, fill: Level | None = None) -> list[int]:
    return sorted(int(one.price) for one in grid.levels(Decimal(price), fill))


def test_a_filled_level_rests_until_the_price_is_half_an_interval_past_it_or_another_one_is_filled() -> None:
    grid = Grid(Decimal(100), Decimal(30), 2, 2, BTC)
    assert prices(grid, "45050") == [44900, 45000, 45100, 45200]
    bought = Level(Side.BUY, Decimal(45000))
    assert prices(grid, "45000", bought) == [44800, 44900, 45100, 45200]
    assert prices(grid, "44950.1", bought) == [44800, 44900, 45100, 45200]
    assert prices(grid, "44950", bought) == [44800, 44900, 45000, 45100]
    assert prices(grid, "45050", bought) == [44800, 44900, 45100, 45200]
    assert prices(grid, "45150", Level(Side.SELL, Decimal(45100))) == [45000, 45100, 45200, 45300]


def test_an_interval_that_is_no_whole_number_of_ticks_is_rounded_up() -> None:
    grid = Grid(Decimal("0.25"), Decimal(30), 1, 1, BTC)
    assert grid.spacing == Decimal("0.3")
    assert [one.price for one in grid.levels(Decimal(1))] == [Decimal("0.9"), Decimal("1.2")]
