"""Write a load's evidence in the process that leads it: parcels become records, what the crews said becomes facts."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import gevent  # type: ignore[import-untyped,unused-ignore]

from harness.evidence.clock import NS_PER_MS, NS_PER_S, now_ns
from harness.evidence.recorder import Recorder
from harness.evidence.records import Fact, Mark, Record
from harness.trial.load.arrivals import planned
from harness.trial.load.crew import Done, Job
from harness.trial.load.notebook import Parcel, marks, records
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.status import EVIDENCE, Status

_PIECE = 1000


@dataclass(frozen=True, slots=True)
class Part:
    """One generator process: its users, and how far its clock is ahead of the leader's."""

    crew: str
    users: int
    ahead_ns: int
    uncertain_ns: int


class Writing:
    """One load's evidence, in `folder`/evidence."""

    def __init__(self, folder: Path, plan: LoadPlan) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._plan = plan
        self._job: Job | None = None
        self._recorder: Recorder | None = None
        self._early: list[Record] = []
        self._parts: tuple[Part, ...] = ()
        self._done: list[Done] = []
        self._closed = False
        self._stopped_ns = 0
        self._taken: Counter[str] = Counter()

    def begun(self, job: Job, parts: tuple[Part, ...]) -> None:
        """Everybody was told when to start. Again, when users were added to a running load."""
        first = self._job is None
        self._job = job if first else self._job
        self._plan, self._parts = job.plan, parts
        what = {
            "users": str(job.total), "processes": str(len(parts)), "method": job.plan.method,
            "shape": job.plan.shape.value, "rate_per_s": f"{job.plan.rate_per_s:g}", "window": job.plan.window,
            "collector": "off" if job.short else "frozen",
        }  # fmt: skip
        self._append(Mark(job.start_ns, "load.began" if first else "load.changed", what))
        if first and job.plan.window:
            self._append(Mark(job.begin_ns, "window.begin", {"window": job.plan.window}))
        Status("running", job.start_ns, job.begin_ns, job.end_ns).write(self._folder)

    def take(self, part: Part, parcel: Parcel) -> None:
        """Records of one crew."""
        recorder = self._recording()
        for number, record in enumerate(records(parcel, self._plan, part.ahead_ns)):
            recorder.append(record)
            self._taken[part.crew] += 1
            if number % _PIECE == 0:
                gevent.sleep(0)  # heartbeats must not wait for a long parcel

    def done(self, part: Part, done: Done) -> None:
        """One crew is through."""
        self._done.append(done)
        written, came = done["calls"] + done["messages"], self._taken[part.crew]
        if written != came:
            self.lost(part.crew, f"wrote down {written} records, of which {came} came")
        if self._plan.window:
            unit = "messages" if self._plan.streams else "calls"
            says = f"generator {part.crew}, warm-up included"
            self._append(Fact("load.records", written, unit, self._plan.window, says))
        for mark in marks(done["marks"], part.ahead_ns):
            self._append(mark)

    def lost(self, crew: str, why: str) -> None:
        """A crew whose records will not come."""
        self._append(Mark(now_ns(), "load.lost", {"worker": crew, "why": why}))

    def stopped(self, t_ns: int) -> None:
        """Somebody ended it early; the window ends there."""
        self._stopped_ns = self._stopped_ns or t_ns

    def failed(self, why: str) -> None:
        """The load came to nothing."""
        self._closed = True
        self._append(Mark(now_ns(), "load.failed", {"why": why}))
        self._recording().close()
        Status("failed", why=why).write(self._folder)

    def close(self) -> None:
        """The facts, and the end."""
        if self._closed or self._job is None:
            return
        self._closed = True
        job, plan, window = self._job, self._plan, self._plan.window
        end_ns = min(job.end_ns, self._stopped_ns or now_ns())
        if window:
            self._append(Mark(end_ns, "window.end", {"window": window}))
        for fact in self._facts(plan, end_ns - job.begin_ns, window) if window else ():
            self._append(fact)
        self._recording().close()
        inside, failed = (sum(one[name] for one in self._done) for name in ("inside", "failed"))
        Status("written", job.start_ns, job.begin_ns, end_ns, inside, failed).write(self._folder)

    def _append(self, record: Record) -> None:
        if self._recorder is None:
            self._early.append(record)
        else:
            self._recorder.append(record)

    def _recording(self) -> Recorder:
        """Made when the first records come, after the window: its writing would hold all users for 50 ms."""
        if self._recorder is None:
            self._recorder = Recorder(self._folder / EVIDENCE)
            for record in self._early:
                self._recorder.append(record)
        return self._recorder

    def _facts(self, plan: LoadPlan, length_ns: int, window: str) -> list[Fact]:
        done = self._done
        facts = [
            Fact("instrument.generator_cpu", max((one["cpu"] for one in done), default=0.0), "", window),
            Fact("instrument.processes", len(self._parts), "", window),
            Fact("instrument.real_time", float(all(one["real_time"] for one in done)), "", window),
        ]
        if not plan.streams:
            facts += [
                Fact("instrument.unsent", sum(one["unsent"] for one in done), "calls", window),
                Fact("instrument.held", sum(one["held"] for one in done), "calls", window),
            ]
            if plan.shape is not Shape.CLOSED:
                whole = math.isfinite(plan.duration_s)
                rate = planned(plan) / (length_ns / NS_PER_S) if whole else plan.rate_per_s
                facts.append(Fact("instrument.offered_per_s", rate, "calls/s", window))
        stamps = {one["stamps"] for one in done if one["stamps"]}
        detail = ", ".join(sorted(stamps))
        facts.append(Fact("instrument.stamps", float(stamps == {"kernel"}), "", "", detail))
        for part in self._parts:
            if part.uncertain_ns:
                says = f"of worker {part.crew}, known to {part.uncertain_ns / NS_PER_MS:.3f} ms; taken out of its times"
                facts.append(Fact("load.clock_ahead", part.ahead_ns / NS_PER_MS, "ms", window, says))
        return facts
