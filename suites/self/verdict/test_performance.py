"""Metrics under load: who was late, what is sustained, where the curve bends, when rest is back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Mark, Message, Outcome, Reading, Record
from harness.spec.case import Argument
from harness.spec.loader import load_cases
from harness.verdict.judge import judge
from harness.verdict.provable import refusals
from harness.verdict.timetable import punctual
from harness.verdict.verdict import Status

from .histories import MS, TODAY, S, calls, case, criterion, ends, measured, readings, status, window
from .loads import STEADY_NS, Load, around, stamped, steady, trial, trials

pytestmark = pytest.mark.self

SPECS = Path(__file__).resolve().parents[3] / "specs"
CASES = {case.id: case for case in load_cases(SPECS)}
P99: dict[str, Argument] = {"quantile": 0.99, "client": "load*", "window": "steady"}
STEADY: dict[str, Argument] = {"client": "load*", "window": "steady"}


def sequence(*dues_ms: float, took_ms: list[float], client: str = "load-1", idle_ms: float = 0.0) -> list[Call]:
    """One user: each call sent when due or when the one before was done, and `idle_ms` later than that."""
    made, free = [], 0.0
    for at, (due, took) in enumerate(zip(dues_ms, took_ms, strict=True)):
        sent = max(due, free) + idle_ms
        free = sent + took
        made.append(
            Call(at, client, "GetAccount", int(due * MS), int(sent * MS), int(free * MS), Outcome.OK, "OK")
        )  # fmt: skip
    return made


class TestWhoWasLate:
    def test_a_user_who_waits_for_an_answer_is_late_by_the_target(self) -> None:
        history = sequence(100, 101, 102, 103, took_ms=[50, 1, 1, 1])
        ideal = punctual(Evidence.of(*history).calls)
        assert [int(one) for one in ideal.done_ns - ideal.due_ns] == [50 * MS, 50 * MS, 50 * MS, 50 * MS]

    def test_a_user_who_was_free_is_late_by_the_generator(self) -> None:
        history = sequence(100, 200, 300, took_ms=[1, 1, 1], idle_ms=9)
        ideal = punctual(Evidence.of(*history).calls)
        assert [int(one) for one in ideal.done_ns - ideal.due_ns] == [MS, MS, MS]

    def test_waiting_for_a_call_that_was_itself_sent_late_is_the_generators_doing(self) -> None:
        history = [
            Call(0, "load-1", "GetAccount", 100 * MS, 150 * MS, 151 * MS, Outcome.OK, "OK"),
            Call(1, "load-1", "GetAccount", 101 * MS, 151 * MS, 152 * MS, Outcome.OK, "OK"),
        ]
        ideal = punctual(Evidence.of(*history).calls)
        assert [int(one) for one in ideal.done_ns - ideal.due_ns] == [MS, MS]

    def test_a_client_with_several_calls_under_way_never_waits(self) -> None:
        history = [Call(n, "load", "GetAccount", n * MS, n * MS, (n + 9) * MS, Outcome.OK, "OK") for n in range(1, 50)]
        ideal = punctual(Evidence.of(*history).calls)
        assert set(map(int, ideal.done_ns - ideal.due_ns)) == {9 * MS}

    def test_a_slow_target_cannot_hide_behind_the_users_that_it_keeps_waiting(self) -> None:
        # 500 ms still once a second at 100 calls/s by one user: half of the calls wait, one in a hundred is slow.
        took = [500.0 if at % 100 == 0 else 0.5 for at in range(1000)]
        history = [*sequence(*(10_000 + 10.0 * at for at in range(1000)), took_ms=took), *window("steady", 0, 90 * S)]
        low, high = ends("calls.latency_ms", {**P99, "quantile": 0.9}, history)
        assert low > 300
        assert high < 500
        assert status("calls.latency_ms", "<", 5, {**P99, "quantile": 0.9}, history) == "fail"


class TestArrivalsLeftOut:
    def test_what_the_generator_left_out_is_neither_quick_nor_slow(self) -> None:
        history = [*calls([1.0] * 1000), *window("steady", 0, 90 * S)]
        of: dict[str, Argument] = {"quantile": 0.99, "window": "steady"}
        assert status("calls.latency_ms", "<", 5, of, history) == "pass"
        left_out = Fact("instrument.unsent", 30, "calls", "steady")
        assert status("calls.latency_ms", "<", 5, of, [*history, left_out]) == "inconclusive"
        other = Fact("instrument.unsent", 30, "calls", "floor")
        assert status("calls.latency_ms", "<", 5, of, [*history, other]) == "pass"

    def test_what_the_target_kept_from_being_sent_is_infinitely_late(self) -> None:
        history = [*calls([1.0] * 1000), *window("steady", 0, 90 * S), Fact("instrument.held", 30, "calls", "steady")]
        of: dict[str, Argument] = {"quantile": 0.99, "window": "steady"}
        assert ends("calls.latency_ms", of, history) == (math.inf, math.inf)
        assert status("calls.latency_ms", "<", 5, of, history) == "fail"


class TestNobodysLoad:
    def test_the_instruments_own_calls_are_no_ones(self) -> None:
        history = [*calls([1.0] * 400), *calls([99.0] * 400, "null")]
        assert ends("calls.latency_ms", {"quantile": 0.99}, history) == (1, 1)
        assert ends("calls.count", {}, history) == (400, 400)
        assert ends("calls.latency_ms", {"quantile": 0.99, "client": "null"}, history) == (99, 99)


class TestAdded:
    OF: ClassVar[dict[str, Argument]] = {
        "quantile": 0.99,
        "client": "through",
        "baseline_client": "native",
        "window": "steady",
    }

    def interleaved(self, added_ms: float, seed: int) -> list[Record]:
        rng = np.random.default_rng(seed)
        native = Load(steady(1.0, 3.0), client="native", users=1).records(rng)
        through = Load(
            lambda r, n: steady(1.0, 3.0)(r, n) + added_ms, client="through", users=1, begin_ns=STEADY_NS + 5 * MS
        )
        return [*native, *(one for one in through.records(rng) if isinstance(one, Call))]

    def test_the_overhead_lies_in_its_interval_19_times_in_20(self) -> None:
        for quantile in (0.5, 0.99):
            held = 0
            for seed in range(120):
                low, high = ends(
                    "calls.latency_added_ms", {**self.OF, "quantile": quantile}, self.interleaved(1.5, seed)
                )
                held += low <= 1.5 <= high
            assert held >= 120 * 0.95 - 3 * math.sqrt(120 * 0.95 * 0.05), (quantile, held)

    def test_a_connector_slowed_by_3_ms_shows(self) -> None:
        assert status("calls.latency_added_ms", "<", 5, self.OF, self.interleaved(1.0, 1)) == "pass"
        assert status("calls.latency_added_ms", "<", 2, {**self.OF, "quantile": 0.5}, self.interleaved(3, 1)) == "fail"

    def test_too_few_samples_leave_it_open(self) -> None:
        history = [*calls([1.0] * 200, "native"), *calls([2.0] * 200, "through"), *window("steady", 0, 90 * S)]
        assert ends("calls.latency_added_ms", self.OF, history) == (-math.inf, math.inf)


class TestSustained:
    OF: ClassVar[dict[str, Argument]] = {"client": "load*", "window": "steady", "block_s": 1}

    def steady(self, *per_block: int) -> list[Record]:
        made: list[Record] = []
        for block, count in enumerate(per_block):
            made += calls([0.1] * count, every_ms=1000 / count, from_ms=1000 + 1000 * block)
        return [*made, *window("steady", S, (1 + len(per_block)) * S)]

    def test_the_worst_stretch_counts_and_not_the_mean(self) -> None:
        history = self.steady(100, 100, 60, 140)
        assert ends("calls.sustained_per_s", self.OF, history) == (60, 60)
        assert ends("calls.rate_per_s", STEADY, history) == (100, 100)
        assert status("calls.sustained_per_s", ">", 90, self.OF, history) == "fail"
        assert status("calls.sustained_per_s", ">", 90, {**self.OF, "block_s": 2}, history) == "pass"

    def test_a_window_shorter_than_a_block_says_nothing(self) -> None:
        assert status("calls.sustained_per_s", ">", 9, {**self.OF, "block_s": 9}, self.steady(99)) == "inconclusive"

    def test_a_generator_that_paused_is_not_held_against_the_target(self) -> None:
        late = [*calls([0.1] * 50, every_ms=20), *calls([0.1] * 50, every_ms=20, from_ms=2000, late_ms=1500)]
        history = [*late, *calls([0.1] * 50, every_ms=20, from_ms=4000), *window("steady", S, 5 * S)]
        low, high = ends("calls.sustained_per_s", self.OF, history)
        assert low == 0
        assert high >= 0
        unsent = [*history, Fact("instrument.unsent", 50, "calls", "steady")]
        assert status("calls.sustained_per_s", ">", 40, self.OF, unsent) == "inconclusive"

    def test_messages_likewise(self) -> None:
        history = stamped(np.ones(500), per_s=100)
        of: dict[str, Argument] = {"client": "load", "stream": "prices", "window": "steady"}
        assert ends("messages.sustained_per_s", of, history) == (100, 100)
        assert status("messages.sustained_per_s", ">", 90, of, history) == "pass"
        assert status("messages.sustained_per_s", ">", 100, of, history) == "fail"

    def test_what_is_delivered_twice_counts_once(self) -> None:
        of: dict[str, Argument] = {"client": "load", "stream": "prices", "window": "steady"}
        known = [
            replace(one, serial=at) if isinstance(one, Message) else one
            for at, one in enumerate(stamped(np.ones(500), per_s=100), start=1)
        ]
        twice = [*known, *(one for one in known if isinstance(one, Message))]
        assert ends("messages.sustained_per_s", of, twice) == (100, 100)

    def test_a_saturated_target_fails_and_a_saturated_generator_does_not(self) -> None:
        of: dict[str, Argument] = {"client": "load*", "window": "steady"}
        rng = np.random.default_rng(1)
        slow = Load(steady(20, 25), calls=2000, per_s=1100, users=10).records(rng)
        assert status("calls.rate_per_s", ">", 1000, of, slow) == "fail"
        assert status("calls.achieved_ratio", ">=", 0.99, of, slow) == "fail"
        late = Load(steady(0.1, 0.3), calls=2000, per_s=1100, users=10, stall_ms=15, stall_every=1).records(rng)
        assert status("calls.rate_per_s", ">", 1000, of, late) == "inconclusive"
        assert status("calls.achieved_ratio", ">=", 0.99, of, late) == "inconclusive"


class TestStamped:
    OF: ClassVar[dict[str, Argument]] = {"quantile": 0.99, "client": "load", "stream": "prices", "window": "steady"}

    def test_from_the_messages_own_stamp(self) -> None:
        assert ends("messages.stamped_ms", self.OF, stamped(np.full(1000, 0.5), per_s=300)) == (0.5, 0.5)
        assert status("messages.stamped_ms", "<", 3, self.OF, stamped(np.full(1000, 0.5))) == "pass"
        assert status("messages.stamped_ms", "<", 3, self.OF, stamped(np.full(1000, 4.0))) == "fail"

    def test_whole_milliseconds_widen(self) -> None:
        coarse = stamped(np.full(1000, 2.5), per_s=300, unit_ns=MS)
        low, high = ends("messages.stamped_ms", self.OF, coarse)
        assert high - low == pytest.approx(1.0)
        assert low < 2.5 < high
        assert status("messages.stamped_ms", "<", 3, self.OF, coarse) == "inconclusive"

    def test_stamps_of_another_clock_say_nothing(self) -> None:
        ahead = stamped(np.full(1000, -5.0))
        assert "of another clock" in measured("messages.stamped_ms", self.OF, ahead).reason
        assert status("messages.stamped_ms", "<", 3, self.OF, ahead) == "inconclusive"

    def test_unstamped_messages_say_nothing(self) -> None:
        assert status("messages.stamped_ms", "<", 3, self.OF, stamped(np.ones(400), begin_ns=0)[:1]) == "inconclusive"


def ladder(name: str, load_of: dict[int, Load], *more: Record) -> list[Record]:
    """Windows NAME-N one after the other."""
    made: list[Record] = [*more]
    for number, load in load_of.items():
        made += load.records(np.random.default_rng(number))
    return made


def clients(number: int, at: int, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Load:
    return Load(
        steady(p50_ms, p99_ms), calls=1000, per_s=100 * number, users=number, name=f"clients-{number}",
        begin_ns=(10 + 20 * at) * S,
    )  # fmt: skip


class TestCurve:
    STEPS = (1, 2, 5, 10, 20, 50)
    OF: ClassVar[dict[str, Argument]] = {
        "windows": "clients-", "method": "GetAccount", "quantile": 0.99, "limit_ms": 5, "ratio": 1.5, "achieved": 0.99,
    }  # fmt: skip

    def curve(self, bends_at: int, *more: Record) -> list[Record]:
        # From there on a call takes four times as long, as behind a global lock.
        slow = {n: 4.0 if n >= bends_at else 1.0 for n in self.STEPS}
        loads = {n: clients(n, at, slow[n], 2 * slow[n]) for at, n in enumerate(self.STEPS)}
        return ladder("clients", loads, *more)

    @pytest.mark.parametrize("bends_at", [5, 10, 50])
    def test_the_first_client_count_that_degrades(self, bends_at: int) -> None:
        assert ends("calls.first_degraded", self.OF, self.curve(bends_at)) == (bends_at, bends_at)

    def test_a_point_of_too_few_calls_for_a_p99_does_not_hide_where_it_bends(self) -> None:
        of_hundred = {
            n: clients(n, at, 4.0 if n >= 10 else 1.0, 8.0 if n >= 10 else 2.0) for at, n in enumerate(self.STEPS)
        }
        of_hundred[1] = replace(of_hundred[1], calls=100)
        assert ends("calls.first_degraded", self.OF, ladder("clients", of_hundred)) == (10, 10)
        slow = {**of_hundred, 1: replace(of_hundred[1], draw=steady(50, 60))}
        assert ends("calls.first_degraded", self.OF, ladder("clients", slow)) == (1, 1)

    def test_nothing_that_degrades_is_above_the_last(self) -> None:
        assert ends("calls.first_degraded", self.OF, self.curve(99)) == (51, math.inf)

    def test_where_the_instrument_was_saturated_the_bend_is_not_known(self) -> None:
        busy = Fact("instrument.generator_cpu", 0.97, "", "clients-20")
        assert ends("calls.first_degraded", self.OF, self.curve(20, busy)) == (20, 50)

    def test_points_with_as_many_clients_as_they_say(self) -> None:
        of: dict[str, Argument] = {"windows": "clients-", "method": "GetAccount"}
        assert ends("calls.curve_points", of, self.curve(99)) == (6, 6)
        short = [one for one in self.curve(99) if not (isinstance(one, Call) and one.client == "load-50")]
        assert ends("calls.curve_points", of, short) == (5, 5)
        assert "clients-50: 49 clients" in measured("calls.curve_points", of, short).reason
        assert ends("calls.clients", {"window": "clients-10"}, self.curve(99)) == (10, 10)

    def test_the_highest_rate_that_still_holds(self) -> None:
        rates = {200: 1.0, 400: 1.2, 800: 4.0, 1600: 40.0}
        loads = {
            rate: Load(steady(p50, 2 * p50), 2000, rate, 20, f"rate-{rate}", (10 + 20 * at) * S, "PlaceOrder")
            for at, (rate, p50) in enumerate(rates.items())
        }
        of: dict[str, Argument] = {"windows": "rate-", "method": "PlaceOrder", "quantile": 0.99, "limit_ms": 10}
        assert ends("calls.highest_holding_per_s", of, ladder("rate", loads)) == (800, 1600)
        assert ends("calls.highest_holding_per_s", {**of, "limit_ms": 3}, ladder("rate", loads)) == (400, 800)

    def test_a_ladder_that_nobody_climbed_is_unknown(self) -> None:
        assert status("calls.first_degraded", ">=", 1, self.OF, calls([1.0] * 9)) == "inconclusive"

    def test_the_whole_case_passes_with_ten_served_like_one_and_fails_with_a_global_lock(self) -> None:
        def evidence(bends_at: int) -> list[Evidence]:
            floors: list[Record] = []
            for n in self.STEPS:
                begin_ns = (200 + 20 * n) * S
                null = Load(steady(0.1, 0.2), 1000, 100 * n, 1, f"floor-clients-{n}", begin_ns, "Null", "null")
                floors += null.records(np.random.default_rng(n))
            more = [*floors, Fact("instrument.ceiling", 9000, "", "calls"), Mark(S, "load.warm", {"how": "steady"})]
            return [Evidence.of(*self.curve(bends_at, *more))] * 5

        quick = judge(CASES["5.2.3"], evidence(20), today=TODAY)
        assert quick.status is Status.PASS, quick
        slow = judge(CASES["5.2.3"], evidence(10), today=TODAY)
        assert {one.criterion for one in slow.findings if one.status is Status.FAIL} == {"p99", "p50-ratio"}


class TestRecovery:
    OF: ClassVar[dict[str, Argument]] = {"after": "load.ended", "baseline_window": "idle", "block_s": 0.5}

    def after(self, *medians_ms: float) -> list[Record]:
        made = [*calls([1.0, 1.1] * 100, every_ms=10), *window("idle", S, 3 * S), Mark(10 * S, "load.ended")]
        for at, took_ms in enumerate(medians_ms):
            made += calls([took_ms] * 50, every_ms=10, from_ms=10_000 + at * 500)
        return made

    def test_back_when_it_stays_back(self) -> None:
        assert ends("calls.recovery_s", self.OF, self.after(9, 9, 9, 1, 1)) == (1, 1.5)
        assert ends("calls.recovery_s", self.OF, self.after(9, 1, 9, 1, 1)) == (1, 1.5)
        assert ends("calls.recovery_s", self.OF, self.after(1, 1)) == (0, 0.5)

    def test_one_that_never_comes_back(self) -> None:
        assert ends("calls.recovery_s", self.OF, self.after(*[9] * 30)) == (14.5, math.inf)
        assert status("calls.recovery_s", "<=", 10, self.OF, self.after(*[9] * 30)) == "fail"
        assert status("calls.recovery_s", "<=", 10, self.OF, self.after(9, 9, 1, 1)) == "pass"

    def test_without_a_latency_at_rest_nothing_is_known(self) -> None:
        history = [one for one in self.after(1, 1) if not isinstance(one, Mark) or one.name == "load.ended"]
        assert status("calls.recovery_s", "<=", 10, self.OF, history) == "inconclusive"


class TestUsage:
    def test_cpu_time_as_a_share_of_one_core(self) -> None:
        of: dict[str, Argument] = {"probe": "connector.cpu", "window": "steady"}
        busy = [*readings([at * 0.4 for at in range(31)], "connector.cpu"), *window("steady", 0, 30 * S)]
        assert ends("readings.busy_percent", of, busy) == pytest.approx((40, 40))
        assert status("readings.busy_percent", "<", 50, of, busy) == "pass"
        assert status("readings.busy_percent", "<", 30, of, busy) == "fail"
        restarted = [*busy, Reading(20 * S + 1, "connector.cpu", 0.0, "s")]
        assert status("readings.busy_percent", "<", 50, of, restarted) == "inconclusive"
        sparse = [*readings([1, 1.4], "connector.cpu"), *window("steady", 0, 30 * S)]
        assert status("readings.busy_percent", "<", 50, of, sparse) == "inconclusive"

    def test_mean_and_quantile(self) -> None:
        history = readings([1, 2, 3, 6])
        assert ends("readings.mean", {"probe": "connector.rss"}, history) == (3, 3)
        low, high = ends("readings.quantile", {"probe": "connector.rss", "quantile": 0.5}, readings(range(100)))
        assert low < 50 < high
        assert status("readings.mean", "<", 3, {"probe": "gone"}, history) == "inconclusive"


@pytest.mark.parametrize(
    ("p50_ms", "p99_ms", "expected"),
    [(0.8, 1.5, Status.PASS), (4.0, 8.0, Status.FAIL), (2.5, 5.0, Status.INCONCLUSIVE)],
)
def test_get_account_is_judged_by_five_trials_of_1000_calls(p50_ms: float, p99_ms: float, expected: Status) -> None:
    verdict = judge(CASES["5.1.1"], trials(Load(steady(p50_ms, p99_ms))), today=TODAY)
    p99 = next(one for one in verdict.findings if one.criterion == "p99")
    assert p99.status is expected, verdict
    if expected is Status.PASS:
        assert (verdict.status, verdict.doubts) == (Status.PASS, ())


def test_1000_calls_a_trial_can_prove_p99_and_298_cannot() -> None:
    assert refusals(CASES["5.1.1"]) == []
    assert "298 calls" in refusals(CASES["5.1.1"].model_copy(update={"load": {"calls": 298}}))[0]


def test_a_latency_that_has_to_be_felt_is_not_refused_for_what_the_best_service_does() -> None:
    felt = criterion("calls.latency_ms", ">=", 90, {"quantile": 0.5}, unit="ms", level="proof")
    assert refusals(case(felt).model_copy(update={"load": {"calls": 60}})) == []


def test_the_trial_itself_is_as_the_conventions_say() -> None:
    evidence = Evidence.of(*trial(Load()))
    assert len(evidence.calls) == 2000
    assert around()
