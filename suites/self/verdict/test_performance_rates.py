"""How often a verdict on a percentile is wrong: simulated services whose true percentile is known, fixed seeds.

Five trials of 1000 calls each, as 5.1.1 plans them; autocorrelated calls (phi 0.7), trials that drift by 3 %.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.evidence.evidence import Evidence
from harness.evidence.tables import CallTable, Labels
from harness.spec.loader import load_cases
from harness.verdict.judge import judge
from harness.verdict.verdict import Status

from .histories import MS, TODAY
from .loads import STEADY_NS, Draw, around, steady, swaying

pytestmark = pytest.mark.self

CASE = next(one for one in load_cases(Path(__file__).resolve().parents[3] / "specs") if one.id == "5.1.1")
LIMIT_MS, RUNS = 5.0, 34
AROUND = Evidence.of(*around())


def columns(draw: Draw, rng: np.random.Generator, calls: int = 1000, users: int = 10) -> Evidence:
    """One healthy trial with these service times, written straight as columns."""
    took_ns = (draw(rng, calls) * MS).astype(np.int64)
    at = np.arange(calls)
    due_ns = STEADY_NS + at * 10 * MS
    sent_ns = due_ns + 20_000 + (rng.exponential(30_000, calls)).astype(np.int64)
    floor = AROUND.calls
    names = Labels.of([f"load-{n % users + 1}" for n in range(calls)] + list(floor.client))
    table = CallTable(
        np.concatenate([at, floor.seq]), names,
        Labels.of(["GetAccount"] * calls + list(floor.method)),
        np.concatenate([due_ns, floor.due_ns]), np.concatenate([sent_ns, floor.sent_ns]),
        np.concatenate([sent_ns + took_ns, floor.done_ns]),
        Labels.of(["ok"] * (calls + len(floor))), Labels.of(["OK"] * (calls + len(floor))),
    ).sorted()  # fmt: skip
    end_ns = STEADY_NS + calls * 10 * MS
    begin, end = (type(AROUND.marks[0])(t_ns, f"window.{side}", {"window": "steady"})
                  for t_ns, side in ((STEADY_NS, "begin"), (end_ns, "end")))  # fmt: skip
    return Evidence(table, AROUND.messages, (*AROUND.marks, begin, end), AROUND.readings, AROUND.facts)


def verdicts(draw: Draw, seed: int, runs: int = RUNS, criterion: str = "p99") -> Counter[Status]:
    """What so many runs of the case say about one criterion."""
    rng = np.random.default_rng(seed)
    told: Counter[Status] = Counter()
    for _ in range(runs):
        judged = judge(CASE, [columns(draw, rng) for _ in range(CASE.trials)], today=TODAY)
        told[next(one.status for one in judged.findings if one.criterion == criterion)] += 1
    return told


@pytest.mark.parametrize("shape", [steady, swaying], ids=["independent", "swaying"])
class TestErrorRates:
    """A wrong answer at most in 3 of 100 runs, however close the truth is to the limit."""

    def test_a_service_just_beyond_the_limit_hardly_ever_passes(self, shape: type) -> None:
        assert verdicts(shape(LIMIT_MS * 0.6, LIMIT_MS * 1.02), 1)[Status.PASS] <= 0.03 * RUNS

    def test_a_service_just_within_the_limit_hardly_ever_fails(self, shape: type) -> None:
        assert verdicts(shape(LIMIT_MS * 0.6, LIMIT_MS * 0.98), 2)[Status.FAIL] <= 0.03 * RUNS

    def test_at_the_limit_it_is_open(self, shape: type) -> None:
        assert verdicts(shape(2.5, LIMIT_MS), 3)[Status.INCONCLUSIVE] >= 0.95 * RUNS

    def test_a_healthy_service_passes(self, shape: type) -> None:
        assert verdicts(shape(0.8, 1.5), 4)[Status.PASS] == RUNS

    def test_one_with_8_ms_fails(self, shape: type) -> None:
        assert verdicts(shape(5.0, 8.0), 5)[Status.FAIL] == RUNS

    def test_five_runs_in_a_row_never_flip_between_pass_and_fail(self, shape: type) -> None:
        for p99_ms in (3.5, 4.5, 5.0, 5.5, 7.0):
            told = verdicts(shape(p99_ms / 2, p99_ms), 6, runs=5)
            assert not (told[Status.PASS] and told[Status.FAIL]), (p99_ms, told)


def test_judging_a_case_of_five_trials(benchmark: BenchmarkFixture) -> None:
    rng = np.random.default_rng(7)
    evidences = [columns(steady(0.8, 1.5), rng) for _ in range(5)]
    assert benchmark(judge, CASE, evidences, today=TODAY).status is Status.PASS
