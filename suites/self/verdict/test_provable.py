"""What could never be judged is refused before anything runs, in one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.spec.case import Argument
from harness.spec.loader import load_cases
from harness.verdict.provable import refusals
from harness.verdict.registry import METRICS

from .histories import case, criterion

pytestmark = pytest.mark.self

ROOT = Path(__file__).resolve().parents[3]


def refusal(name: str, of: dict[str, Argument], op: str = "<=", limit: float = 5, **load: int) -> str:
    found = refusals(case(criterion(name, op, limit, of)).model_copy(update={"load": load}))
    assert len(found) <= 1, found
    return found[0] if found else ""


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("messages.cuont", {}, "there is no metric messages.cuont; of this kind there are messages.count"),
        ("weather.rain", {}, "there is no metric weather.rain; of this kind there are none"),
        ("messages.count", {"cleint": "c1"}, "messages.count has no argument `cleint`; it knows after, before, client"),
        ("messages.delivery_ms", {"client": "c1"}, "messages.delivery_ms needs `quantile`"),
        ("messages.delivery_ms", {"quantile": 99}, "`quantile` of messages.delivery_ms is a number between 0 and 1"),
        ("messages.delivery_ms", {"quantile": True}, "a number between 0 and 1, not True"),
        ("messages.duplicates", {"polled": "yes"}, "`polled` of messages.duplicates is true or false, not 'yes'"),
        ("readings.max", {"probe": 3}, "`probe` of readings.max is one name, not 3"),
        ("facts.count", {"name": "answer", "value": "one"}, "`value` of facts.count is a number, not 'one'"),
        ("marks.elapsed_s", {"from": "a"}, "marks.elapsed_s needs `to`"),
        ("marks.elapsed_s", {"from": "a", "to": "b", "attempt": 3}, "filters marks by `attempt`, which is text, not 3"),
        ("marks.count", {"name": "a", "kind": ("x", "y")}, ""),
        ("messages.count", {"client": ("c1", "c2"), "window": "w"}, ""),
        ("readings.max", {"probe": "connector.rss"}, ""),
    ],
)  # fmt: skip
def test_unknown_metrics_and_misused_arguments(name: str, of: dict[str, Argument], expected: str) -> None:
    told = refusal(name, of)
    assert expected in told
    assert bool(told) is bool(expected)
    assert not told or told.startswith("3.1.1/it: ")


def test_a_limit_that_the_planned_load_cannot_prove() -> None:
    of: dict[str, Argument] = {"quantile": 0.99}
    assert "(298 calls) cannot prove calls.latency_ms < 5" in refusal("calls.latency_ms", of, "<", 5, calls=298)
    assert refusal("calls.latency_ms", of, "<", 5, calls=1000) == ""
    assert "cannot prove messages.delivery_ms" in refusal("messages.delivery_ms", of, "<", 5, messages=100)
    assert refusal("calls.latency_ms", {"quantile": 0.5}, "<", 5, calls=298) == ""


def test_a_share_that_the_planned_load_cannot_prove() -> None:
    assert "at best it shows [0, 0.368" in refusal("calls.error_percent", {}, "<", 0.01, calls=1000)
    assert refusal("calls.error_percent", {}, "<", 0.01, calls=86_400) == ""


def test_a_limit_that_no_quantile_can_keep() -> None:
    assert "cannot prove" in refusal("calls.latency_ms", {"quantile": 0.5}, "<", 0, calls=1000)


def test_without_a_plan_nothing_is_refused_for_its_size() -> None:
    assert refusal("calls.latency_ms", {"quantile": 0.99}, "<", 5) == ""


def test_every_case_can_be_judged() -> None:
    assert [told for one in load_cases(ROOT / "specs") for told in refusals(one)] == []


def test_every_metric_describes_itself_and_its_arguments() -> None:
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert metric.says
        assert all(parameter.says for parameter in metric.parameters)
        assert len({parameter.name for parameter in metric.parameters}) == len(metric.parameters)
        ending = {"_per_s": "/s", "_ms": "ms", "_s": "s", "_percent": "%"}
        told = next((unit for suffix, unit in ending.items() if metric.name.endswith(suffix)), metric.unit)
        assert metric.unit == told, metric.name
