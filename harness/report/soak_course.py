"""The course of a long run, minute by minute: read from its evidence in parts, however large that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.evidence.clock import NS_PER_MS, NS_PER_S
from harness.evidence.evidence import Evidence
from harness.evidence.parts import parts
from harness.evidence.records import VENUE, Call, Mark, Message, Outcome, Reading
from harness.evidence.tables import Floats, Ints, Labels, Mask, ReadingTable
from harness.report.soak_events import Events, events
from harness.verdict.selecting import NULL

UNSEEN = math.nan
_LONG_S = 1800.0
_FINE = (1, 2, 5, 10, 15, 30)
_COARSE = (60, 120, 300, 600, 900, 1800, 3600)
_MOST_FINE, _MOST_COARSE = 180, 1500
_LEAST_SHARE = 0.1
"""A rate over less of its bucket would be chance."""
UPDATES = "prices"


@dataclass(frozen=True, slots=True)
class Grid:
    """Buckets of equal width over the whole run."""

    begin_ns: int
    end_ns: int
    width_s: int

    @classmethod
    def over(cls, begin_ns: int, end_ns: int) -> Grid:
        """Minutes; finer ones for a run of less than half an hour, coarser ones for several days."""
        length_s = (end_ns - begin_ns) / NS_PER_S
        widths, most = (_FINE, _MOST_FINE) if length_s < _LONG_S else (_COARSE, _MOST_COARSE)
        width = next((one for one in widths if length_s / one <= most), widths[-1])
        return cls(begin_ns, end_ns, width)

    @property
    def length_s(self) -> float:
        """Of the run."""
        return (self.end_ns - self.begin_ns) / NS_PER_S

    @property
    def count(self) -> int:
        """How many there are."""
        return max(1, math.ceil(self.length_s / self.width_s))

    @property
    def middles_s(self) -> Floats:
        """From the run's begin; the last bucket may be a short one."""
        begins = np.arange(self.count) * float(self.width_s)
        middles: Floats = (begins + np.minimum(begins + self.width_s, self.length_s)) / 2
        return middles

    @property
    def widths_s(self) -> Floats:
        """Each bucket's."""
        begins = np.arange(self.count) * float(self.width_s)
        widths: Floats = np.maximum(np.minimum(begins + self.width_s, self.length_s) - begins, 1e-9)
        return widths

    def of(self, t_ns: Ints) -> Ints:
        """In which bucket each time lies; times outside lie in the first or the last."""
        return np.clip((t_ns - self.begin_ns) // (self.width_s * NS_PER_S), 0, self.count - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Band:
    """A probe by bucket: lowest, mean and highest; NaN where nothing was read. `number`: of all its readings."""

    low: Floats
    mean: Floats
    high: Floats
    number: int


@dataclass(frozen=True, slots=True, eq=False)
class SoakCourse:
    """All by bucket. `failed_percent`, `p50_ms`, `p99_ms`: of calls sent then; NaN where there was none.

    `judged`: the probes whose trend is asked for, as read. `whole`: of the steady time.
    """

    grid: Grid
    events: Events
    bands: Mapping[str, Band]
    judged: ReadingTable
    calls_per_s: Floats
    failed_percent: Floats
    p50_ms: Floats
    p99_ms: Floats
    updates_per_s: Floats
    deliveries_per_s: Floats
    whole: Whole


@dataclass(frozen=True, slots=True)
class Whole:
    """Numbers of the steady time. `counted`, `failed`: of the calls whose errors count; p50 and p99 NaN for none."""

    calls: int
    counted: int
    failed: int
    p50_ms: float
    p99_ms: float
    updates: int
    deliveries: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a recording is looked at. `steady`: spans in Unix ns; `counts`: whose failures count, by method."""

    probes: frozenset[str]
    judged: frozenset[str]
    steady: tuple[tuple[float, float], ...]
    counts: Callable[[str], bool]

    def is_steady(self, t_ns: Ints) -> Mask:
        """Which of these times lie in the steady time."""
        found = np.zeros(len(t_ns), np.bool_)
        for low, high in self.steady:
            found |= (t_ns >= low) & (t_ns <= high)
        return found


def soak_course(folder: Path, marks: Sequence[Mark], wanted: Wanted) -> SoakCourse | None:
    """Read it; None when nothing was recorded."""
    read = _readings(folder, wanted.probes | wanted.judged)
    times = [mark.t_ns for mark in marks] + [*read.t_ns[:1].tolist(), *read.t_ns[-1:].tolist()]
    if not times or max(times) <= min(times):
        return None
    grid = Grid.over(min(times), max(times))
    calls = _calls(folder, grid, wanted)
    sent, received, updates, deliveries = _messages(folder, grid, wanted)
    happened = events(marks, grid.begin_ns, grid.end_ns)
    watched_s = _watched_s(grid, happened)
    return SoakCourse(
        grid=grid,
        events=happened,
        bands={name: _band(read, name, grid) for name in read.probe.distinct()},
        judged=read.rows(read.probe.one_of(wanted.judged)),
        calls_per_s=np.bincount(calls.bucket, minlength=grid.count) / watched_s,
        failed_percent=_failed(calls, grid),
        p50_ms=_quantile(calls, grid, 0.5),
        p99_ms=_quantile(calls, grid, 0.99),
        updates_per_s=sent / watched_s,
        deliveries_per_s=received / watched_s,
        whole=calls.whole(updates, deliveries),
    )


def _watched_s(grid: Grid, happened: Events) -> Floats:
    """Of each bucket, without the gaps; NaN where next to nothing is left."""
    edges = np.arange(grid.count + 1) * float(grid.width_s)
    watched = grid.widths_s
    for gap in happened.gaps:
        begin, end = np.maximum(edges[:-1], gap.begin_s), np.minimum(edges[1:], gap.end_s)
        watched -= np.maximum(end - begin, 0.0)
    watched[watched < _LEAST_SHARE * grid.width_s] = UNSEEN
    return watched


def readings_only(marks: Sequence[Mark], readings: ReadingTable) -> Evidence:
    """What a trend is told from."""
    nothing = Evidence.of(*marks)
    return Evidence(nothing.calls, nothing.stored, nothing.marks, readings, nothing.facts)


def _readings(folder: Path, probes: frozenset[str]) -> ReadingTable:
    t_ns, value, names = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int32)]
    known = tuple(sorted(probes))
    for part in parts(folder, Reading, ("t_ns", "probe", "value")):
        probe = part.labels("probe")
        chosen = probe.one_of(probes)
        t_ns.append(part.ints("t_ns")[chosen])
        value.append(part.floats("value")[chosen])
        codes = np.array([known.index(name) if name in probes else 0 for name in probe.names], np.int32)
        names.append(codes[probe.codes[chosen]])
    times = np.concatenate(t_ns)
    table = ReadingTable(
        times,
        Labels(np.concatenate(names), known),
        np.concatenate(value),
        Labels(np.zeros(len(times), np.int32), ("",)),
    )
    return table.sorted()


def _band(read: ReadingTable, name: str, grid: Grid) -> Band:
    rows = read.rows(read.probe.equal(name))
    bucket = grid.of(rows.t_ns)
    begins = np.flatnonzero(np.diff(bucket, prepend=-1))
    seen = bucket[begins]
    low, mean, high = (np.full(grid.count, UNSEEN) for _ in range(3))
    low[seen] = np.minimum.reduceat(rows.value, begins)
    high[seen] = np.maximum.reduceat(rows.value, begins)
    mean[seen] = np.add.reduceat(rows.value, begins) / np.diff(begins, append=len(bucket))
    return Band(low, mean, high, len(rows))


@dataclass(frozen=True, slots=True, eq=False)
class _Calls:
    """In the order of buckets."""

    bucket: Ints
    took_ms: Floats
    counts: Mask
    failed: Mask
    steady: Mask

    def whole(self, updates: int, deliveries: int) -> Whole:
        took = self.took_ms[self.steady]
        p50, p99 = np.quantile(took, (0.5, 0.99)) if len(took) else (UNSEEN, UNSEEN)
        counted = self.counts & self.steady
        return Whole(len(took), int(counted.sum()), int((counted & self.failed).sum()), float(p50), float(p99),
                     updates, deliveries)  # fmt: skip


def _calls(folder: Path, grid: Grid, wanted: Wanted) -> _Calls:
    found: list[_Calls] = []
    for part in parts(folder, Call, ("client", "method", "due_ns", "sent_ns", "done_ns", "outcome")):
        sent, due, method = part.ints("sent_ns"), part.ints("due_ns"), part.labels("method")
        due = np.minimum(np.where(due > 0, due, sent), sent)
        mine = ~part.labels("client").equal(NULL)
        counts = method.one_of(name for name in method.names if wanted.counts(name))
        failed = ~part.labels("outcome").equal(Outcome.OK)
        took_ms = (part.ints("done_ns") - due) / NS_PER_MS
        found.append(
            _Calls(grid.of(sent)[mine], took_ms[mine], counts[mine], failed[mine], wanted.is_steady(due)[mine])
        )
    bucket = _joined([one.bucket for one in found], np.int64)
    order = np.argsort(bucket, kind="stable")
    return _Calls(
        bucket=bucket[order],
        took_ms=_joined([one.took_ms for one in found], np.float64)[order],
        counts=_joined([one.counts for one in found], np.bool_)[order],
        failed=_joined([one.failed for one in found], np.bool_)[order],
        steady=_joined([one.steady for one in found], np.bool_)[order],
    )


def _joined(columns: Sequence[npt.NDArray[Any]], of: type[np.generic]) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, of), *columns])


def _failed(calls: _Calls, grid: Grid) -> Floats:
    made = np.bincount(calls.bucket[calls.counts], minlength=grid.count).astype(np.float64)
    failed = np.bincount(calls.bucket[calls.counts & calls.failed], minlength=grid.count)
    made[made == 0] = UNSEEN
    return 100.0 * failed / made


def _quantile(calls: _Calls, grid: Grid, quantile: float) -> Floats:
    edges = np.searchsorted(calls.bucket, np.arange(grid.count + 1))
    found = np.full(grid.count, UNSEEN)
    for at in np.flatnonzero(np.diff(edges)):
        found[at] = np.quantile(calls.took_ms[edges[at] : edges[at + 1]], quantile)
    return found


def _messages(folder: Path, grid: Grid, wanted: Wanted) -> tuple[Ints, Ints, int, int]:
    """By bucket the updates that the venue sent, each once, and everything that clients received; both over the
    steady time."""
    sent, received = np.zeros(grid.count, np.int64), np.zeros(grid.count, np.int64)
    updates = deliveries = before = 0
    for part in parts(folder, Message, ("client", "stream", "serial", "received_ns")):
        client, t_ns = part.labels("client"), part.ints("received_ns")
        venue = client.equal(VENUE)
        ledger = np.flatnonzero(venue & part.labels("stream").equal(UPDATES))
        serial = part.ints("serial")[ledger]
        ledger = ledger[np.diff(serial, prepend=before) != 0]  # one update has several spellings
        before = int(serial[-1]) if len(serial) else before
        theirs = t_ns[~venue & ~client.equal(NULL)]
        sent += np.bincount(grid.of(t_ns[ledger]), minlength=grid.count)
        received += np.bincount(grid.of(theirs), minlength=grid.count)
        updates += int(wanted.is_steady(t_ns[ledger]).sum())
        deliveries += int(wanted.is_steady(theirs).sum())
    return sent, received, updates, deliveries
