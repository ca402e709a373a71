"""Each delivery is told apart by the venue's ledger: the latest update that says the same and was sent before."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.evidence import Evidence
from harness.evidence.records import UNKNOWN_SERIAL, VENUE, Message

pytestmark = pytest.mark.self


def sent(serial: int, value: str, t_ns: int, *, stream: str = "prices", key: str = "BTCUSDT") -> Message:
    return Message(VENUE, stream, key, value, serial, t_ns, t_ns)


def received(value: str, t_ns: int, *, stream: str = "prices", key: str = "BTCUSDT", serial: int = 0) -> Message:
    return Message("c1", stream, key, value, serial, 0, t_ns, 1)


def resolved(*messages: Message) -> list[tuple[int, int]]:
    table = Evidence.of(*messages).messages
    mine = table.rows(table.client.equal("c1"))
    return list(zip(mine.serial.tolist(), mine.sent_ns.tolist(), strict=True))


def test_a_delivery_gets_serial_and_time_of_its_update() -> None:
    assert resolved(sent(7, "1.5", 100), received("1.5", 130)) == [(7, 100)]


def test_of_several_updates_that_say_the_same_it_is_the_latest_sent_before() -> None:
    rows = (sent(7, "1.5", 100), sent(8, "1.6", 200), sent(9, "1.5", 300), received("1.5", 250), received("1.5", 300))
    assert resolved(*rows) == [(7, 100), (9, 300)]


@pytest.mark.parametrize(
    "delivery",
    [received("9.9", 130), received("1.5", 99), received("1.5", 130, key="ETHUSDT")],
    ids=["never said", "before it was said", "said of another symbol"],
)
def test_what_the_venue_never_sent_is_unknown(delivery: Message) -> None:
    assert resolved(sent(7, "1.5", 100), sent(8, "1.5", 500, key="ETHUSDT"), delivery) == [(UNKNOWN_SERIAL, 0)]


def test_a_stream_without_a_ledger_stays_unnumbered() -> None:
    assert resolved(sent(7, "1.5", 100), received("1.5", 130, stream="account", key="")) == [(0, 0)]


def test_all_spellings_of_an_update_lead_to_it() -> None:
    rows = (sent(7, "NEW:0", 100, stream="orders", key="42"), sent(7, "NEW:0", 100, stream="orders", key="mine-1"))
    assert resolved(*rows, received("NEW:0", 120, stream="orders", key="mine-1")) == [(7, 100)]
    assert resolved(*rows, received("NEW:0", 120, stream="orders", key="42")) == [(7, 100)]


def test_a_delivery_that_has_a_serial_keeps_it() -> None:
    assert resolved(sent(7, "1.5", 100), received("1.5", 130, serial=3)) == [(3, 0)]


_rows = st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.sampled_from("12"), st.integers(1, 12))


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.lists(_rows, max_size=12), st.lists(_rows, max_size=12))
def test_the_join_equals_its_definition(
    updates: list[tuple[str, str, str, int]], deliveries: list[tuple[str, str, str, int]]
) -> None:
    ledger = [
        Message(VENUE, stream, key, value, serial, t_ns, t_ns)
        for serial, (stream, key, value, t_ns) in enumerate(sorted(updates, key=lambda row: row[3]), 1)
    ]
    clients = [
        Message("c1", stream, key, value, 0, 0, t_ns, subscription=at)
        for at, (stream, key, value, t_ns) in enumerate(deliveries)
    ]
    table = Evidence.of(*ledger, *clients).messages
    got = {one.subscription: one.serial for one in table if one.client == "c1"}
    for at, (stream, key, value, t_ns) in enumerate(deliveries):
        candidates = [
            one.serial
            for one in ledger
            if (one.stream, one.key, one.value) == (stream, key, value) and one.sent_ns <= t_ns
        ]
        unknown = UNKNOWN_SERIAL if any(one.stream == stream for one in ledger) else 0
        assert got[at] == max(candidates, default=unknown)


def test_the_join_of_a_long_run_visits_each_row_a_bounded_number_of_times() -> None:
    # A join by nested search would not end within a test's patience: 200,000 x 100,000 comparisons.
    rows = [sent(at + 1, f"{at}", at) for at in range(100_000)]
    rows += [received(f"{at % 100_000}", 100_000 + at) for at in range(200_000)]
    table = Evidence.of(*rows).messages
    mine = table.rows(table.client.equal("c1"))
    assert (mine.serial > 0).all()
    assert sorted(set(mine.serial.tolist())) == list(range(1, 100_001))
