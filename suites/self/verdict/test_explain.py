"""The text of a miss: what, by how much, what is doubtful, and where to look; plain ASCII."""

from __future__ import annotations

import math

import pytest

from harness.evidence.records import Mark
from harness.verdict.explain import explain, interval_text, number_with_unit
from harness.verdict.interval import Interval

from .histories import S, calls, criterion, facts, judged

pytestmark = pytest.mark.self


@pytest.mark.parametrize(
    ("interval", "unit", "op", "expected"),
    [
        (Interval(0.78, 0.83), "s", "<=", "0.83 s [0.78, 0.83]"),
        (Interval(0.78, 0.83), "s", ">=", "0.78 s [0.78, 0.83]"),
        (Interval(0, 1), "", "==", "[0, 1]"),
        (Interval(3, 3), "updates", "==", "3 updates"),
        (Interval(12.3456, math.inf), "s", "<=", "at least 12.3 s"),
        (Interval(-math.inf, 4), "ms", "<=", "at most 4 ms"),
        (Interval(-math.inf, math.inf), "ms", "<=", "unknown"),
        (Interval(0, 5 * 1024**2), "bytes", "<=", "5 MiB [0, 5]"),
        (None, "s", "<=", "not measured"),
    ],
)
def test_intervals(interval: Interval | None, unit: str, op: str, expected: str) -> None:
    assert interval_text(interval, unit, op) == expected


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (10, "s", "10 s"), (0.0123456, "s", "0.0123 s"), (1234.5678, "/s", "1235 /s"), (67108864, "bytes", "64 MiB"),
        (1000, "bytes", "1000 bytes"), (99.96, "ms", "100 ms"), (0.00001234, "", "1.2e-05"), (-2, "", "-2"),
        (0, "s", "0 s"), (math.inf, "s", "inf"), (1e6, "orders", "1000000 orders"),
    ],
)  # fmt: skip
def test_numbers(value: float, unit: str, expected: str) -> None:
    assert number_with_unit(value, unit) == expected


def test_a_miss_reads_case_status_criteria_doubts_and_path() -> None:
    p99 = criterion("calls.latency_ms", "<", 5, {"quantile": 0.99}, unit="ms", id="p99")
    swift = criterion("facts.value", "<=", 10, {"name": "took"}, unit="s", id="swift", level="advisory")
    verdict = judged([p99, swift], [*calls([9.0] * 100), *facts("took", 0.83)])
    assert explain(verdict, "reports/run-1/cases/3.1.1/evidence") == (
        "3.1.1 A made-up case: FAIL",
        "  [fail] p99 (required): what it says: at least 9 ms < 5 ms; 100 samples cannot bound p99 from above, 368 can",
        "  [pass] swift (advisory): what it says: 0.83 s <= 10 s",
        "  doubt: too few samples: p99: 100 samples cannot bound p99; hint: plan at least 368 samples, or judge a lower"
        " quantile",
        "  evidence: reports/run-1/cases/3.1.1/evidence",
    )


def test_what_kept_the_case_from_passing_besides_its_criteria_is_told() -> None:
    good = criterion("facts.value", "==", 1, {"name": "good"})
    lines = explain(judged([good], [*facts("good", 1), Mark(S, "trial.cut_short", {"reason": "nothing came"})]))
    assert lines[:2] == ("3.1.1 A made-up case: INCONCLUSIVE", "  cut short: nothing came")


def test_rounding_never_makes_a_miss_look_like_the_limit() -> None:
    took = criterion("facts.value", "<=", 10, {"name": "took"}, unit="s")
    line = explain(judged([took], facts("took", 10.0004)))[1]
    assert "10.0004" in line


def test_the_text_is_ascii_whatever_the_target_said() -> None:
    good = criterion("facts.value", "==", 1, {"name": "good"})
    lines = explain(judged([good], [Mark(S, "trial.error", {"reason": "größe ≤ 5 \x1b"})]), "/päth")
    assert all(line.isascii() for line in lines)
