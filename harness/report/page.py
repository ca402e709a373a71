"""What the page shows, in the words and numbers it shows it in: plain values for the template, no markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.record.folder import RunFolder
from harness.record.run import RunInfo
from harness.report import numbers
from harness.report.case_view import Badge, CaseView, Trials, badge, case_view
from harness.report.facts import run_facts, subtitle, warning
from harness.report.wording import Answer, answer, counted, group_name, not_run, printable
from harness.spec.case import Case, Group
from harness.verdict.acceptance import GroupStanding, Standing
from harness.verdict.verdict import CaseVerdict, Status


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
    beyond: tuple[CaseView, ...]
    """Cases beyond the 29 that did not pass; no gate counts them."""
    cases: tuple[tuple[str, tuple[CaseView, ...]], ...]
    """Group name and its cases, those beyond the 29 last."""
    not_run: tuple[NotRun, ...]
    not_run_beyond: tuple[NotRun, ...]
    facts: tuple[tuple[str, str], ...]
    command: str
    logs: tuple[str, ...]
    statuses: tuple[tuple[Badge, int], ...]
    """Each status that occurs, with the number of cases."""

    @property
    def has_charts(self) -> bool:
        """Whether the chart library has anything to draw."""
        return any(case.charts for _, cases in self.cases for case in cases)


def page(
    folder: RunFolder,
    cases: Sequence[Case],
    verdicts: Mapping[str, CaseVerdict],
    standing: Standing,
    trials: Trials,
) -> Page:
    """Put the page together; the cases in the order given, unknown ones after them."""
    known = {case.id: case for case in cases}
    order = [case.id for case in cases if case.id in verdicts] + [one for one in verdicts if one not in known]
    views = [case_view(folder, known.get(case_id), verdicts[case_id], trials) for case_id in order]
    idle = not_run(cases, verdicts)
    groups = sorted(dict.fromkeys(view.group for view in views), key=lambda group: group == Group.EXTENSIONS)
    info = folder.info
    counts = [(status, sum(1 for one in verdicts.values() if one.status is status)) for status in Status]
    return Page(
        run_id=printable(info.id),
        answer=answer(standing, verdicts),
        subtitle=subtitle(info),
        warning=warning(info),
        groups=tuple(_group(group) for group in (*standing.groups, standing.overall)),
        missing=tuple(view for view in views if not view.is_pass and view.counts),
        beyond=tuple(view for view in views if not view.is_pass and not view.counts),
        missing_groups=tuple(_idle(group) for group in standing.groups if not group.ran),
        cases=tuple((group_name(group), tuple(view for view in views if view.group == group)) for group in groups),
        not_run=tuple(_not_run(case, info) for case in idle if case.group is not Group.EXTENSIONS),
        not_run_beyond=tuple(_not_run(case, info) for case in idle if case.group is Group.EXTENSIONS),
        facts=run_facts(info, verdicts),
        command=printable(" ".join(info.command)),
        logs=tuple(path.relative_to(folder.path).as_posix() for path in folder.log_paths()),
        statuses=tuple((badge(status), count) for status, count in counts if count),
    )


def _group(group: GroupStanding) -> GroupRow:
    counts = [(badge(status), count) for status, count in group.by_status if status is not Status.PASS]
    uncounted = dict(group.by_status).get(Status.PASS, 0) - group.passed
    if uncounted > 0:
        # the gate does not count criteria that passed in a case which shows nothing as a whole
        counts.append((Badge("–", "passed, not counted", "not-run"), uncounted))
    shares, start = [], 0.0
    for shown, count in ((badge(Status.PASS), group.passed), *counts):
        width = 100 * count / group.total if group.total else 0.0
        if count:
            shares.append(Share(round(start, 3), round(width, 3), shown, count))
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


def _idle(group: GroupStanding) -> str:
    what = f"none of its {group.total} {group.counts}" if group.total != 1 else f"its one {group.counts[:-1]} never"
    return f"{group_name(group.group)}: {what} ran; it needs {numbers.percent(group.needed)}."


def _not_run(case: Case, info: RunInfo) -> NotRun:
    if case.id in info.selected:
        why = "selected, but the run ended before it was judged"
    else:
        why = f"no test yet: {case.awaiting}" if case.awaiting else "not selected"
    return NotRun(case.id, printable(case.title), group_name(case.group), str(case.priority), printable(why))
