"""Acceptance: the pass rates of the groups and of everything, against what the release needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.spec.acceptance import Acceptance, Counts, GroupGate
from harness.spec.case import Case, Group, Level
from harness.verdict.judge import SEVERITY, worst
from harness.verdict.verdict import CaseVerdict, Finding, Status

ALL = "all"
COUNTED = (Level.REQUIRED, Level.ADVISORY)
"""The levels that a rate over criteria counts."""


@dataclass(frozen=True, slots=True)
class GroupStanding:
    """One gate. `total`, `ran`, `passed` and `by_status` count what `counts` says: cases or criteria.

    `needed` and `rate` are shares (0..1) of `total`; `rate` is None when nothing ran.
    """

    group: str
    needed: float
    counts: str
    total: int
    ran: int
    passed: int
    rate: float | None
    met: bool
    by_status: tuple[tuple[Status, int], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """The gates of a release; `met` when every one of them is."""

    groups: tuple[GroupStanding, ...]
    overall: GroupStanding
    met: bool


def assess(cases: Sequence[Case], verdicts: Mapping[str, CaseVerdict], acceptance: Acceptance) -> Standing:
    """Where the cases stand. What did not run has not passed; a group of which nothing ran is not met.

    `overall` counts the cases of the gated groups; cases of other groups (extensions) count nowhere.
    """
    groups = tuple(
        _group(group, gate, [case for case in cases if case.group is group], verdicts)
        for group, gate in sorted(acceptance.groups.items(), key=lambda item: list(Group).index(item[0]))
    )
    gated = [case for case in cases if case.group in acceptance.groups]
    statuses = [verdicts[case.id].status for case in gated if case.id in verdicts]
    overall = _standing(ALL, acceptance.overall, Counts.CASES, len(gated), statuses, statuses.count(Status.PASS))
    return Standing(groups, overall, overall.met and all(group.met for group in groups))


def _group(group: Group, gate: GroupGate, cases: Sequence[Case], verdicts: Mapping[str, CaseVerdict]) -> GroupStanding:
    ran = [verdicts[case.id] for case in cases if case.id in verdicts]
    all_passed = len(ran) == len(cases) and all(verdict.status is Status.PASS for verdict in ran)
    possible = all_passed or not gate.all_required
    if gate.counts is Counts.CASES:
        statuses = [verdict.status for verdict in ran]
        passed = statuses.count(Status.PASS)
        return _standing(str(group), gate.rate, gate.counts, len(cases), statuses, passed, possible)
    total = sum(criterion.level in COUNTED for case in cases for criterion in case.criteria)
    statuses = [finding.status for verdict in ran for finding in _targets(verdict)]
    shown = [finding.status for verdict in ran if _exercised(verdict) for finding in _targets(verdict)]
    passed = shown.count(Status.PASS)
    return _standing(str(group), gate.rate, gate.counts, total, statuses, passed, possible)


def _standing(
    group: str, needed: float, counts: Counts, total: int, ran: Iterable[Status], passed: int, possible: bool = True
) -> GroupStanding:
    counted = Counter(ran)
    number = sum(counted.values())
    rate = passed / total if number and total else None
    return GroupStanding(
        group=group,
        needed=needed,
        counts=str(counts),
        total=total,
        ran=number,
        passed=passed,
        rate=rate,
        met=possible and rate is not None and rate >= needed,
        by_status=tuple((status, counted[status]) for status in SEVERITY if counted[status]),
    )


def _targets(verdict: CaseVerdict) -> list[Finding]:
    """What a rate over criteria counts: required and advisory ones."""
    return [finding for finding in verdict.findings if finding.level in COUNTED]


def _exercised(verdict: CaseVerdict) -> bool:
    """Whether the criteria that passed count: a case kept from passing by anything but its own required
    criteria (cut short, unproven, deferred, broken) has shown nothing."""
    proven = all(finding.status is Status.PASS for finding in verdict.findings if finding.level == Level.PROOF)
    required = worst(finding.status for finding in verdict.findings if finding.level == Level.REQUIRED)
    return proven and required is verdict.status
