"""What makes a measurement suspicious is said with a hint, and keeps a criterion from passing where it must."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark, Reading, Record
from harness.spec.case import Argument, Case, Criterion
from harness.verdict import doubts
from harness.verdict.judge import judge
from harness.verdict.raised import Raised
from harness.verdict.verdict import CaseVerdict, Doubt, Status

from .histories import MS, TODAY, S, calls, case, criterion, deliveries, judged, live, readings, updates, window

pytestmark = pytest.mark.self

P99 = criterion("messages.delivery_ms", "<=", 10, {"quantile": 0.99, "client": "c1"}, unit="ms")
RSS = criterion("readings.max", "<=", 50, {"probe": "connector.rss"})


def stream(count: int = 400) -> list[Record]:
    serials = range(1, count + 1)
    return [*live(), *updates(serials), *deliveries(serials), Mark((count + 9) * MS, "trial.settled")]


def only(verdict: CaseVerdict) -> Doubt:
    assert len(verdict.doubts) == 1, verdict.doubts
    assert verdict.doubts[0].hint
    return verdict.doubts[0]


def test_a_clean_history_raises_no_doubt() -> None:
    lag = [Reading(S, "instrument.lag", 0.001, "s")]
    verdict = judged([P99, RSS], [*stream(), *lag, *readings([1] * 50)])
    assert (verdict.status, verdict.doubts) == (Status.PASS, ())


def test_torn_evidence_never_passes() -> None:
    torn = replace(Evidence.of(*stream()), torn=("messages.arrows: the end is torn",))
    verdict = judge(case(P99), [torn], today=TODAY)
    assert verdict.status is Status.INCONCLUSIVE
    assert only(verdict).name == "torn evidence"
    assert "the end is torn" in verdict.reason


def test_torn_evidence_still_shows_a_sure_miss() -> None:
    torn = replace(Evidence.of(*calls([1.0] * 9)), torn=("calls.arrows: the end is torn",))
    assert judge(case(criterion("calls.count", "<=", 5)), [torn], today=TODAY).status is Status.FAIL


def test_a_late_instrument_is_told_where_limits_are_tight() -> None:
    verdict = judged([P99], [*stream(), Reading(S, "instrument.lag", 0.008, "s")])
    assert only(verdict).name == "instrument lag"
    assert "8 ms late" in only(verdict).says
    of: dict[str, Argument] = {**P99.of, "window": "w", "baseline": "w", "resolution_ms": 10}
    ratio = criterion("messages.delivery_ratio", "<=", 2, of)
    lagging = [*stream(), *window("w", 0, S), Reading(S, "instrument.lag", 0.008, "s")]
    assert only(judged([ratio], lagging)).name == "instrument lag"
    loose = P99.model_copy(update={"limit": 250.0})
    assert judged([loose], [*stream(), Reading(S, "instrument.lag", 0.008, "s")]).doubts == ()
    kernels = Mark(0, "stream.opened", {"client": "c1", "stream": "prices", "received_by": "kernel"})
    stamped = [kernels if isinstance(one, Mark) and one.name == "stream.opened" else one for one in stream()]
    assert judged([P99], [*stamped, Reading(S, "instrument.lag", 0.008, "s")]).doubts == ()


def test_a_stepped_clock_is_told_and_leaves_rates_open() -> None:
    rate = criterion("messages.rate_per_s", ">", 10, {"client": "c1"})
    verdict = judged([rate], [*stream(), Mark(S, "clock.step", {"by_s": "0.2"})])
    assert verdict.status is Status.INCONCLUSIVE
    assert only(verdict).name == "clock step"


def test_contents_that_the_venue_never_sent_are_told() -> None:
    missing = criterion("messages.missing", "==", 0, {"client": "c1"})
    verdict = judged([missing], [*stream(), *deliveries([999])])
    assert verdict.status is Status.PASS
    assert only(verdict).name == "unknown updates"
    assert "'999' at c1" in only(verdict).says


def test_too_few_samples_are_told_with_the_number_that_is_needed() -> None:
    verdict = judged([P99], stream(100))
    assert verdict.status is Status.INCONCLUSIVE
    assert only(verdict).name == "too few samples"
    assert "at least 368 samples" in only(verdict).hint
    few_calls = criterion("calls.latency_ms", "<", 5, {"quantile": 0.99})
    assert only(judged([few_calls], calls([1.0] * 298))).name == "too few samples"


def test_a_probe_that_fell_silent_keeps_its_criterion_from_passing() -> None:
    gap = [*readings([1] * 20, every_ns=200 * MS), *readings([1] * 20, every_ns=200 * MS, from_ns=60 * S)]
    verdict = judged([RSS], gap)
    assert verdict.status is Status.INCONCLUSIVE
    assert only(verdict).name == "probe gap"
    assert judged([RSS.model_copy(update={"limit": 0.5})], gap).status is Status.FAIL


def test_a_gap_that_a_mark_explains_is_held_against_extremes_only() -> None:
    units: dict[str, Argument] = {"probe": RSS.of["probe"], "baseline": "baseline", "at": "settled"}
    back = criterion("readings.off_baseline", "<=", 0, units)
    values = [*readings([1] * 20, every_ns=200 * MS), *readings([1] * 20, every_ns=200 * MS, from_ns=60 * S)]
    history = [*values, Mark(S, "baseline"), Mark(62 * S, "settled")]
    broken_off = [*history, Mark(4 * S, "soak.gap", {"seconds": "56.0"})]
    assert judged([back], history).status is Status.INCONCLUSIVE
    assert judged([back], broken_off).status is Status.PASS
    assert judged([RSS], broken_off).status is Status.INCONCLUSIVE
    elsewhere = [*history, Mark(62 * S, "soak.gap", {"seconds": "1.0"})]
    assert judged([back], elsewhere).status is Status.INCONCLUSIVE


def test_units_that_may_be_off_to_either_side_may_be_so_at_the_baseline_too() -> None:
    of: dict[str, Argument] = {"probe": "units", "baseline": "baseline", "at": "settled", "absolute": True}
    history = [*readings([37, 37, 36, 36], "units"), Mark(S, "baseline"), Mark(3 * S, "settled")]
    assert judged([criterion("readings.off_baseline", "<=", 10, of)], history).status is Status.PASS
    exact = judged([criterion("readings.off_baseline", "<=", 0, {**of, "absolute": False})], history)
    assert only(exact).name == "sunken baseline"


def test_a_process_that_was_down_on_purpose_leaves_no_suspicious_gap() -> None:
    gap = [*readings([1] * 20, every_ns=200 * MS), *readings([1] * 20, every_ns=200 * MS, from_ns=60 * S)]
    down = [Mark(5 * S, "process.died"), Mark(59 * S, "process.serving")]
    assert judged([RSS], [*gap, *down]).status is Status.PASS


def test_a_guard_that_breaks_is_a_doubt_about_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(case: Case, evidence: Evidence) -> list[Raised]:
        raise KeyError("x")

    monkeypatch.setattr(doubts, "GUARDS", (explode,))
    verdict = judged([P99], stream())
    assert verdict.status is Status.INCONCLUSIVE
    assert only(verdict).name == "guard"


def test_the_same_doubt_of_several_trials_is_told_once() -> None:
    trial = [*stream(), Reading(S, "instrument.lag", 0.008, "s")]
    only(judged([P99], trial, trial))


def test_every_guard_has_a_criterion_to_speak_about() -> None:
    unrelated: Criterion = criterion("facts.value", "==", 1, {"name": "one"})
    assert judged([unrelated], [*stream(), Mark(S, "clock.step", {"by_s": "0.2"})]).doubts == ()


def test_a_baseline_taken_before_the_service_was_at_rest_proves_no_return() -> None:
    """It fell from 12 to 8 while one unit leaked: 9 looks like being back, and is not."""
    of: dict[str, Argument] = {"probe": "connector.runtime_units", "baseline": "baseline", "after": "left"}
    returned = criterion("readings.return_s", "<=", 5, of, unit="s")

    def history(*values: float) -> list[Record]:
        units = [Reading(at * S, "connector.runtime_units", value, "tasks") for at, value in enumerate(values, start=1)]
        return [*units, Mark(2 * S, "baseline"), Mark(3 * S, "left")]

    early = judged([returned], history(12, 12, 14, 9, 9, 9))
    assert early.status is Status.INCONCLUSIVE
    assert only(early).name == "sunken baseline"
    assert "fell from 12 at baseline to 9" in early.reason
    assert judged([returned], history(9, 9, 11, 9, 9, 9)).status is Status.PASS


def test_a_target_that_had_no_cpu_is_not_blamed_for_late_deliveries_and_never_praised() -> None:
    of: dict[str, Argument] = {"quantile": 0.99, "client": "c1", "window": "w"}
    slow = criterion("messages.delivery_ms", "<=", 0.0005, of, unit="ms")
    fine = criterion("messages.delivery_ms", "<=", 10, of, unit="ms")

    def history(waited_s: float, used_s: float = 0.1) -> list[Record]:
        counted = {"connector.cpu_wait": waited_s, "connector.cpu": used_s}
        return [
            *stream(), *window("w", 0, S),
            *(Reading(100 * MS, probe, 3.0, "s") for probe in counted),
            *(Reading(300 * MS, probe, 3.0 + value_s, "s") for probe, value_s in counted.items()),
        ]  # fmt: skip

    assert judged([slow], history(0.001)).status is Status.FAIL
    starved = judged([slow], history(0.15))
    assert starved.status is Status.INCONCLUSIVE
    assert "waited 0.1 s for a CPU" in starved.reason or "waited 0.2 s for a CPU" in starved.reason
    assert only(starved).name == "starved target"
    behind_its_own_threads = judged([slow], history(0.15, used_s=0.35))
    assert (behind_its_own_threads.status, behind_its_own_threads.doubts) == (Status.FAIL, ())
    assert judged([fine], history(0.001)).status is judged([fine], history(0.15)).status is Status.PASS
