"""Guards over the instrument of a performance case: one that was not good enough gives no pass and no fail."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.tables import ReadingTable
from harness.spec.case import Case, Criterion, Group, Level
from harness.verdict.compare import compare
from harness.verdict.interval import Interval, hull
from harness.verdict.metric import UnseenError, number
from harness.verdict.performance import (
    CALLS,
    CEILING,
    MESSAGES,
    MHZ_MAX,
    MHZ_MIN,
    OFFERED,
    OTHERS,
    REAL_TIME,
    STAMPS,
    WARM,
    fact,
    floor_ms,
    floor_window,
    lateness_ms,
    offered_per_s,
    unmeasured,
    windows_of,
)
from harness.verdict.quantiles import ranks, samples_needed
from harness.verdict.raised import Guard, Raised
from harness.verdict.registry import metric
from harness.verdict.saturation import saturation
from harness.verdict.selecting import NS_PER_S, in_spans, named, subscribers, windows
from harness.verdict.verdict import Doubt, Status

FLOOR_SHARE = 0.5
"""An instrument whose own quantile is above this share of the limit cannot tell the target's from its own."""
LATE_SHARE = 0.5
SAME_RATE = 0.9
SLOWER_CLOCK = 0.7
"""A CPU frequency that fell to less than this share of its highest makes a slow target of a quick one."""
APART = 0.2
SURE_TRIALS = 5
"""Were the typical trial on the right side, so many would all lie on the wrong one in 3 runs of 100."""
OTHERS_SHARE = 0.2
"""Of one core: more than an idle system with its services uses."""
_PLAIN = (Level.PROOF, Level.REPORTED)
"""Criteria of these levels hold nothing against the target."""


def under_load(case: Case, evidence: Evidence) -> bool:
    """Whether a load generator's speed is part of the measurement."""
    return case.group is Group.PERFORMANCE or any(one.name == OFFERED for one in evidence.facts)


def kind_of(criterion: Criterion) -> str:
    """CALLS or MESSAGES when the criterion rests on the instrument's speed; otherwise empty."""
    known, family = metric(criterion.metric), criterion.metric.split(".")[0]
    measured = known is not None and (known.timed or known.paced) and criterion.level not in _PLAIN
    return family if family in (CALLS, MESSAGES) and measured else ""


def saturated(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The generator, its rate or its host was at its end in a window that a criterion looks at."""
    for criterion, kind in _concerned(case, evidence):
        for window in windows_of(criterion):
            for sign in saturation(evidence, window, kind):
                doubt = Doubt(sign.name, sign.says, sign.hint, widens=True)
                yield Raised(doubt, frozenset({criterion.id}), excuses=True)


def unmeasured_instrument(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """Nobody knows what the instrument itself takes, or can do: nothing passes, a miss stays one."""
    if case.group is not Group.PERFORMANCE:
        return
    hint = "calibrate the instrument in the same trial, just before the load: `nfr calibrate` shows how it does"
    for criterion, kind in _concerned(case, evidence):
        mine = frozenset({criterion.id})
        if fact(evidence, CEILING, kind) is None:
            why = unmeasured(evidence, CEILING) or "no null server was asked"
            yield Raised(
                Doubt("no ceiling", f"the instrument's ceiling in {kind}/s is unknown: {why}", hint, True), mine
            )
        for window in windows_of(criterion) if _limit_ms(criterion) else ():
            if not len(floor_ms(evidence, window, kind)):
                why = unmeasured(evidence, "instrument.floor") or "no null server was asked"
                says = f"the instrument's floor in {kind} for the window {window} is unknown: {why}"
                yield Raised(Doubt("no floor", says, hint, True), mine)
            elif _rate(evidence, floor_window(evidence, window), kind) < SAME_RATE * _rate(evidence, window, kind):
                says = f"the instrument's floor was measured at a lower rate than that of the window {window}"
                yield Raised(Doubt("floor at another rate", says, hint, True), mine)


def near_floor(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The limit is within reach of what the instrument takes by itself. A miss by more than all of that stays one."""
    for criterion, kind in _concerned(case, evidence):
        limit_ms = _limit_ms(criterion)
        quantile = number(criterion.of, "quantile", 0.5)
        for window in windows_of(criterion) if limit_ms else ():
            samples = floor_ms(evidence, window, kind)
            if not len(samples):
                continue
            if ranks(len(samples), quantile)[1] > len(samples):
                says = (
                    f"{len(samples)} {kind} against the null server cannot bound the instrument's p{quantile * 100:g}"
                )
                hint = f"let the calibration make at least {samples_needed(quantile)} {kind}"
                yield Raised(Doubt("floor from too few samples", says, hint, True), frozenset({criterion.id}))
            floor = float(np.quantile(samples, quantile, method="inverted_cdf"))
            if floor > FLOOR_SHARE * limit_ms:
                says = (
                    f"the instrument alone takes {floor:.2f} ms at p{quantile * 100:g} (window {window}), "
                    f"within reach of the limit of {limit_ms:g} ms"
                )
                hint = "use a quieter or faster machine, or more cores"
                yield _unless_far_beyond(criterion, evidence, floor, Doubt("floor too near", says, hint, True))


def lateness(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The generator sent late by its own doing. A target that made its users wait is not excused by that."""
    for criterion, kind in _concerned(case, evidence):
        limit_ms = _limit_ms(criterion)
        for window in windows_of(criterion) if limit_ms and kind == CALLS else ():
            try:
                samples = lateness_ms(evidence, window)
            except UnseenError:
                continue
            late = float(np.quantile(samples, 0.99, method="inverted_cdf")) if len(samples) else 0.0
            if late > LATE_SHARE * limit_ms:
                says = f"in the window {window} the generator itself sent its calls up to {late:.1f} ms late (p99)"
                hint = "leave the machine to the run alone, give it more cores, or use more generator processes"
                if fact(evidence, REAL_TIME, window) == 0:
                    hint = "let the generator take real-time priority (root, or CAP_SYS_NICE); " + hint
                yield _unless_far_beyond(criterion, evidence, late, Doubt("late generator", says, hint, True))


def not_warm(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """Nothing shows that the warm-up was over when the window began."""
    if case.group is not Group.PERFORMANCE:
        return
    warm_ns = [mark.t_ns for mark in named(evidence, WARM)]
    for criterion, _ in _concerned(case, evidence):
        for window in windows_of(criterion):
            begins = _begins_ns(evidence, window)
            if begins and not any(one <= begins for one in warm_ns):
                says = f"no mark {WARM} shows that the warm-up was over before the window {window}"
                hint = "warm up until the latency is steady, and mark how that was seen"
                yield Raised(Doubt("not warm", says, hint, True), frozenset({criterion.id}))


def slower_clock(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The CPU's frequency fell during the window: it may have caused a miss, never a pass."""
    for criterion, _ in _concerned(case, evidence):
        for window in windows_of(criterion):
            low, high = fact(evidence, MHZ_MIN, window), fact(evidence, MHZ_MAX, window)
            if low is not None and high is not None and low < SLOWER_CLOCK * high:
                says = f"in the window {window} the CPU's frequency lay between {low:.0f} and {high:.0f} MHz"
                hint = "set the frequency governor to performance, or let the machine cool down"
                yield Raised(Doubt("changing frequency", says, hint), frozenset({criterion.id}), excuses=True)


def busy_machine(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """Others had the CPU meanwhile: it may have caused a miss, never a pass."""
    rows = evidence.readings.rows(evidence.readings.probe.equal(OTHERS))
    for criterion, _ in _concerned(case, evidence):
        for window in windows_of(criterion):
            share = _others_share(rows, evidence, window)
            if share > OTHERS_SHARE:
                says = f"in the window {window} others on this machine used {share:.0%} of a core"
                hint = "leave the machine to the run alone"
                yield Raised(Doubt("busy machine", says, hint), frozenset({criterion.id}), excuses=True)


def _others_share(rows: ReadingTable, evidence: Evidence, window: str) -> float:
    """Mean over the windows of that name, in cores; 0 where nothing tells."""
    try:
        spans = windows(evidence, window)
    except UnseenError:
        return 0.0
    used_s = lasted_s = 0.0
    for span in spans:
        mine = rows.rows(in_spans(rows.t_ns, (span,)))
        if len(mine) > 1:
            used_s += float(mine.value[-1] - mine.value[0])
            lasted_s += float(mine.t_ns[-1] - mine.t_ns[0]) / NS_PER_S
    return used_s / lasted_s if lasted_s else 0.0


def coarse_stamps(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """Receipts were stamped by this process when it got to it, not by the kernel when they came."""
    if fact(evidence, STAMPS) == 0:
        says = "answers are stamped by the user-space clock, the generator's own waiting is part of every latency"
        hint = "run on a platform whose kernel stamps received segments (Linux)"
        yield Raised(Doubt("user-space stamps", says, hint), frozenset(one.id for one, _ in _concerned(case, evidence)))


def broken_streams(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """A stream broke inside the window: until it is back nothing is owed on it, so its speed proves nothing."""
    broke = [*named(evidence, "stream.down"), *named(evidence, "stream.error")]
    for criterion, kind in _concerned(case, evidence) if broke else ():
        for window in windows_of(criterion) if kind == MESSAGES else ():
            try:
                names, chosen = subscribers(evidence, criterion.of), windows(evidence, window)
            except UnseenError:
                continue
            mine = [one for one in broke if one.detail.get("client") in names]
            inside = [one for one in mine if any(begin <= one.t_ns <= end for begin, end in chosen)]
            if inside:
                says = f"in the window {window} streams broke {len(inside)} times ({inside[0].detail.get('code', '?')})"
                hint = "see the target's log: a stream is to last until its client ends it"
                yield Raised(Doubt("broken stream", says, hint, True), frozenset({criterion.id}))


GUARDS: tuple[Guard, ...] = (
    saturated, unmeasured_instrument, near_floor, lateness, not_warm, slower_clock, busy_machine, coarse_stamps,
    broken_streams,
)  # fmt: skip


def between_trials(case: Case, evidences: Sequence[Evidence]) -> tuple[Raised, ...]:
    """Trials that disagree by more than their own uncertainty.

    Where one more such disagreement would carry the hull over the limit, nothing passes, and nothing fails but what
    every one of at least SURE_TRIALS trials missed.
    """
    found: list[Raised] = []
    for criterion in case.criteria if len(evidences) > 2 and case.group is Group.PERFORMANCE else ():
        known = metric(criterion.metric)
        if known is None or not known.pooled or criterion.level is Level.REPORTED:
            continue
        try:
            measured = [known.measured(evidence, criterion.of).interval for evidence in evidences]
        except Exception:  # noqa: BLE001 - judging measures the same once more, and tells what broke
            continue
        found += _disagreement(criterion, [one for one in measured if one is not None])
    return tuple(found)


def _disagreement(criterion: Criterion, intervals: Sequence[Interval]) -> Iterator[Raised]:
    gap = _gap([one for one in intervals if np.isfinite((one.low, one.high)).all()])
    if not gap:
        return
    whole = hull(intervals)
    bears = compare(whole + Interval(-gap, gap), criterion.op, criterion.limit) is Status.INCONCLUSIVE
    by_gap_alone = bears and compare(whole, criterion.op, criterion.limit) is not Status.INCONCLUSIVE
    if by_gap_alone or gap > APART * abs(whole.low + whole.high) / 2:
        says = (
            f"{criterion.id}: the trials disagree: {gap:.3g} {criterion.unit}".rstrip()
            + " lie between two groups of them"
        )
        hint = "find out what else the machine was doing, and run more trials"
        doubt = Doubt("trials disagree", says, hint, widens=bears)
        missed = [compare(one, criterion.op, criterion.limit) is Status.FAIL for one in intervals]
        surely = len(missed) >= SURE_TRIALS and all(missed)
        yield Raised(doubt, frozenset({criterion.id}), excuses=bears and not surely)


def _gap(intervals: Sequence[Interval]) -> float:
    """The widest empty stretch between the trials' intervals; 0 when they overlap."""
    known = sorted(intervals, key=lambda one: one.low)
    highs = np.maximum.accumulate([one.high for one in known])
    return max((max(0.0, float(later.low - high)) for high, later in zip(highs, known[1:], strict=False)), default=0.0)


def _concerned(case: Case, evidence: Evidence) -> Iterator[tuple[Criterion, str]]:
    if under_load(case, evidence):
        yield from ((one, kind) for one in case.criteria if (kind := kind_of(one)))


def _limit_ms(criterion: Criterion) -> float:
    """The limit of a criterion on milliseconds; 0 of any other."""
    known = metric(criterion.metric)
    return criterion.limit if known is not None and known.unit == "ms" else 0.0


def _unless_far_beyond(criterion: Criterion, evidence: Evidence, by_ms: float, doubt: Doubt) -> Raised:
    """The doubt excuses a miss only where taking so much off would mend it."""
    known = metric(criterion.metric)
    interval = known.measured(evidence, criterion.of).interval if known else None
    mends = interval is None or compare(interval - Interval(0, by_ms), criterion.op, criterion.limit) is not Status.FAIL
    return Raised(doubt, frozenset({criterion.id}), excuses=mends)


def _rate(evidence: Evidence, window: str, kind: str) -> float:
    try:
        return offered_per_s(evidence, window, kind)
    except UnseenError:
        return 0.0


def _begins_ns(evidence: Evidence, window: str) -> float:
    try:
        return windows(evidence, window)[0][0]
    except UnseenError:
        return 0.0
