"""A delay that a server is known to make is in the percentiles that a verdict rests on, as long and as often."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness.evidence.clock import NS_PER_MS
from harness.evidence.evidence import Evidence
from harness.evidence.records import Outcome
from harness.evidence.tables import CallTable, Ints
from harness.trial.load.plan import LoadPlan
from harness.verdict.interval import Interval
from harness.verdict.performance import HELD
from harness.verdict.registry import metric
from suites.self.truth.loaded import evidence_of, serving
from suites.self.truth.servers import HAND, SLEEP_S, STALL_S

pytestmark = pytest.mark.self

USERS, WARM_S = 10, 0.5
ORDER = {"symbol": "BTCUSDT", "client_order_id": "{n}"}
OF = {"client": "load*", "method": "PlaceOrder", "window": "steady"}
BESIDE_MS = 3.0
"""What may be added to the least disturbed tenth of the calls; the planted delays are longer."""
NEAR_MS = 40.0
"""The quantiles of a few hundred calls are not those of all that there could be."""


def planted(kind: str, folder: Path, rate_per_s: float, seconds: float) -> tuple[Evidence, dict[int, tuple[int, int]]]:
    """The evidence of a load, and from when to when the server held each call, by its number."""
    with serving(kind) as server:
        plan = LoadPlan(
            server.address, "PlaceOrder", rate_per_s, seconds, users=USERS, warm_s=WARM_S, request=ORDER
        )  # fmt: skip
        evidence = evidence_of(folder, plan)
    assert evidence.calls.outcome.equal(Outcome.OK).all()
    return evidence, {int(name): span for name, span in server.truth.items()}


def latency_ms(evidence: Evidence, quantile: float) -> Interval:
    known = metric("calls.latency_ms")
    assert known is not None
    interval = known.measured(evidence, {**OF, "quantile": quantile}).interval
    assert interval is not None
    return interval


def windowed(evidence: Evidence, truth: dict[int, tuple[int, int]]) -> tuple[CallTable, Ints, Ints]:
    """The calls of the window, and from when to when the server held each of them."""
    (begins_ns,) = (mark.t_ns for mark in evidence.marks if mark.name == "window.begin")
    calls = evidence.calls.rows(evidence.calls.due_ns >= begins_ns)
    held = np.array([truth[int(seq)] for seq in calls.seq])
    assert (calls.sent_ns <= held[:, 0]).all(), "a call reached the server before it was sent"
    assert (calls.done_ns >= held[:, 1]).all(), "an answer was taken for that of another call"
    beside_ms = (calls.done_ns - calls.sent_ns - (held[:, 1] - held[:, 0])) / NS_PER_MS
    assert np.quantile(beside_ms, 0.1) < BESIDE_MS
    return calls, held[:, 0], held[:, 1]


def test_five_ms_on_one_percent_of_the_calls(tmp_path: Path) -> None:
    evidence, truth = planted("sleepy", tmp_path, 400, 4)
    _calls, from_ns, to_ns = windowed(evidence, truth)
    waited_ms = (to_ns - from_ns) / NS_PER_MS
    assert (waited_ms >= SLEEP_S * 1e3).mean() >= 0.008
    # Which side of p99 they are on is chance; above it there is none, and well below it neither.
    assert latency_ms(evidence, 0.995).high >= np.quantile(waited_ms, 0.995) >= SLEEP_S * 1e3
    assert latency_ms(evidence, 0.5).high < SLEEP_S * 1e3


def test_a_stall_of_half_a_second_is_not_hidden_at_a_fixed_rate(tmp_path: Path) -> None:
    evidence, truth = planted("stalling", tmp_path, 200, 4)
    calls, from_ns, to_ns = windowed(evidence, truth)
    # Where the window ends within a stall, some are late without an end: for the judge as for this test.
    never_sent = sum(int(one.value) for one in evidence.facts if one.name == HELD)
    since_due_ms = np.append((to_ns - calls.due_ns) / NS_PER_MS, np.full(never_sent, np.inf))
    # A call due into a stall waits for its end: half of all do, evenly between nothing and all of it.
    for quantile, planted_ms in ((0.75, STALL_S * 500), (0.95, STALL_S * 900), (0.99, STALL_S * 980)):
        measured = latency_ms(evidence, quantile)
        assert measured.high > planted_ms, (quantile, measured)
        assert measured.low > planted_ms - NEAR_MS, (quantile, measured)
        truth_ms = np.quantile(since_due_ms, quantile, method="inverted_cdf")
        assert measured.low - BESIDE_MS <= truth_ms <= measured.high, (quantile, measured)
    # Timed from their sending alone three quarters of the calls look quick: that is what hides a stall.
    assert np.quantile(to_ns - from_ns, 0.75) < STALL_S * 1e9 / 10


def test_answers_out_of_order_stay_with_their_calls(tmp_path: Path) -> None:
    evidence, truth = planted("shuffled", tmp_path, 400, 3)
    calls, from_ns, to_ns = windowed(evidence, truth)
    in_order = np.argsort(calls.sent_ns)
    overtaken = (np.diff(calls.done_ns[in_order]) < 0).mean()
    assert overtaken > 0.25, f"the server answers each {HAND} in the reverse order, yet only {overtaken:.0%} overtook"
    for quantile in (0.5, 0.9, 0.98):
        waited_ms = float(np.quantile((to_ns - from_ns) / NS_PER_MS, quantile))
        assert latency_ms(evidence, quantile).high >= waited_ms
