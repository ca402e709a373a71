"""Laws of judging: worse evidence never gives a better verdict, and the order of merging never shows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence.records import Mark, Outcome, Reading, Record
from harness.spec.case import Argument, Criterion
from harness.verdict.verdict import Status

from .histories import MS, S, calls, criterion, deliveries, facts, judged, live, readings, stream_mark, updates, window

pytestmark = pytest.mark.self
law = settings(derandomize=True, deadline=None, max_examples=60)

P99 = [criterion("calls.latency_ms", "<", 5, {"quantile": 0.99})]
P50 = [criterion("calls.latency_ms", "<", 5, {"quantile": 0.5})]
DELIVERY = [criterion("messages.delivery_ms", "<=", 10, {"quantile": 0.99, "client": "c1"})]
_latencies = st.lists(st.sampled_from([0.5, 2.0, 4.9, 5.0, 8.0]), min_size=1, max_size=6)


def spread(kinds: list[float], samples: int) -> list[float]:
    """So many latencies of these kinds in turn."""
    return [kinds[at % len(kinds)] for at in range(samples)]


@law
@given(_latencies, st.integers(1, 900), st.integers(0, 20), st.sampled_from([P99, P50]))
def test_a_later_sender_never_turns_anything_into_a_pass(
    kinds: list[float], samples: int, late_ms: int, which: list[Criterion]
) -> None:
    latencies = spread(kinds, samples)
    punctual, late = judged(which, calls(latencies)), judged(which, calls(latencies, late_ms=late_ms))
    assert late.status in (punctual.status, Status.INCONCLUSIVE)


@law
@given(_latencies, st.integers(1, 900), st.integers(1, 900), st.sampled_from([P99, P50]))
def test_fewer_equal_samples_never_turn_anything_into_a_pass(
    kinds: list[float], samples: int, fewer: int, which: list[Criterion]
) -> None:
    worst = max(kinds)
    many = judged(which, calls([worst] * max(samples, fewer)))
    few = judged(which, calls([worst] * min(samples, fewer)))
    assert few.status is not Status.PASS or many.status is Status.PASS


@law
@given(st.integers(1, 600), st.integers(0, 40), st.integers(0, 40))
def test_a_slower_target_never_does_better(samples: int, late_ms: int, more_ms: int) -> None:
    def delivered(ms: int) -> list[Record]:
        serials = range(1, samples + 1)
        return [*live(), *updates(serials), *deliveries(serials, late_ns=ms * MS), Mark(2 * S, "trial.settled")]

    order = [Status.FAIL, Status.INCONCLUSIVE, Status.PASS]
    slow, slower = judged(DELIVERY, delivered(late_ms)).status, judged(DELIVERY, delivered(late_ms + more_ms)).status
    assert order.index(slower) <= order.index(slow)


@law
@given(st.integers(368, 600), st.sets(st.integers(1, 600), max_size=40), st.integers(0, 15))
def test_dropping_deliveries_never_turns_anything_into_a_pass(samples: int, dropped: set[int], late_ms: int) -> None:
    def delivered(serials: list[int]) -> list[Record]:
        history = [*live(), *updates(range(1, samples + 1)), Mark(2 * S, "trial.settled")]
        return [*history, *deliveries(serials, late_ns=late_ms * MS)]

    every = list(range(1, samples + 1))
    whole = judged(DELIVERY, delivered(every))
    less = judged(DELIVERY, delivered([n for n in every if n not in dropped]))
    assert less.status is not Status.PASS or whole.status is Status.PASS


@law
@given(st.floats(0, 0.1), st.integers(0, 30))
def test_a_late_instrument_never_turns_anything_into_a_pass_nor_into_a_failure(lag_s: float, late_ms: int) -> None:
    serials = range(1, 401)
    history = [*live(), *updates(serials), *deliveries(serials, late_ns=late_ms * MS), Mark(2 * S, "trial.settled")]
    calm = judged(DELIVERY, history).status
    assert judged(DELIVERY, [*history, Reading(S, "instrument.lag", lag_s, "s")]).status in (calm, Status.INCONCLUSIVE)


RICH: list[Record] = [
    *live("c1", "c2"), *updates(range(1, 61)), *deliveries(range(1, 61)), *deliveries([*range(1, 59), 58], "c2"),
    *calls([1.0] * 30), *calls([3.0] * 3, outcome=Outcome.FAIL, code="UNAVAILABLE", from_ms=1010),
    *readings([5, 6, 9, 5]), *facts("answer", 1, 0), *window("w", 10 * MS, 40 * MS), stream_mark(70 * MS, "down", "c2"),
    Mark(20 * MS, "baseline"), Mark(3 * S, "settled"), Mark(80 * MS, "trial.settled"),
]  # fmt: skip
METRICS: tuple[tuple[str, dict[str, Argument]], ...] = (
    ("messages.count", {"client": "c2"}), ("messages.missing", {"client": "c*"}), ("messages.unknown", {}),
    ("messages.duplicates", {"client": "c*"}), ("messages.reordered", {}), ("messages.wrong", {}),
    ("messages.complete_clients", {"client": "c*"}), ("messages.sequence_differences", {"client": "c*"}),
    ("messages.payload_differences", {"client": "c*"}), ("messages.delivery_ms", {"quantile": 0.5}),
    ("messages.first_s", {"client": "c*", "stream": "prices"}), ("messages.rate_per_s", {"client": "c1"}),
    ("marks.elapsed_s", {"from": "stream.live", "to": "stream.down", "client": "c*"}),
    ("marks.count", {"name": "stream.live"}), ("marks.order", {"first": "stream.live", "then": "stream.down"}),
    ("calls.latency_ms", {"quantile": 0.5}), ("calls.error_percent", {}), ("calls.failed", {}),
    ("calls.rate_per_s", {}), ("calls.achieved_ratio", {}), ("readings.max", {"probe": "connector.rss"}),
    ("readings.growth", {"probe": "connector.rss", "from": "baseline", "to": "settled"}),
    ("facts.value", {"name": "answer"}), ("facts.failing", {"name": "answer"}),
)  # fmt: skip
EVERYTHING = [criterion(name, "==", 0, of, id=f"n{at}") for at, (name, of) in enumerate(METRICS)]


@law
@given(st.randoms(use_true_random=False))
def test_the_order_in_which_evidence_is_merged_never_shows(shuffle: random.Random) -> None:
    shuffled = list(RICH)
    shuffle.shuffle(shuffled)
    assert judged(EVERYTHING, shuffled) == judged(EVERYTHING, RICH)


def test_the_rich_history_gives_every_metric_something_to_measure() -> None:
    for finding in judged(EVERYTHING, RICH).findings:
        assert finding.interval is not None, finding
        assert finding.status is not Status.ERROR, finding
        assert not finding.reason.startswith("no "), finding
