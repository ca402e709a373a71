"""Metrics over probes: growth, extremes, the way back to a baseline; what nothing can see is not measurable."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest

from harness.evidence.records import Fact, Mark, Record
from harness.spec.case import Argument

from .histories import S, criterion, ends, finding, readings, status, window

pytestmark = pytest.mark.self

RSS: dict[str, Argument] = {"probe": "connector.rss"}
UNITS: dict[str, Argument] = {"probe": "connector.runtime_units"}


def units(*values: float) -> list[Record]:
    return readings(values, "connector.runtime_units")


class TestExtremes:
    def test_highest_lowest_and_last(self) -> None:
        history = readings([3, 9, 1, 4])
        assert ends("readings.max", RSS, history) == (9, 9)
        assert ends("readings.min", RSS, history) == (1, 1)
        assert ends("readings.last", RSS, history) == (4, 4)

    def test_only_readings_of_the_window_count(self) -> None:
        history = [*readings([3, 9, 1, 4]), *window("steady", 2 * S, 9 * S)]
        assert ends("readings.max", {**RSS, "window": "steady"}, history) == (4, 4)
        assert status("readings.max", "<=", 5, RSS, history) == "fail"
        assert status("readings.max", "<=", 5, {**RSS, "window": "steady"}, history) == "pass"

    def test_a_window_without_readings_shows_nothing(self) -> None:
        history = [*readings([3, 9]), *window("steady", 20 * S, 30 * S)]
        assert status("readings.max", "<=", 50, {**RSS, "window": "steady"}, history) == "inconclusive"


class TestGrowth:
    def test_over_a_window_from_before_it_to_its_peak(self) -> None:
        history = [*readings([10, 12, 30, 14]), *window("stalled", S + 1, 9 * S)]
        assert ends("readings.growth", {**RSS, "window": "stalled"}, history) == (18, 18)
        assert status("readings.growth", "<=", 10, {**RSS, "window": "stalled"}, history) == "fail"
        assert status("readings.growth", "<=", 20, {**RSS, "window": "stalled"}, history) == "pass"

    def test_between_two_marks(self) -> None:
        history = [*readings([10, 30, 14]), Mark(1, "baseline"), Mark(2 * S, "settled")]
        assert ends("readings.growth", {**RSS, "from": "baseline", "to": "settled"}, history) == (4, 4)


class TestReturn:
    OF: ClassVar[dict[str, Argument]] = {**UNITS, "baseline": "baseline", "after": "stream.cancelled", "tolerance": 0}
    MARKS = (Mark(1 * S, "baseline"), Mark(3 * S, "stream.cancelled"))

    def test_back_between_the_last_reading_off_and_the_first_one_back(self) -> None:
        history = [*units(5, 5, 9, 9, 8, 5, 5), *self.MARKS]
        assert ends("readings.return_s", self.OF, history) == (1, 2)
        assert status("readings.return_s", "<=", 5, self.OF, history) == "pass"

    def test_a_leak_never_comes_back(self) -> None:
        history = [*units(5, 5, 9, *[6] * 7), *self.MARKS]
        assert ends("readings.return_s", self.OF, history) == (6, math.inf)
        assert status("readings.return_s", "<=", 5, self.OF, history) == "fail"
        assert status("readings.return_s", "<=", 5, {**self.OF, "tolerance": 1}, history) == "pass"

    def test_being_back_for_a_moment_is_not_being_back(self) -> None:
        assert ends("readings.return_s", self.OF, [*units(5, 5, 9, 5, 9, 9, 5), *self.MARKS]) == (2, 3)

    def test_fewer_than_before_is_back_unless_asked_otherwise(self) -> None:
        history = [*units(5, 5, 9, 3, 3), *self.MARKS]
        assert ends("readings.return_s", self.OF, history) == (0, 0)
        assert ends("readings.return_s", {**self.OF, "absolute": True}, history) == (1, math.inf)

    @pytest.mark.parametrize(
        "history", [[*units(5, 5, 9), Mark(10 * S, "stream.cancelled"), Mark(S, "baseline")], [*units(5, 5, 9, 5)]]
    )
    def test_no_reading_afterwards_or_no_mark_shows_nothing(self, history: list[Record]) -> None:
        assert status("readings.return_s", "<=", 5, self.OF, history) == "inconclusive"


class TestOffBaseline:
    OF: ClassVar[dict[str, Argument]] = {**UNITS, "baseline": "baseline", "at": "settled"}
    MARKS = (Mark(1 * S, "baseline"), Mark(3 * S, "settled"))

    def test_a_leak_fails_and_a_clean_end_passes(self) -> None:
        assert ends("readings.off_baseline", self.OF, [*units(5, 5, 9, 5), *self.MARKS]) == (0, 0)
        assert status("readings.off_baseline", "<=", 0, self.OF, [*units(5, 5, 9, 6), *self.MARKS]) == "fail"

    def test_fewer_than_before_is_negative_or_absolute(self) -> None:
        history = [*units(5, 5, 9, 3), *self.MARKS]
        assert ends("readings.off_baseline", self.OF, history) == (-2, -2)
        assert ends("readings.off_baseline", {**self.OF, "absolute": True}, history) == (2, 2)

    def test_a_reading_from_before_the_baseline_is_no_end(self) -> None:
        history = [*units(5, 5), Mark(S, "baseline"), Mark(30 * S, "settled")]
        assert status("readings.off_baseline", "<=", 0, self.OF, history) == "inconclusive"

    def test_of_a_run_that_was_taken_up_counts_to_its_last_end(self) -> None:
        """The same process went on: one baseline, and an end for each life of the harness."""
        history = [*units(50, 50, 50, 50, 3050), *self.MARKS, Mark(4 * S, "settled")]
        assert ends("readings.off_baseline", self.OF, history) == (3000, 3000)
        assert status("readings.off_baseline", "<=", 10, self.OF, history) == "fail"

    def test_of_a_service_that_was_started_anew_is_kept_in_each_life(self) -> None:
        lives = [*self.MARKS, Mark(5 * S, "baseline"), Mark(7 * S, "settled")]
        leaks_first, leaks_later = units(50, 50, 50, 90, 20, 20, 20, 20), units(50, 50, 50, 50, 20, 20, 20, 60)
        for history in (leaks_first, leaks_later):
            one = finding(criterion("readings.off_baseline", "<=", 10, self.OF), [*history, *lives])
            assert one.status == "fail"
            assert "beyond the limit for good 2 s after baseline" in one.reason
        kept = [*units(50, 50, 50, 51, 20, 20, 20, 22), *lives]
        assert ends("readings.off_baseline", self.OF, kept) == (1, 2)
        assert status("readings.off_baseline", "<=", 10, self.OF, kept) == "pass"

    def test_of_a_process_that_is_gone_is_not_held_against_the_next_one(self) -> None:
        """The machine was started anew: 500 of the first life, which has no end, are no baseline of the second."""
        lives = [Mark(S, "baseline"), Mark(4 * S, "baseline"), Mark(6 * S, "settled")]
        history = [*units(500, 500, 500, 20, 20, 60, 60), *lives]
        assert ends("readings.off_baseline", self.OF, history) == (40, 40)
        assert status("readings.off_baseline", "<=", 10, self.OF, history) == "fail"

    def test_an_end_before_every_baseline_shows_nothing(self) -> None:
        history = [*units(5, 5, 5, 5), Mark(S, "settled"), Mark(2 * S, "baseline")]
        assert status("readings.off_baseline", "<=", 0, self.OF, history) == "inconclusive"


class TestNotMeasurable:
    OF: ClassVar[dict[str, Argument]] = {
        **UNITS, "baseline": "baseline", "at": "settled", "proxy": "connector.threads",
    }  # fmt: skip
    NOBODY = Fact("unmeasurable", 1.0, "", "connector.runtime_units", "the service has no introspection endpoint")

    def test_a_probe_that_no_source_serves_is_not_measurable_and_its_proxy_is_shown(self) -> None:
        history = [
            self.NOBODY, *readings([7, 7, 7], "connector.threads"), Mark(S, "baseline"), Mark(2 * S, "settled"),
        ]  # fmt: skip
        one = finding(criterion("readings.off_baseline", "<=", 0, self.OF), history)
        assert one.status == "not measurable"
        assert one.interval is None
        assert "no introspection endpoint" in one.reason
        assert one.proxies == ("proxy connector.threads (shown, not judged): [0, 0]",)

    def test_a_silent_probe_that_nobody_explained_is_inconclusive(self) -> None:
        history = [*readings([7, 7, 7]), Mark(S, "baseline"), Mark(2 * S, "settled")]
        assert status("readings.off_baseline", "<=", 0, self.OF, history) == "inconclusive"

    def test_readings_win_over_an_explanation_why_there_are_none(self) -> None:
        history = [self.NOBODY, *units(5, 5, 5), Mark(S, "baseline"), Mark(2 * S, "settled")]
        assert status("readings.off_baseline", "<=", 0, self.OF, history) == "pass"
