"""A connector with a seeded leak misses the criterion that is meant for it, and is told since when that was certain.

One of them is run always; the others take minutes each, so only on request:

    NFR_ALL_DEFECTS=1 pytest suites/self/shell/test_stability_defects.py
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from harness.reference.defects import DEFECTS
from harness.reference.defects.growing_cache import SPEED
from suites.self.shell.ran import Ran, reference_with, run_pytest, stack_with

pytestmark = [pytest.mark.self, pytest.mark.slow]
on_request = pytest.mark.skipif(os.environ.get("NFR_ALL_DEFECTS") != "1", reason="takes minutes: set NFR_ALL_DEFECTS=1")

TEST_OF = {"6.2.1": "subscribing_and_leaving", "6.3.2": "connecting_and_leaving"}
SOAK, SOAK_TIME = "6.1.1", "3m"
QUICK = "leaked_descriptor"
FASTER = "480"
"""So that three minutes hold the growth of a day."""
SINCE = {
    "6.2.1": r"certain after \d+ of \d+ cycles",
    "6.3.2": r"beyond the limit for good [\d.]+ s after baseline",
    SOAK: r"certain after [\d.]+ s of \d+ s",
}


def seeded(*case_ids: str) -> list[object]:
    """Defect and the one case that must catch it."""
    return [
        pytest.param(name, defect.CATCHES[0][0], marks=() if name == QUICK else on_request, id=name)
        for name, defect in sorted(DEFECTS.items())
        if defect.CATCHES[0][0] in case_ids
    ]


def reasons(ran: Ran, case_id: str) -> dict[str, str]:
    findings = ran.verdict(case_id)["findings"]
    assert isinstance(findings, list)
    return {finding["criterion"]: finding["reason"] for finding in findings}


def required(ran: Ran) -> set[str]:
    findings = ran.verdict(SOAK)["findings"]
    assert isinstance(findings, list)
    return {finding["criterion"] for finding in findings if finding["level"] == "required"}


@pytest.mark.parametrize(("name", "case_id"), seeded(*TEST_OF))
def test_a_leak_is_caught_by_its_criterion_and_by_no_other(name: str, case_id: str, tmp_path: Path) -> None:
    profile = reference_with(tmp_path, command=["{python}", "-m", "harness.reference.defects", name])
    ran = run_pytest(
        tmp_path / "reports", "--target", str(profile), "-k", TEST_OF[case_id], suite="stability", limit_s=600
    )  # fmt: skip
    assert (ran.code, ran.status(case_id)) == (1, "fail"), ran.text
    missed = {criterion for criterion, status in ran.statuses(case_id).items() if status != "pass"}
    assert {(case_id, criterion) for criterion in missed} == set(DEFECTS[name].CATCHES), ran.text
    for criterion in missed:
        assert re.search(SINCE[case_id], reasons(ran, case_id)[criterion]), ran.text


@on_request
def test_a_cache_that_grows_is_caught_by_the_soak_in_the_time_that_a_day_takes_at_that_speed(tmp_path: Path) -> None:
    (name,) = (one for one, defect in DEFECTS.items() if defect.CATCHES[0][0] == SOAK)
    path = stack_with(tmp_path, {"connector": ["{python}", "-m", "harness.reference.defects", name]})
    profile = yaml.safe_load(path.read_text())
    profile["services"]["connector"]["environment"][SPEED] = FASTER
    path.write_text(yaml.safe_dump(profile))
    ran = run_pytest(
        tmp_path / "reports", "--target", str(path), "-m", "soak", "--soak-duration", SOAK_TIME, suite="stability",
        limit_s=420,
    )  # fmt: skip
    assert (ran.code, ran.status(SOAK)) == (1, "fail"), ran.text
    failed = {criterion for criterion, status in ran.statuses(SOAK).items() if status == "fail"} & required(ran)
    assert {(SOAK, criterion) for criterion in failed} >= set(DEFECTS[name].CATCHES), ran.text
    assert failed <= {"memory", "memory-projected"}, ran.text
    assert re.search(SINCE[SOAK], reasons(ran, SOAK)["memory"]), ran.text
