"""Metrics over calls: a slow, failing or stalling service fails; a late load generator widens instead of blaming."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from harness.evidence.records import Call, Fact, Mark, Outcome, Record
from harness.spec.case import Argument

from .histories import MS, calls, criterion, ends, finding, status, window

pytestmark = pytest.mark.self

P99: dict[str, Argument] = {"quantile": 0.99, "method": "GetAccount"}
THOUSAND = [1.0] * 1000
FAULT = (Mark(900 * MS, "fault.begin", {"kind": "kill"}), Mark(1500 * MS, "fault.heal", {"kind": "kill"}))


class TestLatency:
    def test_a_slow_service_fails_a_quick_one_passes(self) -> None:
        assert ends("calls.latency_ms", P99, calls(THOUSAND)) == (1, 1)
        assert status("calls.latency_ms", "<", 5, P99, calls(THOUSAND)) == "pass"
        assert status("calls.latency_ms", "<", 5, P99, calls([6.0] * 1000)) == "fail"

    def test_a_slow_hundredth_shows_at_p99_but_not_at_p50(self) -> None:
        history = calls([1.0] * 960 + [50.0] * 40)
        assert status("calls.latency_ms", "<", 5, P99, history) == "fail"
        assert status("calls.latency_ms", "<", 5, {**P99, "quantile": 0.5}, history) == "pass"

    def test_a_late_sender_widens_instead_of_blaming(self) -> None:
        assert ends("calls.latency_ms", P99, calls(THOUSAND, late_ms=9)) == (1, 10)
        assert status("calls.latency_ms", "<", 5, P99, calls(THOUSAND, late_ms=9)) == "inconclusive"

    def test_a_queue_behind_a_stalled_call_is_not_hidden(self) -> None:
        # The service stands still for 100 ms; the callers, one after the other, are held up and then quick again.
        stalled = [*calls([1.0] * 900), *calls([1.0] * 100, late_ms=100, from_ms=5000)]
        assert ends("calls.latency_ms", P99, stalled)[1] == 101

    def test_unanswered_calls_never_make_it_look_quicker(self) -> None:
        quick_refusals = calls([0.1] * 500, outcome=Outcome.FAIL, code="UNAVAILABLE", from_ms=9000)
        assert status("calls.latency_ms", "<", 5, P99, [*calls([1.0] * 500), *quick_refusals]) == "inconclusive"
        deadlines = calls([2000.0] * 500, outcome=Outcome.UNKNOWN, code="DEADLINE_EXCEEDED", from_ms=9000)
        assert status("calls.latency_ms", "<", 5, P99, [*calls([1.0] * 500), *deadlines]) == "fail"

    def test_298_calls_cannot_prove_any_p99(self) -> None:
        one = finding(criterion("calls.latency_ms", "<", 5, P99), calls([0.1] * 298))
        assert one.status == "inconclusive"
        assert "298 samples cannot bound p99" in one.reason

    def test_without_a_timetable_calls_were_due_when_they_were_sent(self) -> None:
        history = [replace(one, due_ns=0) for one in calls(THOUSAND) if isinstance(one, Call)]
        assert ends("calls.latency_ms", P99, history) == (1, 1)

    def test_added_and_ratio_compare_with_a_baseline(self) -> None:
        history = [*calls([1.0] * 1000, "native"), *calls([3.0] * 1000, "through")]
        of: dict[str, Argument] = {**P99, "client": "through", "baseline_client": "native"}
        assert ends("calls.latency_added_ms", of, history) == (2, 2)
        assert status("calls.latency_added_ms", "<", 2.5, of, history) == "pass"
        assert status("calls.latency_added_ms", "<", 1.5, of, history) == "fail"
        assert ends("calls.latency_ratio", of, history) == (3, 3)
        assert status("calls.latency_ratio", "<=", 1.5, of, history) == "fail"
        assert ends("calls.latency_ratio", {**of, "resolution_ms": 6}, history) == (0.5, 0.5)

    def test_a_baseline_window_of_the_same_calls(self) -> None:
        history = [
            *calls([1.0] * 1000), *calls([3.0] * 1000, from_ms=3000), *window("clients-1", 900 * MS, 2500 * MS),
            *window("clients-10", 2900 * MS, 4500 * MS),
        ]  # fmt: skip
        of: dict[str, Argument] = {**P99, "window": "clients-10", "baseline_window": "clients-1"}
        assert ends("calls.latency_ratio", of, history) == (3, 3)

    def test_nothing_called_is_nothing_known(self) -> None:
        assert status("calls.latency_ms", "<", 5, P99, calls(THOUSAND, method="Other")) == "inconclusive"


class TestCountAndFailures:
    HISTORY = (
        *calls([1.0] * 97), *calls([1.0] * 2, outcome=Outcome.FAIL, code="UNAVAILABLE"),
        *calls([50.0], outcome=Outcome.UNKNOWN, code="DEADLINE_EXCEEDED"),
    )  # fmt: skip

    @pytest.mark.parametrize(
        ("of", "expected"),
        [
            ({}, 100), ({"outcome": "ok"}, 97), ({"outcome": ("fail", "unknown")}, 3), ({"code": "UNAVAILABLE"}, 2),
            ({"client": "load*", "method": "GetAccount"}, 100),
        ],
    )  # fmt: skip
    def test_counts_by_outcome_and_code(self, of: dict[str, Argument], expected: int) -> None:
        assert ends("calls.count", of, self.HISTORY) == (expected, expected)

    def test_a_failed_call_fails(self) -> None:
        assert status("calls.failed", "==", 0, {}, calls(THOUSAND)) == "pass"
        assert ends("calls.failed", {}, self.HISTORY) == (3, 3)
        one = finding(criterion("calls.failed", "==", 0), self.HISTORY)
        assert one.status == "fail"
        assert "DEADLINE_EXCEEDED, UNAVAILABLE" in one.reason

    def test_under_a_fault_an_unknown_outcome_is_unknown(self) -> None:
        assert ends("calls.failed", {}, [*self.HISTORY, *FAULT]) == (2, 3)

    def test_no_call_made_proves_nothing(self) -> None:
        assert status("calls.failed", "==", 0, {"method": "PlaceOrder"}, self.HISTORY) == "inconclusive"
        of: dict[str, Argument] = {"method": "PlaceOrder", "outcome": "fail"}
        assert status("calls.count", "==", 0, of, self.HISTORY) == "inconclusive"

    def test_a_share_of_errors_needs_enough_calls_to_be_shown_small(self) -> None:
        low, high = ends("calls.error_percent", {}, calls([1.0] * 1000))
        assert low == 0
        assert 0.3 < high < 0.4
        assert status("calls.error_percent", "<", 0.01, {}, calls([1.0] * 1000)) == "inconclusive"
        assert status("calls.error_percent", "<", 1, {}, calls([1.0] * 1000)) == "pass"
        assert status("calls.error_percent", "<", 0.01, {}, self.HISTORY) == "fail"


class TestRates:
    STEADY = window("steady", 1000 * MS, 2000 * MS)

    def history(self, *latencies_ms: float, late_ms: float = 0.0) -> list[Record]:
        return [*calls(latencies_ms, late_ms=late_ms), *self.STEADY]

    def test_answered_calls_a_second(self) -> None:
        of: dict[str, Argument] = {"window": "steady"}
        assert ends("calls.rate_per_s", of, self.history(*[0.5] * 1000)) == (1000, 1000)
        assert status("calls.rate_per_s", ">", 900, of, self.history(*[0.5] * 1000)) == "pass"
        half = [*calls([0.5] * 500), *calls([0.5] * 500, outcome=Outcome.FAIL, from_ms=1500), *self.STEADY]
        assert status("calls.rate_per_s", ">", 900, of, half) == "fail"

    def test_a_service_that_keeps_up_achieves_what_is_offered(self) -> None:
        of: dict[str, Argument] = {"window": "steady"}
        assert status("calls.achieved_ratio", ">=", 0.99, of, self.history(*[0.5] * 1000)) == "pass"
        assert ends("calls.achieved_ratio", {}, calls([0.5] * 1000)) == (1, 1)

    def test_a_service_that_falls_behind_does_not(self) -> None:
        of: dict[str, Argument] = {"window": "steady"}
        behind = self.history(*(at * 0.2 for at in range(1000)))
        assert status("calls.achieved_ratio", ">=", 0.99, of, behind) == "fail"

    def test_a_generator_that_falls_behind_is_neither_a_pass_nor_a_fail(self) -> None:
        of: dict[str, Argument] = {"window": "steady"}
        late = self.history(*[0.5] * 1000, late_ms=300)
        assert status("calls.achieved_ratio", ">=", 0.99, of, late) == "inconclusive"

    def test_arrivals_that_were_never_sent_are_neither_a_pass_nor_a_fail(self) -> None:
        of: dict[str, Argument] = {"window": "steady"}
        unsent = [*self.history(*[0.5] * 1000), Fact("instrument.unsent", 100.0, "calls", "steady")]
        assert status("calls.achieved_ratio", ">=", 0.99, of, unsent) == "inconclusive"
        assert ends("calls.achieved_ratio", of, unsent)[0] < math.nextafter(1000 / 1100, 1)
