"""An instrument that was not good enough gives no pass and no fail, and never excuses a target that was slow itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Mark, Outcome, Reading, Record
from harness.evidence.tables import Floats
from harness.spec.case import Argument, Case, Criterion
from harness.spec.loader import load_cases
from harness.verdict.judge import judge
from harness.verdict.verdict import CaseVerdict, Status

from .histories import TODAY, S, case, criterion, window
from .loads import CEILING, STEADY_NS, WARM, Load, around, floor, stamped, steady, swaying, trial, trials

pytestmark = pytest.mark.self

CASES: dict[str, Case] = {one.id: one for one in load_cases(Path(__file__).resolve().parents[3] / "specs")}
P99: dict[str, Argument] = {"quantile": 0.99, "client": "load*", "window": "steady"}
LATENCY = criterion("calls.latency_ms", "<", 5, P99, unit="ms", id="p99")
RATE = criterion("calls.rate_per_s", ">", 90, {"client": "load*", "window": "steady"}, id="rate")
OK = (Outcome.OK, "OK")
QUICK, SLOW = Load(steady(0.8, 1.5)), Load(steady(8.0, 10.0))


def verdict(one: Criterion, records: list[Record]) -> CaseVerdict:
    return judge(case(one, id="5.1.1", group="performance"), [Evidence.of(*records)], today=TODAY)


def names(judged: CaseVerdict) -> set[str]:
    return {doubt.name for doubt in judged.doubts}


def fact(name: str, value: float, subject: str = "steady") -> Fact:
    return Fact(name, value, "", subject)


def test_a_healthy_instrument_raises_no_doubt_about_a_quick_and_about_a_slow_target() -> None:
    assert (verdict(LATENCY, trial(QUICK)).status, names(verdict(LATENCY, trial(QUICK)))) == (Status.PASS, set())
    assert (verdict(LATENCY, trial(SLOW)).status, names(verdict(LATENCY, trial(SLOW)))) == (Status.FAIL, set())
    assert verdict(RATE, trial(QUICK)).status is Status.PASS


@pytest.mark.parametrize(
    ("spoils", "name"),
    [
        (fact("instrument.generator_cpu", 0.9), "generator saturated"),
        (fact("instrument.ceiling", 110, "calls"), "ceiling too near"),
        (fact("instrument.unsent", 15), "calls never sent"),
        (fact("host.steal_percent", 4), "stolen time"),
        (fact("host.throttled", 2), "throttled"),
    ],
)
def test_a_saturated_instrument_gives_neither_pass_nor_fail(spoils: Record, name: str) -> None:
    rare = criterion("calls.latency_ms", "<", 5, {**P99, "quantile": 0.5}, unit="ms")
    for one, load in ((rare, QUICK), (rare, SLOW), (RATE, QUICK)):
        judged = verdict(one, trial(load, spoils))
        assert judged.status is Status.INCONCLUSIVE, (one, load)
        assert names(judged) == {name}
        assert all(doubt.hint for doubt in judged.doubts)


@pytest.mark.parametrize(
    "harmless",
    [
        fact("instrument.generator_cpu", 0.9, "warm-up"), fact("instrument.generator_cpu", 0.84),
        fact("instrument.ceiling", 130, "calls"), fact("instrument.unsent", 5), fact("host.steal_percent", 1.9),
    ],
)  # fmt: skip
def test_what_an_instrument_can_bear_is_no_doubt(harmless: Record) -> None:
    rare = criterion("calls.latency_ms", "<", 5, {**P99, "quantile": 0.5}, unit="ms")
    assert (verdict(rare, trial(QUICK, harmless)).status, names(verdict(rare, trial(QUICK, harmless)))) == (
        Status.PASS,
        set(),
    )


class TestLateness:
    # The generator stands still for 30 ms before every 20th call, though its users are free.
    STALLING = Load(steady(0.8, 1.5), stall_ms=30, stall_every=20)

    def test_a_generator_that_stalls_is_neither_pass_nor_fail(self) -> None:
        judged = verdict(LATENCY, trial(self.STALLING))
        assert judged.status is Status.INCONCLUSIVE
        assert "late generator" in names(judged)

    def test_a_target_that_keeps_its_users_waiting_is_no_late_generator(self) -> None:
        # 1000 calls/s of users who each wait: the target needs 30 ms for every 20th call, and they queue behind it.
        def uneven(rng: np.random.Generator, n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            return np.where(np.arange(n) % 20 == 0, 30.0, 0.5)

        judged = verdict(LATENCY, trial(Load(uneven, per_s=100, users=1)))
        assert judged.status is Status.FAIL
        assert names(judged) == set()

    def test_a_miss_by_far_more_than_the_lateness_stays_one(self) -> None:
        judged = verdict(LATENCY, trial(Load(steady(300, 400), per_s=20, users=40, stall_ms=6, stall_every=3)))
        assert "late generator" in names(judged)
        assert judged.status is Status.FAIL


class TestBursts:
    def bunched(self, load: Load) -> list[Record]:
        """A generator that wakes every 50 ms and then sends what has become due."""
        made: list[Record] = []
        for one in trial(load):
            if isinstance(one, Call) and one.client.startswith("load"):
                wake = -(-one.due_ns // (50 * 1_000_000)) * 50 * 1_000_000 + one.seq % 5
                one = Call(one.seq, one.client, one.method, one.due_ns, wake, wake + one.done_ns - one.sent_ns,
                           one.outcome, one.code)  # fmt: skip
            made.append(one)
        return made

    def test_hidden_bursts_are_told(self) -> None:
        loose = LATENCY.model_copy(update={"limit": 500.0})
        judged = verdict(loose, self.bunched(QUICK))
        assert "hidden bursts" in names(judged)
        assert judged.status is Status.INCONCLUSIVE

    def test_arrivals_by_chance_are_no_bursts(self) -> None:
        rng = np.random.default_rng(4)
        dues = STEADY_NS + np.cumsum(rng.exponential(10_000_000, 1000)).astype(np.int64)
        poisson = [Call(at, f"load-{at % 30}", "GetAccount", int(due), int(due), int(due) + 800_000, *OK)
                   for at, due in enumerate(dues)]  # fmt: skip
        judged = verdict(LATENCY, [*around(), *poisson, *window("steady", STEADY_NS, int(dues[-1]) + S)])
        assert (judged.status, names(judged)) == (Status.PASS, set())

    def test_a_target_that_answers_many_at_once_makes_them_call_at_once(self) -> None:
        tick_ns, users, made = 10_000_000, 8, []
        free_ns = [0] * users
        for at in range(3000):
            due_ns = STEADY_NS + int(at * S / 1100)
            sent_ns = max(due_ns, free_ns[at % users]) + 20_000 * (1 + at % users)  # what the generator itself needs
            free_ns[at % users] = -(-sent_ns // tick_ns) * tick_ns
            made.append(Call(at, f"load-{at % users}", "GetAccount", due_ns, sent_ns, free_ns[at % users], *OK))
        judged = verdict(LATENCY, [*around(floor(per_s=1100)), *made, *window("steady", STEADY_NS, max(free_ns))])
        assert (judged.status, names(judged)) == (Status.FAIL, set())

    def test_users_that_catch_up_after_a_slow_answer_are_no_bursts(self) -> None:
        def stalling(rng: np.random.Generator, n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
            return np.where(np.arange(n) % 100 == 0, 500.0, 0.1)

        judged = verdict(LATENCY, trial(Load(stalling, users=1)))
        assert (judged.status, names(judged)) == (Status.FAIL, set())


class TestFloorAndCeiling:
    def test_a_floor_within_reach_of_the_limit_leaves_it_open(self) -> None:
        near = floor(1.0, 3.0)
        assert names(verdict(LATENCY, trial(QUICK, floor_records=near))) == {"floor too near"}
        assert verdict(LATENCY, trial(QUICK, floor_records=near)).status is Status.INCONCLUSIVE
        barely = Load(steady(5.5, 6.2))
        assert verdict(LATENCY, trial(barely, floor_records=near)).status is Status.INCONCLUSIVE

    def test_a_miss_by_more_than_the_whole_floor_stays_one(self) -> None:
        judged = verdict(LATENCY, trial(SLOW, floor_records=floor(1.0, 3.0)))
        assert names(judged) == {"floor too near"}
        assert judged.status is Status.FAIL

    @pytest.mark.parametrize(("gone", "name"), [("floor", "no floor"), ("ceiling", "no ceiling")])
    def test_without_floor_or_ceiling_nothing_passes_and_a_miss_stays_one(self, gone: str, name: str) -> None:
        def without(load: Load) -> list[Record]:
            return [
                one for one in trial(load, floor_records=[] if gone == "floor" else None)
                if not (isinstance(one, Fact) and one.name == f"instrument.{gone}")
            ]  # fmt: skip

        assert verdict(LATENCY, without(QUICK)).status is Status.INCONCLUSIVE
        assert names(verdict(LATENCY, without(QUICK))) == {name}
        assert verdict(LATENCY, without(SLOW)).status is Status.FAIL

    def test_why_it_could_not_be_measured_is_told(self) -> None:
        why = Fact("unmeasurable", 1, "", "instrument.floor", "the null server did not start")
        judged = verdict(LATENCY, trial(QUICK, why, floor_records=[]))
        assert "the null server did not start" in judged.reason

    def test_a_floor_at_a_lower_rate_or_of_few_calls_is_none(self) -> None:
        assert names(verdict(LATENCY, trial(QUICK, floor_records=floor(per_s=50)))) == {"floor at another rate"}
        assert names(verdict(LATENCY, trial(QUICK, floor_records=floor(calls=200)))) == {"floor from too few samples"}
        assert verdict(LATENCY, trial(QUICK, floor_records=floor(calls=200))).status is Status.INCONCLUSIVE

    def test_each_window_may_have_a_floor_of_its_own(self) -> None:
        own = Load(steady(1, 3), name="floor-steady", begin_ns=S, users=1, client="null").records(
            np.random.default_rng(1)
        )
        assert names(verdict(LATENCY, trial(QUICK, floor_records=own))) == {"floor too near"}

    def test_streams_have_a_floor_and_a_ceiling_too(self) -> None:
        of: dict[str, Argument] = {"quantile": 0.99, "client": "load", "stream": "prices", "window": "steady"}
        one = criterion("messages.stamped_ms", "<", 3, of, unit="ms")
        load = stamped(np.full(1000, 0.5))
        null = {"client": "null", "stream": "null", "name": "floor", "begin_ns": S}
        quick, slow = (stamped(np.full(1000, took), **null) for took in (0.2, 2.0))  # type: ignore[arg-type]
        assert verdict(one, [*CEILING, *WARM, *quick, *load]).status is Status.PASS
        assert names(verdict(one, [*CEILING, *WARM, *slow, *load])) == {"floor too near"}
        assert names(verdict(one, [*CEILING, *WARM, *load])) == {"no floor"}
        low = fact("instrument.ceiling", 110, "messages")
        assert names(verdict(one, [low, *WARM, *quick, *load])) == {"ceiling too near"}

    def test_cases_of_other_groups_need_no_calibration(self) -> None:
        judged = judge(case(LATENCY), [Evidence.of(*QUICK.records(np.random.default_rng(1)))], today=TODAY)
        assert (judged.status, judged.doubts) == (Status.PASS, ())

    def test_counts_memory_and_proofs_need_no_calibration(self) -> None:
        failed = criterion("calls.failed", "==", 0, {"window": "steady"})
        assert verdict(failed, QUICK.records(np.random.default_rng(1))).status is Status.PASS


def test_a_window_that_began_before_the_warm_up_was_over_never_passes() -> None:
    cold = [one for one in trial(QUICK) if not (isinstance(one, Mark) and one.name == "load.warm")]
    assert names(verdict(LATENCY, cold)) == {"not warm"}
    assert verdict(LATENCY, cold).status is Status.INCONCLUSIVE
    late = [*cold, Mark(STEADY_NS + S, "load.warm", {"how": "too late"})]
    assert verdict(LATENCY, late).status is Status.INCONCLUSIVE


def test_a_slower_clock_may_have_caused_a_miss_and_never_a_pass() -> None:
    slower = fact("host.cpu_mhz_min", 1200)
    assert verdict(LATENCY, trial(QUICK, slower)).status is Status.PASS
    judged = verdict(LATENCY, trial(SLOW, slower))
    assert judged.status is Status.INCONCLUSIVE
    assert names(judged) == {"changing frequency"}


class TestBrokenStreams:
    STAMPED = criterion(
        "messages.stamped_ms", "<", 3, {"quantile": 0.99, "client": "load", "window": "steady"}, unit="ms"
    )

    def judged(self, *down_ns: int) -> CaseVerdict:
        opened = Mark(STEADY_NS - S, "stream.opened", {"client": "load", "stream": "prices", "subscription": "1"})
        null = stamped(np.full(400, 0.1), client="null", stream="null", name="floor", begin_ns=S)
        broke = [
            Mark(t_ns, "stream.down", {"client": "load", "stream": "prices", "code": "UNAVAILABLE"}) for t_ns in down_ns
        ]
        return verdict(self.STAMPED, [*around(null), opened, *stamped(np.ones(1000)), *broke])

    def test_a_stream_that_breaks_and_comes_back_proves_nothing(self) -> None:
        judged = self.judged(STEADY_NS + S, STEADY_NS + 2 * S)
        assert (judged.status, names(judged)) == (Status.INCONCLUSIVE, {"broken stream"})
        assert "broke 2 times (UNAVAILABLE)" in judged.reason

    def test_its_end_after_the_window_is_nobodys_business(self) -> None:
        assert (self.judged(STEADY_NS + 60 * S).status, names(self.judged())) == (Status.PASS, set())


def test_user_space_stamps_are_told_and_decide_nothing() -> None:
    judged = verdict(LATENCY, trial(QUICK, Fact("instrument.stamps", 0, "")))
    assert (judged.status, names(judged)) == (Status.PASS, {"user-space stamps"})


def test_a_difference_from_too_few_samples_is_told() -> None:
    of: dict[str, Argument] = {"quantile": 0.99, "client": "other", "baseline_client": "load*", "window": "steady"}
    other = Load(client="other", calls=200, users=1, per_s=20, begin_ns=STEADY_NS).records(np.random.default_rng(2))
    judged = verdict(criterion("calls.latency_added_ms", "<", 5, of, unit="ms"), [*trial(QUICK), *other])
    assert judged.status is Status.INCONCLUSIVE
    assert "too few samples" in names(judged)


class TestTrialsThatDisagree:
    def judged(self, *medians_ms: float) -> CaseVerdict:
        evidences = [
            Evidence.of(*trial(Load(steady(p50, 1.5 * p50)), seed=at)) for at, p50 in enumerate(medians_ms, start=1)
        ]
        return judge(case(LATENCY, id="5.1.1", group="performance", trials=5), evidences, today=TODAY)

    def test_one_trial_far_from_the_others_near_the_limit_leaves_it_open(self) -> None:
        judged = self.judged(1.0, 1.0, 1.0, 1.0, 2.6)
        assert judged.status is Status.INCONCLUSIVE
        assert names(judged) == {"trials disagree"}
        judged = self.judged(9.0, 9.0, 9.0, 9.0, 3.3)
        assert judged.status is Status.INCONCLUSIVE
        assert names(judged) == {"trials disagree"}

    def test_a_target_that_is_erratic_and_misses_in_each_of_five_trials_has_missed(self) -> None:
        judged = self.judged(40, 45, 300, 310, 900)
        assert (judged.status, names(judged)) == (Status.FAIL, {"trials disagree"})

    def test_four_that_miss_may_all_have_had_bad_luck(self) -> None:
        assert self.judged(9.0, 9.0, 9.0, 4.0).status is Status.INCONCLUSIVE

    def test_one_far_from_the_limit_is_told_and_decides_nothing(self) -> None:
        judged = self.judged(0.5, 0.5, 0.5, 0.5, 1.0)
        assert (judged.status, names(judged)) == (Status.PASS, {"trials disagree"})

    def test_a_trial_that_says_too_little_is_not_explained_by_a_sliver_between_it_and_the_others(self) -> None:
        def one_in_a_hundred(rng: np.random.Generator, n: int) -> Floats:
            """Its 99th percentile is anywhere from the slowest of the others to 20 ms."""
            return np.where(rng.permutation(n) < n // 100, 20.0, steady(1.2, 1.9)(rng, n))

        draws = [steady(1.0, 1.5)] * 5 + [one_in_a_hundred]
        evidences = [Evidence.of(*trial(Load(draw), seed=at)) for at, draw in enumerate(draws, start=1)]
        judged = judge(case(LATENCY, id="5.1.1", group="performance", trials=6), evidences, today=TODAY)
        assert (judged.status, names(judged)) == (Status.INCONCLUSIVE, set())

    def test_trials_that_agree_are_not_told(self) -> None:
        assert names(self.judged(1.0, 1.02, 0.98, 1.01, 0.99)) == set()

    def test_the_usual_drift_is_not_told(self) -> None:
        told = [
            names(judge(CASES["5.1.1"], trials(Load(swaying(0.8, 1.5)), seed=seed), today=TODAY)) for seed in range(10)
        ]
        assert told == [set()] * 10


def others(*used_s: float) -> list[Record]:
    """One reading every half second of the window."""
    return [Reading(STEADY_NS + at * S // 2, "host.others", value, "s") for at, value in enumerate(used_s)]


def test_a_busy_machine_excuses_a_miss_and_keeps_no_pass_back() -> None:
    busy, quiet = others(7.0, 7.3, 7.6), others(7.0, 7.02, 7.04)
    missed, kept = verdict(LATENCY, trial(SLOW) + busy), verdict(LATENCY, trial(QUICK) + busy)
    assert (missed.status, names(missed)) == (Status.INCONCLUSIVE, {"busy machine"})
    assert kept.status is Status.PASS
    assert verdict(LATENCY, trial(SLOW) + quiet).status is Status.FAIL
    assert names(verdict(LATENCY, trial(SLOW) + others(7.0))) == set(), "one reading tells no use"
