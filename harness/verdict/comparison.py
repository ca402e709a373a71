"""Compare two runs of one case: per metric the ratio B/A with its interval, or that no difference is proven."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Outcome
from harness.evidence.tables import CallTable, Floats, MessageTable
from harness.verdict.distributions import beta_quantile, student_quantile, tied_ranks
from harness.verdict.interval import Interval
from harness.verdict.performance import FLOOR
from harness.verdict.selecting import NS_PER_MS, NS_PER_S, NULL, Span, closed, in_spans, windows
from harness.verdict.timetable import due_ns

CONFIDENCE, STRICT = 0.996, 0.999
"""Of a ratio's interval: several metrics are looked at, and a false alarm in any is one of the comparison. Most of what
may go wrong is left to the metric that sees most, `typical`; the quantiles, which see less, have to be surer."""
LEAST = 0.05
"""Between two runs of the same thing on one host lie differences of this size that no spread inside a run shows."""
TRIALS = 3
"""With fewer trials nobody knows how far trials of the same thing lie apart."""
TYPICAL = "typical"
QUANTILES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
_FEWEST = {TYPICAL: 20, "p50": 20, "p95": 100, "p99": 400}


class Answer(StrEnum):
    """What a comparison comes to."""

    SLOWER = "slower"
    FASTER = "faster"
    MORE_ERRORS = "more errors"
    FEWER_ERRORS = "fewer errors"
    NO_DIFFERENCE = "no difference proven"
    TOO_LITTLE = "too little data"


@dataclass(frozen=True, slots=True)
class Setting:
    """What must be alike for two runs to be compared."""

    host: str
    cpu_model: str
    cpus: int
    kernel: str
    profile: str
    launcher: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one subject in run B against run A.

    `a`, `b`: the middle of the trials' values. `ratio`: B/A with its interval; None: too little data.
    `noise`: the least relative change that could have been told from two runs of the same thing, from the
    spread of the trials inside both runs. `effect`: the probability that a sample of B is larger than one of
    A (0.5: none), None for rates and errors.
    """

    subject: str
    metric: str
    unit: str
    a: float
    b: float
    ratio: Interval | None
    noise: float
    effect: float | None
    answer: Answer


@dataclass(frozen=True, slots=True, eq=False)
class _Series:
    """One subject of one trial: latencies in ms, answers a second, errors of so many."""

    took_ms: Floats
    per_s: float
    errors: int
    of: int


def comparable(a: Setting, b: Setting) -> str:
    """One sentence that says why two runs cannot be compared; empty when they can."""
    named = (("host", a.host, b.host), ("profile", a.profile, b.profile), ("launcher", a.launcher, b.launcher),
             ("processor", a.cpu_model, b.cpu_model), ("number of CPUs", a.cpus, b.cpus),
             ("kernel", a.kernel, b.kernel))  # fmt: skip
    differing = [f"{name} {one} and {other}" for name, one, other in named if one != other]
    if not differing:
        return ""
    return f"the runs differ in {', '.join(differing)}: what differs between them may be that, not the target"


def compared(run_a: Sequence[Evidence], run_b: Sequence[Evidence]) -> tuple[Comparison, ...]:
    """Every subject (calls by method, stamped or delivered messages by stream; per client group and window) of both.

    `typical` is the geometric mean of the latencies. The trials are the samples: of each the logarithm of its
    value, and from them the interval of the difference of the two runs' means by Student's t with the spread
    of both runs. That holds with five trials, where resampling them is too sure of itself, and it needs no
    chance. A difference is only one if its interval lies beyond 1 and its size is at least `LEAST`. Subjects
    that only one of the runs has are left out.
    """
    found: list[Comparison] = []
    series_a, series_b = [_series(one) for one in run_a], [_series(one) for one in run_b]
    names = [name for name in _common(series_a) if name in _common(series_b)]
    for name in names:
        found += _of_subject(name, [one[name] for one in series_a], [one[name] for one in series_b])
    return tuple(found)


def overall(comparisons: Sequence[Comparison]) -> Answer:
    """The answer in one: the worst that is proven, else the best, else that nothing is."""
    answers = {one.answer for one in comparisons}
    order = (Answer.MORE_ERRORS, Answer.SLOWER, Answer.FEWER_ERRORS, Answer.FASTER, Answer.NO_DIFFERENCE)
    return next((one for one in order if one in answers), Answer.TOO_LITTLE)


def _of_subject(name: str, a: Sequence[_Series], b: Sequence[_Series]) -> Iterator[Comparison]:
    effect = _effect(np.concatenate([one.took_ms for one in a]), np.concatenate([one.took_ms for one in b]))
    fewest = min(len(one.took_ms) for one in (*a, *b))
    middles_a, middles_b = _values(a, _geometric_mean), _values(b, _geometric_mean)
    yield _by_trials(name, TYPICAL, "ms", middles_a, middles_b, effect, fewest >= _FEWEST[TYPICAL])
    for metric, quantile in QUANTILES:
        enough = fewest >= _FEWEST[metric]
        yield _by_trials(name, metric, "ms", _values(a, _at(quantile)), _values(b, _at(quantile)), effect, enough)
    rates = [[one.per_s for one in run] for run in (a, b)]
    yield _by_trials(name, "rate", "/s", rates[0], rates[1], None, True)
    yield _errors(name, a, b)


def _by_trials(
    name: str, metric: str, unit: str, a: Sequence[float], b: Sequence[float], effect: float | None, enough: bool
) -> Comparison:
    if min(len(a), len(b)) < TRIALS or not enough or min(*a, *b) <= 0 or not np.isfinite((*a, *b)).all():
        mid_a, mid_b = (float(np.median(one)) if len(one) else 0.0 for one in (a, b))
        return Comparison(name, metric, unit, mid_a, mid_b, None, math.inf, effect, Answer.TOO_LITTLE)
    logs_a, logs_b = np.log(a), np.log(b)
    difference = float(logs_b.mean() - logs_a.mean())
    half = _half_width(logs_a, logs_b, CONFIDENCE if metric in (TYPICAL, "rate") else STRICT)
    ratio = Interval(math.exp(difference - half), math.exp(difference + half))
    noise = max(math.exp(half) - 1, LEAST)
    answer = Answer.NO_DIFFERENCE
    if not ratio.holds(1.0) and abs(difference) >= math.log1p(LEAST):
        up = difference > 0
        answer = Answer.SLOWER if up == (metric != "rate") else Answer.FASTER
    middle_a, middle_b = math.exp(float(logs_a.mean())), math.exp(float(logs_b.mean()))
    return Comparison(name, metric, unit, middle_a, middle_b, ratio, noise, effect, answer)


def _half_width(a: Floats, b: Floats, confidence: float) -> float:
    """Half of the interval of the difference of two means whose samples spread alike (Student)."""
    freedom = len(a) + len(b) - 2
    squares = float(((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum())
    variance = squares / freedom * (1 / len(a) + 1 / len(b))
    return student_quantile((1 + confidence) / 2, freedom) * math.sqrt(variance)


def _errors(name: str, a: Sequence[_Series], b: Sequence[_Series]) -> Comparison:
    """Share of errors: given all errors of both runs, how they fell to the one and the other (exact binomial)."""
    counts, totals = [sum(one.errors for one in run) for run in (a, b)], [sum(one.of for one in run) for run in (a, b)]
    share_a, share_b = (100.0 * count / max(total, 1) for count, total in zip(counts, totals, strict=True))
    if min(totals) == 0:
        return Comparison(name, "errors", "%", share_a, share_b, None, math.inf, None, Answer.TOO_LITTLE)
    tail, both = (1 - STRICT) / 2, sum(counts)
    low = beta_quantile(tail, counts[1], both - counts[1] + 1) if counts[1] else 0.0
    high = beta_quantile(1 - tail, counts[1] + 1, both - counts[1]) if counts[0] else 1.0
    scale = totals[0] / totals[1]
    ratio = Interval(scale * _odds(low), scale * _odds(high))
    answer = Answer.NO_DIFFERENCE
    if not ratio.holds(1.0):
        answer = Answer.MORE_ERRORS if ratio.low > 1 else Answer.FEWER_ERRORS
    return Comparison(name, "errors", "%", share_a, share_b, ratio, LEAST, None, answer)


def _odds(share: float) -> float:
    return math.inf if share >= 1 else share / (1 - share)


def _effect(a: Floats, b: Floats) -> float | None:
    """The probability that a sample of B is larger than one of A, ties half: Mann-Whitney's U as a share."""
    if not len(a) or not len(b):
        return None
    ranks = tied_ranks(np.concatenate([a, b]))
    u = float(ranks[len(a) :].sum()) - len(b) * (len(b) + 1) / 2
    return u / (len(a) * len(b))


def _at(quantile: float) -> Callable[[_Series], float]:
    return lambda one: float(np.quantile(one.took_ms, quantile)) if len(one.took_ms) else 0.0


def _geometric_mean(one: _Series) -> float:
    return math.exp(float(np.log(np.maximum(one.took_ms, 1e-6)).mean())) if len(one.took_ms) else 0.0


def _values(run: Sequence[_Series], of: Callable[[_Series], float]) -> list[float]:
    return [of(one) for one in run]


def _common(run: Sequence[dict[str, _Series]]) -> list[str]:
    """The subjects that every trial of a run has."""
    return [name for name in (run[0] if run else ()) if all(name in one for one in run)]


def _series(evidence: Evidence) -> dict[str, _Series]:
    """What one trial holds, by subject: `GetAccount of load in steady`."""
    found: dict[str, _Series] = {}
    names = sorted({mark.detail.get("window", "") for mark in evidence.marks if mark.name == "window.begin"})
    calls = evidence.calls.rows(~evidence.calls.client.equal(NULL))
    heard = ~(evidence.messages.client.equal(VENUE) | evidence.messages.client.equal(NULL))
    messages = evidence.messages.rows(heard & (evidence.messages.sent_ns > 0))
    for window in (name for name in names if not name.startswith(FLOOR)):
        spans = closed(evidence, windows(evidence, window), calls.done_ns)
        found |= _of_calls(calls.rows(in_spans(due_ns(calls), spans)), window, spans)
        found |= _of_messages(messages.rows(in_spans(messages.received_ns, spans)), window, spans)
    return found


def _of_calls(rows: CallTable, window: str, spans: Sequence[Span]) -> dict[str, _Series]:
    found = {}
    for method in rows.method.distinct():
        for group in sorted({_group(name) for name in rows.client.distinct()}):
            members = (name for name in rows.client.names if _group(name) == group)
            mine = rows.rows(rows.method.equal(method) & rows.client.one_of(members))
            if len(mine):
                ok = mine.outcome.equal(Outcome.OK)
                took_ms = ((mine.done_ns - np.minimum(due_ns(mine), mine.sent_ns)) / NS_PER_MS)[ok]
                rate = int(in_spans(mine.done_ns[ok], spans).sum()) / _length_s(spans)
                series = _Series(took_ms, rate, int((~ok).sum()), len(mine))
                found[f"{method} of {group} in {window}"] = series
    return found


def _of_messages(rows: MessageTable, window: str, spans: Sequence[Span]) -> dict[str, _Series]:
    found = {}
    for stream in rows.stream.distinct():
        for group in sorted({_group(name) for name in rows.client.distinct()}):
            members = (name for name in rows.client.names if _group(name) == group)
            mine = rows.rows(rows.stream.equal(stream) & rows.client.one_of(members))
            if len(mine):
                took_ms = (mine.received_ns - mine.sent_ns) / NS_PER_MS
                series = _Series(took_ms, len(mine) / _length_s(spans), int((~mine.wrong.equal("")).sum()), len(mine))
                found[f"{stream} to {group} in {window}"] = series
    return found


def _group(client: str) -> str:
    """load-1, load-2 ... are one group: load."""
    return client.rstrip("0123456789").rstrip("-")


def _length_s(spans: Sequence[Span]) -> float:
    return max(sum(end - begin for begin, end in spans) / NS_PER_S, 1e-9)
