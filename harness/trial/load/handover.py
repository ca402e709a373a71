"""Handover: a load's evidence goes to the harness as it comes, instead of into files. Only in Locust's process."""

from __future__ import annotations

import logging
import os
import socket
from collections import Counter

from harness.evidence.clock import now_ns
from harness.evidence.records import Fact, Mark
from harness.trial.load.crew import Done, Job
from harness.trial.load.line import END, LINE_VARIABLE, Item, packed
from harness.trial.load.notebook import Parcel, marks
from harness.trial.load.plan import LoadPlan
from harness.trial.load.status import Status
from harness.trial.load.writing import Part

log = logging.getLogger("harness.load")

ABANDONED = 4
"""Exit code of a generator whose harness is gone."""


class Line:
    """The generator's end of the line to the harness."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)

    @classmethod
    def here(cls) -> Line | None:
        """That of this process; None where the evidence goes into files."""
        told = os.environ.get(LINE_VARIABLE)
        return cls(int(told)) if told else None

    def tell(self, item: Item) -> None:
        """Hand it over; when nobody is there to take it, end at once."""
        try:
            self._socket.sendall(packed(item))
        except OSError:
            self._abandoned()

    def until_end(self) -> None:
        """Wait until the harness says that it is over. A harness that is gone ends this process at once."""
        try:
            said = self._socket.recv(1)
        except OSError:
            said = b""
        if said != END:
            self._abandoned()

    def _abandoned(self) -> None:
        log.error("the harness is gone: nobody wants this load any more")
        logging.shutdown()
        os._exit(ABANDONED)


class Handover:
    """Takes what `Writing` takes, and keeps nothing. Calls only: the marks of streams would wait for the end."""

    def __init__(self, line: Line, plan: LoadPlan) -> None:
        self._line = line
        self._plan = plan
        self._told: Job | None = None
        self._over = False
        self._came: Counter[str] = Counter()
        self._unsent = self._held = 0
        self._cpu = 0.0

    def begun(self, job: Job, parts: tuple[Part, ...]) -> None:
        """Everybody was told when to start."""
        self._told, self._plan = job, job.plan
        what = {
            "users": str(job.total), "processes": str(len(parts)), "method": job.plan.method,
            "shape": job.plan.shape.value, "rate_per_s": f"{job.plan.rate_per_s:g}", "flows": "yes",
        }  # fmt: skip
        self._line.tell(Mark(job.start_ns, "load.began", what))
        self._line.tell(Status("running", job.start_ns, job.begin_ns, job.end_ns))

    def take(self, part: Part, parcel: Parcel) -> None:
        """Records of one crew, as they are."""
        self._line.tell(parcel)
        self._came[part.crew] += len(parcel["sizes"])  # of calls a byte each

    def done(self, part: Part, done: Done) -> None:
        """One crew is through."""
        written, came = done["calls"] + done["messages"], self._came[part.crew]
        if written != came:
            self.lost(part.crew, f"wrote down {written} records, of which {came} came")
        self._unsent += done["unsent"]
        self._held += done["held"]
        self._cpu = max(self._cpu, done["cpu"])
        for mark in marks(done["marks"], part.ahead_ns):
            self._line.tell(mark)

    def lost(self, crew: str, why: str) -> None:
        """A crew whose records will not come."""
        self._line.tell(Mark(now_ns(), "load.lost", {"worker": crew, "why": why}))

    def stopped(self, t_ns: int) -> None:
        """It ends when it is told to: there is no window that would end with it."""

    def failed(self, why: str) -> None:
        """The load came to nothing."""
        self._over = True
        self._line.tell(Status("failed", why=why))

    def close(self) -> None:
        """The facts, and the end."""
        if self._over or self._told is None:
            return
        self._over = True
        client = self._plan.client
        self._line.tell(Fact("instrument.generator_cpu", self._cpu, "", client))
        self._line.tell(Fact("instrument.unsent", self._unsent, "calls", client))
        self._line.tell(Fact("instrument.held", self._held, "calls", client))
        self._line.tell(Status("written", self._told.start_ns, self._told.begin_ns, now_ns()))
