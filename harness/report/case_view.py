"""One case as the page shows it: criteria, doubts, what happened, what the services said; no markup."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.evidence.evidence import Evidence
from harness.record.folder import RunFolder
from harness.report import numbers
from harness.report.chart import Chart
from harness.report.charts import charts
from harness.report.logs import LogView, case_logs
from harness.report.plot import Plot, plot
from harness.report.soak_section import SoakView, is_soak, soak_view
from harness.report.timeline import Timeline, timeline
from harness.report.wording import SIGNS, main_reason, one_line, printable
from harness.spec.case import Case, Group, Level
from harness.verdict.verdict import CaseVerdict, Doubt, Finding, Status

Trials = Callable[[str], Sequence[Evidence]]
"""From a case id to the evidence of its trials, loaded when asked for: all cases at once need not fit into memory."""

LONGEST_REASON = 500
"""Characters of a case's reason; its criteria tell the rest."""
_ASIDE = re.compile(r"\s*\((quick look[^)]*)\)")


@dataclass(frozen=True, slots=True)
class Badge:
    """A status as shown: sign and word, and the class that colours them."""

    sign: str
    word: str
    style: str


@dataclass(frozen=True, slots=True)
class CriterionView:
    """One criterion."""

    name: str
    says: str
    level: str
    badge: Badge
    measured: str
    has_value: bool
    limit: str
    metric: str
    reason: str
    proxies: tuple[str, ...]
    plot: Plot | None


@dataclass(frozen=True, slots=True)
class DoubtView:
    """A doubt with everything that raised it: each trial, each criterion."""

    name: str
    says: tuple[str, ...]
    hint: str
    widens: bool


@dataclass(frozen=True, slots=True)
class CaseView:
    """One case that ran."""

    id: str
    anchor: str
    title: str
    tag: str
    """A caveat about the whole case: quick look, never counts as ..."""
    group: str
    priority: str
    badge: Badge
    passed: str
    took: str
    trials: int
    reason: str
    given: str
    when: str
    then: str
    criteria: tuple[CriterionView, ...]
    doubts: tuple[DoubtView, ...]
    soaks: tuple[SoakView, ...]
    """Of its trials that are long runs."""
    charts: tuple[Chart, ...]
    timelines: tuple[Timeline, ...]
    logs: tuple[LogView, ...]
    """Of a case that did not pass."""
    evidence: tuple[str, ...]
    """Paths relative to the run's folder."""

    @property
    def is_pass(self) -> bool:
        """Whether nothing is missing here."""
        return self.badge.style == "pass"

    @property
    def counts(self) -> bool:
        """Whether a gate counts it: it is one of the 29."""
        return self.group != Group.EXTENSIONS


def case_view(folder: RunFolder, case: Case | None, verdict: CaseVerdict, trials: Trials) -> CaseView:
    """The case with everything that its evidence and its services' logs show."""
    evidences = trials(verdict.case)
    passed = sum(1 for finding in verdict.findings if finding.status is Status.PASS)
    strips = [timeline(number, evidence) for number, evidence in enumerate(evidences, start=1)]
    title = printable(verdict.title)
    aside = _ASIDE.search(title)
    soaks = _soaks(folder, case, verdict, evidences)
    logs: tuple[LogView, ...] = ()
    if verdict.status is not Status.PASS:
        logs = case_logs(verdict.case, folder.path, folder.log_paths(), [one.marks for one in evidences])
    return CaseView(
        id=printable(verdict.case),
        anchor=f"case-{verdict.case}",
        title=_ASIDE.sub("", title),
        tag=aside[1] if aside else "",
        group=verdict.group,
        priority=printable(verdict.priority),
        badge=badge(verdict.status),
        passed=f"{passed} of {len(verdict.findings)} criteria",
        took=numbers.duration_text(verdict.duration_s),
        trials=verdict.trials,
        reason=one_line(main_reason(verdict), LONGEST_REASON) if verdict.status is not Status.PASS else "",
        given=printable(case.given) if case else "",
        when=printable(case.when) if case else "",
        then=printable(case.then) if case else "",
        criteria=tuple(_criterion(finding) for finding in verdict.findings),
        doubts=_doubts(verdict.doubts),
        soaks=soaks,
        charts=(*charts(case, verdict, evidences), *(one.chart for one in soaks)),
        timelines=tuple(strip for strip in strips if strip is not None),
        logs=logs,
        evidence=tuple(path.relative_to(folder.path).as_posix() for path in folder.evidence_paths(verdict.case)),
    )


def _soaks(
    folder: RunFolder, case: Case | None, verdict: CaseVerdict, evidences: Sequence[Evidence]
) -> tuple[SoakView, ...]:
    """Read from the disk again, in parts: such a run is too large for anything else."""
    if case is None:
        return ()
    found = [
        soak_view(path, number, case, verdict, evidence.marks)
        for number, (path, evidence) in enumerate(zip(folder.evidence_paths(case.id), evidences, strict=False), 1)
        if is_soak(evidence.marks)
    ]
    return tuple(one for one in found if one is not None)


def badge(status: Status) -> Badge:
    """Sign, word and style of a status."""
    return Badge(SIGNS[status], str(status), str(status).replace(" ", "-"))


def _doubts(doubts: Sequence[Doubt]) -> tuple[DoubtView, ...]:
    """Those of one name and hint together."""
    alike: dict[tuple[str, str, bool], list[str]] = {}
    for one in doubts:
        alike.setdefault((printable(one.name), printable(one.hint), one.widens), []).append(printable(one.says))
    return tuple(
        DoubtView(name, tuple(dict.fromkeys(says)), hint, widens) for (name, hint, widens), says in alike.items()
    )


def needs(finding: Finding) -> str:
    """What is asked of a criterion; nothing of one that is only for the record."""
    if finding.level == Level.REPORTED:
        return "for the record"
    return f"needs {numbers.limit_text(finding.op, finding.limit, finding.unit)}"


def _criterion(finding: Finding) -> CriterionView:
    return CriterionView(
        name=printable(finding.criterion),
        says=printable(finding.says),
        level=printable(finding.level),
        badge=badge(finding.status),
        measured=numbers.measured_text(finding),
        has_value=finding.interval is not None,
        limit=needs(finding),
        metric=printable(finding.metric),
        reason=printable(finding.reason),
        proxies=tuple(printable(proxy) for proxy in finding.proxies),
        plot=plot(finding) if finding.level != Level.REPORTED else None,
    )
