"""Metrics over a ladder of loads: windows NAME-1, NAME-2 ... of one trial, from a light load to a heavy one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from harness.evidence.evidence import Evidence
from harness.spec.case import Op
from harness.verdict.compare import compare
from harness.verdict.interval import Interval
from harness.verdict.metric import AT_LEAST_ZERO, Measurement, Metric, Of, Parameter, UnseenError, number, text
from harness.verdict.metrics.calls import failed, latency_ms, latency_ratio, selected
from harness.verdict.metrics.delivery import QUANTILE
from harness.verdict.metrics.rates import achieved_ratio
from harness.verdict.saturation import saturation
from harness.verdict.selecting import fits
from harness.verdict.verdict import Status

STEPS = Parameter("windows", "text", "the windows' names up to their number, as `clients-`", required=True)
METHOD = Parameter("method", "texts", "only calls of this method")
CLIENT = Parameter("client", "texts", "a client's name, a prefix with `*`, or several")
WINDOW = Parameter("window", "text", "only calls due inside the windows of this name")
LIMIT = Parameter("limit_ms", "number", "a step whose quantile is not below this does not hold", required=True)
ACHIEVED = Parameter("achieved", "number", "a step that answers less than this share of what is offered does not hold")
RATIO = Parameter("ratio", "number", "a step whose median is more than this times the first step's does not hold")


@dataclass(frozen=True, slots=True)
class Step:
    """One point of the curve: its number (clients, calls/s), what was measured, and whether it holds."""

    number: int
    window: str
    clients: int
    median_ms: Interval
    quantile_ms: Interval
    achieved: Interval
    failed: Interval
    holds: Status


def steps(evidence: Evidence, of: Of) -> tuple[Step, ...]:
    """The curve, from the lightest load to the heaviest. Raises UnseenError when no such window had a call.

    A step at which the instrument itself was saturated neither holds nor misses: INCONCLUSIVE. One with too few calls
    to bound the quantile from above is held against the other limits, and misses this one only when it surely does.
    """
    found = []
    for load, window in _windows(evidence, text(of, "windows")):
        mine = _selectors(of, window)
        if len(selected(evidence, mine)):
            found.append((load, window, mine))
    if not found:
        raise UnseenError(f"no call was made in any window {text(of, 'windows')}N")
    return tuple(_step(evidence, of, load, mine, found[0][1]) for load, _, mine in found)


def curve_points(evidence: Evidence, of: Of) -> Measurement:
    """Windows of the ladder in which calls were answered; with `clients`-windows by as many clients as they say."""
    told, count = [], 0
    for load, window in _windows(evidence, text(of, "windows")):
        seen = _answered_clients(evidence, _selectors(of, window))
        if seen == load or (seen and not text(of, "windows").startswith("clients")):
            count += 1
        else:
            told.append(f"{window}: {seen} clients were answered")
    return Measurement(Interval.exactly(count), "; ".join(told))


def distinct_clients(evidence: Evidence, of: Of) -> Measurement:
    """Clients that got an answer."""
    return Measurement.exactly(_answered_clients(evidence, of))


def first_degraded(evidence: Evidence, of: Of) -> Measurement:
    """The first load of the ladder that does not hold: from the first that may not to the first that surely does not.

    Nothing that degrades, up to the heaviest load: above it.
    """
    known = steps(evidence, of)
    beyond = Interval(known[-1].number + 1, math.inf)
    surely = next((step.number for step in known if step.holds is Status.FAIL), beyond.high)
    perhaps = next((step.number for step in known if step.holds is not Status.PASS), beyond.low)
    return Measurement(Interval(min(perhaps, surely), surely), _told(known))


def highest_holding_per_s(evidence: Evidence, of: Of) -> Measurement:
    """The highest rate that holds: from the last of those that surely do to the first that surely does not."""
    known = steps(evidence, of)
    low = 0
    for step in known:
        if step.holds is not Status.PASS:
            break
        low = step.number
    high = next((step.number for step in known if step.holds is Status.FAIL), math.inf)
    return Measurement(Interval(low, max(high, low)), _told(known))


def _step(evidence: Evidence, of: Of, load: int, mine: Of, first: str) -> Step:
    window = text(mine, "window")
    quantile = _known(latency_ms(evidence, {**mine, "quantile": number(of, "quantile")}))
    achieved, errors = _known(achieved_ratio(evidence, mine)), _known(failed(evidence, mine))
    within = compare(quantile, Op.LT, number(of, "limit_ms"))
    asked = [
        Status.PASS if math.isinf(quantile.high) and within is Status.INCONCLUSIVE else within,
        compare(achieved, Op.GE, number(of, "achieved", 0.99)),
        compare(errors, Op.EQ, 0),
    ]
    if "ratio" in of and window != first:
        ratio = latency_ratio(evidence, {**mine, "quantile": 0.5, "baseline_window": first})
        asked.append(compare(_known(ratio), Op.LE, number(of, "ratio")))
    holds = next((one for one in (Status.FAIL, Status.INCONCLUSIVE) if one in asked), Status.PASS)
    if saturation(evidence, window, "calls"):
        holds = Status.INCONCLUSIVE
    median = _known(latency_ms(evidence, {**mine, "quantile": 0.5}))
    return Step(load, window, _answered_clients(evidence, mine), median, quantile, achieved, errors, holds)


def _windows(evidence: Evidence, prefix: str) -> list[tuple[int, str]]:
    """Number and name of the ladder's windows, by number."""
    names = {mark.detail.get("window", "") for mark in evidence.marks if mark.name == "window.begin"}
    tails = ((name.removeprefix(prefix), name) for name in names if fits(name, f"{prefix}*"))
    return sorted((int(tail), name) for tail, name in tails if tail.isdecimal())


def _selectors(of: Of, window: str) -> Of:
    return {**{key: of[key] for key in ("client", "method") if key in of}, "window": window}


def _answered_clients(evidence: Evidence, of: Of) -> int:
    return len(selected(evidence, {**of, "outcome": "ok"}).client.distinct())


def _told(known: tuple[Step, ...]) -> str:
    word = {Status.PASS: "holds", Status.FAIL: "does not hold"}
    return ", ".join(f"{step.number} {word.get(step.holds, 'may or may not hold')}" for step in known)


def _known(measurement: Measurement) -> Interval:
    assert measurement.interval is not None
    return measurement.interval


_LADDER = (STEPS, CLIENT, METHOD, QUANTILE, LIMIT, ACHIEVED, RATIO)

METRICS = (
    Metric("calls.clients", "", "clients that got an answer", (CLIENT, METHOD, WINDOW), distinct_clients, grows=True),
    Metric("calls.curve_points", "", "steps of the ladder that were really made", (STEPS, CLIENT, METHOD),
           curve_points, grows=True),
    Metric("calls.first_degraded", "", "first step of the ladder that does not hold", _LADDER, first_degraded,
           unknown=AT_LEAST_ZERO, pooled=True),
    Metric("calls.highest_holding_per_s", "/s", "highest rate of the ladder that holds", _LADDER,
           highest_holding_per_s, unknown=AT_LEAST_ZERO, pooled=True),
)  # fmt: skip
