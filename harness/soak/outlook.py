"""Outlook: which required criteria of a case can no longer pass, whatever the rest of the run brings."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.evidence import Evidence
from harness.evidence.records import Call, Fact, Record
from harness.spec.case import Case, Criterion, Level, Op
from harness.spec.loader import load_cases
from harness.verdict.compare import compare
from harness.verdict.interval import Interval
from harness.verdict.judge import judge
from harness.verdict.registry import metric
from harness.verdict.selecting import fits
from harness.verdict.verdict import CaseVerdict, Status

UPTIME = "uptime.percent"
ERRORS = "calls.error_percent"
BOUNDS = (Op.EQ, Op.LE, Op.LT)
CLOSED = ("messages.missing",)
"""May fall while updates are under way; a slice ends so long ago that none are."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known besides the slice's records. `uptime_percent`: the most that the run can still come to;
    `error_percent`: the least; None: not known."""

    uptime_percent: float | None = None
    error_percent: float | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a case makes of a run that is still on."""

    case: Case

    def __call__(self, records: tuple[Record, ...], standing: Standing) -> tuple[str, ...]:
        """A slice of a run and how it stands -> a sentence for each required criterion that is lost for good."""
        return lost_for_good(self.case, records, standing)


def outlook_of(specs: Path, case_id: str) -> Outlook:
    """For the case as it is specified there. Raises SpecError; KeyError when there is none."""
    return Outlook({case.id: case for case in load_cases(specs)}[case_id])


def judged_calls(case: Case) -> Callable[[Call], bool]:
    """Whether a call is one that the case's criteria on the share of errors are about; another may fail as it likes."""
    asked = [one.of for one in case.criteria if one.metric == ERRORS and one.level is Level.REQUIRED]

    def counts(call: Call) -> bool:
        of_call = {"method": call.method, "client": call.client}
        return any(all(fits(of_call[key], of[key]) for key in of_call if key in of) for of in asked)

    return counts


def lost_for_good(case: Case, records: tuple[Record, ...], standing: Standing) -> tuple[str, ...]:
    """Criteria that count and have counted too much in this slice, and shares that cannot recover.

    A count over a part of a run is at most the count over all of it, so that what breaks an upper bound in a slice
    breaks it for good.
    """
    counted = [one for one in case.criteria if one.level is Level.REQUIRED and _only_grows(one)]
    lost: list[str] = []
    if counted:
        verdict = judge(
            case.model_copy(update={"criteria": tuple(counted), "trials": 1}), [Evidence.of(*records)],
            today=datetime.date.max,
        )  # fmt: skip
        for finding in verdict.findings:
            if finding.status is Status.FAIL and finding.interval is not None and finding.interval.low > finding.limit:
                lost.append(f"{finding.criterion}: {finding.says}: {finding.interval.low:g} {finding.unit}".rstrip())
    for criterion in case.criteria:
        best = _best_share(criterion, standing)
        if criterion.level is not Level.REQUIRED or best is None:
            continue
        if compare(Interval.exactly(best), criterion.op, criterion.limit) is Status.FAIL:
            lost.append(f"{criterion.id}: {criterion.says}: {best:.4g} {criterion.unit} at best".rstrip())
    return tuple(lost)


def projection(verdict: CaseVerdict, duration: str) -> str:
    """What a run shorter than the case's day came to, where nothing required has failed; else empty.

    It is no pass: the time is not proven, and the growth over a day is only projected.
    """
    required = [one for one in verdict.findings if one.level == Level.REQUIRED]
    if not required or any(one.status in (Status.FAIL, Status.ERROR) for one in required):
        return ""
    if verdict.status is not Status.INCONCLUSIVE:
        return ""
    told = next((one.reason for one in required if one.criterion == "memory"), "")
    return f"a projection from {duration}, no verdict on 24 h: {told}"


def uptime_fact(looks: int, serving: int, life: int) -> Fact:
    """Fact uptime.percent of one life of the runner."""
    percent = 100.0 * serving / looks if looks else 0.0
    return Fact(UPTIME, percent, "%", f"life {life}", f"{serving} of {looks} looks")


def _only_grows(criterion: Criterion) -> bool:
    known = metric(criterion.metric)
    counts = criterion.metric in CLOSED or (known is not None and known.grows)
    return counts and criterion.op in BOUNDS


def _best_share(criterion: Criterion, standing: Standing) -> float | None:
    if criterion.metric == "facts.value" and criterion.of.get("name") == UPTIME:
        return standing.uptime_percent
    return standing.error_percent if criterion.metric == ERRORS else None
