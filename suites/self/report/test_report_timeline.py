"""A trial's marks as lanes: spans from begin to end, everything in the strip, nothing lost in the words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Mark, Message, Outcome, Reading, Record
from harness.report.lanes import Lane
from harness.report.marks import Row
from harness.report.timeline import timeline

from . import made

pytestmark = pytest.mark.self

NAMES = [
    "trial.began", "trial.ended", "trial.error", "process.started", "process.serving", "process.died", "fault.begin",
    "fault.bit", "fault.heal", "stream.live", "stream.down", "client.connected", "window.begin", "window.end", "other",
]  # fmt: skip
any_marks = st.lists(
    st.builds(
        Mark,
        st.integers(0, 10**12),
        st.sampled_from(NAMES),
        st.dictionaries(st.sampled_from(["client", "stream", "service", "kind", "window"]), st.text(max_size=5)),
    ),
    min_size=1,
    max_size=60,
)


def _marks_in(row: Row) -> int:
    match = re.search(r" \((\d+)\)$", row.name)
    return int(match[1]) if match else 1


@given(any_marks)
def test_everything_is_inside_the_strip(marks: list[Mark]) -> None:
    drawn = timeline(1, Evidence.of(*marks))
    assert drawn is not None
    assert all(0 <= at <= 100 for at, _ in drawn.axis)
    assert len(drawn.axis) <= 6
    for lane in drawn.lanes:
        assert all(
            0 <= span.start <= 100 and span.width > 0 and span.start + span.width <= 100.4 for span in lane.spans
        )
        assert all(0 <= tick.at <= 100 for tick in lane.ticks)
    assert sum(_marks_in(row) for row in drawn.rows) == len(marks)


def test_a_restart_is_seen_as_what_it_was() -> None:
    drawn = timeline(1, Evidence.of(*made.marks()))
    assert drawn is not None
    lanes = {lane.name: lane for lane in drawn.lanes}
    assert list(lanes) == [
        "fault: kill", "connector", "venue-binance", "control", "filtered", "windows", "trial",
    ]  # fmt: skip
    (fault,) = lanes["fault: kill"].spans
    assert fault.kind == "fault"
    assert fault.start == pytest.approx(100 * 6 / 18.4, abs=0.01)
    assert [span.kind for span in lanes["connector"].spans] == ["up", "up", "serving", "serving"]
    assert [tick.kind for tick in lanes["connector"].ticks] == ["bad"]
    assert [span.kind for span in lanes["control"].spans] == ["live", "live"]
    assert [label for _, label in drawn.axis] == ["0 s", "5 s", "10 s", "15 s"]


def lanes_of(*records: Record) -> dict[str, Lane]:
    drawn = timeline(1, Evidence.of(made.mark(0, "trial.began"), *records, made.mark(20, "trial.ended")))
    assert drawn is not None
    return {lane.name: lane for lane in drawn.lanes}


def at_ns(at_s: float) -> int:
    return made.START_NS + round(at_s * 1e9)


def test_the_stack_comes_first_and_what_its_logs_call_errors_is_on_its_lane() -> None:
    started = [made.mark(1, "process.started", service=name) for name in ("venue-binance", "live_server", "connector")]
    error = made.mark(5, "log.error", service="connector", line="ERROR order lost")
    gone = made.mark(19, "process.died", service="live_server", code="0")
    lanes = lanes_of(*started, error, gone)
    assert list(lanes) == ["connector", "live_server", "venue-binance", "trial"]
    (tick,) = lanes["connector"].ticks
    assert (tick.kind, tick.at) == ("error", 25)
    assert "ERROR order lost" in tick.text
    assert [one.kind for one in lanes["live_server"].ticks] == ["note"]  # an end in order is no failure


def test_clients_show_calls_messages_failures_and_attempts() -> None:
    calls = [
        Call(at, "maker", "PlaceOrder", 0, at_ns(at), at_ns(at + 0.1), Outcome.OK if at % 5 else Outcome.FAIL, "X")
        for at in range(1, 11)
    ]
    messages = [Message("maker", "prices", "B", "1", 0, 0, at_ns(12 + at / 100)) for at in range(100)]
    lane = lanes_of(*calls, *messages, made.mark(15, "client.attempt", client="maker", number="2"))["maker"]
    assert [curve.kind for curve in lane.curves] == ["calls", "messages"]
    assert lane.note.startswith("10 calls, at most 8/s, 100 messages, at most")
    assert [tick.kind for tick in lane.ticks] == ["failed", "failed", "attempt"]
    assert lane.ticks[0].text == "PlaceOrder failed: X"


def test_a_crowd_of_clients_shares_a_lane() -> None:
    crowd = [made.mark(at, "client.connected", client=f"load-{at}") for at in range(1, 13)]
    lanes = lanes_of(*crowd, made.mark(3, "client.connected", client="c1"))
    assert list(lanes) == ["load-1 to load-12 (12)", "c1", "trial"]
    assert len(lanes["load-1 to load-12 (12)"].ticks) == 12


def test_the_venue_s_meters_are_steps_and_its_ledger_counts_each_update_once() -> None:
    readings = [Reading(at_ns(at), "venue.sockets", float(value), "") for at, value in enumerate((0, 0, 2, 2, 1), 1)]
    ledger = [Message("venue", "orders", key, "NEW:0", 7, at_ns(4), at_ns(4)) for key in ("1", "a-1")]
    lanes = lanes_of(*readings, *ledger)
    (meter,) = lanes["sockets"].curves
    assert meter.path == "M50 19H150V1H250V10H1000"
    assert lanes["sockets"].note == "0 to 2, at the end 1"
    assert lanes["updates sent"].note.startswith("1 message,")


@given(st.lists(st.tuples(st.integers(0, 20 * 10**9), st.integers(0, 1000)), min_size=1, max_size=3000))
@settings(max_examples=25, deadline=None)
def test_a_meter_of_any_length_stays_small_and_keeps_its_extremes(points: list[tuple[int, int]]) -> None:
    readings = [Reading(made.START_NS + t_ns, "venue.sockets", float(value), "") for t_ns, value in points]
    (meter,) = lanes_of(*readings)["sockets"].curves
    heights = [float(one) for one in re.findall(r"V([\d.]+)", meter.path)] + [
        float(meter.path.split("H")[0].split()[1])
    ]
    assert len(heights) <= 245
    assert min(heights) == (1 if any(value for _, value in points) else 19)


def test_no_marks_no_strip() -> None:
    assert timeline(1, Evidence.of()) is None


def test_what_has_no_room_is_said() -> None:
    crowd = [made.mark(index, "client.connected", client=f"c{index}-odd") for index in range(400)]
    drawn = timeline(1, Evidence.of(*crowd))
    assert drawn is not None
    assert drawn.left_out == "376 more lanes and 200 more marks"
