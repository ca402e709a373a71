"""The knobs of batches, field forms, bursts, signatures and lenient rows: each bites, is logged, and heals."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.venue.control import ControlError, VenueControl
from harness.venue.core.disturbances import batch_rows, item_fails, reformed
from harness.venue.core.faults import Fault, FaultKind, Faults, Knob, Scope
from suites.self.venue.workshop import Running, ask, ask_signed, listener, run, signed, until, venue

pytestmark = pytest.mark.self
PRICES = "/btcusdt@bookTicker"


async def bites(control: VenueControl, handle: int) -> int:
    return sum(1 for one in await control.marks() if one.handle == handle and one.name == "fault.bit")


async def place_batch(running: Running, count: int) -> Any:
    item = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.01"}
    items = [{**item, "price": "40000", "newClientOrderId": f"b{number}"} for number in range(count)]
    return (await ask_signed(running, "POST", "/fapi/v1/batchOrders", batchOrders=json.dumps(items))).body


@pytest.mark.parametrize(
    ("how", "answered", "booked"),
    [
        ("one_more", ["b0", "b1", "b2", "b2"], 3),
        ("one_less", ["b0", "b1"], 3),
        ("reordered", ["b2", "b1", "b0"], 3),
        ("partly_failed", ["b0", -1008, "b2"], 2),
    ],
)
def test_a_batch_is_answered_wrongly(how: str, answered: list[Any], booked: int) -> None:
    async def body() -> None:
        async with venue() as running:
            handle = await running.control.fault("batch_items", how=how, count=1)
            told = await place_batch(running, 3)
            assert [one.get("clientOrderId", one.get("code")) for one in told] == answered
            assert len((await running.control.state()).open_orders) == booked
            assert await bites(running.control, handle) == 1
            right = (await ask_signed(running, "GET", "/fapi/v1/openOrders", symbol="BTCUSDT")).body
            ids = [one["orderId"] for one in right]
            await running.control.fault("batch_items", how=how, count=1)
            cancelled = await ask_signed(
                running, "DELETE", "/fapi/v1/batchOrders", symbol="BTCUSDT", orderIdList=json.dumps(ids)
            )
            assert len(cancelled.body) == len(batch_rows(ids, how))

    run(body)


@given(st.lists(st.integers(), min_size=1, max_size=6))
def test_batch_rows_are_the_items_and_only_them(rows: list[int]) -> None:
    assert sorted(batch_rows(rows, "reordered")) == sorted(rows)
    assert batch_rows(rows, "one_more")[: len(rows)] == rows == batch_rows(rows, "partly_failed")
    assert batch_rows(rows, "one_less") == rows[:-1]
    assert [item_fails("partly_failed", index) for index in range(3)] == [False, True, False]


@pytest.mark.parametrize(
    ("how", "given_text", "shown"),
    [
        ("number", '{"p":"45000.10"}', '{"p":45000.10}'),
        ("string", '{"p": 7,"q":8}', '{"p": "7","q":8}'),
        ("fraction", '{"p":1700000000000}', '{"p":1700000000000.5}'),
        ("fraction", '{"p":"12"}', '{"p":"12.5"}'),
        ("whole", '{"p":"12.75"}', '{"p":"12"}'),
        ("number", '{"p":"BUY","pp":"1","x":{"p":"-0.5"}}', '{"p":"BUY","pp":"1","x":{"p":-0.5}}'),
        ("number", '{"p":"0123"}', '{"p":"0123"}'),
        ("string", '{"p":[1],"q":null}', '{"p":[1],"q":null}'),
    ],
)
def test_a_field_takes_another_form(how: str, given_text: str, shown: str) -> None:
    assert reformed(given_text, "p", how) == shown


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6), st.text(max_size=8))
def test_a_field_in_another_form_keeps_its_value(value: Decimal, other: str) -> None:
    text = json.dumps({"p": format(value, "f"), "other": other})
    for how in ("number", "string"):
        again = json.loads(reformed(text, "p", how), parse_float=Decimal, parse_int=Decimal)
        assert Decimal(again["p"]) == value
        assert again["other"] == other


def test_field_forms_bite_replies_and_events_where_the_field_is() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard:
            control = running.control
            first = await control.fault("field_form", message="price", how="number")
            second = await control.fault("field_form", message="time", how="fraction")
            third = await control.fault("field_form", message="b", how="number", channel="bookTicker")
            told = (await ask(running, "GET", "/fapi/v1/ticker/price", "symbol=BTCUSDT", key=None)).body
            assert isinstance(told["price"], float)
            assert told["time"] % 1 == 0.5
            await control.move_price("BTCUSDT")
            await until(lambda: heard.heard, "a price")
            assert isinstance(heard.heard[0]["b"], float)
            assert isinstance(heard.heard[0]["a"], str)
            # A reply without the field is no firing.
            await ask(running, "GET", "/fapi/v1/ping", key=None)
            assert [await bites(control, one) for one in (first, second, third)] == [1, 1, 1]
            await control.heal_all()
            told = (await ask(running, "GET", "/fapi/v1/ticker/price", "symbol=BTCUSDT", key=None)).body
            assert isinstance(told["price"], str)

    run(body)


def test_order_ids_in_the_other_spelling() -> None:
    async def body() -> None:
        async with venue() as running:
            order = await running.control.place_resting("BTCUSDT")
            async with running.control.faulty("field_form", how="other_id"):
                (told,) = (await ask_signed(running, "GET", "/fapi/v1/openOrders", symbol="BTCUSDT")).body
                assert told["orderId"] == order.order_id
            (told,) = (await ask_signed(running, "GET", "/fapi/v1/openOrders", symbol="BTCUSDT")).body
            assert told["orderId"] == int(order.order_id)

    run(body)


def test_events_of_a_channel_come_in_bursts_complete_and_in_order() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard, listener(running, "/btcusdt@trade") as other:
            control = running.control
            handle = await control.fault("burst", events=5, channel="bookTicker")
            await control.move_price("BTCUSDT", times=4)
            await until(lambda: len(other.heard) == 4, "the other channel")
            assert heard.heard == []
            await control.move_price("BTCUSDT", times=3)
            await until(lambda: len(heard.heard) == 5, "one burst")
            await until(lambda: len(other.heard) == 7, "the other channel")
            assert len(heard.heard) == 5
            await control.heal(handle)
            await until(lambda: len(heard.heard) == 7, "what was still held back")
            updates = [one["u"] for one in heard.heard]
            assert updates == list(range(updates[0], updates[0] + 7))
            assert (await control.meters()).frames_sent == 14

    run(body)


def test_what_reorder_held_back_is_not_lost_when_it_heals() -> None:
    async def body() -> None:
        async with venue() as running, listener(running, PRICES) as heard:
            async with running.control.faulty("reorder", channel="bookTicker", count=1):
                await running.control.move_price("BTCUSDT")
            await until(lambda: heard.heard, "the event that was held back")

    run(body)


def test_bad_signatures_are_accepted_and_counted_in_observe_mode() -> None:
    async def body() -> None:
        async with venue() as running:
            bad = signed({})[:-4] + "0000"
            handle = await running.control.fault("observe_signature")
            assert (await ask(running, "GET", "/fapi/v3/account", bad)).status == 200
            assert (await ask(running, "GET", "/fapi/v3/account", signed({}))).status == 200
            assert await bites(running.control, handle) == 1
            await running.control.heal(handle)
            refused = await ask(running, "GET", "/fapi/v3/account", signed({})[:-4] + "0000")
            assert (refused.status, refused.code) == (400, -1022)

    run(body)


def test_a_lenient_row_can_be_switched_and_its_uses_are_counted() -> None:
    async def body() -> None:
        async with venue() as running:
            query, _, signature = signed({}).rpartition("&")
            stamp = f"{signature}&{query}"
            assert (await ask(running, "GET", "/fapi/v3/account", stamp)).code == -1022
            async with running.control.faulty("lenient_row", message="binance signature"):
                assert (await ask(running, "GET", "/fapi/v3/account", stamp)).status == 200
                assert (await ask(running, "GET", "/fapi/v3/account", signed({}))).status == 200
            (use,) = (await running.control.meters()).lenient_uses
            assert (use.row, use.count) == ("binance signature", 1)

    run(body)


@pytest.mark.parametrize(
    ("knob", "says"),
    [
        ({"kind": "burst"}, "events must be between 2 and"),
        ({"kind": "field_form"}, "say which field"),
        ({"kind": "batch_items", "how": "doubled"}, "is none of"),
        ({"kind": "lenient_row"}, "say which row"),
    ],
)
def test_a_knob_that_makes_no_sense_is_refused_in_one_sentence(knob: dict[str, Any], says: str) -> None:
    async def body() -> None:
        async with venue() as running:
            with pytest.raises(ControlError, match=says):
                await running.control.fault(**knob)

    run(body)


@given(st.lists(st.sampled_from(["prices", "orders", ""]), min_size=1, max_size=5), st.integers(1, 3))
def test_a_fault_fires_once_for_one_place_whatever_it_is_called(scopes: list[str], count: int) -> None:
    now = iter(range(10**6))
    faults = Faults(1, now.__next__)
    handles: list[Fault] = [faults.set(Knob(FaultKind.LOSE, Scope(channel=one), count=count)) for one in scopes]
    places = (Scope(channel="bookTicker"), Scope(channel="prices"))
    for _ in range(count + 1):
        list(faults.every(FaultKind.LOSE, places))
    assert [one.fired for one in handles] == [0 if one == "orders" else count for one in scopes]
