"""Metrics over marks: how long from one to another, how many, in which order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import UNMEASURABLE, Mark
from harness.spec.case import Argument
from harness.verdict.interval import EVERYTHING, Interval
from harness.verdict.metric import Measurement, Metric, Of, Parameter, UnseenError, number, text, without
from harness.verdict.selecting import NS_PER_S, clients, closed, fits, in_spans, spans, windows

FROM = Parameter("from", "text", "name of the mark that begins it", required=True)
TO = Parameter("to", "text", "name of the mark that ends it", required=True)
FIRST = Parameter("first", "text", "name of the marks that come first", required=True)
THEN = Parameter("then", "text", "name of the marks that come after all of those", required=True)
NAME = Parameter("name", "text", "name of the marks", required=True)
ALLOWANCE = Parameter("allowance", "text", "name of the fact that states the time allowed, in seconds", required=True)
WINDOW = Parameter("window", "text", "only inside the windows of this name")
RUN = Parameter("window", "text", "the windows of this name", required=True)
GAP = Parameter("gap_s", "number", "the longest gap between two of them that takes nothing away", required=True)
SHARE = Parameter("gap_percent", "number", "the largest share of the time that may be gaps", required=True)
AFTER = Parameter("after", "text", "only after the first mark of this name")
BEFORE = Parameter("before", "text", "only before the first mark of this name")
_SIDES = ("from_", "to_", "first_", "then_")


def elapsed_s(evidence: Evidence, of: Of) -> Measurement:
    """From each `from` to the first `to` at or after it, for each client (or other subject) a `*` filter names.

    A filter concerns the marks that carry its key; `from_KEY` and `to_KEY` filter one side only. A fact
    `unmeasurable` about the `to` mark says that nobody could have seen it.
    """
    filters = without(of, "from", "to", "allowance")
    end_ns = evidence.span_ns()[1]
    parts, notes = [], []
    for one in _subjects(evidence, filters):
        begins = _chosen(evidence, text(of, "from"), one, "from_")
        ends = _chosen(evidence, text(of, "to"), one, "to_")
        for begin in begins:
            part = _elapsed(begin, ends, end_ns)
            parts.append(part)
            came = "never came" if part.high == math.inf else f"came after {part.high:.3g} s"
            notes.append(f"{text(of, 'to')}{_about(one)} {came}")
    if not parts:
        raise UnseenError(f"no mark {text(of, 'from')}{_about(filters)} occurred")
    blind = [fact.detail for fact in evidence.facts if fact.name == UNMEASURABLE and fact.subject == text(of, "to")]
    if blind and any(part.high == math.inf for part in parts):
        return Measurement.unmeasurable(blind[0])
    return Measurement.each(parts, notes)


def elapsed_ms(evidence: Evidence, of: Of) -> Measurement:
    """The same in milliseconds."""
    return _mapped(elapsed_s(evidence, of), lambda part: part * Interval.exactly(1000))


def elapsed_beyond_s(evidence: Evidence, of: Of) -> Measurement:
    """The same minus the time that the service itself states: zero or less keeps its word."""
    stated = [fact.value for fact in evidence.facts if fact.name == text(of, "allowance")]
    if not stated:
        raise UnseenError(f"no fact named {text(of, 'allowance')!r} was recorded")
    allowed = Interval(min(stated), max(stated))
    return _mapped(elapsed_s(evidence, of), lambda part: part - allowed)


def lasted_s(evidence: Evidence, of: Of) -> Measurement:
    """How long the windows of a name lasted together.

    Between two of them nobody looked. Short gaps take nothing from what was seen; with one longer than `gap_s`, or when
    all of them are more than `gap_percent` of the time, they may hide what the run is about: then only the longest
    window counts for certain.
    """
    name = text(of, "window")
    found = closed(evidence, windows(evidence, name), np.empty(0, np.int64))
    lengths = [(end - begin) / NS_PER_S for begin, end in found]
    gaps = [(later - end) / NS_PER_S for (_, end), (later, _) in pairwise(found)]
    total_s, away_s, longest_s = sum(lengths), sum(gaps), max(gaps, default=0.0)
    if not gaps:
        return Measurement.exactly(total_s)
    told = f"{len(gaps)} gaps of {away_s:.3g} s in all, the longest {longest_s:.3g} s"
    too_long = longest_s > number(of, "gap_s") or away_s > number(of, "gap_percent") / 100 * (total_s + away_s)
    if too_long:
        return Measurement(Interval(max(lengths), total_s), f"{told}: nobody can tell what happened meanwhile")
    return Measurement(Interval.exactly(total_s), told)


def count(evidence: Evidence, of: Of) -> Measurement:
    """How many marks of this name. None is a measurement too, unless the client filtered by took no part."""
    if "client" in of:
        clients(evidence, of)
    selectors = {key: value for key, value in of.items() if key in ("window", "after", "before")}
    marks = _chosen(evidence, text(of, "name"), without(of, "name", *selectors), "")
    times = np.array([mark.t_ns for mark in marks], np.int64)
    return Measurement.exactly(int(in_spans(times, spans(evidence, selectors)).sum()))


def order(evidence: Evidence, of: Of) -> Measurement:
    """How many `then` marks came before the last `first` mark; marks seen late may or may not have."""
    filters = without(of, "first", "then")
    firsts = _chosen(evidence, text(of, "first"), filters, "first_")
    thens = _chosen(evidence, text(of, "then"), filters, "then_")
    for name, marks in ((text(of, "first"), firsts), (text(of, "then"), thens)):
        if not marks:
            raise UnseenError(f"no mark {name}{_about(filters)} occurred")
    least_ns = max(_earliest_ns(mark) for mark in firsts)
    most_ns = max(mark.t_ns for mark in firsts)
    surely = sum(mark.t_ns < least_ns for mark in thens)
    possibly = sum(_earliest_ns(mark) < most_ns for mark in thens)
    return Measurement(Interval(surely, possibly))


def _elapsed(begin: Mark, ends: Iterable[Mark], last_ns: int) -> Interval:
    for end in ends:
        if end.t_ns >= _earliest_ns(begin):
            low_ns = max(_earliest_ns(end) - begin.t_ns, 0)
            return Interval(low_ns / NS_PER_S, max(end.t_ns - _earliest_ns(begin), low_ns) / NS_PER_S)
    return Interval(max(last_ns - begin.t_ns, 0) / NS_PER_S, math.inf)


def _earliest_ns(mark: Mark) -> int:
    return mark.earliest_ns or mark.t_ns


def _chosen(evidence: Evidence, name: str, filters: Of, side: str) -> list[Mark]:
    """Marks of a name that no filter rejects; `side` filters (from_, to_, first_, then_) demand their key."""
    both = {key: wanted for key, wanted in filters.items() if not key.startswith(_SIDES)}
    mine = {key.removeprefix(side): wanted for key, wanted in filters.items() if side and key.startswith(side)}
    return [
        mark
        for mark in evidence.marks
        if mark.name == name
        and all(fits(mark.detail[key], wanted) for key, wanted in both.items() if key in mark.detail)
        and all(key in mark.detail and fits(mark.detail[key], wanted) for key, wanted in mine.items())
    ]


def _subjects(evidence: Evidence, filters: Of) -> list[dict[str, Argument]]:
    """Filters with a `*` or several values taken apart: each subject that matches has to be seen by itself."""
    choices: list[list[tuple[str, Argument]]] = []
    for key, wanted in filters.items():
        several = isinstance(wanted, tuple | list) or str(wanted).endswith("*")
        if key.startswith(_SIDES) or not several:
            choices.append([(key, wanted)])
            continue
        values = {mark.detail[key] for mark in evidence.marks if key in mark.detail and fits(mark.detail[key], wanted)}
        if isinstance(wanted, tuple | list):
            values |= {value for value in wanted if not value.endswith("*")}
        if not values:
            raise UnseenError(f"no mark with {key} {wanted!r} occurred")
        choices.append([(key, value) for value in sorted(values)])
    return [dict(chosen) for chosen in itertools.product(*choices)]


def _about(filters: Of) -> str:
    told = ", ".join(f"{key} {value}" for key, value in filters.items())
    return f" ({told})" if told else ""


def _mapped(measurement: Measurement, change: Callable[[Interval], Interval]) -> Measurement:
    return Measurement.each((change(part) for part in measurement.parts), measurement.notes)


METRICS = (
    Metric("marks.elapsed_s", "s", "time from one mark to another", (FROM, TO), elapsed_s, others=True, timed=True),
    Metric("marks.elapsed_ms", "ms", "time from one mark to another", (FROM, TO), elapsed_ms, others=True, timed=True),
    Metric(
        "marks.elapsed_beyond_s", "s", "time from one mark to another minus what the service states",
        (FROM, TO, ALLOWANCE), elapsed_beyond_s, unknown=EVERYTHING, others=True, timed=True,
    ),
    Metric("marks.lasted_s", "s", "how long the windows of a name lasted together", (RUN, GAP, SHARE), lasted_s,
           timed=True),
    Metric("marks.count", "", "number of marks", (NAME, WINDOW, AFTER, BEFORE), count, others=True, grows=True),
    Metric("marks.order", "", "marks that came too early", (FIRST, THEN), order, others=True),
)  # fmt: skip
