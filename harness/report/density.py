"""How much went on over time: rates of calls and messages and the venue's meters as small paths, downsampled here."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from harness.evidence.evidence import Evidence
from harness.evidence.records import VENUE
from harness.evidence.tables import Floats, Ints
from harness.report.lanes import Clock, Curve, CurveKind
from harness.report.numbers import number, quantity

_BINS = 160
_POINTS = 240
_WIDTH, _HEIGHT = 1000, 20


def client_curves(evidence: Evidence, clients: Sequence[str], clock: Clock) -> tuple[Curve, ...]:
    """Calls a second upwards from the middle line, messages a second downwards from it; none for neither."""
    calls, messages = evidence.calls, evidence.messages
    sent = calls.sent_ns[calls.client.one_of(clients)]
    received = messages.received_ns[messages.client.one_of(clients)]
    curves = []
    if len(sent):
        curves.append(_rate("calls", sent, clock, base=10, size=-9))
    if len(received):
        curves.append(_rate("messages", received, clock, base=10, size=9))
    return tuple(curves)


def ledger_curve(evidence: Evidence, clock: Clock) -> Curve | None:
    """Updates a second that the venue emitted; one update is one however many rows of the ledger name it."""
    rows = evidence.messages.rows(evidence.messages.client.equal(VENUE))
    if not len(rows):
        return None
    _, first = np.unique(np.stack([rows.stream.codes.astype(np.int64), rows.serial]), axis=1, return_index=True)
    return _rate("messages", rows.sent_ns[first], clock, base=19, size=-18)


def meter_curve(evidence: Evidence, probe: str, clock: Clock) -> Curve | None:
    """A probe's readings as steps from zero to their highest; None without any."""
    rows = evidence.readings.rows(evidence.readings.probe.equal(probe))
    if not len(rows):
        return None
    times, values = _thinned(rows.t_ns, rows.value)
    top = float(values.max()) or 1.0
    heights = 19 - 18 * np.maximum(values, 0.0) / top
    points = [(_x(int(t), clock), round(float(y), 1)) for t, y in zip(times, heights, strict=True)]
    path = f"M{points[0][0]} {points[0][1]:g}" + "".join(f"H{x}V{y:g}" for x, y in points[1:]) + f"H{_WIDTH}"
    low, high, last = float(rows.value.min()), float(rows.value.max()), float(rows.value[-1])
    text = f"{number(low)} to {number(high)}, at the end {number(last)}" if low != high else f"{number(low)} all along"
    return Curve("meter", path, text)


def told_rates(curves: Sequence[Curve]) -> str:
    """The lane's small print."""
    return ", ".join(curve.text for curve in curves)


def _rate(kind: CurveKind, times: Ints, clock: Clock, base: int, size: int) -> Curve:
    """Counts by bin, as an area that starts at `base` and is `size` high at its highest."""
    edges = np.linspace(clock.begin_ns, clock.end_ns, _BINS + 1)
    counts = np.histogram(times, edges)[0]
    top = int(counts.max())
    per_s = top / (clock.span_ns / 1e9 / _BINS)
    path = [f"M0 {base}"]
    for at in _changes(counts):
        y = base + size * int(counts[at]) / top if top else base
        path.append(f"H{at * _WIDTH / _BINS:g}V{round(y, 1):g}")
    path.append(f"H{_WIDTH}V{base}Z")
    return Curve(kind, "".join(path), f"{quantity(len(times), kind)}, at most {number(per_s, 2)}/s")


def _changes(counts: npt.NDArray[np.intp]) -> list[int]:
    """Bins at which the height changes."""
    return [0, *(int(at) + 1 for at in np.flatnonzero(np.diff(counts)))]


def _thinned(times: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Only where the value changes; of too many changes the highest and the lowest of each stretch, in their order."""
    changed = np.concatenate([[True], np.diff(values) != 0])
    times, values = times[changed], values[changed]
    if len(values) <= _POINTS:
        return times, values
    kept = []
    for part in np.array_split(np.arange(len(values)), _POINTS // 2):
        kept += sorted({int(part[values[part].argmin()]), int(part[values[part].argmax()])})
    return times[kept], values[kept]


def _x(t_ns: int, clock: Clock) -> int:
    return round(clock.at(t_ns) * _WIDTH / 100)
