"""From findings to a verdict: a sure miss outweighs everything, and whatever is not known outweighs a pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Fact, Mark, Outcome, Record
from harness.spec.case import Criterion
from harness.verdict import judge as judging
from harness.verdict.explain import finding_line
from harness.verdict.interval import Interval
from harness.verdict.judge import SEVERITY, Deferral, judge, worst
from harness.verdict.metric import Measurement, Metric
from harness.verdict.verdict import CaseVerdict, Status

from .histories import MS, TODAY, S, calls, case, criterion, deliveries, facts, judged, live, readings, updates

pytestmark = pytest.mark.self


def value(name: str, *, level: str = "required", op: str = "==", limit: float = 1) -> Criterion:
    """Passes for facts of 1, fails for others, is inconclusive for none."""
    return criterion("facts.value", op, limit, {"name": name}, level=level, id=name)


GOOD, BAD, PROOF = value("good"), value("bad"), value("proof", level="proof")
UNSEEN = value("unseen")
ALL = [*facts("good", 1), *facts("bad", 0), *facts("proof", 1)]
CUT = Mark(5 * S, "trial.cut_short", {"reason": "no update reached c1 within 15 s"})
BROKEN = Mark(5 * S, "trial.error", {"reason": "KeyError: 'x'"})


def test_everything_met_is_a_pass_without_a_reason() -> None:
    verdict = judged([GOOD, PROOF], ALL)
    assert (verdict.status, verdict.reason) == (Status.PASS, "")
    assert [one.status for one in verdict.findings] == [Status.PASS, Status.PASS]


def test_a_case_takes_the_worst_of_its_required_criteria() -> None:
    assert judged([GOOD, UNSEEN], ALL).status is Status.INCONCLUSIVE
    verdict = judged([GOOD, BAD, UNSEEN], ALL)
    assert verdict.status is Status.FAIL
    assert verdict.reason.startswith("bad: ")


def test_the_order_of_severity() -> None:
    assert [str(one) for one in SEVERITY] == [
        "fail", "error", "not measurable", "inconclusive", "deferred", "pass",
    ]  # fmt: skip
    assert set(SEVERITY) == set(Status)
    assert worst([]) is Status.PASS
    assert worst([Status.PASS, Status.DEFERRED, Status.ERROR]) is Status.ERROR


def test_an_advisory_criterion_never_decides() -> None:
    advisory = value("bad", level="advisory")
    verdict = judged([GOOD, advisory], ALL)
    assert verdict.status is Status.PASS
    assert verdict.findings[1].status is Status.FAIL
    assert judged([BAD, value("good", level="advisory")], ALL).status is Status.FAIL


def test_a_reported_figure_is_shown_and_asks_nothing() -> None:
    verdict = judged([GOOD, value("bad", level="reported"), value("unseen", level="reported")], ALL)
    assert verdict.status is Status.PASS
    seen, unseen = verdict.findings[1:]
    assert (seen.interval, seen.status, seen.reason) == (Interval.exactly(0), Status.PASS, "")
    assert finding_line(seen) == f"[reported] bad: {seen.says}: 0"
    assert unseen.status is Status.INCONCLUSIVE, "what was not seen is no figure"


@pytest.mark.parametrize("name", ["bad", "unseen"])
def test_a_case_that_was_not_exercised_never_passes(name: str) -> None:
    proof = value(name, level="proof")
    verdict = judged([GOOD, proof], ALL)
    assert verdict.status is Status.INCONCLUSIVE
    assert verdict.reason.startswith(f"not exercised: {proof.id}")
    assert judged([GOOD, BAD, proof], ALL).status is Status.FAIL


def test_a_trial_cut_short_never_passes_but_a_sure_miss_stays_one() -> None:
    verdict = judged([GOOD], [*ALL, CUT])
    assert (verdict.status, verdict.reason) == (Status.INCONCLUSIVE, "cut short: no update reached c1 within 15 s")
    assert judged([GOOD, BAD], [*ALL, CUT]).status is Status.FAIL


def test_a_broken_harness_is_an_error_but_a_sure_miss_stays_one() -> None:
    verdict = judged([GOOD, UNSEEN], [*ALL, BROKEN])
    assert verdict.status is Status.ERROR
    assert verdict.reason == "the harness broke: KeyError: 'x'"
    assert judged([GOOD, BAD], [*ALL, BROKEN]).status is Status.FAIL


def test_what_a_broken_trial_did_not_get_to_is_not_held_against_the_target() -> None:
    enough = criterion("marks.count", ">=", 3, {"name": "fault.bit"})
    none = criterion("marks.count", "==", 0, {"name": "fault.bit"})
    once = [Mark(S, "fault.bit"), BROKEN]
    assert judged([enough], once).status is Status.ERROR
    assert judged([enough], [Mark(S, "fault.bit")]).status is Status.FAIL
    assert judged([none], once).status is Status.FAIL


def test_no_evidence_at_all_is_an_error() -> None:
    verdict = judge(case(GOOD), [], today=TODAY)
    assert verdict.status is Status.ERROR
    assert "never carried out" in verdict.reason


def test_a_metric_that_breaks_is_an_error_and_never_green(monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(evidence: Evidence, of: object) -> Measurement:
        raise ZeroDivisionError("division by zero")

    broken = Metric("facts.value", "", "breaks", (), explode)
    monkeypatch.setattr(judging, "metric", lambda name: broken)
    verdict = judged([GOOD], ALL)
    assert verdict.status is Status.ERROR
    assert "ZeroDivisionError: division by zero" in verdict.findings[0].reason


def test_a_metric_that_nobody_knows_is_an_error() -> None:
    assert judged([criterion("facts.nonsense", "==", 0)], ALL).status is Status.ERROR


def test_not_measurable_outweighs_inconclusive_and_carries_reason_and_proxies() -> None:
    of = {"probe": "connector.runtime_units", "proxy": "connector.threads"}
    hidden = criterion("readings.max", "<=", 5, of, id="hidden")
    nobody = Fact("unmeasurable", 1.0, "", "connector.runtime_units", "no page")
    history = [*ALL, *readings([3], "connector.threads"), nobody]
    verdict = judged([GOOD, hidden, UNSEEN], history)
    assert verdict.status is Status.NOT_MEASURABLE
    assert verdict.reason == "hidden: no page"
    assert verdict.findings[1].proxies


class TestTrials:
    COUNT = criterion("facts.value", "<=", 10, {"name": "took"})
    P99 = criterion("calls.latency_ms", "<", 5, {"quantile": 0.99})

    def test_each_trial_must_keep_the_limit_and_the_hull_is_shown(self) -> None:
        verdict = judged([self.COUNT], facts("took", 8), facts("took", 9))
        interval = verdict.findings[0].interval
        assert interval is not None
        assert (verdict.status, interval.low, interval.high, verdict.trials) == (Status.PASS, 8, 9, 2)
        verdict = judged([self.COUNT], facts("took", 8), facts("took", 12))
        assert verdict.status is Status.FAIL
        assert "1 of 2 miss it" in verdict.reason

    def test_an_unknown_trial_does_not_excuse_a_sure_miss(self) -> None:
        assert judged([self.COUNT], facts("took", 12), facts("other", 1)).status is Status.FAIL
        assert judged([self.COUNT], facts("took", 8), facts("other", 1)).status is Status.INCONCLUSIVE

    def test_samples_of_several_trials_are_one_range(self) -> None:
        quick, slow = calls([1.0] * 1000), calls([9.0] * 1000)
        assert judged([self.P99], quick, quick).status is Status.PASS
        assert judged([self.P99], slow, slow).status is Status.FAIL
        assert judged([self.P99], quick, slow).status is Status.INCONCLUSIVE

    def test_fewer_trials_than_the_case_asks_for_cannot_pass(self) -> None:
        verdict = judge(case(self.COUNT, trials=3), [Evidence.of(*facts("took", 8))], today=TODAY)
        assert verdict.status is Status.INCONCLUSIVE
        assert "1 of the 3 trials" in verdict.reason

    def test_one_trial_cut_short_is_enough_to_keep_a_case_from_passing(self) -> None:
        assert judged([self.COUNT], facts("took", 8), [*facts("took", 8), CUT]).status is Status.INCONCLUSIVE


class TestDeferral:
    WHOLE = Deferral("3.1.1", "", "the venue has no test network yet", "maintainers", TODAY)
    ONE = replace(WHOLE, criterion="bad")

    def verdict(self, *criteria: Criterion, deferral: Deferral, days_later: int = 0) -> CaseVerdict:
        evidences = [Evidence.of(*ALL)]
        return judge(case(*criteria), evidences, deferrals=[deferral], today=TODAY + timedelta(days=days_later))

    def test_until_its_date_the_case_is_deferred_with_reason_owner_and_date(self) -> None:
        for criteria in ([GOOD], [BAD]):
            verdict = self.verdict(*criteria, deferral=self.WHOLE)
            assert verdict.status is Status.DEFERRED
            assert verdict.reason == "the venue has no test network yet (owner maintainers, until 2030-01-15)"

    def test_a_deferred_case_need_not_be_carried_out(self) -> None:
        assert judge(case(GOOD), [], deferrals=[self.WHOLE], today=TODAY).status is Status.DEFERRED

    def test_past_its_date_whatever_does_not_pass_fails(self) -> None:
        assert self.verdict(UNSEEN, deferral=self.WHOLE, days_later=1).status is Status.FAIL
        assert "the deferral ran out" in self.verdict(UNSEEN, deferral=self.WHOLE, days_later=1).reason
        assert self.verdict(GOOD, deferral=self.WHOLE, days_later=1).status is Status.PASS
        nothing = judge(case(GOOD), [], deferrals=[self.WHOLE], today=TODAY + timedelta(days=1))
        assert nothing.status is Status.FAIL

    def test_a_deferred_criterion_keeps_the_case_from_passing_but_not_from_failing(self) -> None:
        assert self.verdict(GOOD, BAD, deferral=self.ONE).status is Status.DEFERRED
        assert self.verdict(value("proof", limit=5), BAD, deferral=self.ONE).status is Status.FAIL
        assert self.verdict(GOOD, BAD, deferral=self.ONE, days_later=1).status is Status.FAIL

    def test_another_cases_deferral_concerns_nobody(self) -> None:
        assert self.verdict(GOOD, deferral=replace(self.WHOLE, case="3.1.2")).status is Status.PASS


def test_a_clock_step_widens_every_time_by_the_step() -> None:
    history: list[Record] = [*calls([1.0] * 1000), Mark(2 * S, "clock.step", {"by_s": "-0.010"})]
    quick = criterion("calls.latency_ms", "<", 5, {"quantile": 0.99}, unit="ms")
    slow = criterion("calls.latency_ms", ">", 20, {"quantile": 0.99}, unit="ms", id="slow")
    verdict = judged([quick, slow], history)
    assert [one.status for one in verdict.findings] == [Status.INCONCLUSIVE, Status.FAIL]


def test_a_verdict_tells_how_long_the_trials_took() -> None:
    first, second = [Mark(1 * S, "trial.began"), Mark(4 * S, "trial.ended")], calls([500.0], from_ms=0)
    assert judged([GOOD], first, second).duration_s == pytest.approx(3.5)


def test_a_healthy_stream_passes_as_a_whole() -> None:
    history = [*live("c1", "c2"), *updates(range(1, 401)), Mark(500 * MS, "trial.settled")]
    history += [*deliveries(range(1, 401)), *deliveries(range(1, 401), "c2")]
    history += calls([1.0] * 400, outcome=Outcome.OK)
    criteria = [
        criterion("messages.missing", "==", 0, {"client": "c*"}, id="missing"),
        criterion("messages.complete_clients", "==", 2, {"client": "c*"}, id="complete"),
        criterion("messages.sequence_differences", "==", 0, {"client": "c*"}, id="sequence"),
        criterion("messages.delivery_ms", "<=", 10, {"client": "c*", "quantile": 0.99}, id="delivery", unit="ms"),
        criterion("calls.failed", "==", 0, id="failed"),
        criterion("messages.count", ">=", 400, {"client": "venue"}, id="sent", level="proof"),
    ]
    verdict = judged(criteria, history)
    assert (verdict.status, verdict.doubts) == (Status.PASS, ())
