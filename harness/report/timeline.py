"""One trial as lanes over time: faults, services, clients, the venue's meters; geometry in percent, no drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.evidence.clock import NS_PER_S
from harness.evidence.evidence import Evidence
from harness.evidence.records import Mark
from harness.report import lanes
from harness.report.density import client_curves, ledger_curve, meter_curve, told_rates
from harness.report.lanes import BAD, Clock, Lane, Span, clip, in_order
from harness.report.marks import Row, rows
from harness.report.numbers import duration_text, quantity

_MOST_LANES = 24
_MOST_SHADES = 40
_LABELS = 5
_METERS = ("venue.sockets", "venue.subscriptions")


@dataclass(frozen=True, slots=True)
class Timeline:
    """One trial. `axis`: positions in percent with their labels; `left_out`: what had no room, in words."""

    trial: int
    summary: str
    axis: tuple[tuple[float, str], ...]
    shades: tuple[Span, ...]
    """Faults, over all lanes."""
    lanes: tuple[Lane, ...]
    kinds: frozenset[str]
    """What occurs in the lanes, for the legend."""
    rows: tuple[Row, ...]
    left_out: str


def timeline(trial: int, evidence: Evidence) -> Timeline | None:
    """The strip of one trial; None without marks."""
    marks = sorted(evidence.marks, key=lambda mark: mark.t_ns)
    if not marks:
        return None
    begin_ns = min(next((mark.t_ns for mark in marks if mark.name == "trial.began"), marks[0].t_ns), marks[0].t_ns)
    clock = Clock(begin_ns, max(marks[-1].t_ns - begin_ns, 1))
    faults = lanes.faults(marks, clock)
    drawn = [
        *faults,
        *lanes.services(marks, clock),
        *_clients(evidence, marks, clock),
        *_venue(evidence, clock),
        *lanes.others(marks, clock),
    ]
    told, without_row = rows(marks, begin_ns)
    left_out = [f"{len(drawn) - _MOST_LANES} more lanes"] if len(drawn) > _MOST_LANES else []
    left_out += [f"{without_row} more marks"] if without_row else []
    kept = _kept(drawn)
    return Timeline(
        trial=trial,
        summary=_summary(marks, clock),
        axis=_axis(clock.span_ns / NS_PER_S),
        shades=tuple(span for lane in faults for span in lane.spans)[:_MOST_SHADES],
        lanes=kept,
        kinds=_kinds(kept),
        rows=told,
        left_out=" and ".join(left_out),
    )


def _kinds(drawn: Sequence[Lane]) -> frozenset[str]:
    kinds: set[str] = set()
    for lane in drawn:
        kinds |= {span.kind for span in lane.spans} | {tick.kind for tick in lane.ticks}
        kinds |= {curve.kind for curve in lane.curves}
    return frozenset(kinds)


def _kept(drawn: Sequence[Lane]) -> tuple[Lane, ...]:
    """As many lanes as there is room for: of a crowd the clients in its middle go first."""
    spare = len(drawn) - _MOST_LANES
    if spare <= 0:
        return tuple(drawn)
    clients = [at for at, lane in enumerate(drawn) if lane.section == lanes.CLIENTS]
    gone = set(clients[-spare:])
    return tuple(lane for at, lane in enumerate(drawn) if at not in gone)[:_MOST_LANES]


def _clients(evidence: Evidence, marks: Sequence[Mark], clock: Clock) -> list[Lane]:
    """One lane for each client, or family of clients that differ by a number only (load-1, load-2 ...)."""
    named = [mark.detail["client"] for mark in marks if "client" in mark.detail]
    members = lanes.families([*named, *lanes.in_tables(evidence)])
    made = []
    for name, clients in members.items():
        curves = client_curves(evidence, clients, clock)
        lane = lanes.client(name, clients, marks, evidence.calls, clock)
        made.append(lane.drawn_with(curves, told_rates(curves)))
    return made


def _venue(evidence: Evidence, clock: Clock) -> list[Lane]:
    made = []
    curve = ledger_curve(evidence, clock)
    if curve is not None:
        made.append(Lane("updates sent", lanes.VENUE_METERS, curves=(curve,), note=curve.text))
    for probe in _METERS:
        meter = meter_curve(evidence, probe, clock)
        if meter is not None:
            made.append(Lane(probe.removeprefix("venue."), lanes.VENUE_METERS, curves=(meter,), note=meter.text))
    return made


def _summary(marks: Sequence[Mark], clock: Clock) -> str:
    """The trial in a few words, for its folded line."""
    kinds = in_order(mark.detail.get("kind", "") for mark in marks if mark.name == "fault.begin")
    wrong = sum(lanes.is_bad(mark) for mark in marks if mark.name in BAD)
    parts = [duration_text(clock.span_ns / NS_PER_S)]
    parts += [f"fault: {clip(', '.join(kinds), 60)}"] if kinds else []
    parts += [f"{quantity(wrong, 'events')} in which something went down"] if wrong else []
    errors = sum(mark.name == "log.error" for mark in marks)
    parts += [quantity(errors, "log errors")] if errors else []
    return "; ".join(parts)


def _axis(length_s: float) -> tuple[tuple[float, str], ...]:
    """At most six round times from 0 to the end."""
    steps = [base * 10.0**power for power in range(-6, 7) for base in (1, 2, 5)]
    steps = sorted([*steps, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21_600])
    step = next((one for one in steps if length_s / one <= _LABELS), length_s)
    times = [index * step for index in range(int(length_s / step) + 1)]
    return tuple((round(100 * time_s / length_s, 2), quantity(round(time_s, 9), "s")) for time_s in times)
