"""Any sequence of place, cancel, fill, move and disconnect: core, REST view and WebSocket view stay equal."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from harness.venue.core import instruments
from harness.venue.core.decimals import ZERO, canonical, fixed, parse
from harness.venue.core.refusal import Refused
from harness.venue.dialects.binance import Binance
from harness.venue.dialects.dialect import Call
from harness.venue.venue import Setup, Venue
from suites.self.venue.machine import SYMBOLS, AlwaysConnected, MemoryWire, act_by_control
from suites.self.venue.workshop import KEY, Running, ask_signed, listen_key, listener, run, signed, until, venue

pytestmark = pytest.mark.self


class UserView:
    """What a client knows that only listens: orders, positions and the wallet as the events told."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[str, str]] = {}
        self.positions: dict[str, str] = {}
        self.wallet = ""

    def hear(self, event: dict[str, Any]) -> None:
        if event.get("e") == "ORDER_TRADE_UPDATE":
            self.orders[event["o"]["i"]] = (event["o"]["X"], event["o"]["z"])
        elif event.get("e") == "ACCOUNT_UPDATE":
            self.wallet = event["a"]["B"][0]["wb"]
            self.positions.update({one["s"]: one["pa"] for one in event["a"]["P"]})


class VenueMachine(AlwaysConnected):
    """The venue in this process: the dialect answers requests and a listener follows the user stream."""

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.dialect = Binance(self.begin("binance", seed, KEY))
        self.view = UserView()
        self.connect()

    def call(self, method: str, path: str, **params: Any) -> Any:
        reply = self.dialect.answer(Call(method, path, signed(params), b"", {"X-MBX-APIKEY": KEY.key}))
        return json.loads(reply.body)

    def connect(self) -> None:
        self.wire = MemoryWire()
        self.socket = self.venue.hub.opened("/ws", self.wire)
        key = json.loads(
            self.dialect.answer(Call("POST", "/fapi/v1/listenKey", "", b"", {"X-MBX-APIKEY": KEY.key})).body
        )
        self.dialect.opened(self.socket, f"/{key['listenKey']}", "")

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(["BUY", "SELL"]),
        steps=st.integers(1, 400),
        ticks=st.integers(-60, 60),
        force=st.sampled_from(["GTC", "IOC", "FOK", "GTX"]),
        reduce_only=st.booleans(),
    )
    def place_limit(self, symbol: str, side: str, steps: int, ticks: int, force: str, reduce_only: bool) -> None:
        market = self.venue.exchange.markets[symbol]
        one = market.instrument
        price = fixed(market.last + ticks * one.tick, one.price_places)
        answer = self.call(
            "POST", "/fapi/v1/order", symbol=symbol, side=side, type="LIMIT", timeInForce=force,
            quantity=fixed(one.step * steps, one.qty_places), price=price,
            reduceOnly="true" if reduce_only else "false", newOrderRespType="RESULT",
        )  # fmt: skip
        assert "orderId" in answer or answer["code"] in (-4164, -2022, -5022, -2019)

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(["BUY", "SELL"]), steps=st.integers(1, 2000))
    def place_market(self, symbol: str, side: str, steps: int) -> None:
        one = self.venue.exchange.markets[symbol].instrument
        quantity = fixed(one.step * steps, one.qty_places)
        answer = self.call("POST", "/fapi/v1/order", symbol=symbol, side=side, type="MARKET", quantity=quantity)
        assert "orderId" in answer or answer["code"] in (-4164, -2019)

    @rule(index=st.integers(0, 50))
    def cancel(self, index: int) -> None:
        order = self.open_order(index)
        if order is not None:
            answer = self.call("DELETE", "/fapi/v1/order", symbol=order.symbol, orderId=order.order_id)
            assert answer["status"] == "CANCELED"
            assert self.call("DELETE", "/fapi/v1/order", symbol=order.symbol, orderId=order.order_id)["code"] == -2011

    @rule(symbol=st.sampled_from(SYMBOLS))
    def cancel_all(self, symbol: str) -> None:
        assert self.call("DELETE", "/fapi/v1/allOpenOrders", symbol=symbol)["code"] == 200

    @invariant()
    def rest_stream_and_core_agree(self) -> None:
        self.heard()
        account = self.call("GET", "/fapi/v3/account")
        assert Decimal(account["totalWalletBalance"]) == self.account.wallet
        if self.view.wallet:
            assert self.view.wallet == account["totalWalletBalance"]
        held = {one["symbol"]: Decimal(one["positionAmt"]) for one in self.call("GET", "/fapi/v3/positionRisk")}
        core = {one.symbol: one.size for one in self.account.positions.values() if one.size}
        assert held == core
        for symbol, size in self.view.positions.items():
            assert Decimal(size) == core.get(symbol, ZERO)
        shown = {one["orderId"]: (one["status"], one["executedQty"]) for one in self.call("GET", "/fapi/v1/openOrders")}
        assert shown == {
            number: told for number, told in self.view.orders.items() if told[0] in ("NEW", "PARTIALLY_FILLED")
        }
        truth = {
            one.order_id: (one.status.value, fixed(one.executed, one.instrument.qty_places))
            for one in self.venue.exchange.book.all_orders(self.account.name)
        }
        assert self.view.orders == truth


VenueMachine.TestCase.settings = settings(
    max_examples=60, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_views_agree_after_any_sequence = VenueMachine.TestCase


STEPS = st.lists(
    st.tuples(st.sampled_from(["limit", "market", "cancel", "fill", "move", "reconnect"]), st.integers(1, 50)),
    min_size=3,
    max_size=12,
)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_views_agree_over_the_wire_too(steps: list[tuple[str, int]]) -> None:
    async def body() -> None:
        async with venue() as running:
            key, view = await listen_key(running), UserView()
            remaining = list(steps)
            while remaining:
                async with listener(running, f"/{key}") as heard:
                    while remaining:
                        act, number = remaining.pop(0)
                        if act == "reconnect":
                            break
                        await _act(running, act, number)
                    await _caught_up(running, heard, view)
            state = await running.control.state()
            told = {str(number): status for number, (status, _) in view.orders.items()}
            assert told == {one.order_id: one.status for one in state.orders}
            shown = (await ask_signed(running, "GET", "/fapi/v1/openOrders")).body
            assert {str(one["orderId"]) for one in shown} == {one.order_id for one in state.open_orders}
            held = (await ask_signed(running, "GET", "/fapi/v3/positionRisk")).body
            assert {one["symbol"]: Decimal(one["positionAmt"]) for one in held} == {
                one.symbol: Decimal(one.size) for one in state.positions
            }
            assert state.account.discrepancy == "0"

    run(body)


async def _act(running: Running, act: str, number: int) -> None:
    order = {"symbol": "BTCUSDT", "side": "BUY" if number % 2 else "SELL", "quantity": f"0.0{number:02d}"}
    if act == "limit":
        price = "44000" if number % 2 else "46000"
        await ask_signed(running, "POST", "/fapi/v1/order", **order, type="LIMIT", timeInForce="GTC", price=price)
    elif act == "market":
        await ask_signed(running, "POST", "/fapi/v1/order", **order, type="MARKET")
    else:
        await act_by_control(running.control, act, number)


async def _caught_up(running: Running, heard: Any, view: UserView) -> None:
    await heard.socket.send_str('{"method":"LIST_SUBSCRIPTIONS","id":7}')
    await until(lambda: any(one.get("id") == 7 for one in heard.heard), "the answer after all events")
    for event in heard.heard:
        view.hear(event)


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=8))
def test_every_decimal_survives_the_round_trip(value: Decimal) -> None:
    assert Decimal(canonical(value)) == value
    assert Decimal(fixed(value, 8)) == value
    assert parse(canonical(value)) == value
    assert "E" not in canonical(value)


@given(ticks=st.integers(2, 10**7), steps=st.integers(1, 10**6), one=st.sampled_from(instruments.ALL))
def test_prices_and_quantities_reach_the_core_to_the_last_digit(
    ticks: int, steps: int, one: instruments.Instrument
) -> None:
    setup = Setup("binance", "strict", 1, (KEY,), (one,))
    made = Venue(setup)
    dialect = Binance(made)
    made.account().wallet += 10**15
    price, quantity = canonical(one.tick * ticks), canonical(one.step * steps)
    params = {"symbol": one.symbol, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
    params |= {"quantity": quantity, "price": price}
    reply = dialect.answer(Call("POST", "/fapi/v1/order", signed(params), b"", {"X-MBX-APIKEY": KEY.key}))
    answer = json.loads(reply.body)
    if "orderId" in answer:
        assert (Decimal(answer["price"]), Decimal(answer["origQty"])) == (Decimal(price), Decimal(quantity))
        assert isinstance(answer["orderId"], int)
    else:
        assert answer["code"] in (-4164, -4005)


def test_refused_orders_leave_no_trace() -> None:
    made = Venue(Setup("binance", "strict", 1, (KEY,), instruments.chosen(SYMBOLS)))
    serial, began = made.exchange.ledger.serial, time.time_ns()
    with pytest.raises(Refused):
        made.exchange.move_balance(made.account(), Decimal("-99999999"))
    with pytest.raises(Refused):
        made.exchange.set_price("BTCUSDT", Decimal("45000.05"))
    assert made.exchange.ledger.serial == serial
    assert began < time.time_ns()
