"""Two runs of the same thing show no difference, a slower one is found, and what cannot be compared is refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Outcome, Record
from harness.verdict.comparison import Answer, Comparison, Setting, comparable, compared, overall

from .loads import Draw, Load, around, stamped, steady, swaying, trial
from .test_performance_rates import columns

pytestmark = pytest.mark.self

PAIRS = 20


def run(rng: np.random.Generator, slowdown: float = 1.0, trials: int = 5) -> list[Evidence]:
    """Trials of 1000 autocorrelated calls (phi 0.5, p99 twice the median) that drift by 3 % from trial to trial."""
    return [columns(swaying(0.8 * slowdown, 1.6 * slowdown, phi=0.5), rng) for _ in range(trials)]


def answers(slowdown: float, seed: int, pairs: int = PAIRS) -> Counter[Answer]:
    rng = np.random.default_rng(seed)
    return Counter(overall(compared(run(rng), run(rng, slowdown))) for _ in range(pairs))


def with_tail(tail_ms: float) -> Draw:
    """0.8 ms, and for three calls in a hundred `tail_ms`."""
    return lambda rng, n: np.where(rng.random(n) < 0.03, tail_ms, 0.8) * (1 + 0.05 * rng.random(n))


def named(comparisons: tuple[Comparison, ...], metric: str) -> Comparison:
    return next(one for one in comparisons if one.metric == metric)


class TestAnswers:
    def test_the_same_thing_twice_shows_a_difference_in_hardly_any_pair(self) -> None:
        # Over 600 pairs it was 1 in 200, so that 20 of 20 pairs without an alarm come about 9 times in 10.
        assert answers(1.0, 1, pairs=100)[Answer.NO_DIFFERENCE] >= 98

    def test_a_slowdown_by_15_percent_is_found_in_9_of_10_pairs_and_more(self) -> None:
        # Over 200 pairs it was found in 193; one by 10 % in three of four, one by 20 % always.
        assert answers(1.15, 2, pairs=40)[Answer.SLOWER] >= 36

    def test_a_speed_up_is_told_as_one(self) -> None:
        told = answers(1 / 1.2, 3)
        assert told[Answer.FASTER] >= 18
        assert not told[Answer.SLOWER]

    def test_less_than_a_twentieth_is_never_a_difference(self) -> None:
        rng = np.random.default_rng(4)
        a = [columns(steady(0.8, 0.9), rng) for _ in range(5)]
        b = [columns(steady(0.824, 0.927), rng) for _ in range(5)]
        assert overall(compared(a, b)) is Answer.NO_DIFFERENCE

    def test_a_tail_that_grew_alone_is_found(self) -> None:
        rng = np.random.default_rng(5)
        a, b = ([columns(with_tail(tail_ms), rng) for _ in range(5)] for tail_ms in (2.0, 7.0))
        told = compared(a, b)
        assert (named(told, "p99").answer, named(told, "p50").answer) == (Answer.SLOWER, Answer.NO_DIFFERENCE)


def test_the_ratio_lies_in_its_interval() -> None:
    rng = np.random.default_rng(6)
    held = 0
    for _ in range(PAIRS):
        ratio = named(compared(run(rng), run(rng, 1.3)), "p50").ratio
        held += ratio is not None and ratio.holds(1.3)
    assert held == PAIRS


def test_values_noise_and_effect_are_told() -> None:
    rng = np.random.default_rng(7)
    told = named(compared(run(rng), run(rng, 1.5)), "p50")
    assert told.subject == "GetAccount of load in steady"
    assert told.a == pytest.approx(0.83, rel=0.06)
    assert told.b == pytest.approx(1.22, rel=0.06)
    assert 0.05 <= told.noise < 0.3
    assert told.effect is not None
    assert told.effect > 0.8


def test_two_trials_are_too_little() -> None:
    rng = np.random.default_rng(8)
    told = compared(run(rng, trials=2), run(rng, 3.0, trials=2))
    assert {one.answer for one in told} <= {Answer.TOO_LITTLE, Answer.NO_DIFFERENCE}
    assert named(told, "p99").ratio is None
    assert overall(()) is Answer.TOO_LITTLE


def test_too_few_calls_say_nothing_about_a_high_quantile() -> None:
    rng = np.random.default_rng(9)
    few = [columns(steady(0.8, 1.5), rng, calls=200) for _ in range(5)]
    told = compared(few, few)
    assert (named(told, "p99").answer, named(told, "p50").answer) == (Answer.TOO_LITTLE, Answer.NO_DIFFERENCE)


def test_errors_are_compared_too() -> None:
    def failing(share: float, seed: int) -> list[Evidence]:
        made = []
        for at in range(5):
            rng = np.random.default_rng((seed, at))
            records: list[Record] = [
                replace(one, outcome=Outcome.FAIL, code="UNAVAILABLE")
                if isinstance(one, Call) and one.client != "null" and rng.random() < share
                else one
                for one in trial(Load(calls=400), seed=seed + at)
            ]
            made.append(Evidence.of(*records))
        return made

    more = compared(failing(0.002, 1), failing(0.03, 2))
    assert named(more, "errors").answer is Answer.MORE_ERRORS
    assert overall(more) is Answer.MORE_ERRORS
    assert named(compared(failing(0.01, 3), failing(0.01, 4)), "errors").answer is Answer.NO_DIFFERENCE
    none = named(compared(failing(0, 5), failing(0, 6)), "errors")
    assert (none.a, none.b, none.answer) == (0, 0, Answer.NO_DIFFERENCE)


def test_a_lower_rate_is_slower() -> None:
    def at(per_s: float) -> list[Evidence]:
        return [Evidence.of(*trial(Load(calls=400, per_s=per_s), seed=seed)) for seed in range(1, 4)]

    assert named(compared(at(100), at(80)), "rate").answer is Answer.SLOWER


def test_streams_are_compared_and_the_instrument_alone_is_not() -> None:
    def streaming(took_ms: float, seed: int) -> list[Evidence]:
        rng = np.random.default_rng(seed)
        return [Evidence.of(*around(), *stamped(took_ms + 0.1 * rng.random(500), per_s=300)) for _ in range(3)]

    told = compared(streaming(0.5, 1), streaming(0.9, 2))
    assert {one.subject for one in told} == {"prices to load in steady"}
    assert named(told, "p50").answer is Answer.SLOWER


SETTING = Setting("lab", "a processor", 2, "6.1", "reference", "process")


def test_like_runs_may_be_compared() -> None:
    assert comparable(SETTING, SETTING) == ""


@pytest.mark.parametrize(
    ("other", "named_in_it"),
    [
        (replace(SETTING, host="other"), "host lab and other"), (replace(SETTING, profile="opensqt"), "profile"),
        (replace(SETTING, launcher="container"), "launcher"), (replace(SETTING, cpus=4), "number of CPUs 2 and 4"),
        (replace(SETTING, cpu_model="x"), "processor"), (replace(SETTING, kernel="6.2"), "kernel"),
    ],
)  # fmt: skip
def test_unlike_runs_are_refused_in_one_sentence(other: Setting, named_in_it: str) -> None:
    told = comparable(SETTING, other)
    assert named_in_it in told
    assert "\n" not in told
