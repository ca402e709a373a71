"""A stack with a seeded defect fails its case by the criterion that is meant for it.

Each of them is a real run of the case in a process of its own and takes 15 to 60 s, so that `-m self` runs the quickest
of each kind; with NFR_ALL_DEFECTS=1 in the environment all of them are run, in about 15 minutes:

    NFR_ALL_DEFECTS=1 pytest suites/self/shell/test_stack_defects.py
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Mark, Message, Record
from harness.reference.defects import DEFECTS, services_of
from harness.spec.case import Case, Criterion
from harness.spec.loader import load_cases
from harness.verdict.judge import judge
from harness.verdict.selecting import fits
from harness.verdict.verdict import Status
from suites.self.shell.ran import ROOT, Ran, run_pytest, stack_with
from suites.self.verdict.histories import TODAY

pytestmark = pytest.mark.self

TEST_OF = {
    "4.1.1": ("e2e", "full_stack_starts"),
    "4.1.2": ("e2e", "ten_clients_share"),
    "4.1.3": ("e2e", "same_id_everywhere"),
    "4.2.1": ("e2e", "connector_restart_under_trading"),
    "4.2.2": ("e2e", "clients_give_up"),
    "4.3.1": ("e2e", "stops_in_order"),
    "x.quick-downtime": ("extensions", "scaled_back_off"),
}
QUICKEST = {"error_at_start", "unsaid_farewell", "false_success", "constant_pauses"}
EVERY_ONE = os.environ.get("NFR_ALL_DEFECTS") == "1"


def seeded() -> Iterator[tuple[str, str]]:
    """Defect and case."""
    for name, defect in sorted(DEFECTS.items()):
        for case_id in sorted({case_id for case_id, _ in defect.CATCHES} & TEST_OF.keys()):
            yield name, case_id


def carried_out(case_id: str, folder: Path, commands: dict[str, list[str]]) -> Ran:
    suite, words = TEST_OF[case_id]
    profile = stack_with(folder, commands)
    return run_pytest(folder / "reports", "--target", str(profile), "-k", words, suite=suite)


@pytest.mark.parametrize(("name", "case_id"), tuple(seeded()))
def test_a_defect_of_the_stack_is_caught_by_its_criteria(name: str, case_id: str, tmp_path: Path) -> None:
    if name not in QUICKEST and not EVERY_ONE:
        pytest.skip("takes long: set NFR_ALL_DEFECTS=1")
    commands = {
        service: ["{python}", "-m", "harness.reference.defects", name, service]
        for service in services_of(DEFECTS[name])
    }
    ran = carried_out(case_id, tmp_path, commands)
    assert ran.code == 1, ran.text
    assert ran.status(case_id) == "fail", ran.text
    statuses = ran.statuses(case_id)
    for criterion in [criterion for of, criterion in DEFECTS[name].CATCHES if of == case_id]:
        assert statuses[criterion] == "fail", f"{criterion} is {statuses[criterion]}\n{ran.text}"


@pytest.mark.parametrize("case_id", sorted(TEST_OF.keys() - {"4.2.2"}))
def test_the_clean_stack_passes_and_not_without_anything_that_its_criteria_are_about(
    case_id: str, tmp_path: Path
) -> None:
    """4.2.2 takes six minutes: `pytest -m e2e` carries it out."""
    if case_id != "4.1.1" and not EVERY_ONE:
        pytest.skip("takes long: set NFR_ALL_DEFECTS=1")
    ran = carried_out(case_id, tmp_path, {})
    assert ran.code == 0, ran.text
    case = next(one for one in load_cases(ROOT / "specs") if one.id == case_id)
    evidence = ran.evidence(case_id)
    records = (*evidence.calls, *evidence.messages, *evidence.marks, *evidence.readings, *evidence.facts)
    assert passes(case, records)
    for criterion in case.criteria:
        rest = [record for record in records if not is_about(criterion, record)]
        assert len(rest) == len(records) or not passes(case, rest), f"passes with nothing seen of {criterion.id}"


def passes(case: Case, records: Sequence[Record]) -> bool:
    return judge(case, [Evidence.of(*records)], today=TODAY).status is Status.PASS


def is_about(criterion: Criterion, record: Record) -> bool:
    """Whether the criterion's selectors take the record."""
    of, kind = criterion.of, criterion.metric.split(".")[0]

    def chosen(**fields: str) -> bool:
        return all(fits(value, of[key]) for key, value in fields.items() if key in of)

    match record:
        case Fact(name=name, subject=subject):
            return kind == "facts" and chosen(name=name, subject=subject)
        case Mark(name=name):
            return kind == "marks" and name in [of.get(one) for one in ("name", "from", "to", "first", "then")]
        case Message(client=client, stream=stream):
            return kind == "messages" and chosen(client=client, stream=stream)
        case Call(client=client, method=method):
            return kind == "calls" and chosen(client=client, method=method)
        case _:
            return kind == "readings" and chosen(probe=record.probe)
