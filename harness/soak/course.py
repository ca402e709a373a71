"""Course: what goes on in one life of a soak: the stack trades under load and updates, everything is watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from harness.client.remote import RemoteExchange
from harness.evidence.clock import NS_PER_S, monotonic_s, now_ns
from harness.evidence.recorder import RecorderError
from harness.evidence.records import Mark
from harness.evidence.release import give_back
from harness.soak.checkpoint import Checkpoint
from harness.soak.footprint import Footprint
from harness.soak.health import Uptime
from harness.soak.outlook import Outlook, Standing, judged_calls, uptime_fact
from harness.soak.plan import SoakPlan
from harness.soak.schedule import Happening, happenings
from harness.soak.steady import SteadyTime
from harness.soak.telling import line
from harness.soak.watch import STEADY, Watch
from harness.trial.connector import subscribe
from harness.trial.followed import Followable
from harness.trial.load.plan import LoadPlan
from harness.trial.load.pursuit import pursue
from harness.trial.load.run import LoadError
from harness.trial.stack import Stack
from harness.trial.trial import LIVE_LIMIT_S, CutShort, Trial

log = logging.getLogger("harness.soak")

WATCHER = "watcher"
FED = ("ETHUSDT", "SOLUSDT")
"""The symbols of the updates; that of the trading is moved by the trading itself."""
PAST_NS = 10 * NS_PER_S
"""What was sent so long ago has arrived or is lost."""
STEP_S = 1.0
"""Between two steps of the price that the market maker trades on."""
RESUME_LIMIT_S = 120.0
FLOWING_S = 2.0
"""After everything flows again, until what the clients fetch when they come back has been fetched."""
FAILED_LOADS = 3
SOUND_LOAD_S = 300.0
"""A generator that has worked for so long did not fail again and again."""
LOAD_PAUSE_S = 2.0
LOAD_END_LIMIT_S = 20.0
QUIET_LIMIT_S = 15.0
AWAY = "harness-away"
"""Kind of the fault that the gap between two lives of the runner is: its proxies were gone, and nobody looked."""


@dataclass(frozen=True, slots=True)
class Life:
    """Where this life of the runner begins. `stop`: set from outside to end it cleanly; `tell`: a line of progress;
    `keep`: takes a checkpoint to disk; `sync`: takes there what was recorded; `outlook`: None where a run goes on
    although it cannot pass any more; `adopts`: the services are those of the life before, and nothing begins anew;
    `watch`: hears everything that is recorded."""

    first: Checkpoint
    stop: asyncio.Event
    tell: Callable[[str], None]
    keep: Callable[[Checkpoint], None]
    outlook: Outlook | None
    faults: tuple[Happening, ...] = ()
    sync: Callable[[], None] = lambda: None
    adopts: bool = False
    watch: Watch = field(default_factory=Watch)

    @property
    def goes_on(self) -> bool:
        """Whether there was steady time before, of these very services: they are warm, and their baseline is known."""
        return self.adopts and self.first.steady_s > 0

    @classmethod
    def only(cls, plan: SoakPlan, outlook: Outlook | None) -> Life:
        """The first and only one, of a run that somebody else keeps and nobody takes up."""
        watch = Watch() if outlook is None else Watch(judged_calls(outlook.case))
        return cls(Checkpoint.first(plan.duration_s), asyncio.Event(), log.info, lambda checkpoint: None, outlook,
                   watch=watch)  # fmt: skip


class Course:
    """`await Course(trial, stack, plan, life).run()` goes from warm-up to the end of the steady time."""

    def __init__(self, trial: Trial, stack: Stack, plan: SoakPlan, life: Life) -> None:
        self._trial = trial
        self._stack = stack
        self._plan = plan
        self._life = life
        self._watch = life.watch
        self._uptime = Uptime(stack, trial)
        self._lost = life.first.progress.lost_for_good
        first = life.first
        self._steady = SteadyTime(plan.duration_s, first.steady_s, lambda: first.stepped_s + life.watch.stepped_s)
        self._state = "warm-up"
        self._ledger = (life.first.serial, 0)
        self._followed: list[Followable] = []
        self._load_over = asyncio.Event()

    @property
    def steady_s(self) -> float:
        """Steady time of all lives so far."""
        return self._steady.lasted_s(now_ns())

    async def run(self) -> Checkpoint:
        """Everything; returns the last checkpoint, whose state says how it ended. Raises what a trial's body raises."""
        trial, plan = self._trial, self._plan
        trial.serial_base = self._life.first.serial_base
        self._watch.listen(trial)
        pid = (await self._stack.venue.identity()).pid
        sampler = self._stack.stage.sampler
        sampler.period_s = plan.sample_s
        sampler.add(Footprint(lambda: pid).read)
        async with self._everything(), asyncio.TaskGroup() as tasks:
            load = tasks.create_task(self._load())
            beside = [tasks.create_task(self._keep_looking())]
            try:
                warm = self._life.goes_on or self._steady.left_s <= 0
                warm_s = monotonic_s() + (min(plan.warm_up_s, FLOWING_S) if warm else plan.warm_up_s)
                await self._wait(lambda: warm_s - monotonic_s())
                if self._steady.left_s <= 0:  # the life before was killed while it closed
                    self._flow_again(now_ns())
                elif not self._over():
                    self._begin_steady()
                    beside.append(tasks.create_task(self._uptime.watch()))
                    beside.append(tasks.create_task(self._faults()))
                    await self._wait(lambda: self._steady.left_s)
                last = self._end()
                self._load_over.set()
                await asyncio.wait({load}, timeout=LOAD_END_LIMIT_S)
            finally:
                for task in (load, *beside):
                    task.cancel()
            return last

    # -- what goes on -----------------------------------------------------------------------------------

    @asynccontextmanager
    async def _everything(self) -> AsyncIterator[None]:
        """Watched streams, updates and trading, for the length of a block."""
        stack, trial = self._stack, self._trial
        async with stack.connector.client(WATCHER) as watcher, stack.browser() as browser:
            self._followed = [
                subscribe(watcher, "prices", FED), subscribe(watcher, "orders"),
                stack.market_maker.stream("prices"), stack.market_maker.stream("orders"),
                browser.stream("klines", "BTCUSDT"), browser.stream("orders"),
            ]  # fmt: skip
            await trial.follow(*self._followed, limit_s=RESUME_LIMIT_S if self._life.adopts else LIVE_LIMIT_S)
            await stack.venue.start_feed(FED, self._plan.updates_per_s)
            try:
                async with stack.trading(STEP_S):
                    yield
                await stack.venue.stop_feed()
                await stack.quiet(QUIET_LIMIT_S)
                await trial.settle()
            finally:
                await _leave(watcher)

    async def _load(self) -> None:
        """One Locust all the time; a generator that fails again and again is the harness's own failure."""
        plan, failures = self._plan, 0

        def where() -> str:
            return self._stack.connector.direct_address

        while not self._load_over.is_set():
            load = LoadPlan(where(), "GetAccount", plan.calls_per_s, plan.duration_s, users=2, client="load")
            began_s = monotonic_s()
            try:
                await pursue(self._trial, load, where, self._load_over, env=self._stack.stage.labels)
            except CutShort as unreachable:
                self._trial.mark("load.refused", reason=str(unreachable))
                await asyncio.sleep(LOAD_PAUSE_S)
            except LoadError as failed:
                self._trial.mark("load.failed", why=str(failed))
                failures = failures + 1 if monotonic_s() - began_s < SOUND_LOAD_S else 1
                if failures >= FAILED_LOADS:
                    raise

    async def _faults(self) -> None:
        """The schedule's, one after another; then everybody has to hear again."""
        for happening in happenings(self._life.faults, self._life.first.steady_s, self._plan.duration_s):
            await asyncio.sleep(max(0.0, happening.at_s - self.steady_s))
            async with happening.inflicted(self._trial, self._stack):
                await asyncio.sleep(happening.for_s)
            await self._trial.resume(*self._followed, limit_s=RESUME_LIMIT_S)

    # -- watching -----------------------------------------------------------------------------------------

    def _over(self) -> bool:
        return self._life.stop.is_set() or bool(self._lost and self._life.outlook)

    async def _wait(self, left: Callable[[], float]) -> None:
        """Until no second is left, or it is over."""
        while not self._over() and (left_s := left()) > 0:
            await asyncio.sleep(min(0.2, left_s))

    def _begin_steady(self) -> None:
        self._steady.begin()
        begin_ns = self._steady.begin_ns
        self._state = "steady"
        self._watch.begin_steady(begin_ns)
        if not self._life.goes_on:
            self._trial.mark("baseline", t_ns=begin_ns)
        self._trial.mark("window.begin", t_ns=begin_ns, window=STEADY)
        self._flow_again(begin_ns)

    def _flow_again(self, t_ns: int) -> None:
        """What the life before has left is over."""
        if self._life.first.life > 1:
            self._trial.mark("soak.flowing", t_ns=t_ns, life=str(self._life.first.life))
        if self._life.first.steady_s > 0:
            self._trial.mark("fault.heal", t_ns=t_ns, kind=AWAY, subject="harness")

    async def _keep_looking(self) -> None:
        """Ledger, dead services, checkpoint, outlook and a line for the terminal, each when it is due."""
        plan = self._plan
        kept_s = looked_s = told_s = monotonic_s()
        self._keep()
        while True:
            await asyncio.sleep(min(1.0, plan.checkpoint_s, plan.look_s))
            self._ledger = await self._trial.take_in_ledger()
            died = await self._uptime.died()
            now_s = monotonic_s()
            if self._state == "steady" and (died or now_s - looked_s >= plan.look_s):
                looked_s = now_s
                self._look(died)
                give_back()
            if now_s - kept_s >= plan.checkpoint_s or died:
                kept_s = now_s
                await self._keep_past_a_power_failure()
            if now_s - told_s >= plan.tell_s:
                told_s = now_s
                self._life.tell(line(self._checkpoint()))

    def _look(self, died: tuple[Mark, ...]) -> None:
        """Whether the run can still pass."""
        part = self._watch.next_slice(now_ns() - PAST_NS, self._ledger[1])
        if self._life.outlook is None:
            return
        records = (*(part.records if part else ()), *died)
        if died and part is None:
            records = (Mark(self._steady.begin_ns, "window.begin", {"window": STEADY}), *died)
        elif died:
            records = tuple(one for one in records if not (isinstance(one, Mark) and one.name == "window.end"))
        share = max(self.steady_s / self._plan.duration_s, 1e-9)
        now = self._checkpoint()  # of all lives: a share of this one's calls says nothing about the day's
        calls_at_the_end = max(now.calls, round(now.calls / share))
        least = 100.0 * now.failed / calls_at_the_end if calls_at_the_end else None
        found = self._life.outlook(records, Standing(self._uptime.best_percent, least))
        self._lost = tuple(dict.fromkeys((*self._lost, *found)))

    def _checkpoint(self) -> Checkpoint:
        first, (serial, ledger_ns), t_ns = self._life.first, self._ledger, now_ns()
        since_ns = self._watch.live_since_ns
        return Checkpoint(
            state=self._state, life=first.life, runner_pid=first.runner_pid, t_ns=t_ns, runner=first.runner,
            duration_s=self._plan.duration_s, steady_s=self._steady.lasted_s(t_ns), began_ns=self._steady.begin_ns,
            window_end_ns=self._steady.end_ns, stepped_s=first.stepped_s + self._watch.stepped_s,
            serial_base=first.serial_base, serial=serial, ledger_ns=ledger_ns,
            live=tuple((*stream, since_ns[stream]) for stream in self._watch.live),
            looks=self._uptime.looks, serving=self._uptime.serving,
            calls=first.calls + self._watch.calls, failed=first.failed + self._watch.failed,
            progress=self._watch.progress(self._lost),
        )  # fmt: skip

    def _keep(self) -> None:
        self._life.keep(self._checkpoint())

    async def _keep_past_a_power_failure(self) -> None:
        """What the checkpoint tells is on the disk before it is; the disk takes its time, and the proxies go on."""
        checkpoint = self._checkpoint()
        with contextlib.suppress(RecorderError):  # the sink has seen it
            await asyncio.to_thread(self._life.sync)
        if checkpoint.state == self._state:  # else a later one has been kept meanwhile
            self._life.keep(checkpoint)

    def _end(self) -> Checkpoint:
        """The steady time is over; what is still under way arrives while `_everything` is left.

        How it ended is told by the last checkpoint, when everything is down: until then another life may have to.
        """
        if self._steady.begin_ns:
            self._steady.end()
            self._trial.mark("window.end", t_ns=self._steady.end_ns, window=STEADY)
            self._trial.mark("soak.ended")
            self._trial.record(uptime_fact(self._uptime.looks, self._uptime.serving, self._life.first.life))
        self._state, how = "closing", "ended"
        if self._lost and self._life.outlook:
            how = "failed"
            self._trial.mark("soak.stopped_early", reason="; ".join(self._lost))
        elif self._life.stop.is_set() and self.steady_s < self._plan.duration_s:
            how = "stopped"
            self._trial.mark("soak.stopped", reason="the runner was told to stop")
        self._keep()
        return replace(self._checkpoint(), state=how)


async def _leave(watcher: RemoteExchange) -> None:
    """Before the stack goes down: its end is no loss of ours."""
    await watcher.close()
