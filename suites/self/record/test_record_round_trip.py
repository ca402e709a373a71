"""What is written is what is read, in the published shape, whatever it contains."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from harness import record
from harness.record.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.run import RunInfo
from harness.record.store import RunStore
from harness.spec.case import Case
from harness.verdict.interval import Interval
from harness.verdict.verdict import CaseVerdict, Status

from . import made

pytestmark = pytest.mark.self

SCHEMAS = Path(record.__file__).parent / "schema"
anything = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def check(file: Path) -> dict[str, Any]:
    """The file's document, which is as its published schema says."""
    document: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    schema = json.loads((SCHEMAS / f"{document['schema']}.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


@anything
@given(info=made.runs)
def test_a_run_reads_back_as_it_was_written(tmp_path: Path, info: RunInfo) -> None:
    folder = RunStore(tmp_path).create(info)
    check(folder.path / "run.json")
    assert RunFolder.read(folder.path).info == folder.info


@anything
@given(verdict=made.verdicts)
def test_a_verdict_reads_back_as_it_was_written(tmp_path: Path, verdict: CaseVerdict) -> None:
    folder = RunFolder(tmp_path, made.INFO)
    folder.save_verdict(verdict)
    check(folder.case_path(verdict.case) / "verdict.json")
    assert folder.verdict(verdict.case) == verdict


@anything
@given(case=made.cases)
def test_a_case_reads_back_as_it_was_written(tmp_path: Path, case: Case) -> None:
    folder = RunFolder(tmp_path, made.INFO)
    folder.save_case(case)
    check(folder.case_path(case.id) / "case.json")
    assert folder.cases()[case.id] == case


@pytest.mark.parametrize(
    ("interval", "written"),
    [
        (Interval(-math.inf, 3.0), {"low": None, "high": 3.0}),
        (Interval(3.0, math.inf), {"low": 3.0, "high": None}),
        (Interval(-math.inf, math.inf), {"low": None, "high": None}),
        (Interval(math.inf, math.inf), {"low": None, "high": None, "beyond": "above"}),
        (Interval(-math.inf, -math.inf), {"low": None, "high": None, "beyond": "below"}),
    ],
)
def test_infinity_is_null_and_comes_back(tmp_path: Path, interval: Interval, written: dict[str, object]) -> None:
    folder = RunFolder(tmp_path, made.INFO)
    verdict = made.verdict()
    finding = made.replace(verdict.findings[0], interval=interval)
    folder.save_verdict(made.replace(verdict, findings=(finding,)))
    document = check(folder.case_path("3.1.1") / "verdict.json")
    assert document["findings"][0]["interval"] == written
    assert folder.verdicts()["3.1.1"].findings[0].interval == interval


def test_nan_and_a_bare_infinity_are_refused_and_leave_the_old_verdict(tmp_path: Path) -> None:
    folder = RunStore(tmp_path).create(made.INFO)
    good = made.verdict()
    folder.save_verdict(good)
    with pytest.raises(RecordError, match="duration_s is nan"):
        folder.save_verdict(made.replace(good, duration_s=math.nan))
    finding = made.replace(good.findings[0], limit=math.inf)
    with pytest.raises(RecordError, match=r"findings\[0\]\.limit is inf"):
        folder.save_verdict(made.replace(good, findings=(finding,)))
    with pytest.raises(RecordError, match="estimate_s is inf, which is no measurement"):
        folder.save_case(made.case().model_copy(update={"estimate_s": math.inf}))
    assert folder.verdicts() == {"3.1.1": good}


def test_half_a_surrogate_pair_from_a_process_output_survives(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, made.INFO)
    verdict = made.replace(made.verdict(), reason=b"caf\xe9".decode("utf-8", "surrogateescape"))
    folder.save_verdict(verdict)
    assert folder.verdict("3.1.1") == verdict


@pytest.mark.parametrize("schema", sorted(SCHEMAS.glob("*.schema.json")), ids=lambda path: path.name)
def test_each_schema_is_a_schema(schema: Path) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.read_text(encoding="utf-8")))


def test_the_schemas_refuse_what_is_no_verdict(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, made.INFO)
    folder.save_verdict(made.verdict(status=Status.FAIL))
    file = folder.case_path("3.1.1") / "verdict.json"
    good = check(file)
    for wrong in (
        {"version": 2},
        {"status": "green"},
        {"more": 1},
        {"findings": [{**good["findings"][0], "interval": [1, 2]}]},
        {"findings": [{**good["findings"][0], "limit": "10"}]},
    ):
        file.write_text(json.dumps({**good, **wrong}), encoding="utf-8")
        with pytest.raises(jsonschema.ValidationError):
            check(file)
