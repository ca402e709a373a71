"""A trial's marks as lanes over time: faults, processes, clients and windows, in percent of the trial; no drawing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness.evidence.clock import NS_PER_S
from harness.evidence.records import Mark
from harness.report.numbers import quantity
from harness.report.wording import one_line

_MOST_LANES = 12
_MOST_TICKS = 150
_MOST_ROWS = 300
_LABELS = 5


@dataclass(frozen=True, slots=True)
class Span:
    """Something that lasted. `kind` is one of: fault, up, serving, live, window."""

    start: float
    width: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    """Something that happened at one time. `kind` is one of: bad, good, note."""

    at: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One row of the strip."""

    name: str
    spans: tuple[Span, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """One mark in words."""

    at: str
    name: str
    detail: str
    is_bad: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """One trial. `axis`: positions in percent with their labels; `left_out`: what had no room, in words."""

    trial: int
    axis: tuple[tuple[float, str], ...]
    lanes: tuple[Lane, ...]
    rows: tuple[Row, ...]
    left_out: str


_BAD = {
    "process.died", "process.not_serving", "stream.error", "stream.down", "client.disconnected", "trial.cut_short",
    "trial.error",
}  # fmt: skip
_GOOD = {"process.serving", "client.connected", "trial.settled"}
_OF_SERVICE = {"process.started", "process.serving", "process.not_serving", "process.died"}
_STREAM_ENDS = {"stream.down", "stream.cancelled", "stream.ended", "stream.quiet", "stream.error"}


def timeline(trial: int, marks: Sequence[Mark]) -> Timeline | None:
    """The strip of one trial; None without marks."""
    if not marks:
        return None
    marks = sorted(marks, key=lambda mark: mark.t_ns)
    begin_ns = next((mark.t_ns for mark in marks if mark.name == "trial.began"), marks[0].t_ns)
    begin_ns = min(begin_ns, marks[0].t_ns)
    span_ns = max(marks[-1].t_ns - begin_ns, 1)

    def at(t_ns: int) -> float:
        return round(100 * (t_ns - begin_ns) / span_ns, 3)

    lanes = [
        *_faults(marks, at),
        *_services(marks, at),
        *_windows(marks, at),
        *_clients(marks, at),
        *_others(marks, at),
    ]
    left_out = []
    if len(lanes) > _MOST_LANES:
        left_out.append(f"{len(lanes) - _MOST_LANES} more lanes")
    if len(marks) > _MOST_ROWS:
        left_out.append(f"{len(marks) - _MOST_ROWS} more marks")
    return Timeline(
        trial=trial,
        axis=_axis(span_ns / NS_PER_S),
        lanes=tuple(lanes[:_MOST_LANES]),
        rows=tuple(_row(mark, begin_ns) for mark in marks[:_MOST_ROWS]),
        left_out=" and ".join(left_out),
    )


def _faults(marks: Sequence[Mark], at: Callable[[int], float]) -> list[Lane]:
    """One lane for each kind of fault: from begin to heal, and when it was seen to bite."""
    lanes = []
    mine = [mark for mark in marks if mark.name.startswith("fault.")]
    for kind in _in_order(mark.detail.get("kind", "fault") for mark in mine):
        of_kind = [mark for mark in mine if mark.detail.get("kind", "fault") == kind]
        spans = _spans(of_kind, {"fault.begin"}, {"fault.heal"}, "subject", "fault", at)
        ticks = [_tick(mark, at, "bad") for mark in of_kind if mark.name == "fault.bit"]
        lanes.append(Lane(f"fault: {one_line(kind, 40)}", tuple(spans), _fewer(ticks)))
    return lanes


def _services(marks: Sequence[Mark], at: Callable[[int], float]) -> list[Lane]:
    """One lane for each service: while the process lived, and within it while it served."""
    lanes = []
    mine = [mark for mark in marks if mark.name in _OF_SERVICE]
    for service in _in_order(mark.detail.get("service", "") for mark in mine):
        of_service = [mark for mark in mine if mark.detail.get("service", "") == service]
        up = _spans(of_service, {"process.started"}, {"process.died"}, "service", "up", at)
        serving = _spans(
            of_service, {"process.serving"}, {"process.not_serving", "process.died"}, "service", "serving", at
        )
        ticks = [_tick(mark, at) for mark in of_service if mark.name in _BAD]
        lanes.append(Lane(one_line(service, 40) or "process", (*up, *serving), _fewer(ticks)))
    return lanes


def _windows(marks: Sequence[Mark], at: Callable[[int], float]) -> list[Lane]:
    mine = [mark for mark in marks if mark.name.startswith("window.")]
    spans = _spans(mine, {"window.begin"}, {"window.end"}, "window", "window", at)
    names = ", ".join(_in_order(mark.detail.get("window", "") for mark in mine))
    return [Lane(one_line(f"windows: {names}", 40), tuple(spans), ())] if spans else []


def _clients(marks: Sequence[Mark], at: Callable[[int], float]) -> list[Lane]:
    """One lane for each client: while any of its streams was live, and what went wrong."""
    lanes = []
    mine = [mark for mark in marks if mark.name.startswith(("stream.", "client."))]
    for client in _in_order(mark.detail.get("client", "") for mark in mine):
        of_client = [mark for mark in mine if mark.detail.get("client", "") == client]
        streams = [mark for mark in of_client if mark.name == "stream.live" or mark.name in _STREAM_ENDS]
        spans = _spans(streams, {"stream.live"}, _STREAM_ENDS, "stream", "live", at)
        ticks = [_tick(mark, at) for mark in of_client if mark.name in _BAD or mark.name == "client.connected"]
        lanes.append(Lane(f"client: {one_line(client, 40)}", tuple(spans), _fewer(ticks)))
    return lanes


def _others(marks: Sequence[Mark], at: Callable[[int], float]) -> list[Lane]:
    known = ("fault.", "process.", "window.", "stream.", "client.")
    ticks = [_tick(mark, at) for mark in marks if not mark.name.startswith(known)]
    return [Lane("trial", (), _fewer(ticks))] if ticks else []


def _spans(
    marks: Sequence[Mark], begins: set[str], ends: set[str], subject: str, kind: str, at: Callable[[int], float]
) -> list[Span]:
    """Pair each begin with the next end of the same subject; one without an end lasts to the right edge."""
    spans = []
    for which in _in_order(mark.detail.get(subject, "") for mark in marks):
        begun: Mark | None = None
        for mark in (one for one in marks if one.detail.get(subject, "") == which):
            if mark.name in begins and begun is None:
                begun = mark
            elif mark.name in ends and begun is not None:
                spans.append(_span(begun, at(begun.t_ns), at(mark.t_ns), which, kind))
                begun = None
        if begun is not None:
            spans.append(_span(begun, at(begun.t_ns), 100.0, which, kind))
    return spans


def _span(begun: Mark, start: float, end: float, which: str, kind: str) -> Span:
    return Span(start, round(max(end - start, 0.3), 3), kind, one_line(f"{begun.name} {which}", 120))


def _tick(mark: Mark, at: Callable[[int], float], kind: str = "") -> Tick:
    kind = kind or ("bad" if mark.name in _BAD else "good" if mark.name in _GOOD else "note")
    return Tick(at(mark.t_ns), kind, one_line(f"{mark.name} {_detail(mark)}", 200))


def _row(mark: Mark, begin_ns: int) -> Row:
    after_s = (mark.t_ns - begin_ns) / NS_PER_S
    return Row(f"{after_s:,.3f} s", one_line(mark.name, 80), one_line(_detail(mark), 300), mark.name in _BAD)


def _detail(mark: Mark) -> str:
    return ", ".join(f"{key} {value}" for key, value in mark.detail.items())


def _fewer(ticks: Sequence[Tick]) -> tuple[Tick, ...]:
    """Ticks that are drawn; the rows below the strip still name what fell between them."""
    if len(ticks) <= _MOST_TICKS:
        return tuple(ticks)
    step = len(ticks) / _MOST_TICKS
    return tuple(ticks[int(index * step)] for index in range(_MOST_TICKS))


def _in_order(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _axis(length_s: float) -> tuple[tuple[float, str], ...]:
    """At most six round times from 0 to the end."""
    steps = [base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5)]
    steps = sorted([*steps, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600])
    step = next((one for one in steps if length_s / one <= _LABELS), length_s)
    times = [index * step for index in range(int(length_s / step) + 1)]
    return tuple((round(100 * time_s / length_s, 2), quantity(round(time_s, 9), "s")) for time_s in times)
