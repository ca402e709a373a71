"""Guards over the evidence: each names what makes a measurement suspicious, with a hint on what to do."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from harness.evidence.evidence import Evidence
from harness.evidence.tables import Ints, ReadingTable
from harness.spec.case import Case, Criterion
from harness.verdict import load_doubts
from harness.verdict.metric import UnseenError, flag, number, text
from harness.verdict.metrics import delivery, stamped
from harness.verdict.metrics.readings import baselines_ns
from harness.verdict.own_footprint import own_footprint
from harness.verdict.performance import windows_of
from harness.verdict.quantiles import ranks, samples_needed
from harness.verdict.raised import Guard, Raised
from harness.verdict.registry import metric
from harness.verdict.selecting import NS_PER_S, Span, named, subscribers, windows
from harness.verdict.unknown import UNKNOWN, UnknownUpdates
from harness.verdict.verdict import Doubt

LAG_SHARE = 0.5
"""An instrument later than this share of a limit in milliseconds is worth a doubt."""
CPU, CPU_WAIT = "connector.cpu", "connector.cpu_wait"
STARVED_SHARE = 0.4
"""A service that had to wait for a CPU for more than this share of a window says nothing about its own speed there."""
ITS_OWN_CORES = 1.2
"""A service that used more than this itself, on average, mostly waited behind its own threads."""
GAP_S = 2.0
GAP_PERIODS = 10.0
WITH_GAPS = ("readings.growth_", "readings.off_baseline")
"""Metrics that a recording broken off and taken up again leaves as they are."""


def doubts_about(case: Case, evidence: Evidence) -> tuple[Raised, ...]:
    """Everything suspicious about one trial. A guard that breaks is a doubt about every criterion."""
    found: list[Raised] = []
    for guard in GUARDS:
        try:
            found += guard(case, evidence)
        except Exception as error:  # noqa: BLE001 - a guard that cannot look must not look like a clean bill
            says = f"the guard {guard.__name__} broke: {type(error).__name__}: {error}"
            found.append(Raised(Doubt("guard", says, "mend the guard and judge again", widens=True), _all(case)))
    return tuple(one for one in found if one.criteria)


def torn(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The recording was cut off."""
    for sentence in evidence.torn:
        hint = "the harness was killed or its disk was full while recording: run the case again"
        yield Raised(Doubt("torn evidence", sentence, hint, widens=True), _all(case))


def clock_steps(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The host's clock was set during the trial: judging widens every time by the steps, rates stay open."""
    steps = named(evidence, "clock.step")
    if steps:
        told = ", ".join(f"{mark.detail.get('by_s', '?')} s" for mark in steps)
        hint = "let the clock be slewed, not stepped, while a run is on, and run the case again"
        says = f"the host's clock jumped by {told}"
        yield Raised(Doubt("clock step", says, hint), _derived_from_time(case, timed=True))
        yield Raised(Doubt("clock step", says, hint, widens=True), _derived_from_time(case, timed=False))


def instrument_lag(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The harness itself was late; delivery times are widened by it, so that it is never blamed on the target."""
    rows = evidence.readings.rows(evidence.readings.probe.equal(delivery.LAG))
    if not len(rows):
        return
    worst_ms = float(rows.value.max()) * 1000
    concerned = frozenset(
        one.id
        for one in case.criteria
        if one.metric.startswith("messages.delivery_")
        and worst_ms > LAG_SHARE * _resolved_ms(one)
        and not _all_by_kernel(one, evidence)
    )
    if concerned:
        says = f"the harness was up to {worst_ms:.0f} ms late itself"
        hint = "leave the machine to the run alone, or give it more cores"
        yield Raised(Doubt("instrument lag", says, hint), concerned)


def unknown_serials(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """Deliveries that the venue never sent, as far as its ledger tells."""
    for stream, seen in sorted(evidence.folded(UNKNOWN, UnknownUpdates).by_stream.items()):
        says = f"{seen.number} deliveries on {stream} match no update of the venue's ledger, the first: {seen.first}"
        hint = "a state from before the trial is harmless; otherwise the target changed the content"
        concerned = (one for one in case.criteria if one.metric.startswith("messages.") and _on(one, stream))
        yield Raised(Doubt("unknown updates", says, hint), frozenset(one.id for one in concerned))


def few_samples(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """A quantile that so few samples cannot bound."""
    for criterion in case.criteria:
        if "quantile" not in criterion.of:
            continue
        quantile = number(criterion.of, "quantile")
        samples = _samples(criterion, evidence)
        if samples is not None and ranks(samples, quantile)[1] > samples:
            says = f"{criterion.id}: {samples} samples cannot bound p{quantile * 100:g}"
            hint = f"plan at least {samples_needed(quantile)} samples, or judge a lower quantile"
            yield Raised(Doubt("too few samples", says, hint), frozenset({criterion.id}))


def probe_gaps(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """A probe fell silent while its process lived: an extreme may have gone unseen.

    While nobody recorded, as the gap's mark tells, only extremes may have: trends count what is missing themselves, and
    a baseline is held against one reading.
    """
    for probe in sorted({text(one.of, "probe") for one in case.criteria if one.metric.startswith("readings.")}):
        times_ns = evidence.readings.t_ns[evidence.readings.probe.equal(probe)]
        gaps_s = np.diff(times_ns) / NS_PER_S
        if not len(gaps_s):
            continue
        longest = max(GAP_S, GAP_PERIODS * float(np.median(gaps_s)))
        gaps = np.flatnonzero(gaps_s > longest)
        silent = [at for at in gaps if not _down(evidence, int(times_ns[at]), int(times_ns[at + 1]))]
        untold = [at for at in silent if not _unrecorded(evidence, int(times_ns[at]), int(times_ns[at + 1]))]
        mine = [one for one in case.criteria if text(one.of, "probe") == probe]
        extremes = [one for one in mine if not one.metric.startswith(WITH_GAPS)]
        for chosen, criteria in ((untold, mine), (silent, extremes)):
            if chosen:
                says = f"the probe {probe} was silent for up to {gaps_s[chosen].max():.1f} s, {len(chosen)} times"
                hint = "find out why the service or the harness stood still, and run the case again"
                yield Raised(Doubt("probe gap", says, hint, widens=True), frozenset(one.id for one in criteria))


def sunken_baselines(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """A probe fell below its baseline: it was taken too early, and hides a leak of as much."""
    for criterion in case.criteria:
        if criterion.metric not in ("readings.return_s", "readings.off_baseline"):
            continue
        rows = evidence.readings.rows(evidence.readings.probe.equal(text(criterion.of, "probe")))
        baselines = [mark.t_ns for mark in named(evidence, text(criterion.of, "baseline"))]
        before = rows.value[rows.t_ns <= baselines[0]] if baselines else rows.value[:0]
        judged = rows.value[_judged(criterion, evidence, rows.t_ns)]
        # Where below counts like above, a fall within the limit is allowed: in-flight calls come and go.
        allowed = (
            criterion.limit if criterion.metric == "readings.off_baseline" and flag(criterion.of, "absolute") else 0
        )
        if len(before) and len(judged) and judged.min() < before[-1] - allowed:
            says = f"{rows.probe[0]} fell from {before[-1]:g} at {criterion.of['baseline']} to {judged.min():g}"
            hint = "the baseline still held what an earlier client had left: wait longer for the service to be at rest"
            yield Raised(Doubt("sunken baseline", says, hint, widens=True), frozenset({criterion.id}))


def starved_target(case: Case, evidence: Evidence) -> Iterable[Raised]:
    """The service was ready to run and had no CPU: a late delivery is then the host's doing as likely as its own."""
    rows = evidence.readings.rows(evidence.readings.probe.equal(CPU_WAIT))
    busy = evidence.readings.rows(evidence.readings.probe.equal(CPU))
    for criterion in case.criteria if len(rows) else ():
        if not criterion.metric.startswith(("messages.delivery_", "messages.stamped_", "calls.latency_")):
            continue
        for name in windows_of(criterion):
            waited_s, lasted_s = _counted_s(rows, windows(evidence, name))
            used_s, seen_s = _counted_s(busy, windows(evidence, name))
            if waited_s > STARVED_SHARE * lasted_s > 0 and used_s <= ITS_OWN_CORES * seen_s:
                says = f"the connector waited {waited_s:.1f} s for a CPU in {lasted_s:.0f} s of the window {name}"
                hint = "leave the machine to the run alone, or give it more cores"
                yield Raised(Doubt("starved target", says, hint), frozenset({criterion.id}), excuses=True)


def _counted_s(rows: ReadingTable, chosen: Iterable[Span]) -> tuple[float, float]:
    """By how many seconds a counter of seconds grew inside the spans, and seconds that the readings cover of them."""
    counted_s, lasted_s = 0.0, 0.0
    for begin, end in chosen:
        inside = np.flatnonzero((rows.t_ns >= begin) & (rows.t_ns <= end))
        if len(inside) > 1:
            first, last = inside[0], inside[-1]
            counted_s += float(rows.value[last] - rows.value[first])
            lasted_s += float(rows.t_ns[last] - rows.t_ns[first]) / NS_PER_S
    return counted_s, lasted_s


def _judged(criterion: Criterion, evidence: Evidence, times_ns: Ints) -> npt.NDArray[np.bool_]:
    """The readings that a criterion on a baseline looks at: those within its limit, or the one that is held against
    the first baseline."""
    mask = np.zeros(len(times_ns), np.bool_)
    if criterion.metric == "readings.return_s":
        marks = [mark.t_ns for mark in named(evidence, text(criterion.of, "after"))]
        return (times_ns >= marks[0]) & (times_ns <= marks[0] + int(criterion.limit * NS_PER_S)) if marks else mask
    first = next((mark.t_ns for mark in named(evidence, text(criterion.of, "baseline"))), None)
    for begin_ns, end_ns in baselines_ns(evidence, criterion.of):
        if begin_ns == first:
            mask[np.flatnonzero(times_ns <= end_ns)[-1:]] = True
    return mask


GUARDS: tuple[Guard, ...] = (
    torn,
    clock_steps,
    instrument_lag,
    unknown_serials,
    few_samples,
    probe_gaps,
    sunken_baselines,
    starved_target,
    own_footprint,
    *load_doubts.GUARDS,
)


def _all(case: Case) -> frozenset[str]:
    return frozenset(criterion.id for criterion in case.criteria)


def _derived_from_time(case: Case, *, timed: bool) -> frozenset[str]:
    """Criteria on differences of stamps, or else on what is computed from such differences."""
    known = ((criterion.id, metric(criterion.metric)) for criterion in case.criteria)
    return frozenset(name for name, one in known if one is not None and (one.timed if timed else one.paced))


def _all_by_kernel(criterion: Criterion, evidence: Evidence) -> bool:
    try:
        return all(delivery.by_kernel(evidence, name) for name in subscribers(evidence, criterion.of))
    except UnseenError:
        return False


def _resolved_ms(criterion: Criterion) -> float:
    """The time that a criterion on deliveries has to tell apart: its limit, of a ratio its resolution."""
    if criterion.metric == "messages.delivery_ratio":
        return number(criterion.of, "resolution_ms", 0.0)
    return criterion.limit


def _on(criterion: Criterion, stream: str) -> bool:
    return text(criterion.of, "stream", stream) == stream


def _samples(criterion: Criterion, evidence: Evidence) -> int | None:
    """How many samples a quantile has; None where nothing was selected at all."""
    try:
        if criterion.metric.startswith("messages.delivery_"):
            names = subscribers(evidence, criterion.of)
            return min(len(delivery.samples_ms(evidence, name, criterion.of)[0]) for name in names)
        if criterion.metric == "messages.stamped_ms":
            names = subscribers(evidence, criterion.of)
            return min(len(stamped.samples_ms(evidence, name, criterion.of)[0]) for name in names)
        known = metric(criterion.metric)
        if known is not None and criterion.metric.startswith("calls.latency_"):
            return known.measured(evidence, criterion.of).samples
    except UnseenError:
        return None
    return None


def _unrecorded(evidence: Evidence, begin_ns: int, end_ns: int) -> bool:
    """Whether the recording was broken off during the gap and taken up again, and has said so."""
    return any(begin_ns <= mark.t_ns + NS_PER_S and mark.t_ns <= end_ns for mark in named(evidence, "soak.gap"))


def _down(evidence: Evidence, begin_ns: int, end_ns: int) -> bool:
    """Whether a service was down, stopped or paused on purpose during the gap: then nothing could be read."""
    starts = [mark.t_ns for mark in evidence.marks if mark.name in ("process.died", "fault.begin", "process.stopped")]
    stops = [mark.t_ns for mark in evidence.marks if mark.name in ("process.started", "process.serving", "fault.heal")]
    return any(
        start <= end_ns and next((stop for stop in stops if stop >= start), math.inf) >= begin_ns for start in starts
    )
