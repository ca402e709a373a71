"""Metrics over marks: time between events, their number and their order."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest

from harness.evidence.records import Fact, Mark, Record
from harness.spec.case import Argument
from harness.verdict.verdict import Status

from .histories import S, criterion, ends, finding, judged, status, stream_mark, window

pytestmark = pytest.mark.self

OF: dict[str, Argument] = {"from": "fault.bit", "to": "stream.error"}


def bit(t_s: float, **detail: str) -> Mark:
    return Mark(int(t_s * S), "fault.bit", detail)


def error(t_s: float, client: str = "c1", stream: str = "prices") -> Mark:
    return stream_mark(int(t_s * S), "error", client, stream, code="UNAVAILABLE")


class TestElapsed:
    def test_from_one_mark_to_the_other(self) -> None:
        history = [bit(10), error(10.5)]
        assert ends("marks.elapsed_s", OF, history) == (0.5, 0.5)
        assert ends("marks.elapsed_ms", OF, history) == (500, 500)
        assert status("marks.elapsed_s", "<=", 1, OF, history) == "pass"
        assert status("marks.elapsed_s", "<=", 1, OF, [bit(10), error(11.5)]) == "fail"

    def test_what_was_seen_late_may_have_happened_earlier(self) -> None:
        died = Mark(12 * S, "process.died", {}, 11 * S)
        started = Mark(5 * S, "process.started", {}, 4 * S)
        of: dict[str, Argument] = {"from": "process.started", "to": "process.died"}
        assert ends("marks.elapsed_s", of, [started, died]) == (6, 8)
        assert status("marks.elapsed_s", "<=", 7, of, [started, died]) == "inconclusive"

    def test_an_end_seen_before_a_begin_that_was_itself_seen_late_counts(self) -> None:
        late = Mark(12 * S, "fault.bit", {}, 10 * S)
        assert ends("marks.elapsed_s", OF, [late, error(11)]) == (0, 1)

    def test_an_end_that_never_came_has_taken_at_least_until_now(self) -> None:
        history = [bit(10), Mark(25 * S, "trial.ended")]
        assert ends("marks.elapsed_s", OF, history) == (15, math.inf)
        assert status("marks.elapsed_s", "<=", 10, OF, history) == "fail"
        assert status("marks.elapsed_s", "<=", 20, OF, history) == "inconclusive"

    def test_an_end_before_the_begin_is_none(self) -> None:
        assert ends("marks.elapsed_s", OF, [error(9), bit(10), Mark(12 * S, "trial.ended")]) == (2, math.inf)

    def test_without_a_begin_nothing_is_known(self) -> None:
        assert ends("marks.elapsed_s", OF, [error(9)]) == (0, math.inf)
        assert status("marks.elapsed_s", "<=", 10, OF, [error(9)]) == "inconclusive"

    def test_each_of_several_begins_must_keep_the_limit(self) -> None:
        history = [bit(10), error(10.5), bit(20), error(29)]
        assert ends("marks.elapsed_s", OF, history) == (0.5, 9)
        assert status("marks.elapsed_s", "<=", 10, OF, history) == "pass"
        assert status("marks.elapsed_s", "<=", 5, OF, history) == "fail"

    def test_each_client_that_a_pattern_names_must_be_seen(self) -> None:
        of: dict[str, Argument] = {**OF, "client": "c*"}
        quick = [bit(10), error(10.5, "c1"), error(10.6, "c2")]
        assert ends("marks.elapsed_s", of, quick) == (0.5, 0.6)
        forgotten = [bit(10), error(10.5, "c1"), stream_mark(5 * S, "opened", "c2"), Mark(60 * S, "trial.ended")]
        assert status("marks.elapsed_s", "<=", 1, of, forgotten) == "fail"
        assert "client c2" in finding(criterion("marks.elapsed_s", "<=", 1, of), forgotten).reason

    def test_each_of_several_streams_must_be_seen(self) -> None:
        of: dict[str, Argument] = {**OF, "client": "c1", "stream": ("prices", "orders")}
        only_prices = [bit(10), error(10.5, stream="prices"), Mark(60 * S, "trial.ended")]
        assert status("marks.elapsed_s", "<=", 1, of, only_prices) == "fail"
        assert status("marks.elapsed_s", "<=", 1, of, [*only_prices, error(10.6, stream="orders")]) == "pass"

    def test_filters_concern_the_marks_that_carry_them(self) -> None:
        history = [bit(10, kind="killed"), bit(50, kind="reset"), error(10.4, "c2"), error(10.5, "c1"), error(52, "c1")]
        assert ends("marks.elapsed_s", {**OF, "kind": "killed", "client": "c1"}, history) == (0.5, 0.5)
        assert ends("marks.elapsed_s", {**OF, "kind": "reset", "client": "c1"}, history) == (2, 2)

    def test_one_side_can_be_filtered_alone(self) -> None:
        history = [
            Mark(1 * S, "process.died", {"service": "connector"}),
            Mark(2 * S, "process.died", {"service": "live_server"}),
            Mark(4 * S, "process.died", {"service": "market_maker"}),
        ]
        of: dict[str, Argument] = {"from": "process.died", "to": "process.died"}
        of |= {"from_service": "connector", "to_service": "market_maker"}
        assert ends("marks.elapsed_s", of, history) == (3, 3)

    def test_a_window_lasts_from_its_begin_to_its_end(self) -> None:
        of: dict[str, Argument] = {"from": "window.begin", "to": "window.end", "window": "stalled"}
        history = [*window("stalled", 5 * S, 36 * S), *window("clean", 6 * S, 7 * S)]
        assert status("marks.elapsed_s", ">=", 30, of, history) == "pass"

    def test_beyond_the_time_that_the_service_states(self) -> None:
        of: dict[str, Argument] = {**OF, "allowance": "keepalive.stated"}
        stated = Fact("keepalive.stated", 20.0, "s")
        assert ends("marks.elapsed_beyond_s", of, [bit(10), error(25), stated]) == (-5, -5)
        assert status("marks.elapsed_beyond_s", "<=", 0, of, [bit(10), error(31), stated]) == "fail"
        assert status("marks.elapsed_beyond_s", "<=", 0, of, [bit(10), error(11)]) == "inconclusive"


class TestCount:
    HISTORY = (error(1, "c1"), error(2, "c1"), error(3, "c2"), *window("w", 2 * S, 5 * S))

    @pytest.mark.parametrize(
        ("of", "expected"),
        [
            ({}, 3), ({"client": "c1"}, 2), ({"client": "c*"}, 3), ({"client": ("c1", "c2")}, 3), ({"window": "w"}, 2),
            ({"after": "window.begin"}, 2), ({"before": "window.begin", "client": "c1"}, 2), ({"code": "OK"}, 0),
        ],
    )  # fmt: skip
    def test_counts_what_the_filters_leave(self, of: dict[str, Argument], expected: int) -> None:
        assert ends("marks.count", {"name": "stream.error", **of}, self.HISTORY) == (expected, expected)

    def test_a_mark_too_many_fails_and_none_passes(self) -> None:
        of: dict[str, Argument] = {"name": "stream.error", "client": "c1"}
        assert status("marks.count", "==", 0, of, self.HISTORY) == "fail"
        assert status("marks.count", "==", 0, of, [stream_mark(0, "opened")]) == "pass"

    def test_a_client_that_took_no_part_proves_nothing(self) -> None:
        of: dict[str, Argument] = {"name": "stream.error", "client": "c9"}
        assert status("marks.count", "==", 0, of, self.HISTORY) == "inconclusive"


class TestOrder:
    OF: ClassVar[dict[str, Argument]] = {
        "first": "process.died", "first_service": ("market_maker", "live_server"),
        "then": "process.died", "then_service": "connector",
    }  # fmt: skip

    def died(self, t_s: int, service: str, earliest_s: int = 0) -> Record:
        return Mark(t_s * S, "process.died", {"service": service}, earliest_s * S)

    def test_the_connector_outlives_its_clients(self) -> None:
        history = [self.died(1, "market_maker"), self.died(2, "live_server"), self.died(3, "connector")]
        assert status("marks.order", "==", 0, self.OF, history) == "pass"

    def test_a_connector_gone_before_the_last_client_fails(self) -> None:
        history = [self.died(1, "market_maker"), self.died(3, "live_server"), self.died(2, "connector")]
        assert ends("marks.order", self.OF, history) == (1, 1)
        assert status("marks.order", "==", 0, self.OF, history) == "fail"

    def test_marks_seen_late_leave_the_order_open(self) -> None:
        history = [self.died(1, "market_maker"), self.died(3, "live_server", 1), self.died(2, "connector")]
        assert ends("marks.order", self.OF, history) == (0, 1)

    def test_a_side_that_never_happened_leaves_it_open(self) -> None:
        assert status("marks.order", "==", 0, self.OF, [self.died(1, "connector")]) == "inconclusive"
        assert status("marks.order", "==", 0, self.OF, [self.died(1, "market_maker")]) == "inconclusive"


def test_a_mark_that_nobody_could_have_seen_is_not_measurable() -> None:
    noticed = criterion("marks.elapsed_s", "<=", 5, {"from": "fault.bit", "to": "client.noticed"}, unit="s")
    bit = Mark(S, "fault.bit")
    blind = Fact("unmeasurable", 1, "", "client.noticed", "the descriptors cannot be read from here")
    assert judged([noticed], [bit, Mark(9 * S, "trial.ended")]).status is Status.FAIL
    verdict = judged([noticed], [bit, blind, Mark(9 * S, "trial.ended")])
    assert verdict.status is Status.NOT_MEASURABLE
    assert "cannot be read" in verdict.reason


def steady(begin_s: int, end_s: int) -> list[Record]:
    return window("steady", begin_s * S, end_s * S)


class TestLasted:
    OF: ClassVar[dict[str, Argument]] = {"window": "steady", "gap_s": 60, "gap_percent": 1}

    def test_windows_with_short_gaps_last_as_long_as_all_of_them(self) -> None:
        history = [*steady(0, 5_000), *steady(5_020, 10_020)]
        assert ends("marks.lasted_s", self.OF, history) == (10_000, 10_000)
        assert status("marks.lasted_s", ">=", 10_000, self.OF, history) == "pass"

    def test_without_a_gap_it_is_as_long_as_the_window(self) -> None:
        assert ends("marks.lasted_s", self.OF, [*steady(3, 10)]) == (7, 7)
        assert status("marks.lasted_s", ">=", 8, self.OF, [*steady(3, 10)]) == "fail"

    def test_one_long_gap_leaves_it_open(self) -> None:
        history = [*steady(0, 50_000), *steady(50_061, 100_061)]
        assert ends("marks.lasted_s", self.OF, history) == (50_000, 100_000)
        assert status("marks.lasted_s", ">=", 86_400, self.OF, history) == "inconclusive"

    def test_many_short_gaps_leave_it_open_too(self) -> None:
        history = [mark for at in range(10) for mark in steady(at * 110, at * 110 + 100)]
        assert ends("marks.lasted_s", self.OF, history) == (100, 1_000)
