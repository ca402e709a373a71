"""Metrics over trends: the 24 h criterion and its projection, faults, restarts, gaps, growth per cycle."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Fact, Mark, Reading, Record
from harness.spec.case import Argument, Case
from harness.spec.loader import load_cases
from harness.verdict.judge import judge
from harness.verdict.verdict import Status

from .histories import S, criterion, ends, finding, measured, readings, status, window
from .simulated import DAY_S, HOUR_S, Floats, memory, warm_up, white

pytestmark = pytest.mark.self

MB = 1_000_000
RUN: dict[str, Argument] = {"probe": "connector.rss", "window": "steady"}
DAY: dict[str, Argument] = {**RUN, "hours": 24}
LIMIT = 10 * MB
SPECS = Path(__file__).resolve().parents[3] / "specs"


def day(leak_mb_per_h: float) -> list[Record]:
    """24 h, one reading a minute."""
    values = memory(white, 1, DAY_S, leak_mb_per_h).reshape(-1, 60).min(axis=1)
    return [*readings(values * MB, every_ns=60 * S), *window("steady", 0, DAY_S * S)]


def hour(leak_mb_per_h: float, values: Floats | None = None) -> list[Record]:
    """1 h, one reading every 2 s."""
    values = memory(white, 1, HOUR_S, leak_mb_per_h) if values is None else values
    return [*readings(values[::2] * MB, every_ns=2 * S), *window("steady", 0, HOUR_S * S)]


class TestADay:
    def test_keeps_breaks_or_neither(self) -> None:
        assert status("readings.growth_trend", "<", LIMIT, DAY, day(0.0)) == "pass"
        assert status("readings.growth_trend", "<", LIMIT, DAY, day(0.25)) == "pass"
        assert status("readings.growth_trend", "<", LIMIT, DAY, day(0.42)) == "inconclusive"
        assert status("readings.growth_trend", "<", LIMIT, DAY, day(2.0)) == "fail"

    def test_the_slope_and_what_it_comes_to(self) -> None:
        low, high = ends("readings.growth_per_h", RUN, day(2.0))
        assert 1.9 * MB < low < 2.0 * MB < high < 2.1 * MB
        low, high = ends("readings.growth_projected", DAY, day(2.0))
        assert 46 * MB < low < 48 * MB < high < 50 * MB

    def test_it_says_how_it_was_judged(self) -> None:
        said = finding(criterion("readings.growth_trend", "<", LIMIT, DAY), day(2.0)).reason
        for part in ("per h over 24 h", "after a warm-up of 0 h", "blocks of", "the smallest leak it could tell is"):
            assert part in said


class TestAShorterRun:
    def test_never_passes_the_criterion_of_a_day(self) -> None:
        one = finding(criterion("readings.growth_trend", "<", LIMIT, DAY), hour(0.0))
        assert one.status == "inconclusive"
        assert one.interval is not None
        assert one.interval.high == math.inf
        assert "1 h are no run of 24 h; projected: [" in one.reason
        nearly = [*day(0.0)[:-1], *window("steady", 0, (DAY_S - 60) * S)[1:]]
        assert status("readings.growth_trend", "<", LIMIT, DAY, nearly) == "inconclusive"

    def test_says_bytes_in_the_unit_of_the_limits(self) -> None:
        history = [replace(one, unit="bytes") if isinstance(one, Reading) else one for one in hour(2.0)]
        one = finding(criterion("readings.growth_trend", "<", LIMIT, DAY), history)
        assert re.search(r"projected: \[-?[\d.]+ MB, \d+(\.\d+)? MB\]; [12]\.\d+ MB per h over", one.reason), one.reason

    def test_fails_it_once_it_has_grown_that_much(self) -> None:
        assert status("readings.growth_trend", "<", LIMIT, DAY, hour(30.0)) == "fail"

    def test_is_projected_with_an_interval_that_its_shortness_widens(self) -> None:
        assert status("readings.growth_projected", "<", LIMIT, DAY, hour(8.0)) == "fail"
        short, long = (ends("readings.growth_projected", DAY, one) for one in (hour(0.0), day(0.0)))
        assert short[1] - short[0] > 20 * (long[1] - long[0])

    def test_of_minutes_is_no_projection_that_could_fail(self) -> None:
        rising = 80 + np.arange(180) * 12 / 3600
        history = [*readings(rising * MB), *window("steady", 0, 180 * S)]
        one = finding(criterion("readings.growth_projected", "<", LIMIT, DAY), history)
        assert one.status == "inconclusive"
        assert "from a run of 1 h on" in one.reason
        grown = 80 + np.arange(180) * 1000 / 3600
        history = [*readings(grown * MB), *window("steady", 0, 180 * S)]
        assert status("readings.growth_trend", "<", LIMIT, DAY, history) == "fail"

    def test_a_warm_up_that_is_not_over_is_no_leak_yet(self) -> None:
        values = 80 - 30 * np.exp(-np.arange(HOUR_S) / 2000) + memory(white, 1, HOUR_S) / 100
        one = finding(criterion("readings.growth_projected", "<", LIMIT, DAY), hour(0, values))
        assert one.status == "inconclusive"
        assert "the run is too short to tell it from a leak" in one.reason

    def test_a_window_that_nobody_closed_ends_with_the_evidence(self) -> None:
        crashed = hour(0.0)[:-1]
        assert status("readings.growth_trend", "<", LIMIT, DAY, crashed) == "inconclusive"
        assert math.isfinite(ends("readings.growth_per_h", RUN, crashed)[1])


class TestTheSoakCase:
    CASE: ClassVar[Case] = next(case for case in load_cases(SPECS) if case.id == "6.1.1")

    def verdicts(self, history: Iterable[Record]) -> dict[str, Status]:
        verdict = judge(self.CASE, [Evidence.of(*history)], today=date(2030, 1, 1))
        return {one.criterion: one.status for one in verdict.findings} | {"": verdict.status}

    def seconds(self, count: int, leak: float) -> list[Record]:
        return [*readings(memory(white, 1, count, leak) * MB), *window("steady", 0, count * S)]

    def test_three_minutes_are_no_pass(self) -> None:
        said = self.verdicts(self.seconds(180, 0.0))
        assert said["memory"] is said["memory-projected"] is said["day"].INCONCLUSIVE
        assert said["day"] is Status.FAIL
        assert said[""] is not Status.PASS

    def test_an_hour_with_a_leak_of_8_mb_an_hour_fails(self) -> None:
        said = self.verdicts(self.seconds(HOUR_S, 8.0))
        assert said["memory-projected"] is Status.FAIL
        assert said[""] is Status.FAIL


class TestDisturbances:
    def disturbed(self, *marks: Mark) -> list[Record]:
        """500 MB more from minute 20 to 30."""
        values = memory(white, 1, HOUR_S)
        values[1200:1800] += 500
        return [*hour(0, values), *marks]

    FAULT = (
        Mark(1195 * S, "fault.begin", {"kind": "slow", "subject": "venue"}),
        Mark(1745 * S, "fault.heal", {"kind": "slow", "subject": "venue"}),
    )

    def test_a_fault_is_left_out_of_the_trend_but_not_of_a_ceiling(self) -> None:
        low, high = ends("readings.growth_per_h", RUN, self.disturbed(*self.FAULT))
        assert -4 * MB < low < high < 4 * MB
        low, high = ends("readings.growth_per_h", RUN, self.disturbed())
        assert high - low > 100 * MB
        assert status("readings.max", "<", 200 * MB, RUN, self.disturbed(*self.FAULT)) == "fail"

    def test_the_heal_of_another_fault_does_not_end_it(self) -> None:
        other = Mark(1300 * S, "fault.heal", {"kind": "slow", "subject": "connector"})
        history = self.disturbed(self.FAULT[0], other)
        assert "there are no samples" not in measured("readings.growth_per_h", RUN, history).reason
        open_ended = measured("readings.growth_per_h", RUN, history)
        assert open_ended.interval is not None
        healed = measured("readings.growth_per_h", RUN, self.disturbed(*self.FAULT)).interval
        assert healed is not None
        assert open_ended.interval.high - open_ended.interval.low > healed.high - healed.low

    def test_the_time_to_settle_is_left_out_too(self) -> None:
        spike = memory(white, 1, HOUR_S)
        spike[1800:1850] += 500
        marks = (self.FAULT[0], Mark(1795 * S, "fault.heal", {"kind": "slow", "subject": "venue"}))
        of = {**RUN, "settle_s": 60.0}
        assert ends("readings.growth_per_h", of, [*hour(0, spike), *marks])[1] < 4 * MB

    def test_two_lives_are_not_compared(self) -> None:
        values = memory(white, 1, HOUR_S, 30.0)
        values[1800:] -= 20
        died = Mark(1800 * S, "process.died", {"service": "connector", "code": "-9"})
        serving = Mark(1802 * S, "process.serving", {"service": "connector"})
        history = [*hour(0, values), died, serving]
        assert ends("readings.growth_trend", RUN, history) == (-math.inf, math.inf)
        other = Mark(1800 * S, "process.died", {"service": "market_maker", "code": "1"})
        assert math.isfinite(ends("readings.growth_trend", RUN, [*hour(0.0), other])[1])

    def test_gaps_and_a_missing_end_leave_it_open(self) -> None:
        whole = hour(0.0)
        for low, high in ((400, 800), (1600, 1800)):
            gappy = [*whole[:low], *whole[high:]]
            one = finding(criterion("readings.growth_per_h", "<", 100 * MB, RUN), gappy)
            assert one.status == "inconclusive", (low, high)
            assert "samples" in one.reason

    def test_a_slower_sampler_than_planned_is_missing_samples(self) -> None:
        assert "are missing" in measured("readings.growth_per_h", {**RUN, "every_s": 0.2}, hour(0.0)).reason
        assert "are missing" not in measured("readings.growth_per_h", {**RUN, "every_s": 1}, hour(0.0)).reason

    def test_no_window_no_reading_and_no_source(self) -> None:
        assert status("readings.growth_per_h", "<", MB, RUN, readings([1.0] * 100)) == "inconclusive"
        assert status("readings.growth_per_h", "<", MB, RUN, window("steady", 0, S)) == "inconclusive"
        nobody = Fact("unmeasurable", 1.0, "", "connector.rss", "nobody can see it")
        assert status("readings.growth_per_h", "<", MB, RUN, [nobody, *window("steady", 0, S)]) == "not measurable"


class TestCycles:
    OF: ClassVar[dict[str, Argument]] = {
        "probe": "connector.rss", "mark": "stream.ended", "client": "cycle*", "cycles": 1000,
    }  # fmt: skip
    LIMIT = 5 * MB

    def cycles(self, leak_bytes: float, *, warm_mb: float = 0.0, count: int = 1000) -> list[Record]:
        """So many cycles, eight a second, and a reading each second that sees what they left."""
        ended: list[Record] = [
            Mark(10 * S + at * S // 8, "stream.ended", {"client": f"cycle{at % 3}", "stream": "prices"})
            for at in range(count)
        ]
        seconds = np.arange(10 + count // 8 + 20)
        done = np.clip((seconds - 10) * 8, 0, count)
        noise = np.random.default_rng(3).normal(0, 0.1, len(seconds))
        values = 80 + noise + leak_bytes / MB * done + warm_mb * (1 - np.exp(-done / 60))
        return [*ended, *readings(values * MB)]

    def test_no_leak_passes_and_64_kib_a_cycle_fails(self) -> None:
        assert status("readings.growth_over_cycles", "<", self.LIMIT, self.OF, self.cycles(0)) == "pass"
        assert status("readings.growth_over_cycles", "<", self.LIMIT, self.OF, self.cycles(65536)) == "fail"

    def test_the_slope_per_cycle(self) -> None:
        of = {key: value for key, value in self.OF.items() if key != "cycles"}
        low, high = ends("readings.growth_per_cycle", of, self.cycles(65536))
        assert 60000 < low < 65536 < high < 70000

    def test_warm_up_is_told_from_a_leak(self) -> None:
        """8 MB of buffers that the first hundred cycles fill are none; the plain difference takes them for one."""
        history = [*self.cycles(0, warm_mb=8), Mark(5 * S, "baseline"), Mark(150 * S, "settled")]
        plain = {"probe": "connector.rss", "from": "baseline", "to": "settled"}
        assert status("readings.growth", "<", self.LIMIT, plain, history) == "fail"
        assert status("readings.growth_over_cycles", "<", self.LIMIT, self.OF, history) == "pass"
        assert status("readings.growth_over_cycles", "<", self.LIMIT, self.OF, self.cycles(16384, warm_mb=8)) == "fail"

    def test_a_few_cycles_prove_nothing(self) -> None:
        assert status("readings.growth_over_cycles", "<", self.LIMIT, self.OF, self.cycles(0, count=60)) == (
            "inconclusive"
        )

    def test_other_clients_cycles_do_not_count(self) -> None:
        of = {**self.OF, "client": "other"}
        assert "no mark named" in measured("readings.growth_over_cycles", of, self.cycles(0)).reason


def test_a_warm_up_is_told_in_hours() -> None:
    values = memory(warm_up, 1, DAY_S).reshape(-1, 60).min(axis=1)
    history = [*readings(values * MB, every_ns=60 * S), *window("steady", 0, DAY_S * S)]
    said = measured("readings.growth_per_h", RUN, history).reason
    assert "after a warm-up of" in said
    assert "after a warm-up of 0 h" not in said
