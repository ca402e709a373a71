"""A connector with a seeded defect fails by the criterion that is meant for it; `nfr judge` says the same again."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from harness.reference.defects import DEFECTS
from suites.self.shell.ran import ROOT, reference_with, run_nfr, run_pytest

pytestmark = pytest.mark.self

TEST_OF = {
    "3.1.1": "account_stream_subscription",
    "3.1.2": "position_stream_filters",
    "3.2.1": "broadcast_with_a_stalled",
    "3.2.4": "bad_credentials",
}


@pytest.mark.parametrize("name", sorted(name for name, defect in DEFECTS.items() if defect.CATCHES[0][0] in TEST_OF))
def test_a_seeded_defect_is_caught_by_its_criteria(name: str, tmp_path: Path) -> None:
    profile = reference_with(tmp_path, command=["{python}", "-m", "harness.reference.defects", name])
    for case_id in {case_id for case_id, _ in DEFECTS[name].CATCHES}:
        ran = run_pytest(tmp_path / "reports", "--target", str(profile), "-k", TEST_OF[case_id])
        assert ran.code == 1, ran.text
        assert ran.status(case_id) == "fail", ran.text
        statuses = ran.statuses(case_id)
        for caught_by in [criterion for of, criterion in DEFECTS[name].CATCHES if of == case_id]:
            assert statuses[caught_by] == "fail", ran.text


def test_the_clean_connector_passes_and_judging_again_follows_the_spec(tmp_path: Path) -> None:
    ran = run_pytest(tmp_path / "reports", "-k", "position_stream_filters", "--target", str(reference_with(tmp_path)))
    assert ran.code == 0, ran.text
    run = ran.runs()[-1].name
    same = run_nfr(ran.reports, "judge", run, "--reports", str(ran.reports))
    assert "3.1.2  pass" in same.text
    assert same.code == 1, "one case of ten does not meet the gate of its group"
    specs = tmp_path / "specs"
    shutil.copytree(ROOT / "specs", specs)
    (path,) = specs.glob("integration/3.1.2-*.yaml")
    path.write_text(re.sub(r"(id: foreign-sent.*?limit: )\d+", r"\g<1>100000", path.read_text(), flags=re.S))
    edited = run_nfr(ran.reports, "judge", run, "--reports", str(ran.reports), "--specs", str(specs))
    assert "3.1.2  inconclusive  (was pass)" in edited.text
    assert ran.status("3.1.2") == "inconclusive"
