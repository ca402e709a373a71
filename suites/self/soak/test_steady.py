"""The steady time of a soak is as long as its case asks for on every clock, whatever is done to the clocks."""

from __future__ import annotations

import pytest

from harness.evidence.clock import NS_PER_S
from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
from harness.soak import steady
from harness.soak.steady import SPARE_S, SteadyTime
from harness.soak.watch import STEADY, Watch
from harness.verdict.metrics.marks import lasted_s
from harness.verdict.selecting import windows

pytestmark = pytest.mark.self

DAY_S = 86_400.0
T0_S = 1_700_000_000.0


class Clocks:
    """Both of them, moved by hand; a step is marked as the sampler marks it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wall_s, self.monotonic_s = T0_S, 0.0
        self.watch = Watch()
        monkeypatch.setattr(steady, "now_ns", lambda: int(self.wall_s * NS_PER_S))
        monkeypatch.setattr(steady, "monotonic_s", lambda: self.monotonic_s)

    def go(self, for_s: float) -> None:
        self.wall_s += for_s
        self.monotonic_s += for_s

    def step(self, by_s: float) -> None:
        self.wall_s += by_s
        self.watch.hear(Mark(int(self.wall_s * NS_PER_S), "clock.step", {"by_s": f"{by_s:.3f}"}))


@pytest.mark.parametrize("steps_s", [(), (-0.5,), (0.5,), (-0.5, 0.5), (3600.0,), (-3600.0, 7.0)])
def test_a_day_is_long_enough_also_when_it_is_judged_within_every_step_of_the_clock(
    monkeypatch: pytest.MonkeyPatch, steps_s: tuple[float, ...]
) -> None:
    clocks = Clocks(monkeypatch)
    time = SteadyTime(DAY_S, 0.0, lambda: clocks.watch.stepped_s)
    time.begin()
    for by_s in steps_s:
        clocks.go(1000.0)
        clocks.step(by_s)
    while time.left_s > 0:
        clocks.go(time.left_s + 0.001)
    time.end()
    widened_by_s = sum(map(abs, steps_s))
    window_s = (time.end_ns - time.begin_ns) / NS_PER_S
    assert window_s - widened_by_s >= DAY_S
    assert clocks.monotonic_s >= DAY_S
    assert min(window_s, clocks.monotonic_s) < DAY_S + widened_by_s + SPARE_S + 1.0, "and no longer than it has to be"


def test_a_jump_that_nobody_has_noticed_yet_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    time = SteadyTime(60.0, 0.0, lambda: 0.0)
    time.begin()
    clocks.go(59.0)
    clocks.wall_s += 3600.0
    assert time.left_s == 1.0 + SPARE_S


def test_the_steps_of_the_lives_before_count_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    Clocks(monkeypatch)
    assert SteadyTime(60.0, 20.0, lambda: 0.5).left_s == 40.5 + SPARE_S


def test_a_steady_time_that_has_ended_grows_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    time = SteadyTime(60.0, 10.0, lambda: 0.0)
    time.begin()
    clocks.go(5.0)
    time.end()
    clocks.go(40.0)
    assert time.lasted_s(int(clocks.wall_s * NS_PER_S)) == 15.0


def mark(name: str, t_s: float) -> Mark:
    return Mark(int((T0_S + t_s) * NS_PER_S), f"window.{name}", {"window": STEADY})


def test_an_end_that_was_written_twice_takes_nothing_from_what_comes_after_it() -> None:
    """The runner was killed after the end and before the checkpoint that tells of it: the next life ends it again."""
    evidence = Evidence.of(
        mark("begin", 0), mark("end", 86_398), mark("end", 86_400), mark("begin", 86_410), mark("end", 86_413)
    )
    lengths = [(end - begin) / NS_PER_S for begin, end in windows(evidence, STEADY)]
    assert lengths == [86_398.0, 3.0]
    interval = lasted_s(evidence, {"window": STEADY, "gap_s": 60, "gap_percent": 1}).interval
    assert interval is not None
    assert interval.low == interval.high == 86_401.0


def test_windows_that_overlap_end_one_after_another_and_an_open_one_never() -> None:
    evidence = Evidence.of(mark("begin", 0), mark("begin", 1), mark("end", 5), mark("end", 6), mark("begin", 7))
    ends_s = [end / NS_PER_S - T0_S for _, end in windows(evidence, STEADY)]
    assert ends_s == [5.0, 6.0, float("inf")]
