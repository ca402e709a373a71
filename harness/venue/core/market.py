"""One symbol's public side: quote, trades, statistics of the day, funding, candles and the resting orders."""

from __future__ import annotations

import random
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from harness.venue.core.candles import Candles
from harness.venue.core.decimals import ZERO
from harness.venue.core.instruments import Instrument
from harness.venue.core.orders import Order, Side
from harness.venue.core.walk import SPREAD_TICKS, Walk

FUNDING_PERIOD_MS = 8 * 3_600_000
TRADES_KEPT = 1000
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """One trade on the tape; `buyer_is_maker` as venues print it."""

    trade_id: int
    price: Decimal
    qty: Decimal
    buyer_is_maker: bool
    t_ms: int


class RestingSide:
    """The resting orders of one side in price-time order."""

    def __init__(self, side: Side) -> None:
        self._sign = -1 if side is Side.BUY else 1
        self._keys: list[tuple[Decimal, int]] = []
        self._orders: dict[int, Order] = {}

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Order]:
        return (self._orders[order_id] for _, order_id in self._keys)

    def add(self, order: Order) -> None:
        """Rest it."""
        insort(self._keys, (self._sign * order.ticket.price, order.order_id))
        self._orders[order.order_id] = order

    def remove(self, order: Order) -> None:
        """Take it off; nothing happens when it does not rest here."""
        if self._orders.pop(order.order_id, None) is not None:
            del self._keys[bisect_left(self._keys, (self._sign * order.ticket.price, order.order_id))]

    def best(self) -> Order | None:
        """The one that is filled first."""
        return self._orders[self._keys[0][1]] if self._keys else None


class Market:
    """State of one symbol. Money in the quote asset; times in Unix ms."""

    def __init__(self, instrument: Instrument, seed: int, now_ms: int) -> None:
        self.instrument = instrument
        self.rng = random.Random(f"{seed}:{instrument.symbol}")
        self.walk = Walk(instrument.start_price, instrument.tick, self.rng)
        self.candles = Candles(instrument, seed, now_ms)
        self.buys = RestingSide(Side.BUY)
        self.sells = RestingSide(Side.SELL)
        self.trades: deque[PublicTrade] = deque(maxlen=TRADES_KEPT)
        self.trade_count = 0
        self.first_trade_id = self.last_trade_id = self.rng.randrange(1_000_000, 2_000_000)
        self.update_id = self.rng.randrange(1_000_000_000, 2_000_000_000)
        self.opened_ms = now_ms - DAY_MS
        self.open = self.high = self.low = self.last = instrument.start_price
        self.before = self.last
        """The last price before the latest trade."""
        self.volume = ZERO
        self.turnover = ZERO
        self.funding_rate = Decimal("0.0001")
        self.open_interest = instrument.step * self.rng.randrange(100_000, 900_000)
        self._spread = instrument.tick * SPREAD_TICKS
        self.candles.track("1m", now_ms)
        self.trade(self.last, now_ms)

    @property
    def bid(self) -> Decimal:
        """What the venue's own liquidity buys at."""
        return self.last - self._spread

    @property
    def ask(self) -> Decimal:
        """What the venue's own liquidity sells at."""
        return self.last + self._spread

    @property
    def mark(self) -> Decimal:
        """Price that positions and margin are valued at."""
        return self.last

    @property
    def top_qty(self) -> Decimal:
        """Shown size at the best prices; behind it liquidity is endless."""
        return self.instrument.step * (1000 + self.update_id % 1000)

    def side(self, side: Side) -> RestingSide:
        """The resting orders of a side."""
        return self.buys if side is Side.BUY else self.sells

    def trade(self, price: Decimal, now_ms: int) -> PublicTrade:
        """Move the last price by one public trade."""
        self.update_id += 1
        self.last_trade_id += 1
        self.trade_count += 1
        qty = self.instrument.step * (1 + self.update_id % 97)
        trade = PublicTrade(self.last_trade_id, price, qty, price < self.last, now_ms)
        self.before, self.last = self.last, price
        self.high = max(self.high, price)
        self.low = min(self.low, price)
        self.volume += qty
        self.turnover += qty * price
        self.trades.append(trade)
        self.candles.add(price, qty, trade.trade_id, now_ms)
        return trade

    def next_funding_ms(self, now_ms: int) -> int:
        """When funding is exchanged next."""
        return (now_ms // FUNDING_PERIOD_MS + 1) * FUNDING_PERIOD_MS

    def swept(self, side: Side, limit: int) -> list[Decimal]:
        """Prices of one side's ladder that the latest trade ran over: they are no levels any more."""
        tick = self.instrument.tick
        sign = -1 if side is Side.BUY else 1
        ticks = int((self.last - self.before) * sign / tick)
        best = self.before + sign * self._spread
        return [best + sign * level * tick for level in range(min(ticks, limit))]

    def levels(self, side: Side, depth: int) -> list[tuple[Decimal, Decimal]]:
        """The book as shown: the venue's own ladder and the resting orders, best price first."""
        tick, step = self.instrument.tick, self.instrument.step
        sign = -1 if side is Side.BUY else 1
        best = self.bid if side is Side.BUY else self.ask
        amounts: dict[Decimal, Decimal] = {}
        for level in range(depth):
            price = best + sign * level * tick
            if price > 0:
                amounts[price] = self.top_qty + step * (7 * level)
        for order in self.side(side):
            price = order.ticket.price
            amounts[price] = amounts.get(price, ZERO) + order.remaining
        return sorted(amounts.items(), key=lambda item: sign * item[0])[:depth]
