"""A trial's marks as lanes: spans from begin to end, everything in the strip, nothing lost in the words."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
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


def test_no_marks_no_strip() -> None:
    assert timeline(1, Evidence.of()) is None


def test_what_has_no_room_is_said() -> None:
    crowd = [made.mark(index, "client.connected", client=f"c{index}-odd") for index in range(400)]
    drawn = timeline(1, Evidence.of(*crowd))
    assert drawn is not None
    assert drawn.left_out == "376 more lanes and 200 more marks"
