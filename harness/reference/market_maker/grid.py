"""Grid: from a price, the orders that rest and the last fill to the orders to place and to cancel; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum


class Side(StrEnum):
    """Of an order."""

    BUY = "BUY"
    SELL = "SELL"


@dataclass(frozen=True, slots=True)
class Rules:
    """What the venue asks of an order. `tick` and `step` are above 0."""

    tick: Decimal
    step: Decimal
    min_quantity: Decimal
    min_notional: Decimal


@dataclass(frozen=True, slots=True)
class Level:
    """A price at which one order of this side should rest."""

    side: Side
    price: Decimal


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order to place."""

    side: Side
    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Resting:
    """An order that occupies its level: open, on its way, or of unknown outcome."""

    client_order_id: str
    side: Side
    price: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now; `cancel` holds client order ids."""

    place: tuple[Ticket, ...]
    cancel: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """Levels at multiples of the interval: `buys` of them below the price, `sells` above, one order a level.

    A level that was filled is armed again on its other side, once the price is half an interval past it; on the same
    side only after another level was filled. Otherwise a price that trembles around a level would trade it all day.
    """

    interval: Decimal
    order_quantity: Decimal
    """Worth of one order in the quote currency."""
    buys: int
    sells: int
    rules: Rules

    @property
    def spacing(self) -> Decimal:
        """The interval, rounded up to whole ticks."""
        return _ceil_to(self.interval, self.rules.tick)

    def levels(
        self, price: Decimal, last_fill: Level | None = None, anchor: Decimal | None = None
    ) -> tuple[Level, ...]:
        """Wanted levels, those nearest the price (or the `anchor`, for a window that stands still) first."""
        armed = (level for level in self._around(price, anchor) if self._is_armed(level, price, last_fill))
        if anchor is not None:
            return tuple(armed)
        found: list[Level] = []
        room = {Side.BUY: self.buys, Side.SELL: self.sells}
        for level in armed:
            if room[level.side]:
                room[level.side] -= 1
                found.append(level)
        return tuple(found)

    def quantity(self, price: Decimal) -> Decimal:
        """The largest within the order's worth that is on the step, but never below the venue's smallest order."""
        rules = self.rules
        smallest = max(
            rules.step, _ceil_to(rules.min_quantity, rules.step), _ceil_to(rules.min_notional / price, rules.step)
        )
        return max(smallest, _floor_to(self.order_quantity / price, rules.step))

    def plan(
        self,
        price: Decimal,
        resting: Sequence[Resting],
        last_fill: Level | None = None,
        anchor: Decimal | None = None,
    ) -> Plan:
        """Place what is missing on free levels; cancel what is outside, on the wrong side, or second on its level.

        Of several orders on a level the first of `resting` stays.
        """
        levels = self.levels(price, last_fill, anchor)
        sides = {level.price: level.side for level in levels}
        kept: set[Decimal] = set()
        cancel: list[str] = []
        for order in resting:
            if order.price not in kept and sides.get(order.price) is order.side:
                kept.add(order.price)
            else:
                cancel.append(order.client_order_id)
        occupied = {order.price for order in resting}
        missing = (level for level in levels if level.price not in occupied)
        return Plan(tuple(Ticket(one.side, one.price, self.quantity(one.price)) for one in missing), tuple(cancel))

    def _around(self, price: Decimal, anchor: Decimal | None) -> Iterator[Level]:
        """Candidates below and above, nearest first; one more a side than the window, as one may not be armed."""
        spacing, centre = self.spacing, price if anchor is None else anchor
        spare = 0 if anchor is not None else 1
        lowest_above, highest_below = _floor_to(centre, spacing) + spacing, _ceil_to(centre, spacing) - spacing
        below = (highest_below - n * spacing for n in range(self.buys + spare if self.buys else 0))
        above = (lowest_above + n * spacing for n in range(self.sells + spare if self.sells else 0))
        yield from _with_sides(below, price)
        yield from _with_sides(above, price)

    def _is_armed(self, level: Level, price: Decimal, last_fill: Level | None) -> bool:
        if last_fill is None or last_fill.price != level.price:
            return True
        return last_fill.side is not level.side and abs(price - level.price) * 2 >= self.spacing


def _with_sides(prices: Iterable[Decimal], price: Decimal) -> Iterator[Level]:
    for one in prices:
        if one > 0 and one != price:
            yield Level(Side.BUY if one < price else Side.SELL, one)


def _floor_to(value: Decimal, unit: Decimal) -> Decimal:
    return (value / unit).to_integral_value(ROUND_FLOOR) * unit


def _ceil_to(value: Decimal, unit: Decimal) -> Decimal:
    return (value / unit).to_integral_value(ROUND_CEILING) * unit
