"""A soak's plan, its checkpoints and its schedule of faults: what people write, and what survives a crash."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.soak.checkpoint import NAME, SERIALS_APART, Checkpoint, CheckpointError, Progress
from harness.soak.plan import DAY_S, SoakPlan, clock, seconds_of
from harness.soak.schedule import KINDS, Happening, ScheduleError, happenings, read_schedule
from harness.trial.load.crew import SHIP_S

pytestmark = pytest.mark.self


@given(st.integers(0, 99), st.integers(0, 59), st.integers(1, 59))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, seconds: int) -> None:
    assert seconds_of(f"{hours}h{minutes}m{seconds}s") == hours * 3600 + minutes * 60 + seconds


@pytest.mark.parametrize("text", ["", "10", "h", "10x", "0s", "-1h", "1h 2", "1h,2m", "٣h"])
def test_what_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"24h|longer than 0 s"):
        seconds_of(text)


@given(st.floats(1.0, 7 * DAY_S))
def test_a_plan_has_a_short_warm_up_and_costs_a_crash_seconds(duration_s: float) -> None:
    plan = SoakPlan.lasting(duration_s)
    assert 3.0 <= plan.warm_up_s <= 600.0
    assert plan.projects == (duration_s < DAY_S)
    assert SHIP_S + plan.checkpoint_s <= 60.0, "more than that is never lost"
    assert plan.updates_per_s >= 100.0


def test_a_time_is_told_as_a_clock_tells_it() -> None:
    assert [clock(0.9), clock(61), clock(DAY_S)] == ["0:00:00", "0:01:01", "24:00:00"]


# -- checkpoints ---------------------------------------------------------------------------------------

FIRST = Checkpoint(
    state="steady", life=2, runner_pid=7, t_ns=5, duration_s=60.0, steady_s=12.5, serial=99, serial_base=10,
    live=(("browser", "klines", 4),), looks=12, serving=12, progress=Progress(rss_bytes=1e8, lost_for_good=("x: y",)),
)  # fmt: skip


def test_a_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    FIRST.write(tmp_path)
    replace(FIRST, steady_s=13.0).write(tmp_path)
    assert Checkpoint.read(tmp_path) == replace(FIRST, steady_s=13.0)
    assert [file.name for file in tmp_path.iterdir()] == [NAME], "nothing temporary is left beside it"


def test_the_next_life_counts_the_venues_updates_beyond_all_that_this_one_may_have_recorded() -> None:
    assert FIRST.next_serial_base == 99 + SERIALS_APART


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "holds no soak"),
        ("{", "cannot be read"),
        ("[]", "cannot be read"),
        ('{"schema": "nfr.soak", "version": 99}', "another version"),
        ('{"schema": "nfr.soak", "version": 2, "progress": {"lost_for_good": []}, "live": []}', "cannot be read"),
    ],
)
def test_a_checkpoint_that_cannot_be_used_is_refused_in_a_sentence(
    tmp_path: Path, content: str | None, says: str
) -> None:
    if content is not None:
        (tmp_path / NAME).write_text(content)
    with pytest.raises(CheckpointError, match=says):
        Checkpoint.read(tmp_path)


def test_a_checkpoint_says_what_it_is(tmp_path: Path) -> None:
    FIRST.write(tmp_path)
    document = json.loads((tmp_path / NAME).read_text())
    assert (document["schema"], document["version"]) == ("nfr.soak", 2)


# -- faults ----------------------------------------------------------------------------------------------


def test_a_schedule_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text("- {kind: connector-killed, at: 10m, for: 5s, every: 1h}\n- {kind: slow-way, at: 30m, for: 1m}\n")
    assert read_schedule(file) == (
        Happening("connector-killed", 600.0, 5.0, 3600.0),
        Happening("slow-way", 1800.0, 60.0),
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("kind: x", "is no list"),
        ("- {kind: earthquake, at: 1m, for: 1s}", "there is no kind 'earthquake': use one of connector-killed"),
        ("- {kind: slow-way, at: 1m}", "give kind, at, for"),
        ("- {kind: slow-way, at: 1m, for: 1s, often: 3}", "nothing else"),
        ("- {kind: slow-way, at: soon, for: 1s}", "'soon' is no duration"),
        ("- {", "cannot be read"),
    ],
)
def test_a_wrong_schedule_is_refused_with_its_place(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "faults.yaml"
    file.write_text(text)
    with pytest.raises(ScheduleError, match=says) as refused:
        read_schedule(file)
    assert str(file) in str(refused.value)


@given(
    st.lists(
        st.builds(
            Happening, st.sampled_from(sorted(KINDS)), st.floats(0, 500), st.floats(1, 20),
            st.sampled_from([0.0, 50.0, 120.0]),
        ),
        max_size=4,
    ),
    st.floats(0, 600),
)  # fmt: skip
def test_a_run_taken_up_has_the_faults_that_are_left_and_each_once(faults: list[Happening], from_s: float) -> None:
    whole = list(happenings(tuple(faults), 0.0, 600.0))
    assert [one.at_s for one in whole] == sorted(one.at_s for one in whole)
    assert all(one.at_s + one.for_s < 600.0 for one in whole), "a fault is over before the run is"
    assert list(happenings(tuple(faults), from_s, 600.0)) == [one for one in whole if one.at_s >= from_s]
