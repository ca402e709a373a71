"""OKX: any sequence of place, cancel, fill, move and disconnect leaves core, REST view and WebSocket view equal."""

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
from harness.venue.dialects.dialect import Call
from harness.venue.dialects.okx import Okx
from suites.self.venue.dialogue import subscribed
from suites.self.venue.machine import MemoryWire, SometimesConnected
from suites.self.venue.okx_workshop import KEY, ask, headers, login_of, okx_venue, talk
from suites.self.venue.workshop import run, until

pytestmark = pytest.mark.self

SYMBOLS = {"BTC-USDT-SWAP": "BTCUSDT", "XRP-USDT-SWAP": "XRPUSDT"}
STATES = {"NEW": "live", "PARTIALLY_FILLED": "partially_filled", "FILLED": "filled", "CANCELED": "canceled"}
CHANNELS = [
    {"channel": "orders", "instType": "SWAP"},
    {"channel": "account"},
    {"channel": "positions", "instType": "ANY"},
]
PLACE, CANCEL = "/api/v5/trade/order", "/api/v5/trade/cancel-order"
Item = dict[str, Any]


class PrivateView:
    """What a client knows that only listens."""

    def __init__(self) -> None:
        self.orders: dict[str, tuple[str, str]] = {}
        self.positions: dict[str, str] = {}
        self.cash = ""

    def hear(self, frame: Item) -> None:
        channel = frame.get("arg", {}).get("channel")
        for item in frame.get("data", []):
            if channel == "orders":
                self.orders[item["ordId"]] = (item["state"], item["accFillSz"])
            elif channel == "positions":
                self.positions[item["instId"]] = item["pos"]
            elif channel == "account":
                self.cash = item["details"][0]["cashBal"]

    @property
    def held(self) -> dict[str, str]:
        return {name: pos for name, pos in self.positions.items() if pos != "0"}


class OkxMachine(SometimesConnected):
    """The venue in this process: the dialect answers signed requests, and a listener follows the private channels."""

    @initialize(seed=st.integers(0, 3))
    def start(self, seed: int) -> None:
        self.dialect = Okx(self.begin("okx", seed, KEY))
        self.view = PrivateView()
        self.connected = False
        self.connect()

    def call(self, method: str, path: str, **params: Any) -> Item:
        query = urlencode(params) if method == "GET" else ""
        body = json.dumps(params) if method == "POST" else ""
        signed = f"{path}?{query}" if query else path
        reply = self.dialect.answer(Call(method, path, query, body.encode(), headers(method, signed, body)))
        answer: Item = json.loads(reply.body)
        return answer

    def get(self, path: str, **params: Any) -> list[Item]:
        answer = self.call("GET", path, **params)
        assert answer["code"] == "0", answer
        return list(answer["data"])

    @precondition(lambda self: not self.connected)
    @rule()
    def connect(self) -> None:
        """As a client does: subscribe, which brings account and positions, then ask for what was missed of orders."""
        self.wire = MemoryWire()
        self.socket = self.venue.hub.opened("/", self.wire)
        self.dialect.opened(self.socket, "/", "")
        self.dialect.heard(self.socket, json.dumps(login_of()))
        self.dialect.heard(self.socket, json.dumps({"op": "subscribe", "args": CHANNELS}))
        assert [frame.get("event") for frame in self.wire.sent if "event" in frame] == ["login"] + ["subscribe"] * 3
        self.view.positions.clear()
        for path in ("orders-history", "orders-pending"):
            for item in self.get(f"/api/v5/trade/{path}"):
                self.view.orders[item["ordId"]] = (item["state"], item["accFillSz"])
        self.connected = True

    @rule(
        inst_id=st.sampled_from(sorted(SYMBOLS)),
        side=st.sampled_from(["buy", "sell"]),
        contracts=st.integers(1, 400),
        ticks=st.integers(-60, 60),
        kind=st.sampled_from(["limit", "market", "post_only", "ioc", "fok"]),
        reduce_only=st.booleans(),
    )
    def place(self, inst_id: str, side: str, contracts: int, ticks: int, kind: str, reduce_only: bool) -> None:
        market = self.venue.exchange.markets[SYMBOLS[inst_id]]
        price = canonical(market.last + ticks * market.instrument.tick)
        answer = self.call(
            "POST", PLACE, instId=inst_id, tdMode="cross", side=side, ordType=kind, sz=str(contracts), px=price,
            reduceOnly=reduce_only,
        )  # fmt: skip
        (row,) = answer["data"]
        assert (answer["code"] == "0") == (row["sCode"] == "0") == bool(row["ordId"])
        if row["ordId"]:
            (shown,) = self.get(PLACE, instId=inst_id, ordId=row["ordId"])
            assert (shown["sz"], shown["px"]) == (str(contracts), "" if kind == "market" else price)

    @rule(index=st.integers(0, 20))
    def cancel(self, index: int) -> None:
        order = self.open_order(index)
        if order is not None:
            inst_id = next(name for name, symbol in SYMBOLS.items() if symbol == order.symbol)
            assert self.call("POST", CANCEL, instId=inst_id, ordId=str(order.order_id))["code"] == "0"
            again = self.call("POST", CANCEL, instId=inst_id, ordId=str(order.order_id))
            assert (again["code"], again["data"][0]["sCode"]) == ("1", "51401")

    @invariant()
    def views_are_equal(self) -> None:
        book = self.venue.exchange.book
        orders = {
            str(one.order_id): (STATES[one.status.value], canonical(one.executed / one.instrument.step))
            for one in book.all_orders(self.account.name)
        }
        positions = {
            name: canonical(one.size / self.venue.exchange.markets[symbol].instrument.step)
            for name, symbol in SYMBOLS.items()
            if (one := self.account.position(symbol)).size
        }
        pending = {one["ordId"]: (one["state"], one["accFillSz"]) for one in self.get("/api/v5/trade/orders-pending")}
        assert pending == {key: one for key, one in orders.items() if one[0] in ("live", "partially_filled")}
        assert {one["instId"]: one["pos"] for one in self.get("/api/v5/account/positions")} == positions
        (balance,) = self.get("/api/v5/account/balance")
        assert balance["details"][0]["cashBal"] == canonical(self.account.wallet)
        assert balance["details"][0]["availEq"] == canonical(self.venue.exchange.available(self.account))
        if self.connected:
            self.heard()
            assert self.view.orders == orders
            assert self.view.held == positions
            assert self.view.cash == canonical(self.account.wallet)


OkxMachine.TestCase.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestOkxViews = OkxMachine.TestCase


@given(ticks=st.integers(1, 449_000), contracts=st.integers(1, 1_000_000), client_id=st.text("aZ9", max_size=32))
@settings(max_examples=60, deadline=None)
def test_every_decimal_survives_the_round_trip(ticks: int, contracts: int, client_id: str) -> None:
    local = OkxMachine()
    local.start(seed=1)
    instrument = local.venue.exchange.markets["BTCUSDT"].instrument
    price, size = canonical(instrument.tick * ticks), str(contracts)
    local.venue.exchange.move_balance(local.account, Decimal("1e13"))
    answer = local.call(
        "POST", PLACE, instId="BTC-USDT-SWAP", tdMode="cross", side="buy", ordType="limit", sz=size, px=price,
        clOrdId=client_id,
    )  # fmt: skip
    if Decimal(price) * contracts * instrument.step < instrument.min_notional:
        assert answer["data"][0]["sCode"] == "51020"
        return
    (shown,) = local.get(PLACE, instId="BTC-USDT-SWAP", ordId=answer["data"][0]["ordId"])
    assert (shown["px"], shown["sz"], shown["clOrdId"]) == (price, size, client_id)
    order = local.venue.exchange.book.by_id("main", int(shown["ordId"]))
    assert order is not None
    assert (order.ticket.price, order.ticket.qty) == (Decimal(price), contracts * instrument.step)
    local.heard()
    assert local.view.orders[shown["ordId"]] == ("live", "0")


@given(
    st.lists(
        st.tuples(st.sampled_from(["buy", "sell"]), st.integers(1, 50), st.integers(-30, 30), st.integers(0, 3)),
        min_size=4,
        max_size=8,
    )
)
@settings(max_examples=2, deadline=None)
def test_the_views_are_equal_over_the_wire_too(steps: list[tuple[str, int, int, int]]) -> None:
    async def body() -> None:
        async with okx_venue() as running, talk(running, "/ws/v5/private", login=True) as one:
            await one.say({"op": "subscribe", "args": CHANNELS})
            await subscribed(running, 3)
            for side, contracts, ticks, then in steps:
                last = Decimal((await running.control.state()).market("BTCUSDT").last)
                order = {
                    "instId": "BTC-USDT-SWAP", "tdMode": "cross", "side": side, "ordType": "limit",
                    "sz": str(contracts), "px": canonical(last + ticks * Decimal("0.1")),
                }  # fmt: skip
                assert (await ask(running, "POST", PLACE, order))[1]["code"] == "0"
                pending = (await running.control.state()).open_orders
                if then == 1 and pending:
                    await running.control.fill_order(pending[0].order_id, "0.001")
                elif then == 2 and pending:
                    found = {"instId": "BTC-USDT-SWAP", "ordId": pending[0].order_id}
                    assert (await ask(running, "POST", CANCEL, found))[1]["code"] == "0"
                elif then == 3:
                    await running.control.move_price("BTCUSDT")
            state = await running.control.state()
            wanted = {row.order_id: (STATES[row.status], Decimal(row.executed) * 1000) for row in state.orders}
            view = PrivateView()

            def equal() -> bool:
                while one.heard:
                    view.hear(one.heard.pop(0))
                heard = {name: (shown, Decimal(done)) for name, (shown, done) in view.orders.items()}
                return heard == wanted and Decimal(view.cash) == Decimal(state.account.wallet_balance)

            await until(equal, "the same orders and the same wallet")
            _, answer = await ask(running, "GET", "/api/v5/account/positions")
            assert {row["instId"]: row["pos"] for row in answer["data"]} == view.held

    run(body)
