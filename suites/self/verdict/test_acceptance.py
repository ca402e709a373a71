"""Gates: only a pass counts, what did not run has not passed, and every required target must be met where asked."""

from __future__ import annotations

from datetime import date

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
from harness.spec.acceptance import Acceptance
from harness.spec.case import Case
from harness.verdict.acceptance import Standing, assess
from harness.verdict.judge import judge
from harness.verdict.verdict import CaseVerdict, Status

from .histories import case, criterion, facts

pytestmark = pytest.mark.self

ACCEPTANCE = Acceptance.model_validate({
    "groups": {
        "integration": {"rate": 1.0, "counts": "cases"},
        "performance": {"rate": 0.8, "counts": "criteria", "all_required": True},
    },
    "overall": 0.75,
})  # fmt: skip


def one(id: str, group: str, *levels: str) -> Case:
    """A case with one criterion for each level; criterion n is met when fact n is 1."""
    named = [(f"n{at}", level) for at, level in enumerate(levels)]
    criteria = [criterion("facts.value", "==", 1, {"name": name}, level=level, id=name) for name, level in named]
    return case(*criteria, id=id, group=group)


def verdict(known: Case, *values: float, cut: bool = False) -> CaseVerdict:
    records = [fact for at, value in enumerate(values) for fact in facts(f"n{at}", value)]
    if cut:
        return judge(known, [Evidence.of(*records, Mark(1, "trial.cut_short"))], today=date(2030, 1, 1))
    return judge(known, [Evidence.of(*records)], today=date(2030, 1, 1))


INTEGRATION = [one(f"3.1.{n}", "integration", "required") for n in (1, 2)]
PERFORMANCE = [one(f"5.1.{n}", "performance", "required", "advisory", "advisory", "proof") for n in (1, 2)]
CASES = [*INTEGRATION, *PERFORMANCE, one("x.more", "extensions", "required")]


def standing(*verdicts: CaseVerdict) -> Standing:
    return assess(CASES, {known.case: known for known in verdicts}, ACCEPTANCE)


ALL_PASS = [verdict(known, 1) for known in INTEGRATION] + [verdict(known, 1, 1, 1, 1) for known in PERFORMANCE]


def test_everything_passed_meets_every_gate() -> None:
    now = standing(*ALL_PASS)
    assert now.met
    integration, performance = now.groups
    assert (integration.group, performance.group) == ("integration", "performance")
    assert (integration.counts, integration.total, integration.ran, integration.passed) == ("cases", 2, 2, 2)
    assert (performance.counts, performance.total, performance.ran, performance.passed) == ("criteria", 6, 6, 6)
    assert (now.overall.group, now.overall.total, now.overall.rate) == ("all", 4, 1.0)
    assert performance.by_status == ((Status.PASS, 6),)


def test_a_case_that_did_not_run_has_not_passed() -> None:
    now = standing(ALL_PASS[0], *ALL_PASS[2:])
    integration = now.groups[0]
    assert (integration.total, integration.ran, integration.passed) == (2, 1, 1)
    assert (integration.rate, integration.met) == (0.5, False)
    assert not now.met
    assert now.overall.met  # three of four


def test_a_group_of_which_nothing_ran_is_not_met_and_has_no_rate() -> None:
    now = standing(*ALL_PASS[:2])
    assert (now.groups[1].rate, now.groups[1].met, now.groups[1].by_status) == (None, False, ())
    assert not now.met


@pytest.mark.parametrize(("value", "status"), [(0, Status.FAIL), (None, Status.INCONCLUSIVE)])
def test_only_a_pass_counts(value: float | None, status: Status) -> None:
    missed = verdict(INTEGRATION[0], *([] if value is None else [value]))
    now = standing(missed, *ALL_PASS[1:])
    assert now.groups[0].by_status == ((status, 1), (Status.PASS, 1))
    assert not now.groups[0].met


def test_missed_advisory_targets_are_allowed_up_to_the_rate() -> None:
    one_missed = standing(*ALL_PASS[:3], verdict(PERFORMANCE[1], 1, 1, 0, 1))
    assert (one_missed.groups[1].passed, one_missed.groups[1].met) == (5, True)
    two_missed = standing(*ALL_PASS[:3], verdict(PERFORMANCE[1], 1, 0, 0, 1))
    assert (two_missed.groups[1].passed, two_missed.groups[1].met) == (4, False)


def test_a_missed_required_target_is_never_made_up_for() -> None:
    now = standing(*ALL_PASS[:3], verdict(PERFORMANCE[1], 0, 1, 1, 1))
    assert now.groups[1].rate == pytest.approx(5 / 6)
    assert not now.groups[1].met


@pytest.mark.parametrize("cut", [True, False], ids=["cut short", "not proven"])
def test_targets_of_a_case_that_was_not_exercised_do_not_count(cut: bool) -> None:
    shown = verdict(PERFORMANCE[1], 1, 1, 1, 1 if cut else 0, cut=cut)
    assert standing(*ALL_PASS[:3], shown).groups[1].passed == 3


def test_extensions_count_nowhere() -> None:
    failed = verdict(CASES[-1], 0)
    assert standing(*ALL_PASS, failed) == standing(*ALL_PASS)
