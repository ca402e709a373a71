"""What the property tests of all venues share: what happens to a venue in this process, and what always holds."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from harness.venue.control import ApiKey, VenueControl
from harness.venue.core import instruments
from harness.venue.core.account import Account
from harness.venue.core.decimals import ZERO
from harness.venue.core.hub import Socket
from harness.venue.core.orders import Order, Side
from harness.venue.venue import Setup, Venue

SYMBOLS = ("BTCUSDT", "XRPUSDT")


class MemoryWire:
    """A socket's TCP side that keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def write(self, data: bytes) -> None:
        while data:
            size, start = data[1], 2
            if size == 126:
                size, start = int.from_bytes(data[2:4], "big"), 4
            elif size == 127:
                size, start = int.from_bytes(data[2:10], "big"), 10
            self.sent.append(json.loads(data[start : start + size]))
            data = data[start + size :]

    def buffered_bytes(self) -> int:
        return 0

    def end(self, how: str) -> None:
        raise AssertionError(f"nobody ends a socket here: {how}")


class CoreMachine(RuleBasedStateMachine):
    """Fills, moves and jumps; a venue's own machine adds its orders, its sockets and the comparison of its views."""

    venue: Venue
    account: Account
    wire: MemoryWire
    socket: Socket
    view: Any
    """What a client knows that only listens: `hear(frame)`."""

    def begin(self, name: str, seed: int, key: ApiKey, profile: str = "strict") -> Venue:
        self.venue = Venue(Setup(name, profile, seed, (key,), instruments.chosen(SYMBOLS)))
        self.account = self.venue.account()
        return self.venue

    def heard(self) -> None:
        for frame in self.wire.sent:
            self.view.hear(frame)
        self.wire.sent.clear()

    def open_order(self, index: int) -> Order | None:
        orders = self.venue.exchange.book.open_orders(self.account.name)
        return orders[index % len(orders)] if orders else None

    @rule(index=st.integers(0, 50), share=st.integers(1, 4))
    def fill(self, index: int, share: int) -> None:
        order = self.open_order(index)
        if order is not None:
            steps = int(order.remaining / order.instrument.step)
            self.venue.exchange.fill(order, max(1, steps // share) * order.instrument.step)

    @rule(symbol=st.sampled_from(SYMBOLS), times=st.integers(1, 5))
    def move_price(self, symbol: str, times: int) -> None:
        for _ in range(times):
            self.venue.exchange.move_price(symbol)

    @rule(symbol=st.sampled_from(SYMBOLS), ticks=st.integers(-2000, 2000))
    def jump(self, symbol: str, ticks: int) -> None:
        market = self.venue.exchange.markets[symbol]
        self.venue.exchange.set_price(symbol, market.last + ticks * market.instrument.tick)

    @rule(symbol=st.sampled_from(SYMBOLS))
    def move_position(self, symbol: str) -> None:
        self.venue.exchange.move_position(self.account, symbol)

    @rule()
    def move_balance(self) -> None:
        self.venue.exchange.move_balance(self.account)

    @invariant()
    def the_books_balance(self) -> None:
        exchange = self.venue.exchange
        assert self.account.discrepancy() == 0
        orders = exchange.book.all_orders(self.account.name)
        assert self.account.reserved == sum((one.reserved for one in orders), ZERO)
        for one in orders:
            assert ZERO <= one.executed <= one.ticket.qty
            assert one.executed == sum((fill.qty for fill in one.fills), ZERO)
            assert one.status.is_open == (one in exchange.book.open_orders(self.account.name))
        for market in exchange.markets.values():
            for side in Side:
                resting = list(market.side(side))
                assert all(one.status.is_open for one in resting)
                prices = [one.ticket.price * -side.sign for one in resting]
                assert prices == sorted(prices)

    @invariant()
    def serials_have_no_gap(self) -> None:
        ledger = self.venue.exchange.ledger
        assert sorted({row.serial for row in ledger.since(0)}) == list(range(1, ledger.serial + 1))


class AlwaysConnected(CoreMachine):
    """Its client is back at once after each disconnect."""

    def connect(self) -> None:
        raise NotImplementedError

    @rule()
    def reconnect(self) -> None:
        """What a new socket tells continues what the old one told."""
        self.heard()
        self.venue.hub.closed(self.socket, None)
        self.connect()


class SometimesConnected(CoreMachine):
    """Its client is away for a while, and reads by REST what it missed when it connects."""

    connected = False

    @precondition(lambda self: self.connected)
    @rule()
    def disconnect(self) -> None:
        self.heard()
        self.venue.hub.closed(self.socket, 1006)
        self.connected = False


async def act_by_control(control: VenueControl, act: str, number: int) -> None:
    """What happens to a venue process: "move", or to one of its open orders: "fill", "cancel"."""
    if act == "move":
        await control.move_price("BTCUSDT", times=number)
        return
    found = (await control.state()).open_orders
    if found and act == "fill":
        await control.fill_order(found[number % len(found)].order_id)
    elif found:
        await control.cancel_order(found[number % len(found)].order_id)
