"""Judge a case: its criteria over the evidence of its trials, to one verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
from harness.spec.case import Case, Criterion, Level
from harness.verdict.certainty import missed_since
from harness.verdict.compare import compare
from harness.verdict.deferral import Deferral
from harness.verdict.doubts import doubts_about
from harness.verdict.explain import interval_text, number_with_unit
from harness.verdict.interval import EVERYTHING, Interval, hull
from harness.verdict.load_doubts import between_trials
from harness.verdict.metric import Measurement, Metric, UnseenError
from harness.verdict.metrics.tally import TALLIES, key_of
from harness.verdict.raised import Raised
from harness.verdict.registry import metric
from harness.verdict.selecting import NS_PER_S, named
from harness.verdict.unknown import UNKNOWN, UnknownUpdates
from harness.verdict.verdict import CaseVerdict, Finding, Status

SEVERITY = (
    Status.FAIL,
    Status.ERROR,
    Status.NOT_MEASURABLE,
    Status.INCONCLUSIVE,
    Status.DEFERRED,
    Status.PASS,
)
"""Worst first: a sure miss outweighs everything, and whatever is not known outweighs a pass."""

__all__ = ["SEVERITY", "Deferral", "judge", "worst"]

CUT_SHORT = "trial.cut_short"
BROKEN = "trial.error"
CLOCK_STEP = "clock.step"


@dataclass(frozen=True, slots=True)
class _Ruling:
    """A status with the sentence that explains it."""

    status: Status
    reason: str = ""


def worst(statuses: Iterable[Status]) -> Status:
    """The first in SEVERITY; PASS for none."""
    return min(statuses, key=SEVERITY.index, default=Status.PASS)


def judge(case: Case, evidences: Sequence[Evidence], *, deferrals: Sequence[Deferral] = (), today: date) -> CaseVerdict:
    """The verdict of a case; each evidence is one of its trials, and every trial must keep every criterion.

    The case takes the worst of its required criteria. An unmet proof or a trial cut short keeps it
    from passing, an error of the harness makes it an error; a required criterion that surely failed
    stays a failure. Advisory criteria never decide. Never raises for anything in the evidence.
    """
    mine = [deferral for deferral in deferrals if deferral.case == case.id]
    for evidence in evidences:
        _expect(case, evidence)
    raised = tuple(one for evidence in evidences for one in doubts_about(case, evidence))
    raised += between_trials(case, evidences)
    findings = tuple(_finding(criterion, evidences, raised, mine, today) for criterion in case.criteria)
    findings = findings if evidences else ()
    ruling = _rule(case, evidences, findings)
    ruling = _deferred(ruling, [one for one in mine if not one.criterion], today)
    spans = [evidence.span_ns() for evidence in evidences]
    return CaseVerdict(
        case=case.id,
        title=case.title,
        group=str(case.group),
        priority=str(case.priority),
        status=ruling.status,
        findings=findings,
        doubts=tuple(dict.fromkeys(one.doubt for one in raised)),
        reason=ruling.reason,
        trials=len(evidences),
        duration_s=sum(end - begin for begin, end in spans) / NS_PER_S,
    )


def _expect(case: Case, evidence: Evidence) -> None:
    """Say what will be asked of the messages, so that a large recording is read once for all of it."""
    evidence.expect(UNKNOWN, UnknownUpdates)
    for criterion in case.criteria:
        if make := TALLIES.get(criterion.metric):
            try:
                evidence.expect(key_of(criterion.metric, criterion.of), partial(make, evidence, criterion.of))
            except UnseenError:
                continue  # measuring says so again, and is heard then


def _rule(case: Case, evidences: Sequence[Evidence], findings: Sequence[Finding]) -> _Ruling:
    """The status before any deferral of the whole case."""
    if not evidences:
        return _Ruling(Status.ERROR, "there is no evidence: the case was never carried out")
    rulings = [_Ruling(one.status, f"{one.criterion}: {one.reason}") for one in findings if one.level == Level.REQUIRED]
    rulings += [_unproven(one) for one in findings if one.level == Level.PROOF and one.status is not Status.PASS]
    for evidence in evidences:
        rulings += [_Ruling(Status.ERROR, f"the harness broke: {_told(mark)}") for mark in named(evidence, BROKEN)]
        rulings += [_Ruling(Status.INCONCLUSIVE, f"cut short: {_told(mark)}") for mark in named(evidence, CUT_SHORT)]
    if len(evidences) < case.trials:
        told = f"{len(evidences)} of the {case.trials} trials that the case asks for were carried out"
        rulings.append(_Ruling(Status.INCONCLUSIVE, told))
    decided = worst(ruling.status for ruling in rulings)
    reasons = [ruling.reason for ruling in rulings if ruling.status is decided]
    return _Ruling(decided, "" if decided is Status.PASS else _joined(reasons))


def _unproven(finding: Finding) -> _Ruling:
    status = finding.status if finding.status in (Status.ERROR, Status.DEFERRED) else Status.INCONCLUSIVE
    return _Ruling(status, f"not exercised: {finding.criterion}: {finding.reason}")


def _told(mark: Mark) -> str:
    return mark.detail.get("reason", "no reason was given")


def _deferred(ruling: _Ruling, deferrals: Sequence[Deferral], today: date) -> _Ruling:
    """Put off while the date holds; past it, whatever does not pass fails."""
    for deferral in deferrals:
        if not deferral.lapsed(today):
            return _Ruling(Status.DEFERRED, deferral.told())
        if ruling.status is not Status.PASS:
            return _Ruling(Status.FAIL, f"the deferral ran out: {deferral.told()}; {ruling.reason}")
    return ruling


def _finding(
    criterion: Criterion,
    evidences: Sequence[Evidence],
    raised: Sequence[Raised],
    deferrals: Sequence[Deferral],
    today: date,
) -> Finding:
    """One criterion over all trials."""
    blank = Finding(
        criterion=criterion.id,
        says=criterion.says,
        level=str(criterion.level),
        metric=criterion.metric,
        op=str(criterion.op),
        limit=criterion.limit,
        unit=criterion.unit,
        interval=None,
        status=Status.ERROR,
    )
    known = metric(criterion.metric)
    if known is None:
        return replace(blank, reason=f"there is no metric {criterion.metric}")
    try:
        measured = [_measured(known, criterion, evidence) for evidence in evidences]
        finding = _compared(blank, criterion, known, measured)
    except Exception as error:  # noqa: BLE001 - a metric that breaks must never look like a pass
        return replace(blank, reason=f"measuring {criterion.metric} broke: {type(error).__name__}: {error}")
    if criterion.level is Level.REPORTED and finding.interval not in (None, EVERYTHING):
        return replace(finding, status=Status.PASS, reason="")  # it was seen, and nothing more is asked of it
    if finding.status is Status.FAIL and (since := [missed_since(one, criterion) for one in evidences]):
        finding = replace(finding, reason=_joined((*since, finding.reason)))
    held = [one.doubt.says for one in raised if one.doubt.widens and criterion.id in one.criteria]
    if finding.status is Status.PASS and held:
        finding = replace(finding, status=Status.INCONCLUSIVE, reason="; ".join(dict.fromkeys(held)))
    excuses = [one.doubt.says for one in raised if one.excuses and criterion.id in one.criteria]
    if finding.status is Status.FAIL and excuses:
        finding = replace(finding, status=Status.INCONCLUSIVE, reason=_joined((*excuses, finding.reason)))
    ruling = _deferred(
        _Ruling(finding.status, finding.reason), [one for one in deferrals if one.criterion == criterion.id], today
    )
    return replace(finding, status=ruling.status, reason=ruling.reason)


def _measured(known: Metric, criterion: Criterion, evidence: Evidence) -> Measurement:
    """One trial's measurement, wider where the trial itself says that it must be."""
    measurement = known.measured(evidence, criterion.of)
    if measurement.interval is None:
        return measurement
    parts = measurement.parts or (measurement.interval,)
    if known.timed and (steps := named(evidence, CLOCK_STEP)):
        by_s = sum(abs(float(mark.detail.get("by_s", "inf"))) for mark in steps)
        by = by_s * 1000 if known.unit == "ms" else by_s
        parts = tuple(part + Interval(-by, by) for part in parts)
    if known.grows and named(evidence, BROKEN):
        parts = tuple(Interval(part.low, float("inf")) for part in parts)
    return replace(measurement, interval=hull(parts), parts=parts)


def _compared(blank: Finding, criterion: Criterion, known: Metric, measured: Sequence[Measurement]) -> Finding:
    """Every part of every trial must keep the limit."""
    proxies = tuple(dict.fromkeys(proxy for one in measured for proxy in one.proxies))
    reason = _joined(one.reason for one in measured)
    intervals = [one.interval for one in measured if one.interval is not None]
    if len(intervals) < len(measured):
        return replace(blank, status=Status.NOT_MEASURABLE, reason=reason or "no source measures it", proxies=proxies)
    parts = _parts(known, measured)
    statuses = [compare(part, criterion.op, criterion.limit) for part, _ in parts]
    status = worst(statuses)
    if status is not Status.PASS:
        missed = [pair for pair, one in zip(parts, statuses, strict=True) if one is status]
        told = _joined((*(note for _, note in missed[:3]), reason))
        reason = _joined((_several(len(missed), len(parts), status), told or _outside(criterion, missed[0][0], status)))
    return replace(blank, interval=hull(intervals), status=status, reason=reason if status is not Status.PASS else "")


def _parts(known: Metric, measured: Sequence[Measurement]) -> list[tuple[Interval, str]]:
    """What must keep the limit, with its note; pooled metrics are one range over the trials, part by part."""
    if known.pooled and len(measured) > 1:
        columns: list[tuple[Interval, ...]] = [tuple(part for one in measured for part in one.parts)]
        if len({len(one.parts) for one in measured}) == 1:
            columns = list(zip(*(one.parts for one in measured), strict=True))
        return [(hull(column), "") for column in columns]
    return [(part, one.notes[at] if one.notes else "") for one in measured for at, part in enumerate(one.parts)]


def _several(missed: int, parts: int, status: Status) -> str:
    if parts == 1:
        return ""
    return f"{missed} of {parts} miss it" if status is Status.FAIL else f"{missed} of {parts} may miss it"


def _outside(criterion: Criterion, part: Interval, status: Status) -> str:
    shown = interval_text(part, criterion.unit, criterion.op)
    limit = f"{criterion.op} {number_with_unit(criterion.limit, criterion.unit)}"
    return f"{shown} breaks {limit}" if status is Status.FAIL else f"{shown} may or may not keep {limit}"


def _joined(sentences: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(sentence for sentence in sentences if sentence))
