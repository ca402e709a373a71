"""Marks to the lanes of a strip: what lasted, what happened, and which lane it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE, Mark, Outcome
from harness.evidence.tables import CallTable
from harness.report.numbers import quantity
from harness.report.wording import one_line

SpanKind = Literal["fault", "up", "serving", "live", "window"]
TickKind = Literal["bad", "good", "note", "error", "attempt", "failed"]
CurveKind = Literal["calls", "messages", "meter"]

FAULTS, SERVICES, CLIENTS, VENUE_METERS, TRIAL = "faults", "services", "clients", "venue", "trial"

_CLOSE = 0.4
"""Percent of the strip: events of one kind nearer than this are one tick, whose text names them."""
_TOLD = 3
_MOST_FAILED = 2000
"""Failed calls of a lane that are looked at one by one; of more every second, third ... is."""
_CROWD = 4
"""More clients than this whose names differ by a number only share a lane."""
_FIRST = ("connector", "market_maker", "live_server")
"""The stack in the order in which it depends on each other; anything else follows."""

BAD = {
    "process.died", "process.not_serving", "stream.error", "stream.down", "client.disconnected", "trial.cut_short",
    "trial.error", "trial.broken_off", "log.error", "probe.broken",
}  # fmt: skip
_GOOD = {"process.serving", "client.connected", "trial.settled", "data.flowing", "fault.heal"}
_STREAM_ENDS = {"stream.down", "stream.cancelled", "stream.ended", "stream.quiet", "stream.error"}
_UNDRAWN = {"stream.opened", "stream.live", "stream.cancelled", "stream.ended", "process.started"}
"""Begin or end of a span: a tick on top would say it twice."""
_NUMBERED = re.compile(r"(.*?)(\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted, in percent of the strip."""

    start: float
    width: float
    kind: SpanKind
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Something that happened at one time, in percent of the strip."""

    at: float
    kind: TickKind
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A course over the strip. `path`: SVG path data in a box 1000 wide and 20 high."""

    kind: CurveKind
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the strip."""

    name: str
    section: str
    spans: tuple[Span, ...] = ()
    ticks: tuple[Tick, ...] = ()
    curves: tuple[Curve, ...] = field(default=())
    note: str = ""

    def drawn_with(self, curves: tuple[Curve, ...], note: str) -> Lane:
        """The same lane with these courses under it."""
        return replace(self, curves=curves, note=note)


@dataclass(frozen=True, slots=True)
class Clock:
    """From Unix ns to percent of the strip."""

    begin_ns: int
    span_ns: int

    @property
    def end_ns(self) -> int:
        """The strip's right edge."""
        return self.begin_ns + self.span_ns

    def at(self, t_ns: int) -> float:
        """Position, within the strip."""
        return round(min(max(100 * (t_ns - self.begin_ns) / self.span_ns, 0.0), 100.0), 3)


def faults(marks: Sequence[Mark], clock: Clock) -> list[Lane]:
    """One lane for each kind of fault: from begin to heal, and when it was seen to bite."""
    lanes = []
    mine = [mark for mark in marks if mark.name.startswith("fault.")]
    for kind in in_order(mark.detail.get("kind", "fault") for mark in mine):
        of_kind = [mark for mark in mine if mark.detail.get("kind", "fault") == kind]
        spans = _spans(of_kind, {"fault.begin"}, {"fault.heal"}, ("subject",), "fault", clock)
        ticks = [_tick(mark, clock, "bad" if mark.name == "fault.bit" else "") for mark in of_kind]
        subjects = ", ".join(in_order(mark.detail.get("subject", "") for mark in of_kind))
        lanes.append(Lane(f"fault: {clip(kind, 40)}", FAULTS, tuple(spans), merged(ticks), note=clip(subjects, 60)))
    return lanes


def services(marks: Sequence[Mark], clock: Clock) -> list[Lane]:
    """One lane for each service: while the process lived, while it served, what its log called an error."""
    lanes = []
    mine = [mark for mark in marks if mark.name.startswith(("process.", "log.")) or "service" in mark.detail]
    names = in_order(mark.detail.get("service", "") for mark in mine)
    for service in sorted(names, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)):
        of_service = [mark for mark in mine if mark.detail.get("service", "") == service]
        up = _spans(of_service, {"process.started"}, {"process.died"}, ("service",), "up", clock)
        ends = {"process.not_serving", "process.died"}
        serving = _spans(of_service, {"process.serving"}, ends, ("service",), "serving", clock)
        ticks = [_tick(mark, clock) for mark in of_service if mark.name not in _UNDRAWN | {"process.serving"}]
        lanes.append(Lane(clip(service, 40) or "process", SERVICES, (*up, *serving), merged(ticks)))
    return lanes


def client(name: str, clients: Sequence[str], marks: Sequence[Mark], calls: CallTable, clock: Clock) -> Lane:
    """A client's lane, or that of a family of them: while its streams were live, what went wrong, calls that failed."""
    mine = [mark for mark in marks if mark.detail.get("client") in set(clients) and not mark.name.startswith("fault.")]
    streams = [mark for mark in mine if mark.name == "stream.live" or mark.name in _STREAM_ENDS]
    spans = _spans(streams, {"stream.live"}, _STREAM_ENDS, ("client", "stream"), "live", clock)
    ticks = [_tick(mark, clock) for mark in mine if mark.name not in _UNDRAWN]
    ticks += _failed(calls, clients, clock)
    return Lane(clip(name, 40), CLIENTS, _joined(spans), merged(ticks))


def others(marks: Sequence[Mark], clock: Clock) -> list[Lane]:
    """The windows of the load, and everything that belongs to no service and no client."""
    mine = [mark for mark in marks if mark.name.startswith("window.")]
    spans = _spans(mine, {"window.begin"}, {"window.end"}, ("window",), "window", clock)
    names = ", ".join(in_order(mark.detail.get("window", "") for mark in mine))
    lanes = [Lane("windows", TRIAL, tuple(spans), note=clip(names, 60))] if spans else []
    rest = [mark for mark in marks if not mark.name.startswith(("fault.", "process.", "window."))]
    ticks = [_tick(mark, clock) for mark in rest if not {"client", "service"} & mark.detail.keys()]
    return [*lanes, Lane("trial", TRIAL, ticks=merged(ticks))] if ticks else lanes


def families(names: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Lane by lane the clients in it: each its own, but for crowds that differ by a number only."""
    known = [name for name in in_order(names) if name and name != VENUE]
    stems = {name: match[1] for name in known if (match := _NUMBERED.fullmatch(name))}
    crowds = {stem for stem in stems.values() if list(stems.values()).count(stem) > _CROWD}
    grouped: dict[str, list[str]] = {}
    for name in known:
        grouped.setdefault(f"{stems[name]}*" if stems.get(name) in crowds else name, []).append(name)
    return {
        f"{clip(one[0], 12)} to {clip(one[-1], 12)} ({len(one)})" if len(one) > 1 else one[0]: tuple(one)
        for one in (_by_number(group) for group in grouped.values())
    }


def in_tables(evidence: Evidence) -> tuple[str, ...]:
    """Clients that called or received anything."""
    return tuple(in_order([*evidence.calls.client.distinct(), *evidence.messages.client.distinct()]))


def is_bad(mark: Mark) -> bool:
    """Whether it tells of something that went down or wrong; a process that ended in order does not."""
    return mark.name in BAD and not (mark.name == "process.died" and mark.detail.get("code") == "0")


def merged(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Ticks in the order of time; those of one kind that would lie on each other are one."""
    slots: dict[tuple[int, TickKind], list[Tick]] = {}
    for tick in sorted(ticks, key=lambda one: one.at):
        slots.setdefault((int(tick.at / _CLOSE), tick.kind), []).append(tick)
    made = []
    for (_, kind), mine in slots.items():
        texts = in_order(tick.text for tick in mine)
        more = f" and {len(texts) - _TOLD} more" if len(texts) > _TOLD else ""
        head = f"{len(mine)} times: " if len(mine) > 1 and len(texts) == 1 else ""
        made.append(Tick(mine[0].at, kind, f"{head}{' · '.join(texts[:_TOLD])}{more}"))
    return tuple(made)


def in_order(names: Iterable[str]) -> list[str]:
    """Each name once, by first occurrence."""
    return list(dict.fromkeys(names))


def clip(text: str, longest: int) -> str:
    """Printable and on one line."""
    return one_line(text, longest)


def details(mark: Mark) -> str:
    """What a mark says besides its name."""
    return ", ".join(f"{key} {value}" for key, value in mark.detail.items())


def _failed(calls: CallTable, clients: Sequence[str], clock: Clock) -> list[Tick]:
    rows: list[int] = np.flatnonzero(calls.client.one_of(clients) & ~calls.outcome.equal(Outcome.OK)).tolist()
    rows = rows[:: len(rows) // _MOST_FAILED + 1]
    return [
        Tick(clock.at(int(calls.done_ns[at])), "failed", clip(f"{calls.method[at]} {_ended(calls, at)}", 120))
        for at in rows
    ]


def _ended(calls: CallTable, row: int) -> str:
    outcome = "failed" if calls.outcome[row] == Outcome.FAIL else "is of unknown outcome"
    return f"{outcome}: {calls.code[row]}"


def _by_number(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: (len(name), name)) if len(names) > 1 else names


def _spans(
    marks: Sequence[Mark], begins: set[str], ends: set[str], subject: Sequence[str], kind: SpanKind, clock: Clock
) -> list[Span]:
    """Pair each begin with the next end of the same subject; one without an end lasts to the right edge."""
    open_since: dict[tuple[str, ...], Mark] = {}
    spans = []
    for mark in marks:
        which = tuple(mark.detail.get(key, "") for key in subject)
        if mark.name in begins:
            open_since.setdefault(which, mark)
        elif mark.name in ends and which in open_since:
            spans.append(_span(open_since.pop(which), mark.t_ns, clock, which, kind))
    spans += [_span(begun, clock.end_ns, clock, which, kind) for which, begun in open_since.items()]
    return sorted(spans, key=lambda span: span.start)


def _span(begun: Mark, end_ns: int, clock: Clock, which: Sequence[str], kind: SpanKind) -> Span:
    start, lasted_s = clock.at(begun.t_ns), (end_ns - begun.t_ns) / 1e9
    extra = f" {begun.detail['kind']}" if kind == "fault" and "kind" in begun.detail else ""
    word = {"fault": "fault", "up": "alive", "serving": "serving", "live": "live", "window": "window"}[kind]
    text = clip(f"{word}{extra}: {' '.join(filter(None, which))} for {quantity(lasted_s, 's')}", 140)
    return Span(start, round(max(clock.at(end_ns) - start, 0.3), 3), kind, text)


def _joined(spans: Sequence[Span]) -> tuple[Span, ...]:
    """Live streams of one lane that overlap are one bar, which names them."""
    bars: list[list[Span]] = []
    for span in spans:
        if bars and span.start <= max(one.start + one.width for one in bars[-1]) + 0.05:
            bars[-1].append(span)
        else:
            bars.append([span])
    made = []
    for bar in bars:
        end = max(one.start + one.width for one in bar)
        texts = in_order(one.text for one in bar)
        more = f" and {len(texts) - _TOLD} more" if len(texts) > _TOLD else ""
        made.append(Span(bar[0].start, round(end - bar[0].start, 3), "live", " · ".join(texts[:_TOLD]) + more))
    return tuple(made)


def _tick(mark: Mark, clock: Clock, kind: TickKind | Literal[""] = "") -> Tick:
    known: TickKind = "note"
    if mark.name == "log.error":
        known = "error"
    elif mark.name in ("client.attempt", "client.connecting"):
        known = "attempt"
    elif is_bad(mark):
        known = "bad"
    elif mark.name in _GOOD:
        known = "good"
    after_s = (mark.t_ns - clock.begin_ns) / 1e9
    return Tick(clock.at(mark.t_ns), kind or known, clip(f"{after_s:,.3f} s: {mark.name} {details(mark)}", 220))
