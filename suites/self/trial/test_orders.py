"""Orders through the stack: what a client was told, what the venue has, what a page shows, and where they differ."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.records import Call, Mark, Message, Outcome, Record
from harness.target.outside import Knows, LogPatterns
from harness.trial.orders import (
    DECISION_TO_VENUE,
    SAME_MOMENT_MS,
    Told,
    duplicated,
    record_decisions,
    record_placed,
    record_unmatched,
    said,
    unmatched,
)
from harness.trial.shutdown import record_orders_handled
from harness.trial.tap import Exchange
from harness.trial.trial import CutShort
from harness.venue.control import LedgerRow, OrderState, VenueState
from harness.wire.opensqt.market_maker.v1 import exchange_pb2, resources_pb2, types_pb2
from suites.self.trial.scenes import new_trial
from suites.self.trial.stacks import (
    BEGAN_NS,
    Outside,
    Profiled,
    S,
    Shown,
    Staged,
    Standing,
    Venue,
    as_browser,
    as_client,
    as_stack,
    facts,
    judged,
    log_of,
    order,
    spoken,
    statuses,
    venue_state,
)

pytestmark = pytest.mark.self

MS = 1_000_000
STATUSES = ("NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "REJECTED")


@st.composite
def books(draw: st.DrawFn) -> VenueState:
    """Orders of one symbol in any state, each with ids of its own."""
    chosen = draw(st.lists(st.tuples(st.sampled_from(STATUSES), st.integers(0, 5)), max_size=8))
    return venue_state(
        *(order(f"mm{n}", str(n), status, executed=f"0.{done}0") for n, (status, done) in enumerate(chosen, 1))
    )


def truth(venue: VenueState) -> dict[str, str]:
    """What somebody who heard everything knows."""
    return {one.client_order_id: said(one) for one in venue.orders}


# -- unmatched ---------------------------------------------------------------------------------------


@given(books())
def test_who_heard_everything_differs_in_nothing(venue: VenueState) -> None:
    assert unmatched(truth(venue), venue) == []
    assert unmatched({one.order_id: said(one) for one in venue.orders}, venue) == []


@given(books(), st.data())
def test_each_open_order_that_is_not_known_as_it_is_is_one_difference(venue: VenueState, data: st.DataObject) -> None:
    lost = data.draw(st.sets(st.sampled_from(venue.open_orders)) if venue.open_orders else st.just(set[OrderState]()))
    keys = {one.client_order_id for one in lost}
    state = truth(venue)
    assert len(unmatched({key: value for key, value in state.items() if key not in keys}, venue)) == len(lost)
    assert len(unmatched(state | dict.fromkeys(keys, "FILLED:1"), venue)) == len(lost)


@given(books(), st.sampled_from(["NEW:0", "PARTIALLY_FILLED:0.5"]))
def test_each_order_that_is_open_here_only_is_one_difference(venue: VenueState, value: str) -> None:
    closed = [one.client_order_id for one in venue.orders if one not in venue.open_orders]
    assert len(unmatched(truth(venue) | {"stranger": value}, venue)) == 1
    assert len(unmatched(truth(venue) | dict.fromkeys(closed, value), venue)) == len(closed)


def test_who_heard_nothing_misses_every_open_order_and_other_symbols_are_nobody_s() -> None:
    venue = venue_state(order("a"), order("b", "2", "PARTIALLY_FILLED"), order("c", "3", symbol="ETHUSDT"))
    assert len(unmatched({}, venue)) == 2


# -- duplicated --------------------------------------------------------------------------------------

spans = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 500)), min_size=1, max_size=8)


def one_after_another(spans: list[tuple[int, int]], last_is_open: bool) -> list[OrderState]:
    """Orders of one level: each begins so long after the one before has ended, and lasts so long."""
    found, at_ms = [], 1000
    for number, (pause_ms, length_ms) in enumerate(spans, 1):
        created_ms = at_ms + pause_ms
        at_ms = created_ms + length_ms
        found.append(
            order(
                f"mm{number}",
                str(number),
                "CANCELED" if number % 2 else "FILLED",
                created_ms=created_ms,
                updated_ms=at_ms,
            )
        )
    if last_is_open:
        found[-1] = replace(found[-1], status="NEW")
    return found


@given(spans, st.booleans(), st.randoms())
def test_orders_of_a_level_that_follow_one_another_stand_for_themselves(
    spans: list[tuple[int, int]], last_is_open: bool, chance: object
) -> None:
    orders = one_after_another(spans, last_is_open)
    chance.shuffle(orders)  # type: ignore[attr-defined]
    assert duplicated(venue_state(*orders)) == []


@given(spans, st.data(), st.sampled_from(["NEW", "FILLED", "CANCELED"]))
def test_an_order_placed_while_another_stands_on_its_level_is_a_double(
    spans: list[tuple[int, int]], data: st.DataObject, status: str
) -> None:
    orders = one_after_another([*spans, (0, 100)], last_is_open=True)
    stands = data.draw(st.sampled_from([one for one in orders if one.updated_ms - one.created_ms > SAME_MOMENT_MS + 1]))
    at_ms = data.draw(st.integers(stands.created_ms + 1, stands.updated_ms - SAME_MOMENT_MS - 1))
    twin = replace(stands, client_order_id="twin", order_id="99", created_ms=at_ms, updated_ms=at_ms + 1, status=status)
    assert duplicated(venue_state(*orders, twin))
    assert not duplicated(venue_state(*orders, replace(twin, status="REJECTED")))
    assert not duplicated(venue_state(*orders, replace(twin, side="SELL")))
    assert not duplicated(venue_state(*orders, replace(twin, price="100.1")))


def test_one_client_id_with_two_orders_is_a_double_wherever_they_rest() -> None:
    first = order("mm1", "1", "CANCELED", created_ms=1000, updated_ms=2000)
    assert duplicated(venue_state(first, replace(first, order_id="2", price="90", created_ms=5000, updated_ms=6000)))


def test_a_level_is_the_same_however_its_price_is_written() -> None:
    assert duplicated(venue_state(order("a", "1", price="100"), order("b", "2", price="100.00", created_ms=2000)))


# -- told --------------------------------------------------------------------------------------------


def exchange(method: str, request: bytes = b"", reply: bytes = b"", code: str = "OK") -> Exchange:
    return Exchange(method, request, reply, code, 1, 2)


def wire_order(client_order_id: str, order_id: int, status: int, executed: str = "") -> resources_pb2.Order:
    found = resources_pb2.Order(client_order_id=client_order_id, order_id=order_id, status=status)  # type: ignore[arg-type]
    found.executed_qty.value = executed
    return found


def test_a_client_knows_what_answers_and_its_stream_told_it_last() -> None:
    records: list[Record] = []
    told = Told(records.append)
    request = resources_pb2.PlaceOrderRequest(client_order_id="a").SerializeToString()
    new = wire_order("a", 7, types_pb2.ORDER_STATUS_NEW)
    told.exchanged(exchange("PlaceOrder", request, new.SerializeToString()))
    told.exchanged(exchange("PlaceOrder", request, code="RESOURCE_EXHAUSTED"))
    told.exchanged(
        exchange("GetOrder", reply=wire_order("b", 8, types_pb2.ORDER_STATUS_FILLED, "1.50").SerializeToString())
    )
    told.exchanged(exchange("GetOrder", code="NOT_FOUND"))
    listed = exchange_pb2.GetOpenOrdersResponse(
        orders=[wire_order("", 9, types_pb2.ORDER_STATUS_PARTIALLY_FILLED, "0.1")]
    )
    told.exchanged(exchange("GetOpenOrders", reply=listed.SerializeToString()))
    assert told.state == {"a": "NEW:0", "b": "FILLED:1.5", "9": "PARTIALLY_FILLED:0.1"}
    assert [(one.client_order_id, one.order_id, one.code) for one in told.placed] == [
        ("a", "7", "OK"), ("a", "", "RESOURCE_EXHAUSTED")
    ]  # fmt: skip
    told.record(Message("market_maker", "orders", "a", "CANCELED:0", 0, 0, 1))
    told.record(Message("market_maker", "prices", "BTCUSDT", "1", 0, 0, 1))
    told.record(Mark(1, "client.connected", {"client": "market_maker"}))
    assert told.state["a"] == "CANCELED:0"
    assert (told.connected, len(records)) == (1, 3)


# -- the comparison after an ordeal ------------------------------------------------------------------


def compared(
    folder: Path, venue: VenueState, *, known: dict[str, str] | None = None, page: object = None, shown: dict[str, str]
) -> list[Record]:
    """Facts of record_unmatched: the market maker by what it was told, or by its page when there is one."""
    trial, records = new_trial(folder)
    told = Told(records.append)
    told.state = known or {}
    knows = Knows(orders="orders.open") if page is not None else None
    maker = Outside("market_maker", log_of(folder, LogPatterns()), spoken(folder), told, Profiled(knows), page)
    stack = Standing(trial, Venue(venue), {"market_maker": maker})
    asyncio.run(record_unmatched(as_stack(stack), as_browser(Shown(shown))))
    return records


@given(venue=books())
def test_facts_of_a_stack_that_knows_its_orders(tmp_path_factory: pytest.TempPathFactory, venue: VenueState) -> None:
    page = {"orders": {"open": [{"client_order_id": one.client_order_id} for one in venue.open_orders]}}
    for how in ({"known": truth(venue)}, {"page": page}):
        records = compared(tmp_path_factory.mktemp("orders"), venue, shown=truth(venue), **how)
        assert facts(records, "orders.unmatched") == {"market_maker": 0, "live_server": 0}
        assert facts(records, "orders.compared") == {"": len(venue.open_orders)}


def test_a_page_that_lists_an_order_too_many_or_too_few_differs(tmp_path: Path) -> None:
    venue = venue_state(order("a", "1"), order("b", "2", "FILLED"))
    for listed, differences in ((["a"], 0), (["1"], 0), ([], 1), (["a", "b"], 1), (["b"], 2), (["a", "x", "y"], 2)):
        records = compared(tmp_path, venue, page={"orders": {"open": listed}}, shown={"a": "NEW:0"})
        assert facts(records, "orders.unmatched")["market_maker"] == differences, listed


def test_a_page_without_the_list_is_no_agreement(tmp_path: Path) -> None:
    with pytest.raises(CutShort, match=r"there is no list at orders\.open"):
        compared(tmp_path, venue_state(), page={"status": "ok"}, shown={})


def test_case_4_2_1_does_not_pass_when_there_was_no_order_to_compare(tmp_path: Path) -> None:
    found = statuses(judged("4.2.1", compared(tmp_path, venue_state(order(status="FILLED")), shown={})))
    assert found["market-maker-orders"] == found["live-server-orders"] == "pass"
    assert found["orders-compared"] == "fail", "so that the case is not exercised"
    found = statuses(judged("4.2.1", compared(tmp_path, venue_state(order()), shown={})))
    assert found["market-maker-orders"] == found["live-server-orders"] == "fail"
    assert found["orders-compared"] == "pass"


@pytest.mark.parametrize(
    ("client", "streams", "criterion"),
    [
        ("market_maker", ("prices", "orders"), "market-maker-recovery"),
        ("browser", ("klines", "orders"), "live-server-recovery"),
    ],
)
def test_a_stream_that_stays_silent_after_the_outage_fails_4_2_1(
    client: str, streams: tuple[str, str], criterion: str
) -> None:
    def history(*flowing: str) -> list[Record]:
        marks = [Mark(BEGAN_NS + S, "data.flowing", {"client": client, "stream": one}) for one in flowing]
        begin = Mark(BEGAN_NS, "process.restarted_serving", {"service": "connector"})
        return [begin, *marks, Mark(BEGAN_NS + 95 * S, "trial.settled", {})]

    assert statuses(judged("4.2.1", history(*streams)))[criterion] == "pass"
    for one in streams:
        assert statuses(judged("4.2.1", history(one)))[criterion] == "fail"
    assert statuses(judged("4.2.1", history()))[criterion] == "fail"


# -- one order's way ---------------------------------------------------------------------------------


def placed(
    folder: Path, venue: VenueState, shown: Shown, *, code: str = "OK", told_id: str = "1"
) -> tuple[float, float]:
    """order.on_book and order.same_id of the order mm1."""
    trial, records = new_trial(folder)
    told = Told(records.append)
    request = resources_pb2.PlaceOrderRequest(client_order_id="mm1").SerializeToString()
    reply = wire_order("mm1", int(told_id), types_pb2.ORDER_STATUS_NEW).SerializeToString() if code == "OK" else b""
    told.exchanged(exchange("PlaceOrder", request, reply, code))
    maker = Outside("market_maker", log_of(folder, LogPatterns()), spoken(folder), told)
    record_placed(trial, as_client(maker), as_browser(shown), venue)
    (on_book,), (same_id,) = facts(records, "order.on_book").values(), facts(records, "order.same_id").values()
    return on_book, same_id


SHOWN = {"mm1": "NEW:0"}


def test_an_order_with_its_own_ids_everywhere_is_the_same(tmp_path: Path) -> None:
    venue = venue_state(order("mm1", "1"))
    assert placed(tmp_path, venue, Shown(SHOWN, {"mm1": {"mm1", "1"}})) == (1, 1)
    assert placed(tmp_path, venue, Shown(SHOWN, {"mm1": {"mm1", "0"}})) == (1, 1), "not known yet"
    assert placed(tmp_path, venue, Shown({"1": "NEW:0"}, {"1": {"1"}})) == (1, 1), "a page without client ids"
    named = venue_state(order("mm1", "d4f6-8a"))
    assert placed(tmp_path, named, Shown(SHOWN, {"mm1": {"mm1", "77"}}), told_id="77") == (1, 1)


def test_an_order_with_another_id_somewhere_is_not(tmp_path: Path) -> None:
    venue = venue_state(order("mm1", "1"))
    assert placed(tmp_path, venue, Shown(SHOWN, {"mm1": {"mm1", "2"}})) == (1, 0), "on the page"
    assert placed(tmp_path, venue, Shown(SHOWN, {"mm1": {"mm1", "1", "2"}})) == (1, 0), "once on the page"
    assert placed(tmp_path, venue, Shown(SHOWN, {"mm1": {"mm1", "1"}}), told_id="2") == (1, 0), "at market_maker"
    assert placed(tmp_path, venue, Shown()) == (1, 0), "nowhere on the page"
    assert placed(tmp_path, venue_state(), Shown(SHOWN, {"mm1": {"mm1", "1"}})) == (0, 0), "not at the venue"
    assert placed(tmp_path, venue_state(), Shown(), code="INVALID_ARGUMENT") == (0, 0), "refused"
    named = venue_state(order("mm1", "d4f6-8a"))
    assert placed(tmp_path, named, Shown(SHOWN, {"mm1": {"mm1", "78"}}), told_id="77") == (1, 0)


DECIDES = LogPatterns(decision=r"decided (?P<key>\S+) at (?P<t_ns>\d+)")


def decided(folder: Path, took_ms: list[float | None], patterns: LogPatterns = DECIDES) -> list[Record]:
    """Decisions a second apart whose orders arrive after so many ms; None: never."""
    trial, records = new_trial(folder)
    at = [BEGAN_NS + n * S for n in range(len(took_ms))]
    log = log_of(folder, patterns, *((n, f"decided mm{n} at {t_ns}") for n, t_ns in enumerate(at)))
    ledger = [
        LedgerRow(n, "orders", f"mm{n}", "NEW:0", t_ns + round(ms * MS))
        for n, (t_ns, ms) in enumerate(zip(at, took_ms, strict=True)) if ms is not None
    ]  # fmt: skip
    later = [row._replace(value="FILLED:1", sent_ns=row.sent_ns + 5 * S) for row in ledger]
    maker = Outside("market_maker", log, spoken(folder), Told(records.append))
    record_decisions(trial, as_client(maker), [*ledger, *later])
    return records


def decision_to_venue(records: list[Record]) -> str:
    return statuses(judged("4.1.3", records))["decision-to-venue"]


def test_the_first_word_of_the_venue_is_the_arrival(tmp_path: Path) -> None:
    (call,) = decided(tmp_path, [12.5])
    assert isinstance(call, Call)
    assert (call.client, call.method, call.outcome, call.done_ns - call.due_ns) == (
        "market_maker", DECISION_TO_VENUE, Outcome.OK, 12.5 * MS
    )  # fmt: skip


@pytest.mark.parametrize(
    ("took_ms", "found"),
    [
        ([10.0] * 100, "pass"),
        ([310.0] * 100, "fail"),
        ([10.0] * 80 + [310.0] * 20, "fail"),
        ([10.0] * 80 + [None] * 20, "fail"),
        ([-50.0] * 100, "inconclusive"),
        ([10.0] * 5, "inconclusive"),
        ([], "inconclusive"),
    ],
)
def test_decisions_that_come_late_never_or_before_they_were_made(
    tmp_path: Path, took_ms: list[float | None], found: str
) -> None:
    assert decision_to_venue(decided(tmp_path, took_ms)) == found


def test_a_log_without_decisions_is_no_pass(tmp_path: Path) -> None:
    without = decided(tmp_path, [10.0] * 100, LogPatterns())
    assert facts(without, "unmeasurable") == {DECISION_TO_VENUE: 1}
    assert decision_to_venue(without) not in ("pass", "fail")
    other = decided(tmp_path / "b", [10.0] * 100, LogPatterns(decision="chose (?P<key>x) (?P<t_ns>1)"))
    assert decision_to_venue(other) not in ("pass", "fail")


# -- orders at the stop ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configured", "status", "handled"),
    [
        ("cancelled", "CANCELED", 1), ("cancelled", "FILLED", 1), ("cancelled", "NEW", 0),
        ("cancelled", "PARTIALLY_FILLED", 0), ("persisted", "NEW", 1), ("persisted", "CANCELED", 0),
        ("persisted", "", 0),
    ],
)  # fmt: skip
def test_orders_are_handled_as_configured(tmp_path: Path, configured: str, status: str, handled: int) -> None:
    before = venue_state(order("a", "1"), order("b", "2", "FILLED"))
    left = [order("a", "1", status)] if status else []
    records = stopped(tmp_path, before, venue_state(*left, order("b", "2", "FILLED")), configured)
    assert facts(records, "orders.open_at_stop") == {"": 1}
    assert facts(records, "orders.handled_as_configured") == {"a": handled}
    assert statuses(judged("4.3.1", records))["orders-handled"] == ("pass" if handled else "fail")


def stopped(folder: Path, before: VenueState, after: VenueState, configured: str) -> list[Record]:
    trial, records = new_trial(folder)
    told = Told(records.append)
    told.state = truth(before)
    maker = Outside("market_maker", log_of(folder, LogPatterns()), spoken(folder), told)
    stack = Standing(trial, Venue(after), {"market_maker": maker}, Staged(Profiled(orders_at_stop=configured)))
    asyncio.run(record_orders_handled(trial, as_stack(stack), before))
    return records


def test_an_order_that_market_maker_was_never_told_of_is_left_unknown(tmp_path: Path) -> None:
    records = stopped(tmp_path, venue_state(order("a")), venue_state(order("a"), order("z", "9")), "persisted")
    assert facts(records, "orders.unknown_left") == {"": 1}
    assert statuses(judged("4.3.1", records))["orders-unknown"] == "fail"


def test_a_stop_without_open_orders_is_no_pass(tmp_path: Path) -> None:
    found = statuses(judged("4.3.1", stopped(tmp_path, venue_state(), venue_state(), "cancelled")))
    assert found["orders-handled"] != "pass"
    assert found["orders-open"] != "pass"
