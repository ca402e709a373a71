"""The committed specs are the requirement: all 29 cases, every criterion, thresholds as written, schemas current."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import jsonschema
import pytest
import yaml
from click.testing import CliRunner

from harness.evidence.evidence import Evidence
from harness.spec.acceptance import Counts
from harness.spec.binding import bindings
from harness.spec.case import Case, Criterion, Group, Level, Op, Priority
from harness.spec.loader import case_files, load_acceptance, load_cases
from harness.spec.schema import MODELS, main, stale
from harness.spec.yaml_source import read
from harness.verdict.judge import judge
from harness.verdict.provable import refusals
from harness.verdict.verdict import Status

pytestmark = pytest.mark.self

SPECS = Path(__file__).resolve().parents[3] / "specs"

# The requirement's cases: group, priority where it states one, and how many required (R) and advisory (A)
# statements its table lists for the case. A spec may split a statement, never leave one out.
REQUIREMENT: dict[str, tuple[Group, Priority | None, int, int]] = {
    "3.1.1": (Group.INTEGRATION, Priority.HIGH, 7, 0),
    "3.1.2": (Group.INTEGRATION, Priority.HIGH, 4, 0),
    "3.1.3": (Group.INTEGRATION, Priority.HIGH, 5, 0),
    "3.1.4": (Group.INTEGRATION, Priority.HIGH, 4, 0),
    "3.1.5": (Group.INTEGRATION, Priority.HIGH, 4, 0),
    "3.2.1": (Group.INTEGRATION, Priority.HIGH, 5, 0),
    "3.2.2": (Group.INTEGRATION, Priority.HIGH, 6, 0),
    "3.2.3": (Group.INTEGRATION, Priority.HIGH, 7, 0),
    "3.2.4": (Group.INTEGRATION, Priority.HIGH, 5, 0),
    "3.2.5": (Group.INTEGRATION, Priority.HIGH, 5, 0),
    "4.1.1": (Group.E2E, Priority.HIGH, 6, 0),
    "4.1.2": (Group.E2E, Priority.CRITICAL, 7, 0),
    "4.1.3": (Group.E2E, Priority.HIGH, 6, 0),
    "4.2.1": (Group.E2E, Priority.MEDIUM, 5, 0),
    "4.2.2": (Group.E2E, Priority.MEDIUM, 7, 0),
    "4.3.1": (Group.E2E, Priority.HIGH, 8, 0),
    "5.1.1": (Group.PERFORMANCE, None, 1, 2),
    "5.1.2": (Group.PERFORMANCE, None, 1, 2),
    "5.1.3": (Group.PERFORMANCE, None, 1, 2),
    "5.2.1": (Group.PERFORMANCE, None, 2, 0),
    "5.2.2": (Group.PERFORMANCE, None, 1, 2),
    "5.2.3": (Group.PERFORMANCE, None, 5, 0),
    "5.3.1": (Group.PERFORMANCE, None, 1, 1),
    "5.3.2": (Group.PERFORMANCE, None, 1, 0),
    "5.4.1": (Group.PERFORMANCE, None, 1, 1),
    "6.1.1": (Group.STABILITY, None, 6, 0),
    "6.2.1": (Group.STABILITY, None, 4, 0),
    "6.3.1": (Group.STABILITY, None, 5, 0),
    "6.3.2": (Group.STABILITY, None, 4, 0),
}

# Every threshold of the requirement's tables, as (operator, limit): the case must carry each of them.
LIMITS: dict[str, list[tuple[Op, float]]] = {
    "3.1.1": [(Op.LE, 10), (Op.GE, 3), (Op.LE, 1), (Op.EQ, 0), (Op.LE, 5)],
    "3.1.2": [(Op.EQ, 0), (Op.GE, 5)],
    "3.1.3": [(Op.LE, 10), (Op.EQ, 1), (Op.EQ, 0)],
    "3.1.4": [(Op.EQ, 5), (Op.EQ, 0), (Op.LE, 100)],
    "3.1.5": [(Op.LE, 1), (Op.LE, 10), (Op.EQ, 1), (Op.LE, 5)],
    "3.2.1": [(Op.EQ, 3), (Op.EQ, 0), (Op.LE, 2), (Op.LE, 250), (Op.LE, 64 * 1024 * 1024), (Op.GE, 30)],
    "3.2.2": [(Op.LE, 5), (Op.LE, 30), (Op.LE, 0)],
    "3.2.3": [(Op.EQ, 1), (Op.LE, 10), (Op.LE, 30)],
    "3.2.4": [(Op.EQ, 1), (Op.EQ, 0), (Op.LE, 35)],
    "3.2.5": [(Op.EQ, 5), (Op.EQ, 0)],
    "4.1.1": [(Op.LE, 10), (Op.LE, 30), (Op.EQ, 0)],
    "4.1.2": [(Op.EQ, 1), (Op.EQ, 0)],
    "4.1.3": [(Op.LE, 100), (Op.GE, 50)],
    "4.2.1": [(Op.LE, 10), (Op.LE, 60), (Op.EQ, 0), (Op.LE, 30)],
    "4.2.2": [(Op.EQ, 1), (Op.EQ, 10), (Op.LE, 20), (Op.LE, 600)],
    "4.3.1": [(Op.EQ, 0), (Op.LE, 10)],
    "5.1.1": [(Op.LT, 2), (Op.LT, 4), (Op.LT, 5)],
    "5.1.2": [(Op.LT, 3), (Op.LT, 8), (Op.LT, 10)],
    "5.1.3": [(Op.LT, 1), (Op.LT, 2), (Op.LT, 3)],
    "5.2.1": [(Op.GT, 1000), (Op.EQ, 0)],
    "5.2.2": [(Op.GT, 5000), (Op.EQ, 0), (Op.GT, 1000)],
    "5.2.3": [(Op.GE, 0.99), (Op.EQ, 0), (Op.LT, 5), (Op.LE, 1.5), (Op.EQ, 6)],
    "5.3.1": [(Op.LT, 2), (Op.LT, 5)],
    "5.3.2": [(Op.LT, 10)],
    "5.4.1": [(Op.LT, 500e6), (Op.LT, 50)],
    "6.1.1": [(Op.EQ, 0), (Op.EQ, 100), (Op.LT, 10e6), (Op.LE, 10), (Op.LT, 0.01), (Op.GE, 86400)],
    "6.2.1": [(Op.LT, 5e6), (Op.LE, 5), (Op.LE, 0), (Op.GE, 1000)],
    "6.3.1": [(Op.GE, 0.99), (Op.EQ, 0), (Op.LE, 10), (Op.GE, 60000)],
    "6.3.2": [(Op.EQ, 0), (Op.LE, 5), (Op.EQ, 1), (Op.GE, 100)],
}

CASES = {case.id: case for case in load_cases(SPECS) if case.group is not Group.EXTENSIONS}
CRITERIA = [
    pytest.param(case, criterion, id=f"{case.id}/{criterion.id}")
    for case in CASES.values()
    for criterion in case.criteria
]


BOUND = {binding.case_id for binding in bindings(SPECS.parent / "suites")}


def of_level(case: Case, level: Level) -> list[Criterion]:
    return [criterion for criterion in case.criteria if criterion.level is level]


def test_the_cases_are_the_29_of_the_requirement() -> None:
    assert list(CASES) == list(REQUIREMENT)
    assert len(CASES) == 29


@pytest.mark.parametrize("case_id", REQUIREMENT)
def test_a_case_has_its_group_priority_and_all_its_criteria(case_id: str) -> None:
    group, priority, required, advisory = REQUIREMENT[case_id]
    case = CASES[case_id]
    assert case.group is group
    assert priority is None or case.priority is priority
    assert len(of_level(case, Level.REQUIRED)) >= required
    assert len(of_level(case, Level.ADVISORY)) == advisory
    assert of_level(case, Level.PROOF), "a case says when it has been exercised"


@pytest.mark.parametrize("case_id", LIMITS)
def test_a_case_carries_every_threshold_of_the_requirement(case_id: str) -> None:
    stated = {(criterion.op, criterion.limit) for criterion in CASES[case_id].criteria}
    assert set(LIMITS[case_id]) <= stated


@pytest.mark.parametrize(("case", "criterion"), CRITERIA)
def test_a_metric_is_a_family_and_a_name(case: Case, criterion: Criterion) -> None:
    assert re.fullmatch(r"(messages|marks|calls|readings|facts)\.[a-z_]+", criterion.metric)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_only_cases_without_a_test_say_what_they_await(case: Case) -> None:
    assert bool(case.awaiting) == (case.id not in BOUND)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_percentile_is_planned_with_enough_samples_to_be_proven(case: Case) -> None:
    # n samples, none above the limit, leave a p-quantile above it with probability p**n.
    for criterion in case.criteria:
        quantile = criterion.of.get("quantile")
        if isinstance(quantile, float):
            samples = case.load[criterion.metric.split(".")[0]]
            assert quantile**samples <= 0.025, f"{case.id}/{criterion.id}: {samples} samples cannot prove p{quantile:g}"


def test_the_acceptance_gates_are_those_of_the_requirement() -> None:
    acceptance = load_acceptance(SPECS / "acceptance.yaml")
    rates = {group: gate.rate for group, gate in acceptance.groups.items()}
    assert rates == {Group.INTEGRATION: 1.0, Group.E2E: 1.0, Group.PERFORMANCE: 0.8, Group.STABILITY: 1.0}
    assert acceptance.overall == 0.95
    assert acceptance.groups[Group.PERFORMANCE].counts is Counts.CRITERIA
    assert all(gate.all_required for gate in acceptance.groups.values())


def test_the_published_schemas_are_current() -> None:
    assert stale(SPECS / "schema") == []
    assert CliRunner().invoke(main, ["--check"]).exit_code == 0


def test_a_stale_schema_is_noticed_and_mended(tmp_path: Path) -> None:
    folder = ["--folder", str(tmp_path / "schema")]
    assert "not current; run python -m harness.spec.schema" in CliRunner().invoke(main, ["--check", *folder]).output
    assert CliRunner().invoke(main, folder).exit_code == 0
    assert CliRunner().invoke(main, ["--check", *folder]).exit_code == 0
    edited = tmp_path / "schema" / "case.schema.json"
    edited.write_text(edited.read_text().replace("required", "wanted"))
    assert CliRunner().invoke(main, ["--check", *folder]).exit_code == 1


def schema(name: str) -> jsonschema.Draft202012Validator:
    content = json.loads((SPECS / "schema" / name).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


@pytest.mark.parametrize("path", case_files(SPECS), ids=lambda path: path.stem)
def test_a_spec_validates_against_the_published_schema(path: Path) -> None:
    schema("case.schema.json").validate(read(path).value)
    assert path.read_text(encoding="utf-8").startswith(
        "# yaml-language-server: $schema=../schema/case.schema.json\n"
    ), "editors find the schema by the first line"


@pytest.mark.parametrize("path", case_files(SPECS), ids=lambda path: path.stem)
def test_a_spec_reads_the_same_in_any_other_yaml_library(path: Path) -> None:
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == read(path).value


def test_the_acceptance_file_validates_against_the_published_schema() -> None:
    schema("acceptance.schema.json").validate(read(SPECS / "acceptance.yaml").value)


def test_every_model_has_a_published_schema() -> None:
    assert {path.name for path in (SPECS / "schema").iterdir()} == {name for name, _ in MODELS}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_criterion_uses_the_vocabulary_and_can_be_proven(case: Case) -> None:
    assert refusals(case) == []


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_trial_in_which_nothing_happened_passes_no_case(case: Case) -> None:
    verdict = judge(case, [Evidence.of()] * case.trials, today=date(2030, 1, 1))
    assert verdict.status is not Status.PASS
    by_level = {finding.criterion: finding.status for finding in verdict.findings}
    proofs = {criterion.id for criterion in of_level(case, Level.PROOF)}
    assert all(by_level[proof] is not Status.PASS for proof in proofs if "stayed-away" not in proof)
