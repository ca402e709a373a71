"""Bybit: after any sequence of place, cancel, fill, move and reconnect, core, REST and WebSocket views are equal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from harness.venue.core import instruments
from harness.venue.core.decimals import ZERO, canonical, fixed
from harness.venue.core.orders import Side
from harness.venue.dialects.bybit import Bybit
from harness.venue.dialects.bybit_ids import number_of, uuid_of
from harness.venue.dialects.bybit_views import STATUSES
from harness.venue.dialects.dialect import Call
from harness.venue.venue import Setup, Venue
from suites.self.venue.bybit_workshop import auth_of, bybit_venue, get, headers, post, subscribe_to, talk
from suites.self.venue.machine import SYMBOLS, AlwaysConnected, MemoryWire, act_by_control
from suites.self.venue.workshop import KEY, Running, run, until

pytestmark = pytest.mark.self

BOOK = "orderbook.50.BTCUSDT"
ALL = "category=linear&settleCoin=USDT"


class View:
    """What a client knows that only listens: orders, positions, the wallet, the last price and the book."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[str, str]] = {}
        self.positions: dict[str, Decimal] = {}
        self.wallet = ""
        self.ticker: dict[str, str] = {}
        self.book: dict[str, dict[Decimal, Decimal]] = {"b": {}, "a": {}}

    def hear(self, frame: Mapping[str, Any]) -> None:
        topic = frame.get("topic", "")
        if topic == "order":
            for one in frame["data"]:
                self.orders[one["orderId"]] = (one["orderStatus"], one["cumExecQty"])
        elif topic == "position":
            for one in frame["data"]:
                self.positions[one["symbol"]] = signed(one)
        elif topic == "wallet":
            self.wallet = frame["data"][0]["totalWalletBalance"]
        elif topic.startswith("tickers"):
            self.ticker = frame["data"] if frame["type"] == "snapshot" else self.ticker | frame["data"]
        elif topic.startswith("orderbook"):
            if frame["type"] == "snapshot":
                self.book = {"b": {}, "a": {}}
            for side, levels in self.book.items():
                levels.update({Decimal(price): Decimal(size) for price, size in frame["data"][side]})
                self.book[side] = {price: size for price, size in levels.items() if size}


def signed(position: Mapping[str, Any]) -> Decimal:
    return Decimal(position["size"]) * {"Buy": 1, "Sell": -1, "": 0}[position["side"]]


class VenueMachine(AlwaysConnected):
    """The venue in this process: the dialect answers requests and a listener follows its sockets."""

    @initialize(seed=st.integers(0, 3), profile=st.sampled_from(["strict", "lenient"]))
    def start(self, seed: int, profile: str) -> None:
        self.dialect = Bybit(self.begin("bybit", seed, KEY, profile))
        self.view = View()
        self.connect()

    def get(self, path: str, **params: Any) -> Any:
        query = urlencode({"category": "linear", **params})
        return json.loads(self.dialect.answer(Call("GET", path, query, b"", headers(query))).body)

    def post(self, path: str, **params: Any) -> Any:
        text = json.dumps({"category": "linear", **params})
        return json.loads(self.dialect.answer(Call("POST", path, "", text.encode(), headers(text))).body)

    def connect(self) -> None:
        self.wire = MemoryWire()
        self.socket = self.venue.hub.opened("/v5/private", self.wire)
        topics = ("order", "position", "wallet", "tickers.BTCUSDT", BOOK)
        for frame in (auth_of(), subscribe_to(*topics)):
            self.dialect.heard(self.socket, json.dumps(frame))
        assert [one["success"] for one in self.wire.sent if "op" in one] == [True, True]

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        side=st.sampled_from(["Buy", "Sell"]),
        steps=st.integers(1, 400),
        ticks=st.integers(-60, 60),
        force=st.sampled_from(["GTC", "IOC", "FOK", "PostOnly"]),
        reduce_only=st.booleans(),
    )
    def place_limit(self, symbol: str, side: str, steps: int, ticks: int, force: str, reduce_only: bool) -> None:
        market = self.venue.exchange.markets[symbol]
        one = market.instrument
        answer = self.post(
            "/v5/order/create", symbol=symbol, side=side, orderType="Limit", timeInForce=force,
            qty=fixed(one.step * steps, one.qty_places), reduceOnly=reduce_only,
            price=fixed(market.last + ticks * one.tick, one.price_places),
        )  # fmt: skip
        assert answer["retCode"] in (0, 110094, 110017, 110007)

    @rule(symbol=st.sampled_from(SYMBOLS), side=st.sampled_from(["Buy", "Sell"]), steps=st.integers(1, 2000))
    def place_market(self, symbol: str, side: str, steps: int) -> None:
        one = self.venue.exchange.markets[symbol].instrument
        quantity = fixed(one.step * steps, one.qty_places)
        answer = self.post("/v5/order/create", symbol=symbol, side=side, orderType="Market", qty=quantity)
        assert answer["retCode"] in (0, 110094, 110007)

    @rule(index=st.integers(0, 50))
    def cancel(self, index: int) -> None:
        order = self.open_order(index)
        if order is not None:
            (shown,) = self.get("/v5/order/realtime", symbol=order.symbol, limit=50)["result"]["list"][-1:]
            named = {"symbol": shown["symbol"], "orderId": shown["orderId"]}
            assert [self.post("/v5/order/cancel", **named)["retCode"] for _ in range(2)] == [0, 110001]

    @rule(symbol=st.sampled_from(SYMBOLS))
    def cancel_all(self, symbol: str) -> None:
        assert self.post("/v5/order/cancel-all", symbol=symbol)["result"]["success"] == "1"

    @invariant()
    def rest_stream_and_core_agree(self) -> None:
        self.heard()
        exchange, name = self.venue.exchange, self.account.name
        wallet = self.get("/v5/account/wallet-balance", accountType="UNIFIED")["result"]["list"][0]
        assert Decimal(wallet["totalWalletBalance"]) == self.account.wallet
        assert self.view.wallet in ("", wallet["totalWalletBalance"])
        held = {
            one["symbol"]: signed(one) for one in self.get("/v5/position/list", settleCoin="USDT")["result"]["list"]
        }
        core = {one.symbol: one.size for one in self.account.positions.values() if one.size}
        assert held == core
        assert all(size == core.get(symbol, ZERO) for symbol, size in self.view.positions.items())
        rows = [
            *self.get("/v5/order/realtime", settleCoin="USDT")["result"]["list"],
            *self.get("/v5/order/history")["result"]["list"],
        ]
        assert self.view.orders == {one["orderId"]: (one["orderStatus"], one["cumExecQty"]) for one in rows}
        truth = exchange.book.all_orders(name)
        assert sorted(self.view.orders.values()) == sorted(
            (STATUSES[one.status], fixed(one.executed, one.instrument.qty_places)) for one in truth
        )
        market = exchange.markets["BTCUSDT"]
        assert Decimal(self.view.ticker["lastPrice"]) == market.last
        shown = {"b": dict(market.levels(Side.BUY, 50)), "a": dict(market.levels(Side.SELL, 50))}
        assert self.view.book == shown

    @invariant()
    def fills_add_up(self) -> None:
        rows = self.get("/v5/execution/list")["result"]["list"]
        fees = sum((Decimal(one["execFee"]) for one in rows), ZERO)
        orders = self.venue.exchange.book.all_orders(self.account.name)
        assert fees == sum((one.fees for one in orders), ZERO)
        assert len({one["execId"] for one in rows}) == len(rows)


VenueMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
test_views_agree_after_any_sequence = VenueMachine.TestCase


STEPS = st.lists(
    st.tuples(st.sampled_from(["limit", "market", "cancel", "fill", "move", "reconnect"]), st.integers(1, 50)),
    min_size=4,
    max_size=12,
)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_views_agree_over_the_wire_too(steps: list[tuple[str, int]]) -> None:
    async def body() -> None:
        async with bybit_venue() as running:
            view, remaining = View(), list(steps)
            while remaining:
                async with talk(running, "/v5/private", login=True) as heard:
                    await heard.answer(subscribe_to("order", "position", "wallet"))
                    while remaining:
                        act, number = remaining.pop(0)
                        if act == "reconnect":
                            break
                        await _act(running, act, number)
                    await heard.say({"op": "ping", "req_id": "last"})
                    await until(lambda: heard.heard[-1].get("req_id") == "last", "the pong after all events")
                    for frame in heard.heard:
                        view.hear(frame)
            state = await running.control.state()
            told = {str(number_of(number)): status for number, (status, _) in view.orders.items()}
            assert told == {one.order_id: NATIVE[one.status] for one in state.orders}
            shown = (await get(running, "/v5/order/realtime", ALL)).result["list"]
            assert {str(number_of(one["orderId"])) for one in shown} == {one.order_id for one in state.open_orders}
            held = (await get(running, "/v5/position/list", ALL)).result["list"]
            assert {one["symbol"]: signed(one) for one in held} == {
                one.symbol: Decimal(one.size) for one in state.positions
            }
            assert state.account.discrepancy == "0"

    run(body)


NATIVE = {status.value: word for status, word in STATUSES.items()}


async def _act(running: Running, act: str, number: int) -> None:
    order = {"category": "linear", "symbol": "BTCUSDT", "qty": f"0.0{number:02d}"}
    order["side"] = "Buy" if number % 2 else "Sell"
    if act == "limit":
        price = "44000" if number % 2 else "46000"
        await post(running, "/v5/order/create", {**order, "orderType": "Limit", "price": price})
    elif act == "market":
        await post(running, "/v5/order/create", {**order, "orderType": "Market"})
    else:
        await act_by_control(running.control, act, number)


@given(ticks=st.integers(2, 10**7), steps=st.integers(1, 10**6), one=st.sampled_from(instruments.ALL))
def test_prices_and_quantities_come_back_to_the_last_digit(ticks: int, steps: int, one: instruments.Instrument) -> None:
    made = Venue(Setup("bybit", "strict", 1, (KEY,), (one,)))
    dialect = Bybit(made)
    made.account().wallet += 10**15
    price, quantity = canonical(one.tick * ticks), canonical(one.step * steps)
    text = json.dumps(
        {
            "category": "linear", "symbol": one.symbol, "side": "Buy", "orderType": "Limit", "qty": quantity,
            "price": price, "orderLinkId": "mine",
        }
    )  # fmt: skip
    answer = json.loads(dialect.answer(Call("POST", "/v5/order/create", "", text.encode(), headers(text))).body)
    if answer["retCode"]:
        assert answer["retCode"] in (110094, 10001)
        return
    query = f"category=linear&symbol={one.symbol}&orderId={answer['result']['orderId']}"
    shown = json.loads(dialect.answer(Call("GET", "/v5/order/realtime", query, b"", headers(query))).body)
    (row,) = shown["result"]["list"]
    assert (Decimal(row["price"]), Decimal(row["qty"])) == (Decimal(price), Decimal(quantity))
    for fill in made.exchange.book.fills("main"):
        assert Decimal(row["cumExecValue"]) == fill.qty * fill.price


@given(st.integers(0, 2**48 - 1))
def test_ids_there_and_back(number: int) -> None:
    text = uuid_of(number)
    assert number_of(text) == number_of(text.upper()) == number
    assert number_of(text[:-1] + ("0" if text[-1] != "0" else "1")) is None


@pytest.mark.parametrize("text", ["", "-", "x" * 36, "0" * 36, "-" * 36, "12345678", "é" * 12, "a-" + "²" * 12])
def test_no_ids(text: str) -> None:
    assert number_of(text) is None
