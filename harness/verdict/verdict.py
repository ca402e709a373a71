"""Status, Finding, Doubt and CaseVerdict: what judging a case results in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from harness.verdict.interval import Interval


class Status(StrEnum):
    """What a criterion or a case came to. Only PASS counts towards a pass rate."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_MEASURABLE = "not measurable"
    DEFERRED = "deferred"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something suspicious about the measurement. `widens`: it keeps its criterion from passing."""

    name: str
    says: str
    hint: str
    widens: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """One criterion with its measured interval and status. `reason` explains anything but a pass."""

    criterion: str
    says: str
    level: str
    metric: str
    op: str
    limit: float
    unit: str
    interval: Interval | None
    status: Status
    reason: str = ""
    proxies: tuple[str, ...] = ()
    """Readings shown beside a criterion that cannot be measured itself, each one labelled sentence."""


@dataclass(frozen=True, slots=True)
class CaseVerdict:
    """The judgement of one case: its worst required criterion, with everything that led to it."""

    case: str
    title: str
    group: str
    priority: str
    status: Status
    findings: tuple[Finding, ...]
    doubts: tuple[Doubt, ...] = ()
    reason: str = ""
    trials: int = 1
    duration_s: float = 0.0
