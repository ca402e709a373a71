"""Gate: any sequence of place, cancel, fill, move and disconnect leaves core, REST view and WebSocket view equal."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from harness.venue.core.decimals import canonical
from harness.venue.core.orders import Order
from harness.venue.dialects.dialect import Call
from harness.venue.dialects.gate import Gate
from suites.self.venue.dialogue import subscribed
from suites.self.venue.gate_workshop import FUTURES, KEY, UID, ask, gate_venue, headers, private, public, talk
from suites.self.venue.machine import MemoryWire, SometimesConnected
from suites.self.venue.workshop import run, until

pytestmark = pytest.mark.self

SYMBOLS = {"BTC_USDT": "BTCUSDT", "XRP_USDT": "XRPUSDT"}
CHANNELS = (("futures.orders", UID, "!all"), ("futures.balances", UID), ("futures.positions", UID, "!all"))
Item = dict[str, Any]


def shown_as(one: Order) -> tuple[str, int]:
    """Status and contracts left, as Gate says it."""
    left = int(one.remaining / one.instrument.step) * one.ticket.side.sign
    return "open" if one.status.is_open else "finished", left


class PrivateView:
    """What a client knows that only listens."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[str, int]] = {}
        self.positions: dict[str, int] = {}
        self.balance = ""

    def hear(self, frame: Item) -> None:
        for item in frame["result"] if frame.get("event") == "update" else ():
            match frame["channel"]:
                case "futures.orders":
                    self.orders[item["id"]] = (item["status"], item["left"])
                case "futures.positions":
                    self.positions[item["contract"]] = item["size"]
                case "futures.balances":
                    self.balance = canonical(Decimal(str(item["balance"])))

    @property
    def held(self) -> dict[str, int]:
        return {name: size for name, size in self.positions.items() if size}


class GateMachine(SometimesConnected):
    """The venue in this process: the dialect answers signed requests, and a listener follows the private channels."""

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.dialect = Gate(self.begin("gate", seed, KEY))
        self.view = PrivateView()
        self.connected = False
        self.connect()

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        query, text, path = urlencode(params), "" if body is None else json.dumps(body), FUTURES + path
        given = headers(method, path, query, text)
        reply = self.dialect.answer(Call(method, path, query, text.encode(), given, path))
        answer = json.loads(reply.body)
        assert (reply.status < 300) == ("label" not in answer), answer
        return answer

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        """As a client does: subscribe, then ask for what was missed."""
        self.wire = MemoryWire()
        self.socket = self.venue.hub.opened("/", self.wire)
        self.dialect.opened(self.socket, "/", "")
        for channel in CHANNELS:
            self.dialect.heard(self.socket, json.dumps(private(*channel)))
        assert [frame["result"] for frame in self.wire.sent] == [{"status": "success"}] * 3
        for status in ("finished", "open"):
            for item in self.call("GET", "orders", status=status, limit=1000):
                self.view.orders[item["id"]] = (item["status"], item["left"])
        self.view.positions = {item["contract"]: item["size"] for item in self.call("GET", "positions")}
        self.view.balance = self.call("GET", "accounts")["total"]
        self.connected = True

    @rule(
        contract=st.sampled_from(sorted(SYMBOLS)),
        size=st.integers(-400, 400),
        ticks=st.integers(-60, 60),
        tif=st.sampled_from(["gtc", "ioc", "fok", "poc", "market"]),
        reduce_only=st.booleans(),
    )
    def place(self, contract: str, size: int, ticks: int, tif: str, reduce_only: bool) -> None:
        market = self.venue.exchange.markets[SYMBOLS[contract]]
        price = "0" if tif == "market" else canonical(market.last + ticks * market.instrument.tick)
        order = {
            "contract": contract, "size": size, "price": price, "tif": "ioc" if tif == "market" else tif,
            "reduce_only": reduce_only,
        }  # fmt: skip
        placed = self.call("POST", "orders", order)
        if "id" in placed:
            again = self.call("GET", f"orders/{placed['id']}")
            assert again == placed
            assert (again["size"], again["price"], again["is_reduce_only"]) == (size, price, reduce_only)

    @rule(index=st.integers(0, 20))
    def cancel(self, index: int) -> None:
        order = self.open_order(index)
        if order is not None:
            assert self.call("DELETE", f"orders/{order.order_id}")["finish_as"] == "cancelled"
            assert self.call("DELETE", f"orders/{order.order_id}")["label"] == "ORDER_FINISHED"

    @rule(contract=st.sampled_from(sorted(SYMBOLS)))
    def cancel_all(self, contract: str) -> None:
        self.call("DELETE", "orders", contract=contract)
        assert self.venue.exchange.book.open_orders(self.account.name, SYMBOLS[contract]) == []

    @invariant()
    def views_are_equal(self) -> None:
        exchange = self.venue.exchange
        orders = {one.order_id: shown_as(one) for one in exchange.book.all_orders(self.account.name)}
        positions = {
            name: int(one.size / exchange.markets[symbol].instrument.step)
            for name, symbol in SYMBOLS.items()
            if (one := self.account.position(symbol)).size
        }
        pending = {one["id"]: (one["status"], one["left"]) for one in self.call("GET", "orders", status="open")}
        assert pending == {number: one for number, one in orders.items() if one[0] == "open"}
        assert {one["contract"]: one["size"] for one in self.call("GET", "positions", holding="true")} == positions
        balance = self.call("GET", "accounts")
        assert balance["total"] == canonical(self.account.wallet)
        assert balance["available"] == canonical(exchange.available(self.account))
        if self.connected:
            self.heard()
            assert self.view.orders == orders
            assert self.view.held == positions
            assert self.view.balance == canonical(self.account.wallet)


GateMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestGateViews = GateMachine.TestCase


@given(
    ticks=st.integers(1, 890_000),
    size=st.integers(-1_000_000, 1_000_000).filter(bool),
    client_id=st.text("aZ9_-.", max_size=28),
)
@settings(max_examples=60, deadline=None)
def test_every_decimal_survives_the_round_trip(ticks: int, size: int, client_id: str) -> None:
    local = GateMachine()
    local.start(seed=1)
    instrument = local.venue.exchange.markets["BTCUSDT"].instrument
    price, text = canonical(instrument.tick * ticks), f"t-{client_id}" if client_id else ""
    local.venue.exchange.move_balance(local.account, Decimal("12345678901.23456789"))
    assert local.call("GET", "accounts")["total"] == "12346678901.23456789"
    placed = local.call("POST", "orders", {"contract": "BTC_USDT", "size": size, "price": price, "text": text})
    if Decimal(price) * abs(size) * instrument.step < instrument.min_notional:
        assert placed["label"] == "SIZE_TOO_SMALL"
        return
    shown = local.call("GET", f"orders/{text or placed['id']}")
    assert (shown["price"], shown["size"], shown["text"]) == (price, size, text or "api")
    order = local.venue.exchange.book.by_id("main", placed["id"])
    assert order is not None
    qty = abs(size) * instrument.step
    assert (order.ticket.price, order.ticket.qty, order.client_id) == (Decimal(price), qty, client_id)
    keys = {row.key for row in local.venue.exchange.ledger.since(0) if row.stream == "orders"}
    assert keys == {str(placed["id"])} | ({client_id, text} if client_id else set())
    if order.status.is_open:
        local.heard()
        assert local.view.orders[placed["id"]] == ("open", size)


class Book:
    """A client's book: a REST snapshot, then the changes whose numbers follow it without a gap."""

    def __init__(self, snapshot: Item) -> None:
        self.number = snapshot["id"]
        self.sides = {side: {one["p"]: one["s"] for one in snapshot[side]} for side in ("bids", "asks")}

    def hear(self, delta: Item) -> None:
        if delta["u"] <= self.number:
            return
        assert delta["U"] <= self.number + 1
        self.number = delta["u"]
        for side, levels in (("bids", delta["b"]), ("asks", delta["a"])):
            for one in levels:
                self.sides[side].pop(one["p"], None)
                if one["s"]:
                    self.sides[side][one["p"]] = one["s"]
        assert max(map(Decimal, self.sides["bids"])) < min(map(Decimal, self.sides["asks"])), "a crossed book"


@given(st.lists(st.tuples(st.sampled_from(["move", "jump", "place", "cancel", "fresh"]), st.integers(-40, 40))))
@settings(max_examples=25, deadline=None)
def test_the_book_is_followed_without_a_gap_whenever_it_was_asked_for(steps: list[tuple[str, int]]) -> None:
    local = GateMachine()
    local.start(seed=2)
    exchange = local.venue.exchange

    def snapshot() -> Item:
        answer: Item = local.call("GET", "order_book", contract="BTC_USDT", limit=20, with_id="true")
        return answer

    local.dialect.heard(local.socket, json.dumps(public("futures.order_book_update", "BTC_USDT", "100ms", "20")))
    local.wire.sent.clear()
    book = Book(snapshot())
    for what, number in steps:
        market = exchange.markets["BTCUSDT"]
        if what == "move":
            exchange.move_price("BTCUSDT")
        elif what == "jump":
            exchange.set_price("BTCUSDT", market.last + number * market.instrument.tick)
        elif what == "place" and number:
            price = canonical(market.last - number * market.instrument.tick)
            local.call("POST", "orders", {"contract": "BTC_USDT", "size": number, "price": price})
        elif what == "cancel":
            local.call("DELETE", "orders", contract="BTC_USDT")
        elif what == "fresh":
            book = Book(snapshot())
        for frame in local.wire.sent:
            if frame["channel"] == "futures.order_book_update":
                book.hear(frame["result"])
        local.wire.sent.clear()
        assert book.sides == Book(snapshot()).sides


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(-30, 30), st.integers(0, 3)), min_size=4, max_size=8))
@settings(max_examples=2, deadline=None)
def test_the_views_are_equal_over_the_wire_too(steps: list[tuple[int, int, int]]) -> None:
    async def body() -> None:
        async with gate_venue() as running, talk(running) as one:
            for channel in CHANNELS:
                await one.say(private(*channel))
            await subscribed(running, 3)
            for size, ticks, then in steps:
                last = Decimal((await running.control.state()).market("BTCUSDT").last)
                order = {
                    "contract": "BTC_USDT", "size": size or 1, "price": canonical(last + ticks * Decimal("0.1")),
                }  # fmt: skip
                assert (await ask(running, "POST", "orders", body=order))[0] == 201
                pending = (await running.control.state()).open_orders
                if then == 1 and pending:
                    await running.control.fill_order(pending[0].order_id, "0.001")
                elif then == 2 and pending:
                    assert (await ask(running, "DELETE", f"orders/{pending[0].order_id}"))[0] == 200
                elif then == 3:
                    await running.control.move_price("BTCUSDT")
            state = await running.control.state()
            open_ids = {row.order_id for row in state.open_orders}
            wanted = {
                row.order_id: (row.order_id in open_ids, (Decimal(row.quantity) - Decimal(row.executed)) * 1000)
                for row in state.orders
            }
            view = PrivateView()

            def equal() -> bool:
                while one.heard:
                    view.hear(one.heard.pop(0))
                heard = {str(name): (told == "open", Decimal(abs(left))) for name, (told, left) in view.orders.items()}
                known = Decimal(view.balance or state.account.wallet_balance)
                return heard == wanted and known == Decimal(state.account.wallet_balance)

            await until(equal, "the same orders and the same wallet")
            _, positions = await ask(running, "GET", "positions", "holding=true")
            assert {row["contract"]: row["size"] for row in positions} == view.held

    run(body)
