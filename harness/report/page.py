"""What the page shows, in the words and numbers it shows it in: plain values for the template, no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.evidence.records import Mark
from harness.record.folder import RunFolder
from harness.record.run import RunInfo
from harness.report import numbers
from harness.report.facts import run_facts, subtitle, warning
from harness.report.plot import Plot, plot
from harness.report.timeline import Timeline, timeline
from harness.report.wording import SIGNS, Answer, answer, counted, group_name, main_reason, not_run, one_line, printable
from harness.spec.case import Case
from harness.verdict.acceptance import GroupStanding, Standing
from harness.verdict.verdict import CaseVerdict, Doubt, Finding, Status

Marks = Mapping[str, Sequence[Sequence[Mark]]]
"""For each case id, the marks of each of its trials."""

LONGEST_REASON = 500
"""Characters of a case's reason; its criteria tell the rest."""


@dataclass(frozen=True, slots=True)
class Badge:
    """A status as shown: sign and word, and the class that colours them."""

    sign: str
    word: str
    style: str


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a group's bar, in percent of the group."""

    start: float
    width: float
    badge: Badge
    count: int


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The standing of a group."""

    name: str
    counted: str
    rate: str
    needed: str
    needed_at: float
    met: bool
    ran: bool
    shares: tuple[Share, ...]
    not_run: int


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
class CaseView:
    """One case that ran."""

    id: str
    anchor: str
    title: str
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
    doubts: tuple[Doubt, ...]
    timelines: tuple[Timeline, ...]
    evidence: tuple[str, ...]
    """Paths relative to the run's folder."""

    @property
    def is_pass(self) -> bool:
        """Whether nothing is missing here."""
        return self.badge.style == "pass"


@dataclass(frozen=True, slots=True)
class NotRun:
    """One case that did not run."""

    id: str
    title: str
    group: str
    priority: str
    why: str


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report."""

    run_id: str
    answer: Answer
    subtitle: str
    warning: str
    groups: tuple[GroupRow, ...]
    missing: tuple[CaseView, ...]
    missing_groups: tuple[str, ...]
    cases: tuple[tuple[str, tuple[CaseView, ...]], ...]
    """Group name and its cases."""
    not_run: tuple[NotRun, ...]
    facts: tuple[tuple[str, str], ...]
    command: str
    logs: tuple[str, ...]
    statuses: tuple[tuple[Badge, int], ...]
    """Each status that occurs, with the number of cases."""


def page(
    folder: RunFolder,
    cases: Sequence[Case],
    verdicts: Mapping[str, CaseVerdict],
    standing: Standing,
    marks: Marks,
) -> Page:
    """Put the page together; the cases in the order given, unknown ones after them."""
    known = {case.id: case for case in cases}
    order = [case.id for case in cases if case.id in verdicts] + [one for one in verdicts if one not in known]
    views = [_case(folder, known.get(case_id), verdicts[case_id], marks.get(case_id, ())) for case_id in order]
    groups = list(dict.fromkeys(view.group for view in views))
    info = folder.info
    counts = [(status, sum(1 for one in verdicts.values() if one.status is status)) for status in Status]
    return Page(
        run_id=printable(info.id),
        answer=answer(standing, verdicts),
        subtitle=subtitle(info),
        warning=warning(info),
        groups=tuple(_group(group) for group in (*standing.groups, standing.overall)),
        missing=tuple(view for view in views if not view.is_pass),
        missing_groups=tuple(_idle(group) for group in standing.groups if not group.ran),
        cases=tuple((group_name(group), tuple(view for view in views if view.group == group)) for group in groups),
        not_run=tuple(_not_run(case, info) for case in not_run(cases, verdicts)),
        facts=run_facts(info, verdicts),
        command=printable(" ".join(info.command)),
        logs=tuple(path.relative_to(folder.path).as_posix() for path in folder.log_paths()),
        statuses=tuple((_badge(status), count) for status, count in counts if count),
    )


def _badge(status: Status) -> Badge:
    return Badge(SIGNS[status], str(status), str(status).replace(" ", "-"))


def _group(group: GroupStanding) -> GroupRow:
    counts = [(_badge(status), count) for status, count in group.by_status if status is not Status.PASS]
    uncounted = dict(group.by_status).get(Status.PASS, 0) - group.passed
    if uncounted > 0:
        # the gate does not count criteria that passed in a case which shows nothing as a whole
        counts.append((Badge("–", "passed, not counted", "not-run"), uncounted))
    shares, start = [], 0.0
    for badge, count in ((_badge(Status.PASS), group.passed), *counts):
        width = 100 * count / group.total if group.total else 0.0
        if count:
            shares.append(Share(round(start, 3), round(width, 3), badge, count))
        start += width
    return GroupRow(
        name=group_name(group.group),
        counted=counted(group),
        rate="–" if group.rate is None else numbers.percent(group.rate),
        needed=numbers.percent(group.needed),
        needed_at=round(100 * group.needed, 3),
        met=group.met,
        ran=group.ran > 0,
        shares=tuple(shares),
        not_run=group.total - group.ran,
    )


def _case(folder: RunFolder, case: Case | None, verdict: CaseVerdict, marks: Sequence[Sequence[Mark]]) -> CaseView:
    passed = sum(1 for finding in verdict.findings if finding.status is Status.PASS)
    strips = [timeline(number, of_trial) for number, of_trial in enumerate(marks, start=1)]
    return CaseView(
        id=printable(verdict.case),
        anchor=f"case-{verdict.case}",
        title=printable(verdict.title),
        group=verdict.group,
        priority=printable(verdict.priority),
        badge=_badge(verdict.status),
        passed=f"{passed} of {len(verdict.findings)} criteria",
        took=numbers.duration_text(verdict.duration_s),
        trials=verdict.trials,
        reason=one_line(main_reason(verdict), LONGEST_REASON) if verdict.status is not Status.PASS else "",
        given=printable(case.given) if case else "",
        when=printable(case.when) if case else "",
        then=printable(case.then) if case else "",
        criteria=tuple(_criterion(finding) for finding in verdict.findings),
        doubts=tuple(Doubt(printable(d.name), printable(d.says), printable(d.hint), d.widens) for d in verdict.doubts),
        timelines=tuple(strip for strip in strips if strip is not None),
        evidence=tuple(path.relative_to(folder.path).as_posix() for path in folder.evidence_paths(verdict.case)),
    )


def _criterion(finding: Finding) -> CriterionView:
    return CriterionView(
        name=printable(finding.criterion),
        says=printable(finding.says),
        level=printable(finding.level),
        badge=_badge(finding.status),
        measured=numbers.measured_text(finding),
        has_value=finding.interval is not None,
        limit=numbers.limit_text(finding.op, finding.limit, finding.unit),
        metric=printable(finding.metric),
        reason=printable(finding.reason),
        proxies=tuple(printable(proxy) for proxy in finding.proxies),
        plot=plot(finding),
    )


def _idle(group: GroupStanding) -> str:
    what = f"none of its {group.total} {group.counts}" if group.total != 1 else f"its one {group.counts[:-1]} never"
    return f"{group_name(group.group)}: {what} ran; it needs {numbers.percent(group.needed)}."


def _not_run(case: Case, info: RunInfo) -> NotRun:
    if case.id in info.selected:
        why = "selected, but the run ended before it was judged"
    else:
        why = f"no test yet: {case.awaiting}" if case.awaiting else "not selected"
    return NotRun(case.id, printable(case.title), group_name(case.group), str(case.priority), printable(why))
