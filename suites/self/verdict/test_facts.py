"""Metrics over facts: single observations, and what nobody observed."""

from __future__ import annotations

import pytest

from harness.evidence.records import Fact, Record
from harness.spec.case import Argument

from .histories import criterion, ends, facts, finding, status

pytestmark = pytest.mark.self

ANSWERS: tuple[Record, ...] = (
    Fact("answer", 1.0, "", "binance/GetAccount"),
    Fact("answer", 1.0, "", "binance/GetName"),
    Fact("answer", 1.0, "", "okx/GetAccount"),
    Fact("answer", 0.0, "", "okx/GetName", "'OKX' instead of 'okx'"),
)
ANSWER: dict[str, Argument] = {"name": "answer"}


def test_every_fact_of_a_name_must_keep_the_limit() -> None:
    of: dict[str, Argument] = {"name": "exit.code"}
    assert status("facts.value", "==", 1, of, facts("exit.code", 1, 1)) == "pass"
    assert status("facts.value", "==", 1, of, facts("exit.code", 1, 0)) == "fail"
    assert ends("facts.value", of, facts("exit.code", 1, 0)) == (0, 1)


def test_a_subject_selects() -> None:
    history = [*facts("exit.code", 1, subject="wrong-key"), *facts("exit.code", 0, subject="wrong-secret")]
    assert status("facts.value", "==", 1, {"name": "exit.code", "subject": "wrong-key"}, history) == "pass"
    assert status("facts.value", "==", 1, {"name": "exit.code", "subject": "wrong*"}, history) == "fail"


@pytest.mark.parametrize("metric", ["facts.value", "facts.count", "facts.failing", "facts.passing_groups"])
@pytest.mark.parametrize("of", [{"name": "nothing"}, {"name": "answer", "subject": "gate/*"}])
def test_what_nobody_observed_is_no_zero(metric: str, of: dict[str, Argument]) -> None:
    assert status(metric, "==", 0, of, ANSWERS) == "inconclusive"


def test_counts_all_or_those_of_a_value() -> None:
    assert ends("facts.count", ANSWER, ANSWERS) == (4, 4)
    assert ends("facts.count", {**ANSWER, "value": 1}, ANSWERS) == (3, 3)
    assert ends("facts.count", {**ANSWER, "value": 5}, ANSWERS) == (0, 0)
    assert ends("facts.count", {**ANSWER, "subject": "okx/*"}, ANSWERS) == (2, 2)


def test_a_wrong_answer_fails_and_tells_the_difference() -> None:
    one = finding(criterion("facts.failing", "==", 0, ANSWER), ANSWERS)
    assert one.status == "fail"
    assert "okx/GetName: 'OKX' instead of 'okx'" in one.reason
    assert status("facts.failing", "==", 0, {**ANSWER, "subject": "binance/*"}, ANSWERS) == "pass"


def test_a_group_passes_when_all_its_facts_do() -> None:
    assert ends("facts.passing_groups", ANSWER, ANSWERS) == (1, 1)
    assert ends("facts.passing_groups", ANSWER, ANSWERS[:3]) == (2, 2)
    assert status("facts.passing_groups", "==", 2, ANSWER, ANSWERS) == "fail"
