"""The users of one generator process: called together, given one timetable, let go, and asked what they did."""

from __future__ import annotations

import gc
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypedDict

import gevent  # type: ignore[import-untyped,unused-ignore]
from gevent.event import Event  # type: ignore[import-untyped,unused-ignore]

from harness.evidence.clock import NS_PER_S, now_ns
from harness.trial.load.notebook import Notebook, Parcel
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.priority import in_real_time, ordinary
from harness.trial.load.tempo import Alarm

log = logging.getLogger("harness.load")

KNOCK_LIMIT_S = 10.0
HELD_BACK_S = 300.0
"""A shorter load keeps its records until it is over, so that nothing but calling is done meanwhile."""
SHIP_S = 5.0
FOREVER_NS = 2**62


@dataclass(frozen=True, slots=True)
class Job:
    """What a crew has to do: users `first` … of `total`, from `start_ns` on, by the clock of this process."""

    plan: LoadPlan
    run: str
    first: int
    total: int
    start_ns: int

    @property
    def begin_ns(self) -> int:
        """Of the window."""
        return self.start_ns + round(self.plan.warm_s * NS_PER_S)

    @property
    def end_ns(self) -> int:
        """Of the window; FOREVER_NS without an end."""
        length_s = self.plan.duration_s
        return self.begin_ns + round(length_s * NS_PER_S) if length_s < 1e9 else FOREVER_NS

    @property
    def short(self) -> bool:
        """Whether all its records are kept back until it is over."""
        return self.plan.warm_s + self.plan.duration_s <= HELD_BACK_S


class Present(TypedDict):
    """What a crew answers to the roll call."""

    users: int
    reached: int
    why: str
    place: str
    asked_ns: int
    now_ns: int


class Done(TypedDict):
    """What a crew says when all its users are through."""

    unsent: int
    held: int
    cpu: float
    real_time: bool
    stamps: str
    calls: int
    messages: int
    inside: int
    failed: int
    marks: list[tuple[int, str, dict[str, str]]]


class Member(Protocol):
    """A user, as its crew knows it."""

    alarm: Alarm
    reached: bool | None
    """Whether the target answered its knock; None: not known yet."""
    why: str


class Crew:
    """One per process and load. `ship` takes what was written down; `finished`: the last user is through."""

    def __init__(self, plan: LoadPlan, finished: Callable[[], None], ship: Callable[[Parcel], None]) -> None:
        self.plan = plan
        self.notebook = Notebook(plan.count_only)
        self.job: Job | None = None
        self.going = Event()
        self.end_ns = FOREVER_NS
        self.unsent = self.held = 0
        self.cpu = 0.0
        self.real_time = False
        self.stamps = ""
        self._members: list[Member] = []
        self._finished = finished
        self._ship = ship
        self._over = False
        self._measuring: gevent.Greenlet | None = None

    def joined(self, member: Member) -> None:
        """A user has been spawned."""
        self._members.append(member)

    def left(self, member: Member) -> None:
        """A user is through, or was stopped."""
        if member in self._members:
            self._members.remove(member)
        if not self._members and self.job is not None and not self._over:
            self._over = True
            if self._measuring is not None:
                self._measuring.join()
            gc.enable()
            ordinary()
            self._send()
            log.info("%d calls and %d messages were written down here", self.notebook.made, self.notebook.messages)
            self._finished()

    def present(self, asked_ns: int) -> Present:
        """Count the users once each has knocked at the target, KNOCK_LIMIT_S at most."""
        with gevent.Timeout(KNOCK_LIMIT_S, False):
            while any(member.reached is None for member in self._members):
                gevent.sleep(0.01)
        gc.collect()  # now: it takes as long as the time that is left between the last word and the first arrival
        gc.freeze()
        reached = sum(bool(member.reached) for member in self._members)
        why = next((member.why for member in self._members if member.why), "")
        return Present(
            users=len(self._members), reached=reached, why=why, place=place(), asked_ns=asked_ns, now_ns=now_ns()
        )

    def go(self, job: Job) -> None:
        """Let the users go; given anew while they run, they change over to it."""
        self.job, self.end_ns = job, job.end_ns
        self.notebook.window_ns = (job.begin_ns, job.end_ns)
        if job.short:
            gc.disable()  # a collection in the middle of a window would hold all users for milliseconds
            self.real_time = job.plan.shape is not Shape.CLOSED and in_real_time()
        if self._measuring is None:
            self._measuring = gevent.spawn(self._measure, job)
            if not job.short:
                gevent.spawn(self._keep_sending)
        self.going.set()
        for member in self._members:
            member.alarm.ring()

    def index(self, member: Member) -> int:
        """The user's number over all processes."""
        return (self.job.first if self.job else 0) + self._members.index(member)

    def end(self) -> None:
        """The window ends now."""
        self.end_ns = min(self.end_ns, now_ns())
        for member in self._members:
            member.alarm.ring()

    def done(self) -> Done:
        """What is to be told besides the notebook's parcels."""
        return Done(
            unsent=self.unsent, held=self.held, cpu=self.cpu, real_time=self.real_time, stamps=self.stamps,
            calls=self.notebook.made, messages=self.notebook.messages, inside=self.notebook.inside,
            failed=self.notebook.failed, marks=self.notebook.marks,
        )  # fmt: skip

    def _keep_sending(self) -> None:
        while not self._over:
            gevent.sleep(SHIP_S)
            self._send()

    def _send(self) -> None:
        for parcel in self.notebook.parcels():
            self._ship(parcel)

    def _measure(self, job: Job) -> None:
        """The share of a core that this process uses in the window."""
        gevent.sleep(max(0, job.begin_ns - now_ns()) / NS_PER_S)
        cpu_s, t_ns = time.process_time(), now_ns()
        while (left_s := (self.end_ns - now_ns()) / NS_PER_S) > 0 and self._members:
            gevent.sleep(min(left_s, 0.1 if self.end_ns == FOREVER_NS else left_s))
        if (wall_ns := now_ns() - t_ns) > 0:
            self.cpu = (time.process_time() - cpu_s) * NS_PER_S / wall_ns


def place() -> str:
    """Where this process runs: processes of one place share a clock."""
    try:
        return os.environ.get("NFR_LOAD_PLACE") or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return os.uname().nodename
