"""A connector with a seeded defect of performance misses the criteria that are meant for it.

Each is a real run of a performance case and takes minutes, so only on request, on a machine with nothing else to do:

    NFR_ALL_DEFECTS=1 pytest suites/self/shell/test_performance_defects.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from harness.reference.defects import DEFECTS
from harness.spec.case import Level
from harness.spec.loader import load_cases
from suites.self.shell.ran import ROOT, reference_with, run_pytest

pytestmark = [
    pytest.mark.self,
    pytest.mark.skipif(os.environ.get("NFR_ALL_DEFECTS") != "1", reason="takes minutes: set NFR_ALL_DEFECTS=1"),
]

TEST_OF = {
    "5.1.1": "get_account_latency",
    "5.2.2": "stream_throughput",
    "5.2.3": "concurrent_clients",
    "5.3.1": "grpc_overhead",
}


def seeded() -> list[tuple[str, str]]:
    """Defect and case."""
    caught = {name: {case_id for case_id, _ in defect.CATCHES} for name, defect in DEFECTS.items()}
    return [(name, case_id) for name in sorted(caught) for case_id in sorted(caught[name] & TEST_OF.keys())]


def required(case_id: str) -> set[str]:
    (case,) = (one for one in load_cases(ROOT / "specs") if one.id == case_id)
    return {one.id for one in case.criteria if one.level is Level.REQUIRED}


@pytest.mark.parametrize(("name", "case_id"), list(seeded()))
def test_a_defect_of_performance_is_caught_by_its_criteria(name: str, case_id: str, tmp_path: Path) -> None:
    profile = reference_with(tmp_path, command=["{python}", "-m", "harness.reference.defects", name])
    ran = run_pytest(
        tmp_path / "reports", "--target", str(profile), "-k", TEST_OF[case_id], suite="performance", limit_s=900
    )  # fmt: skip
    statuses = ran.statuses(case_id)
    caught_by = {criterion for of, criterion in DEFECTS[name].CATCHES if of == case_id}
    assert {criterion: statuses[criterion] for criterion in caught_by} == dict.fromkeys(caught_by, "fail"), ran.text
    if caught_by & required(case_id):
        assert (ran.code, ran.status(case_id)) == (1, "fail"), ran.text
