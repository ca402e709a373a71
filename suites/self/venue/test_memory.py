"""The venue's memory is bounded: what ages out, by which rule, and how it says so."""

from __future__ import annotations

import gc
from decimal import Decimal

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.venue.core import instruments, keys
from harness.venue.core.counting import AskedIds, Capped
from harness.venue.core.exchange import Exchange
from harness.venue.core.ledger import Ledger
from harness.venue.core.orderbook import CLOSED_KEPT, CLOSED_S, OrderBook
from harness.venue.core.orders import Kind, Order, Side, Ticket
from harness.venue.core.refusal import Refused
from harness.venue.core.runlog import RunLog
from harness.venue.core.tape import CHUNK_RECORDS, Tape
from harness.venue.venue import Setup, Venue

pytestmark = pytest.mark.self
BUY_AT, SELL_AT = Decimal("40000.0"), Decimal("50000.0")


def new_exchange() -> Exchange:
    return Venue(Setup("binance", "strict", 1, (keys.generated("binance", 1),), instruments.chosen(()))).exchange


def place(exchange: Exchange, number: int, client_id: str = "") -> Order:
    side, price = (Side.BUY, BUY_AT) if number % 2 else (Side.SELL, SELL_AT)
    ticket = Ticket("BTCUSDT", side, Kind.LIMIT, Decimal("0.001"), price, client_id=client_id)
    return exchange.place(exchange.accounts["main"], ticket)


def trade(exchange: Exchange, first: int, last: int) -> None:
    for number in range(first, last):
        order = place(exchange, number, f"c{number}")
        if number % 3:
            exchange.cancel(exchange.accounts["main"], order)
        else:
            exchange.fill(order)


def test_memory_does_not_follow_the_number_of_orders() -> None:
    exchange = new_exchange()
    trade(exchange, 0, CLOSED_KEPT + 5_000)
    gc.collect()
    before = psutil.Process().memory_info().rss
    ledger_before = exchange.ledger.bytes
    trade(exchange, CLOSED_KEPT + 5_000, CLOSED_KEPT + 55_000)
    gc.collect()
    grown = psutil.Process().memory_info().rss - before
    # The ledger alone may still grow, up to its own limit; 50,000 orders as objects would take 80 MiB.
    assert grown - (exchange.ledger.bytes - ledger_before) < 10 * 1024 * 1024
    assert exchange.book.accepted == CLOSED_KEPT + 55_000
    assert len(exchange.book.all_orders("main")) == CLOSED_KEPT


def test_closed_orders_age_out_oldest_first_and_free_their_client_id() -> None:
    exchange = new_exchange()
    exchange.book = OrderBook(first_id=1, closed_kept=2)
    main = exchange.accounts["main"]
    resting = place(exchange, 1, "resting")
    closed = [exchange.cancel(main, place(exchange, 1, f"c{number}")) for number in range(3)]
    assert exchange.book.by_id("main", closed[0].order_id) is None
    assert [one.client_id for one in exchange.book.all_orders("main")] == ["resting", "c1", "c2"]
    for used in ("resting", "c1", "c2"):
        with pytest.raises(Refused, match="client id used twice"):
            place(exchange, 1, used)
    assert place(exchange, 1, "c0").order_id > closed[2].order_id
    assert resting.status.is_open


def test_closed_orders_age_out_with_time_and_open_ones_never_do() -> None:
    exchange, now_s = new_exchange(), [0.0]
    exchange.book = OrderBook(first_id=1, clock_s=lambda: now_s[0])
    main = exchange.accounts["main"]
    resting = place(exchange, 1, "resting")
    for number in range(3):
        now_s[0] = number * CLOSED_S / 2
        exchange.cancel(main, place(exchange, 1, f"c{number}"))
    assert [one.client_id for one in exchange.book.all_orders("main")] == ["resting", "c0", "c1", "c2"]
    now_s[0] += CLOSED_S / 4
    exchange.cancel(main, place(exchange, 1, "c3"))
    assert [one.client_id for one in exchange.book.all_orders("main")] == ["resting", "c1", "c2", "c3"]
    now_s[0] += 10 * CLOSED_S
    exchange.cancel(main, resting)
    assert [one.client_id for one in exchange.book.all_orders("main")] == ["resting"]


def test_what_the_reader_of_the_ledger_has_need_not_be_kept() -> None:
    ledger = Ledger()
    for number in range(5 * CHUNK_RECORDS):
        ledger.emit("prices", [("BTCUSDT", str(number))], number)
    whole, had = ledger.bytes, 2 * CHUNK_RECORDS + 1
    ledger.forget(had)
    assert ledger.bytes < 0.7 * whole
    assert [row.serial for row in ledger.since(had)] == list(range(had + 1, ledger.serial + 1))
    with pytest.raises(ValueError, match="is too old"):
        ledger.since(CHUNK_RECORDS)
    ledger.forget(10**9)
    assert ledger.since(ledger.serial) == []
    assert ledger.emit("prices", [("BTCUSDT", "next")], 0) == 5 * CHUNK_RECORDS + 1


def test_the_ledger_forgets_its_oldest_updates_and_refuses_to_read_before_them() -> None:
    limit = 20_000
    ledger = Ledger(max_bytes=limit)
    for number in range(20 * CHUNK_RECORDS):
        ledger.emit("prices", [("BTCUSDT", str(number * 7919 % 10007)), ("BTCUSDT", "x")], number)
        assert ledger.bytes < limit + CHUNK_RECORDS * 150
    with pytest.raises(
        ValueError, match=r"the ledger keeps updates after serial \d+, 0 is too old: read it more often"
    ):
        ledger.since(0)
    late = ledger.since(ledger.serial - 3)
    assert [row.serial for row in late] == [one for late in range(3) for one in [ledger.serial - 2 + late] * 2]
    assert [row.sent_ns for row in late[::2]] == [row.serial - 1 for row in late[::2]]


def test_a_page_of_the_ledger_never_parts_the_spellings_of_one_update() -> None:
    ledger = Ledger()
    for number in range(3 * CHUNK_RECORDS):
        ledger.emit("orders", [(str(number), "NEW:0"), (f"c{number}", "NEW:0")], number, "main")
    read, since = [], 0
    while page := ledger.since(since, 101):
        assert len(page) == 102 or page[-1].serial == ledger.serial
        read += page
        since = page[-1].serial
    assert read == ledger.since(0)
    assert [row.serial for row in read[::2]] == list(range(1, ledger.serial + 1))


@given(st.lists(st.text(max_size=5), max_size=40), st.integers(0, 5 * CHUNK_RECORDS), st.integers(0, 3000))
def test_a_tape_gives_back_what_it_still_has(texts: list[str], count: int, max_bytes: int) -> None:
    tape = Tape(max_bytes)
    records = [f"{number}{texts[number % len(texts)] if texts else ''}" for number in range(1, count + 1)]
    assert [tape.append(record) for record in records] == list(range(1, count + 1))
    kept = list(tape.after(0))
    assert [number for number, _ in kept] == list(range(tape.dropped + 1, count + 1))
    assert [text for _, text in kept] == [one.replace("\x1e", " ") for one in records[tape.dropped :]]
    assert list(tape.after(count // 2)) == [row for row in kept if row[0] > count // 2]


def test_the_log_keeps_its_newest_rows() -> None:
    log = RunLog(iter(range(10**6)).__next__, max_bytes=5_000)
    for number in range(5 * CHUNK_RECORDS):
        log.add("request", f"GET /{number * 7919 % 10007}\x1f", "d" * 1000)
    rows = log.since(log.last - 2, 10)
    assert [row.number for row in rows] == [log.last - 1, log.last]
    assert len(rows[0].detail) == 300
    assert log.dropped > 0
    assert log.since(0, 1)[0].number == log.dropped + 1


def test_counters_stay_small_whatever_clients_make_up() -> None:
    counter: Capped[tuple[str, str]] = Capped(10, lambda row: ("(other)", row[1]))
    for number in range(1000):
        counter[f"key{number}", "refused"] += 1
    counter["k" * 10**6, "refused"] += 1
    counter["key3", "refused"] += 1
    assert len(counter) == 11
    assert sum(counter.values()) == 1002
    assert counter["key3", "refused"] == 2


def test_repeated_client_ids_are_counted_for_ever_and_remembered_for_a_while() -> None:
    asked = AskedIds(kept=5)
    for number in range(20):
        for _ in range(1 + number % 2):
            asked.ask("main", f"c{number}")
    assert asked.repeated_total == 10
    assert set(asked.shown(3)) == {("main", "c15", 2), ("main", "c17", 2), ("main", "c18", 1), ("main", "c19", 2)}
    assert len(asked.shown(100)) == 5
