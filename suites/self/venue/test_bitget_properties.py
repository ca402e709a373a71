"""Any sequence of place, cancel, fill and move: core, REST view and WebSocket view of bitget stay equal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from harness.venue.core import instruments
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.dialects.bitget import Bitget
from harness.venue.dialects.bitget_views import STATUSES
from harness.venue.dialects.dialect import Call
from harness.venue.venue import Setup, Venue
from suites.self.venue.bitget_workshop import (
    KEY,
    MIX,
    ORDER,
    PRODUCT,
    Talk,
    bitget_venue,
    get,
    headers,
    login_of,
    post,
    subscribe_to,
    talk,
)
from suites.self.venue.machine import SYMBOLS, AlwaysConnected, MemoryWire, act_by_control
from suites.self.venue.workshop import Running, run

pytestmark = pytest.mark.self
CHANNELS = ("orders", "fill", "account", "positions")
OPEN = ("live", "partially_filled")


class UserView:
    """What a client knows that only listens: orders, positions and the wallet as the frames told."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[str, str]] = {}
        self.positions: dict[str, Decimal] = {}
        self.wallet = ""
        self.filled: dict[str, Decimal] = {}

    def hear(self, told: dict[str, Any]) -> None:
        if "action" not in told:
            assert told["event"] in ("login", "subscribe"), told
            return
        channel, data = told["arg"]["channel"], told["data"]
        if channel == "orders":
            for one in data:
                self.orders[one["orderId"]] = (one["status"], one["accBaseVolume"])
        elif channel == "fill":
            for one in data:
                self.filled[one["orderId"]] = self.filled.get(one["orderId"], ZERO) + Decimal(one["baseVolume"])
        elif channel == "account":
            self.wallet = data[0]["available"]
            assert Decimal(data[0]["equity"]) == Decimal(self.wallet) + Decimal(data[0]["unrealizedPL"])
        elif channel == "positions":
            signs = {"long": 1, "short": -1}
            self.positions = {one["instId"]: Decimal(one["total"]) * signs[one["holdSide"]] for one in data}


def made(seed: int, symbols: tuple[str, ...]) -> tuple[Venue, Bitget]:
    venue = Venue(Setup("bitget", "strict", seed, (KEY,), instruments.chosen(symbols)))
    return venue, Bitget(venue)


def asked(dialect: Bitget, path: str, params: dict[str, Any]) -> Any:
    """A signed request, GET by a query and POST by a body; the data, or the code of a refusal."""
    post_it = path.startswith("+")
    path = MIX + path[1:]
    query = "" if post_it else urlencode(params)
    body = json.dumps(params) if post_it else ""
    method = "POST" if post_it else "GET"
    given = headers(method, f"{path}?{query}" if query else path, body)
    answer = json.loads(dialect.answer(Call(method, path, query, body.encode(), given)).body)
    return answer["data"] if answer["code"] == "00000" else answer["code"]


class VenueMachine(AlwaysConnected):
    """The venue in this process: the dialect answers requests and a listener follows the private channels."""

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.dialect = Bitget(self.begin("bitget", seed, KEY))
        self.view = UserView()
        self.connect()

    def connect(self) -> None:
        self.wire = MemoryWire()
        self.socket = self.venue.hub.opened("/", self.wire)
        self.dialect.opened(self.socket, "/", "")
        for frame in (
            login_of(),
            *(subscribe_to(one, "default") for one in ("orders", "fill", "account", "positions")),
        ):
            self.dialect.heard(self.socket, json.dumps(frame))

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(["buy", "sell"]),
        steps=st.integers(1, 400),
        ticks=st.integers(-60, 60),
        force=st.sampled_from(["GTC", "ioc", "fok", "post_only"]),
        reduce_only=st.sampled_from(["YES", "NO"]),
    )
    def place_limit(self, symbol: str, side: str, steps: int, ticks: int, force: str, reduce_only: str) -> None:
        market = self.venue.exchange.markets[symbol]
        one = market.instrument
        order = {
            **ORDER, "symbol": symbol, "side": side, "force": force, "reduceOnly": reduce_only,
            "size": fixed(one.step * steps, one.qty_places),
            "price": fixed(market.last + ticks * one.tick, one.price_places),
        }  # fmt: skip
        answer = asked(self.dialect, "+/order/place-order", order)
        assert isinstance(answer, dict) or answer in ("45110", "22002", "40762")

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(["buy", "sell"]), steps=st.integers(1, 2000))
    def place_market(self, symbol: str, side: str, steps: int) -> None:
        one = self.venue.exchange.markets[symbol].instrument
        size = fixed(one.step * steps, one.qty_places)
        order = {**ORDER, "symbol": symbol, "side": side, "orderType": "market", "size": size}
        answer = asked(self.dialect, "+/order/place-order", order)
        assert isinstance(answer, dict) or answer in ("45110", "40762")

    @rule(index=st.integers(0, 50))
    def cancel(self, index: int) -> None:
        order = self.open_order(index)
        if order is not None:
            params = {"symbol": order.symbol, **PRODUCT, "orderId": str(order.order_id)}
            assert asked(self.dialect, "+/order/cancel-order", params)["orderId"] == str(order.order_id)
            assert asked(self.dialect, "+/order/cancel-order", params) == "40768"

    @rule(symbol=st.sampled_from(SYMBOLS))
    def cancel_all(self, symbol: str) -> None:
        answer = asked(self.dialect, "+/order/batch-cancel-orders", {"symbol": symbol, **PRODUCT})
        assert answer["failureList"] == []

    @invariant()
    def rest_channels_and_core_agree(self) -> None:
        self.heard()
        (shown,) = asked(self.dialect, " /account/accounts", PRODUCT)
        assert Decimal(shown["available"]) == self.account.wallet == Decimal(self.view.wallet)
        core = {one.symbol: one.size for one in self.account.positions.values() if one.size}
        held = asked(self.dialect, " /position/all-position", {**PRODUCT, "marginCoin": "USDT"})
        signs = {"long": 1, "short": -1}
        assert {one["symbol"]: Decimal(one["total"]) * signs[one["holdSide"]] for one in held} == core
        assert self.view.positions == core
        pending = asked(self.dialect, " /order/orders-pending", PRODUCT)["entrustedList"] or []
        if len(pending) < 100:  # a page
            listed = {one["orderId"]: (one["status"], one["baseVolume"]) for one in pending}
            assert listed == {number: told for number, told in self.view.orders.items() if told[0] in OPEN}
        truth = {
            str(one.order_id): (STATUSES[one.status], fixed(one.executed, one.instrument.qty_places))
            for one in self.venue.exchange.book.all_orders(self.account.name)
        }
        assert self.view.orders == truth
        assert self.view.filled == {number: Decimal(told[1]) for number, told in truth.items() if Decimal(told[1])}


VenueMachine.TestCase.settings = settings(
    max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
test_views_agree_after_any_sequence = VenueMachine.TestCase


@settings(max_examples=60, deadline=None)
@given(ticks=st.integers(2, 10**7), steps=st.integers(1, 10**6), one=st.sampled_from(instruments.ALL))
def test_prices_and_sizes_reach_the_core_and_come_back_to_the_last_digit(
    ticks: int, steps: int, one: instruments.Instrument
) -> None:
    venue, dialect = made(1, (one.symbol,))
    venue.account().wallet += 10**15
    price, size = canonical(one.tick * ticks), canonical(one.step * steps)
    answer = asked(dialect, "+/order/place-order", {**ORDER, "symbol": one.symbol, "price": price, "size": size})
    if isinstance(answer, dict):
        order = venue.exchange.book.any_by_id(int(answer["orderId"]))
        assert order is not None
        assert (order.ticket.price, order.ticket.qty) == (Decimal(price), Decimal(size))
        shown = asked(dialect, " /order/detail", {"symbol": one.symbol, **PRODUCT, **answer})
        assert (Decimal(shown["price"]), Decimal(shown["size"])) == (Decimal(price), Decimal(size))
        assert all(isinstance(value, str) for value in shown.values())
    else:
        assert answer in ("45110", "45113")


STEPS = st.lists(
    st.tuples(st.sampled_from(["limit", "market", "cancel", "fill", "move"]), st.integers(1, 50)),
    min_size=3,
    max_size=12,
)


# Not shrunk: each example is a process.
@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), phases=(Phase.generate,))
@given(steps=STEPS)
def test_views_agree_over_the_wire_too(steps: list[tuple[str, int]]) -> None:
    async def body() -> None:
        async with bitget_venue() as running, talk(running, login=KEY) as heard:
            view = UserView()
            for channel in CHANNELS:
                await heard.say(subscribe_to(channel, "default"))
            for act, number in steps:
                await _act(running, act, number)
            await _caught_up(heard, view)
            state = await running.control.state()
            words = {"EXPIRED": "canceled", "NEW": "live"}
            truth = {one.order_id: words.get(one.status, one.status.lower()) for one in state.orders}
            assert {number: status for number, (status, _) in view.orders.items()} == truth
            assert Decimal(view.wallet) == Decimal(state.account.wallet_balance)
            assert view.positions == {one.symbol: Decimal(one.size) for one in state.positions}
            pending = (await get(running, f"{MIX}/order/orders-pending", PRODUCT)).data["entrustedList"] or []
            assert {one["orderId"] for one in pending} == {one.order_id for one in state.open_orders}

    run(body)


async def _act(running: Running, act: str, number: int) -> None:
    side = "buy" if number % 2 else "sell"
    order = {**ORDER, "side": side, "size": f"0.0{number:02d}", "price": "44000" if number % 2 else "46000"}
    if act == "limit":
        await post(running, f"{MIX}/order/place-order", order)
    elif act == "market":
        await post(running, f"{MIX}/order/place-order", order | {"orderType": "market"})
    else:
        await act_by_control(running.control, act, number)


async def _caught_up(heard: Talk, view: UserView) -> None:
    await heard.caught_up()
    for told in heard.heard:
        if isinstance(told, dict):
            view.hear(told)
