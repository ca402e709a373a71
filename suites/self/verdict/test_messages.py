"""Metrics over deliveries: each lets a healthy history pass, and fails the defect that it is there to catch."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest

from harness.evidence.records import Fact, Mark, Message, Record
from harness.spec.case import Argument
from harness.verdict.verdict import Status

from .histories import MS, S, criterion, deliveries, ends, judged, live, measured, status, stream_mark, updates, window

pytestmark = pytest.mark.self

SENT = range(1, 101)
SETTLED = Mark(200 * MS, "trial.settled")
CLIENT = {"client": "c1"}


def followed(received: list[int], sent: range = SENT) -> list[Record]:
    """c1 was live on prices from the start; the venue sent some, c1 received some."""
    return [*live(), *updates(sent), *deliveries(received), SETTLED]


class TestCount:
    def test_counts_what_the_selectors_leave(self) -> None:
        history = [*followed([*SENT]), *deliveries(range(1, 6), "c2"), *deliveries([7], "c1", stream="account", key="")]
        assert ends("messages.count", {"client": "c1"}, history) == (101, 101)
        assert ends("messages.count", {"client": "c*"}, history) == (106, 106)
        assert ends("messages.count", {"client": ("c1", "c2"), "stream": "prices"}, history) == (105, 105)
        assert ends("messages.count", {"client": "venue", "stream": "prices"}, history) == (100, 100)
        assert ends("messages.count", {"client": "c1", "symbol": "BTCUSDT"}, history) == (100, 100)
        assert ends("messages.count", {"client": "c1", "symbol_not": "BTCUSDT"}, history) == (1, 1)

    def test_a_foreign_symbol_at_a_filtered_client_fails(self) -> None:
        of = {"client": "c1", "symbol_not": "BTCUSDT"}
        assert status("messages.count", "==", 0, of, followed([*SENT])) == "pass"
        leaked = [*followed([*SENT]), *deliveries([50], key="ETHUSDT")]
        assert status("messages.count", "==", 0, of, leaked) == "fail"

    def test_windows_of_one_name_are_pooled_and_marks_bound_the_time(self) -> None:
        history = [*followed([*SENT]), *window("w", 10 * MS, 20 * MS), *window("w", 30 * MS, 35 * MS)]
        assert ends("messages.count", {**CLIENT, "window": "w"}, history) == (15, 15)
        bounded = [*history, Mark(90 * MS, "late"), Mark(95 * MS, "later"), Mark(99 * MS, "late")]
        assert ends("messages.count", {**CLIENT, "after": "late"}, bounded) == (11, 11)
        assert ends("messages.count", {**CLIENT, "after": "late", "before": "later"}, bounded) == (5, 5)

    @pytest.mark.parametrize("of", [{"client": "nobody"}, {"window": "never"}, {"after": "never"}, {"before": "never"}])
    def test_nothing_selected_is_no_proof_of_absence(self, of: dict[str, str]) -> None:
        assert status("messages.count", "==", 0, {**of}, followed([*SENT])) == "inconclusive"


class TestMissing:
    def test_healthy_passes_and_one_dropped_update_fails(self) -> None:
        assert status("messages.missing", "==", 0, {**CLIENT}, followed([*SENT])) == "pass"
        dropped = [n for n in SENT if n != 50]
        assert status("messages.missing", "==", 0, {**CLIENT}, followed(dropped)) == "fail"
        assert "first serial 50" in measured("messages.missing", {**CLIENT}, followed(dropped)).reason

    def test_only_updates_sent_while_live_are_owed(self) -> None:
        history = [
            stream_mark(1 * MS, "opened"), stream_mark(10 * MS, "live"), stream_mark(50 * MS, "down"),
            stream_mark(60 * MS, "opened", epoch=2), stream_mark(70 * MS, "live", epoch=2),
            *updates(SENT), *deliveries(range(11, 51)), *deliveries(range(71, 101), epoch=2), SETTLED,
        ]  # fmt: skip
        assert ends("messages.missing", {**CLIENT}, history) == (0, 0)
        without_end = [one for one in history if one != stream_mark(50 * MS, "down")]
        assert ends("messages.missing", {**CLIENT}, without_end) == (20, 20)

    @pytest.mark.parametrize("end", ["cancelled", "quiet", "down"])
    def test_nothing_is_owed_after_the_subscription_has_ended(self, end: str) -> None:
        history = [*live(), *updates(SENT), *deliveries(range(1, 51)), stream_mark(50 * MS, end), SETTLED]
        assert ends("messages.missing", {**CLIENT}, history) == (0, 0)

    def test_an_update_sent_in_the_last_moment_is_owed(self) -> None:
        history = [*live(), *updates(SENT), *deliveries(range(1, 50)), stream_mark(50 * MS, "cancelled"), SETTLED]
        assert ends("messages.missing", {**CLIENT}, history) == (1, 1)

    def test_nothing_is_owed_after_the_trial_settled(self) -> None:
        assert ends("messages.missing", {**CLIENT}, [*followed([*SENT]), *updates([300])]) == (0, 0)

    def test_another_clients_end_ends_nothing(self) -> None:
        other_ends = [stream_mark(50 * MS, "down", "c2"), stream_mark(50 * MS, "down", "c1", "orders")]
        history = [*followed([*range(1, 51)]), *other_ends]
        assert ends("messages.missing", {**CLIENT}, history) == (50, 50)

    def test_a_filter_on_symbols_is_owed_only_those(self) -> None:
        both = [*updates(range(1, 51)), *updates(range(51, 101), key="ETHUSDT")]
        history = [*live(), *both, *deliveries(range(1, 51)), SETTLED]
        assert ends("messages.missing", {**CLIENT, "symbol": "BTCUSDT"}, history) == (0, 0)
        assert ends("messages.missing", {**CLIENT}, history) == (50, 50)
        told = [stream_mark(0, "opened", keys="BTCUSDT, SOLUSDT"), stream_mark(0, "live"), *history[2:]]
        assert ends("messages.missing", {**CLIENT}, told) == (0, 0)

    def test_spellings_of_one_update_are_owed_once(self) -> None:
        history = [
            *live(stream="orders"), SETTLED,
            *(Message("venue", "orders", key, "NEW:0", 1, MS, MS) for key in ("42", "mine")),
            Message("c1", "orders", "mine", "NEW:0", 0, 0, 2 * MS, 1),
        ]  # fmt: skip
        assert ends("messages.missing", {**CLIENT}, history) == (0, 0)
        assert ends("messages.duplicates", {**CLIENT}, history) == (0, 0)

    def test_with_nothing_owed_nothing_is_shown(self) -> None:
        for history in ([*updates(SENT), *deliveries(SENT)], [*live(), *deliveries(SENT)], [*live(), SETTLED]):
            assert status("messages.missing", "==", 0, {**CLIENT}, history) == "inconclusive"


class TestDuplicates:
    def test_healthy_passes_and_a_doubled_update_fails(self) -> None:
        assert status("messages.duplicates", "==", 0, {**CLIENT}, followed([*SENT])) == "pass"
        doubled = sorted([*SENT, 50])
        assert status("messages.duplicates", "==", 0, {**CLIENT}, followed(doubled)) == "fail"
        assert ends("messages.duplicates", {**CLIENT}, followed([*doubled, 50, 7])) == (3, 3)

    def test_the_same_update_in_two_subscriptions_or_at_two_clients_is_none(self) -> None:
        history = [*followed([*SENT]), *deliveries([100], epoch=2), *deliveries([100], "c2")]
        assert ends("messages.duplicates", {}, history) == (0, 0)

    def test_on_a_polled_stream_the_same_state_again_is_none_but_an_older_one_is(self) -> None:
        again = followed([1, 1, 1, 2, 2, 3])
        assert ends("messages.duplicates", {**CLIENT}, again) == (3, 3)
        assert ends("messages.duplicates", {**CLIENT, "polled": True}, again) == (0, 0)
        stated = [*again, Fact("cadence.polled", 1.0, "", "prices")]
        assert ends("messages.duplicates", {**CLIENT}, stated) == (0, 0)
        assert ends("messages.duplicates", {**CLIENT, "polled": True}, followed([1, 2, 1])) == (1, 1)

    def test_without_a_ledger_nothing_can_be_told(self) -> None:
        assert status("messages.duplicates", "==", 0, {**CLIENT}, [*live(), *deliveries(SENT)]) == "inconclusive"


class TestReordered:
    def test_healthy_passes_and_a_swapped_pair_fails(self) -> None:
        assert status("messages.reordered", "==", 0, {**CLIENT}, followed([*SENT])) == "pass"
        assert status("messages.reordered", "==", 0, {**CLIENT}, followed([1, 3, 2, 4])) == "fail"
        assert ends("messages.reordered", {**CLIENT}, followed([3, 1, 2, 4])) == (2, 2)

    def test_different_symbols_may_overtake_each_other(self) -> None:
        history = [*live(), *updates([1]), *updates([2], key="ETHUSDT"), SETTLED]
        history += [*deliveries([1], late_ns=9 * MS), *deliveries([2], key="ETHUSDT")]
        assert ends("messages.reordered", {**CLIENT}, history) == (0, 0)


class TestUnknownAndWrong:
    def test_a_content_that_the_venue_never_sent_fails(self) -> None:
        assert status("messages.unknown", "==", 0, {**CLIENT}, followed([*SENT])) == "pass"
        assert status("messages.unknown", "==", 0, {**CLIENT}, followed([*SENT, 999])) == "fail"

    def test_without_a_ledger_nothing_is_known_to_be_unknown(self) -> None:
        assert status("messages.unknown", "==", 0, {**CLIENT}, [*live(), *deliveries(SENT)]) == "inconclusive"

    def test_a_content_that_breaks_the_contract_fails_and_says_why(self) -> None:
        assert status("messages.wrong", "==", 0, {**CLIENT}, followed([*SENT])) == "pass"
        broken = Message("c1", "account", "", "x", 0, 0, 5 * MS, 1, 9, "total_wallet_balance 'x' is no decimal")
        assert status("messages.wrong", "==", 0, {**CLIENT}, [*followed([*SENT]), broken]) == "fail"
        assert "no decimal" in measured("messages.wrong", {**CLIENT}, [broken]).reason

    def test_nothing_delivered_is_nothing_right(self) -> None:
        assert status("messages.wrong", "==", 0, {**CLIENT}, [*live(), SETTLED]) == "inconclusive"


class TestFirst:
    OF: ClassVar[dict[str, Argument]] = {"client": "c1", "stream": "prices"}

    def test_counts_from_the_opening_to_the_first_delivery(self) -> None:
        history = [stream_mark(1 * S, "opened"), *deliveries([3], every_ns=S, late_ns=0)]
        assert ends("messages.first_s", {**self.OF}, history) == (2, 2)
        assert status("messages.first_s", "<=", 1.9, {**self.OF}, history) == "fail"

    def test_a_stream_that_stays_silent_has_waited_at_least_until_the_end(self) -> None:
        silent = [stream_mark(1 * S, "opened"), Mark(12 * S, "trial.ended")]
        assert ends("messages.first_s", {**self.OF}, silent) == (11, math.inf)
        assert status("messages.first_s", "<=", 10, {**self.OF}, silent) == "fail"
        assert status("messages.first_s", "<=", 15, {**self.OF}, silent) == "inconclusive"

    def test_another_mark_may_begin_it_and_the_next_delivery_ends_it(self) -> None:
        serving = Mark(4 * S, "process.serving", {"service": "connector"})
        history = [*live(), *deliveries([1, 9], every_ns=S, late_ns=0), serving]
        assert ends("messages.first_s", {**self.OF, "after": "process.serving"}, history) == (5, 5)

    def test_every_client_must_keep_the_limit(self) -> None:
        history = [*live("c1", "c2"), *deliveries([1], every_ns=S), *deliveries([20], "c2", every_ns=S)]
        assert status("messages.first_s", "<=", 10, {"client": "c*", "stream": "prices"}, history) == "fail"


class TestRate:
    def test_counts_deliveries_a_second_in_the_window(self) -> None:
        history = [*followed([*SENT]), *window("steady", 20 * MS, 70 * MS)]
        low, high = ends("messages.rate_per_s", {**CLIENT, "window": "steady"}, history)
        assert low == high == pytest.approx(1000, rel=0.03)
        assert status("messages.rate_per_s", ">", 900, {**CLIENT, "window": "steady"}, history) == "pass"

    def test_a_client_that_gets_half_fails(self) -> None:
        history = [*followed([*SENT][::2]), *window("steady", 20 * MS, 70 * MS)]
        assert status("messages.rate_per_s", ">", 900, {**CLIENT, "window": "steady"}, history) == "fail"

    def test_without_a_window_it_counts_from_the_first_to_the_last(self) -> None:
        assert ends("messages.rate_per_s", {**CLIENT}, followed([*SENT]))[0] == pytest.approx(1000)


def test_the_venue_is_counted_by_updates_not_by_the_spellings_of_its_ledger() -> None:
    rows = [Message("venue", "prices", "BTCUSDT", value, 7, S, S) for value in ("100", "99.9", "100.1")]
    of: dict[str, Argument] = {"client": "venue", "stream": "prices"}
    assert judged([criterion("messages.count", "==", 1, of)], rows).status is Status.PASS
