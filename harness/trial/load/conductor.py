"""Who begins a load and collects it: one leader (the only process, or Locust's master), and a crew in each generator.

The leader counts the users, reads how far each crew's clock is off, gives every user its place in the one timetable and
the common start, and writes the evidence of all. Only in Locust's process.
"""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import gevent  # type: ignore[import-untyped,unused-ignore]
from gevent.event import Event  # type: ignore[import-untyped,unused-ignore]
from gevent.queue import Queue  # type: ignore[import-untyped,unused-ignore]
from locust import runners
from locust.env import Environment
from locust.event import EventHook, Events
from locust.runners import MasterRunner, WorkerRunner
from locust.stats import CSV_STATS_INTERVAL_SEC

from harness.evidence.clock import NS_PER_S, monotonic_s, now_ns
from harness.trial.load import options
from harness.trial.load.crew import KNOCK_LIMIT_S, Crew, Done, Job, Present, place
from harness.trial.load.handover import Handover, Line
from harness.trial.load.notebook import Parcel
from harness.trial.load.plan import LoadPlan
from harness.trial.load.writing import Part, Writing

log = logging.getLogger("harness.load")

LEAD_S = 0.4
"""Between the last word to a crew and the first arrival."""
ROLL_LIMIT_S = 2 * KNOCK_LIMIT_S
SILENT_BEATS = 20
"""Locust gives a worker up after three seconds without a word, which a starved machine takes for nothing."""
COLLECT_LIMIT_S = 120.0
ALONE = "alone"
_ASKED_TIMES = 7
_PLAN, _ROLL, _PRESENT, _GO, _END, _PARCEL, _DONE = (
    f"load_{word}" for word in ("plan", "roll", "present", "go", "end", "parcel", "done")
)

_crews: dict[int, Crew] = {}


class LoadRefused(Exception):
    """The load cannot begin or go on; one sentence."""


def crew_of(environment: Environment) -> Crew:
    """The crew of this process."""
    return _crews[id(environment)]


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a crew's clock is ahead of the leader's, and by how much that may be wrong."""

    ahead_ns: int = 0
    uncertain_ns: int = 0


class Leader:
    """In the only process or in Locust's master: one load after another."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._master = environment.runner if isinstance(environment.runner, MasterRunner) else None
        self._plan: LoadPlan | None = None
        self._writing: Writing | Handover | None = None
        self._line = Line.here()
        self._parts: dict[str, Part] = {}
        self._present: dict[str, list[tuple[Present, int]]] = {}
        self._done: set[str] = set()
        self._told = Event()
        self._all_done = Event()
        self._begun = False
        self._inbox: Queue[Callable[[], None]] = Queue()
        if self._master is not None:
            gevent.spawn(self._collect)
            for word, listener in ((_PRESENT, self._on_present), (_PARCEL, self._on_parcel), (_DONE, self._on_done)):
                self._master.register_message(word, listener)

    def test_start(self) -> None:
        """Before any user is spawned: what is to be done."""
        try:
            self._plan = options.plan(self._environment)
        except ValueError as wrong:
            self._plan = None
            self.refuse(str(wrong))
            return
        if self._line is None:
            self._writing = Writing(options.folder(self._environment), self._plan)
        else:
            self._writing = Handover(self._line, self._plan)
            gevent.spawn(self._until_told, self._line)
        self._parts, self._present, self._done, self._begun = {}, {}, set(), False
        self._all_done.clear()
        if self._master is not None:
            self._master.send_message(_PLAN, {"plan": self._plan.to_json()})
        else:
            _crews[id(self._environment)] = Crew(
                self._plan, self._finished_alone, lambda parcel: self._take_parcel(ALONE, parcel)
            )

    def spawned(self) -> None:
        """All users are there: count them, and let them go."""
        if self._plan is None or self._writing is None:
            return
        try:
            self._begin(self._plan, self._writing)
        except LoadRefused as refused:
            self.refuse(str(refused))

    def refuse(self, why: str) -> None:
        """Give up, with one sentence."""
        log.error("%s", why)
        if self._writing is not None:
            self._writing.failed(why)
        self._environment.process_exit_code = 3
        self._quit()

    def stopping(self) -> None:
        """Somebody stops the load before its end, or there was none."""
        if not self._begun or self._writing is None:
            return
        self._writing.stopped(now_ns())
        if self._master is not None:
            self._master.send_message(_END)
        else:
            crew_of(self._environment).end()

    def stopped(self) -> None:
        """Take in what is still under way and close the evidence."""
        if self._begun and self._writing is not None:
            if not self._all_done.wait(COLLECT_LIMIT_S):
                missing = ", ".join(sorted(set(self._parts) - self._done))
                self._writing.lost(missing, f"said nothing for {COLLECT_LIMIT_S:g} s after the end")
            self._close()

    # -- beginning -----------------------------------------------------------------------------------

    def _begin(self, plan: LoadPlan, writing: Writing | Handover) -> None:
        present, clocks = self._roll_call()
        total = sum(one["users"] for one in present.values())
        reached = sum(one["reached"] for one in present.values())
        if not total:
            raise LoadRefused("no user could be started")
        if not reached:
            why = next((one["why"] for one in present.values() if one["why"]), "no answer")
            raise LoadRefused(f"none of {total} users reached {plan.address}: {why}")
        whole = replace(plan, users=total)
        run, start_ns, first = uuid.uuid4().hex[:10], now_ns() + round(LEAD_S * NS_PER_S), 0
        for crew, one in sorted(present.items()):
            ahead_ns = clocks[crew].ahead_ns
            self._parts[crew] = Part(crew, one["users"], ahead_ns, clocks[crew].uncertain_ns)
            job = Job(whole, run, first, total, start_ns + ahead_ns)
            first += one["users"]
            if self._master is None:
                crew_of(self._environment).go(job)
            else:
                told = {"plan": whole.to_json(), "run": run, "first": job.first, "total": total, "start": job.start_ns}
                self._master.send_message(_GO, told, crew)
        self._begun = True
        self._told.clear()
        writing.begun(Job(whole, run, 0, total, start_ns), tuple(self._parts.values()))
        if self._master is not None:
            gevent.spawn(self._watch)

    def _roll_call(self) -> tuple[dict[str, Present], dict[str, Clock]]:
        if self._master is None:
            return {ALONE: crew_of(self._environment).present(now_ns())}, {ALONE: Clock()}
        wanted = {one.id for one in (*self._master.clients.ready, *self._master.clients.running,
                                     *self._master.clients.spawning)}  # fmt: skip
        if not wanted:
            raise LoadRefused("no worker says a word any more: this machine is too busy, or they are gone")
        self._present = {crew: [] for crew in wanted}
        self._ask(wanted, 1, ROLL_LIMIT_S)
        elsewhere = {crew for crew in wanted if self._present[crew][0][0]["place"] != place()}
        for times in range(2, _ASKED_TIMES + 1):
            self._ask(elsewhere, times, 2.0)
        latest = {crew: answers[-1][0] for crew, answers in self._present.items()}
        clocks = {crew: offset(self._present[crew][1:]) if crew in elsewhere else Clock() for crew in wanted}
        return {crew: one for crew, one in latest.items() if one["users"]}, clocks

    def _ask(self, crews: set[str], times: int, limit_s: float) -> None:
        assert self._master is not None
        for crew in crews:
            self._master.send_message(_ROLL, {"asked": now_ns()}, crew)
        until_s = monotonic_s() + limit_s
        while any(len(self._present[crew]) < times for crew in crews):
            self._told.clear()
            if not self._told.wait(max(0.0, until_s - monotonic_s())):
                raise LoadRefused(f"a worker did not answer within {limit_s:g} s: look at its log")

    # -- collecting ----------------------------------------------------------------------------------

    def _on_present(self, msg: Any, **_others: object) -> None:
        if msg.node_id in self._present:
            self._present[msg.node_id].append((msg.data, now_ns()))
            self._told.set()

    def _on_parcel(self, msg: Any, **_others: object) -> None:
        self._inbox.put(lambda: self._take_parcel(msg.node_id, msg.data))

    def _on_done(self, msg: Any, **_others: object) -> None:
        self._inbox.put(lambda: self._take_done(msg.node_id, msg.data))

    def _collect(self) -> None:
        """One after another, beside Locust's own listener: workers whose heartbeats wait there are given up."""
        while True:
            self._inbox.get()()

    def _finished_alone(self) -> None:
        self._take_done(ALONE, crew_of(self._environment).done())

    def _take_parcel(self, crew: str, parcel: Parcel) -> None:
        if self._writing is not None and crew in self._parts:
            self._writing.take(self._parts[crew], parcel)

    def _take_done(self, crew: str, done: Done) -> None:
        if self._writing is None or crew not in self._parts:
            return
        self._writing.done(self._parts[crew], done)
        self._done.add(crew)
        if self._done >= set(self._parts):
            self._all_done.set()
            if self._plan is not None and math.isfinite(self._plan.duration_s):
                self._close()
                self._quit()

    def _watch(self) -> None:
        """A worker that goes away takes its records with it: say so, and do not wait for it."""
        assert self._master is not None
        while not self._all_done.wait(0.5):
            here = {one.id for one in self._master.clients.values() if one.state != "missing"}
            for crew in set(self._parts) - self._done - here:
                if self._writing is not None:
                    self._writing.lost(crew, "went away in the middle of the load")
                if self._plan is not None and math.isfinite(self._plan.duration_s):
                    self.refuse(f"the worker {crew} went away in the middle of the load: look at its log")
                    return
                self._done.add(crew)
                if self._done >= set(self._parts):
                    self._all_done.set()

    def _until_told(self, line: Line) -> None:
        """A load that flows goes on until the harness says so."""
        line.until_end()
        self._quit()

    def _close(self) -> None:
        writing, self._writing, self._begun = self._writing, None, False
        if writing is not None:
            writing.close()

    def _quit(self) -> None:
        """End Locust, unless its page may start another load."""
        runner, parsed = self._environment.runner, self._environment.parsed_options
        if self._environment.web_ui is None and runner is not None:
            # Its CSV files are written once an interval, and not at the end.
            gevent.spawn_later(1.5 * CSV_STATS_INTERVAL_SEC if parsed and parsed.csv_prefix else 0, runner.quit)


class Follower:
    """In a worker: does what the master says."""

    def __init__(self, environment: Environment, runner: WorkerRunner) -> None:
        self._environment = environment
        self._runner = runner
        listeners: Mapping[str, Callable[..., None]] = {
            _PLAN: self._on_plan, _ROLL: self._on_roll, _GO: self._on_go, _END: self._on_end,
        }  # fmt: skip
        for word, listener in listeners.items():
            runner.register_message(word, listener, concurrent=word == _ROLL)

    def _on_plan(self, msg: Any, **_others: object) -> None:
        _crews[id(self._environment)] = Crew(LoadPlan.from_json(msg.data["plan"]), self._finished, self._ship)

    def _on_roll(self, msg: Any, **_others: object) -> None:
        self._runner.send_message(_PRESENT, dict(crew_of(self._environment).present(msg.data["asked"])))

    def _on_go(self, msg: Any, **_others: object) -> None:
        told = msg.data
        plan = LoadPlan.from_json(told["plan"])
        crew_of(self._environment).go(Job(plan, told["run"], told["first"], told["total"], told["start"]))

    def _on_end(self, **_others: object) -> None:
        crew_of(self._environment).end()

    def _finished(self) -> None:
        self._runner.send_message(_DONE, dict(crew_of(self._environment).done()))

    def _ship(self, parcel: Parcel) -> None:
        self._runner.send_message(_PARCEL, dict(parcel))


def offset(answers: list[tuple[Present, int]]) -> Clock:
    """How far the answering clock is ahead, from the exchange that took least; half of that is the uncertainty."""
    asked_ns, there_ns, back_ns = min(
        ((one["asked_ns"], one["now_ns"], back_ns) for one, back_ns in answers), key=lambda it: it[2] - it[0]
    )
    return Clock(there_ns - (asked_ns + back_ns) // 2, (back_ns - asked_ns) // 2)


def conduct(events: Events) -> None:
    """Called once, when the locustfile is loaded."""
    options.offer(events)
    runners.HEARTBEAT_LIVENESS = SILENT_BEATS

    def _init(environment: Environment, **_others: object) -> None:
        runner = environment.runner
        options.settle(environment)
        if isinstance(runner, WorkerRunner):
            Follower(environment, runner)
            return
        leader = Leader(environment)
        _listen(events.test_start, lambda **_: leader.test_start())
        _listen(events.spawning_complete, lambda **_: gevent.spawn(leader.spawned))
        _listen(events.test_stopping, lambda **_: leader.stopping())
        _listen(events.test_stop, lambda **_: leader.stopped())

    _listen(events.init, _init)


def _listen(event: EventHook, listener: Callable[..., object]) -> None:
    add: Callable[[Callable[..., object]], None] = event.add_listener
    add(listener)
