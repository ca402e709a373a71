"""Select from evidence what a criterion's `of` names: windows, spans after and before marks, clients."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Mark
from harness.evidence.tables import Ints, Mask, matches
from harness.spec.case import Argument
from harness.verdict.metric import Of, UnseenError, text

NULL = "null"
"""The `client` of what the instrument does against its null server, before it measures the target: nobody's load."""
NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000

Span = tuple[float, float]
"""Begin and end in nanoseconds, both included; an end that never came is infinite."""


def fits(value: str, wanted: Argument) -> bool:
    """Whether a text matches an argument: a name, a prefix with `*`, or any of several."""
    if isinstance(wanted, tuple | list):
        return any(matches(value, one) for one in wanted)
    return matches(value, str(wanted))


def named(evidence: Evidence, name: str) -> tuple[Mark, ...]:
    """The marks of this name, in the order of time."""
    return tuple(mark for mark in evidence.marks if mark.name == name)


def first_ns(evidence: Evidence, name: str) -> int:
    """When a mark first occurred. Raises UnseenError when it never did."""
    for mark in evidence.marks:
        if mark.name == name:
            return mark.t_ns
    raise UnseenError(f"no mark named {name!r} occurred")


def windows(evidence: Evidence, name: str) -> tuple[Span, ...]:
    """The spans of a window, in the order of time; one that was not closed lasts for ever."""
    found = windows_in(evidence.marks, name)
    if not found:
        raise UnseenError(f"no window named {name!r} was opened")
    return found


def windows_in(marks: Iterable[Mark], name: str) -> tuple[Span, ...]:
    """The same, read off marks in the order of time; empty where it was never opened."""
    mine = [mark for mark in marks if mark.detail.get("window") == name]
    begins, ends = ([mark.t_ns for mark in mine if mark.name == one] for one in ("window.begin", "window.end"))
    spans_found, at = [], 0
    for begin in begins:  # each takes the first end that is left: a runner that was killed may have left one too many
        while at < len(ends) and ends[at] < begin:
            at += 1
        spans_found.append((begin, ends[at] if at < len(ends) else math.inf))
        at += 1
    return tuple(spans_found)


def spans(evidence: Evidence, of: Of) -> tuple[Span, ...]:
    """The spans that `window`, `after` and `before` leave."""
    begin = float(first_ns(evidence, text(of, "after"))) if "after" in of else -math.inf
    end = float(first_ns(evidence, text(of, "before"))) if "before" in of else math.inf
    chosen = windows(evidence, text(of, "window")) if "window" in of else ((-math.inf, math.inf),)
    return tuple((max(begin, low), min(end, high)) for low, high in chosen if max(begin, low) <= min(end, high))


def in_spans(times_ns: Ints, chosen: Iterable[Span]) -> Mask:
    """Mask of the times that lie in any of the spans."""
    mask = np.zeros(len(times_ns), np.bool_)
    for begin, end in chosen:
        mask |= (times_ns >= begin) & (times_ns <= end)
    return mask


def closed(evidence: Evidence, chosen: Iterable[Span], times_ns: Ints) -> tuple[Span, ...]:
    """The spans with open ends replaced: by these times' first and last, or by the end of the evidence."""
    last_ns = evidence.span_ns()[1]
    first = float(times_ns.min()) if len(times_ns) else math.inf
    whole = float(times_ns.max()) if len(times_ns) else -math.inf
    result = []
    for begin, end in chosen:
        low = first if begin == -math.inf else begin
        high = (whole if begin == -math.inf else float(last_ns)) if end == math.inf else end
        if low <= high:
            result.append((low, high))
    return tuple(result)


def known_clients(evidence: Evidence) -> tuple[str, ...]:
    """Every client that occurs in messages, calls or marks, sorted; the venue and the instrument alone are none."""
    names = {*evidence.message_clients(), *evidence.calls.client.distinct()}
    names.update(mark.detail["client"] for mark in evidence.marks if "client" in mark.detail)
    return tuple(sorted(names - {VENUE, NULL, ""}))


def subscribers(evidence: Evidence, of: Of) -> tuple[str, ...]:
    """The selected clients that opened the selected streams. Raises UnseenError when there is none."""
    opened = {*evidence.message_clients()}
    for mark in evidence.marks:
        if mark.name in ("stream.opened", "stream.live"):
            stream = mark.detail.get("stream", "")
            if "stream" not in of or fits(stream, of["stream"]):
                opened.add(mark.detail.get("client", ""))
    chosen = tuple(name for name in clients(evidence, of) if name in opened)
    if not chosen:
        raise UnseenError(f"no client named {of.get('client', '*')!r} opened {of.get('stream', 'a stream')!r}")
    return chosen


def clients(evidence: Evidence, of: Of) -> tuple[str, ...]:
    """The clients that `client` selects, all when it is absent. Raises UnseenError when there is none."""
    known = (NULL,) if of.get("client") == NULL else known_clients(evidence)
    chosen = tuple(name for name in known if "client" not in of or fits(name, of["client"]))
    if not chosen:
        raise UnseenError(f"no client named {of.get('client', '*')!r} took part")
    return chosen
