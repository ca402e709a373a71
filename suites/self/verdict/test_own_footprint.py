"""A runner that takes more than it may is told of, and only then."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from harness.evidence.clock import NS_PER_S
from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark, Reading
from harness.spec.loader import load_cases
from harness.verdict.judge import judge
from harness.verdict.own_footprint import own_footprint

pytestmark = pytest.mark.self

SOAK = next(one for one in load_cases(Path(__file__).resolve().parents[3] / "specs") if one.id == "6.1.1")
T0 = 1_000 * NS_PER_S


def run(rss: float, grows_per_h: float = 0.0, cpu: float = 7.0, fills: float = 0.0) -> Evidence:
    """Two hours, a reading a minute; before the steady time it took more. `fills`: so much more after 20 minutes."""
    end_ns = T0 + 7200 * NS_PER_S
    records: list[Mark | Reading] = [
        Mark(T0, "window.begin", {"window": "steady"}),
        Mark(end_ns, "window.end", {"window": "steady"}),
        Reading(T0 - 1, "harness.rss", 9e9, "bytes"),
    ]
    for minute in range(120):
        t_ns = T0 + minute * 60 * NS_PER_S
        more = grows_per_h * minute / 60 + fills * min(1, minute / 20)
        records.append(Reading(t_ns, "harness.rss", rss + more, "bytes"))
        records.append(Reading(t_ns, "harness.cpu", cpu, "%"))
    return Evidence.of(*records)


@pytest.mark.parametrize(
    ("evidence", "says"),
    [
        (run(140e6), []),
        (run(140e6, grows_per_h=0.9e6), []),
        (run(151e6), ["took up to 151 MB"]),
        (run(100e6, grows_per_h=1.1e6), ["grew by 1.1 MB an hour"]),
        (run(120e6, fills=20e6), []),
        (run(140e6, cpu=11), ["took 11 % of a core"]),
        (Evidence.of(Mark(T0, "trial.began")), []),
    ],
)
def test_what_is_too_much_is_told(evidence: Evidence, says: list[str]) -> None:
    doubts = [one.doubt for one in own_footprint(SOAK, evidence)]
    assert len(doubts) == len(says)
    assert all(said in doubt.says for said, doubt in zip(says, doubts, strict=True))
    assert not any(doubt.widens for doubt in doubts), "nothing is held against the target"


def test_the_verdict_tells_it_and_holds_it_against_nobody() -> None:
    modest, large = (judge(SOAK, [run(rss)], today=date(2030, 1, 1)) for rss in (140e6, 220e6))
    assert {one.name for one in large.doubts} - {one.name for one in modest.doubts} == {"large harness"}
    assert [one.status for one in large.findings] == [one.status for one in modest.findings]
