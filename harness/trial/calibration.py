"""Calibration: what the instrument alone takes (floor) and can do (ceiling), seen on a null server in its place."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.evidence.clock import NS_PER_S, now_ns
from harness.evidence.records import UNMEASURABLE, Mark, Record
from harness.target.errors import TargetError
from harness.target.service import Service
from harness.trial.interleaved import Party, Turns, run_turns
from harness.trial.load.plan import NULL, LoadPlan, Shape
from harness.trial.load.run import LoadError, LoadResult, run_load
from harness.trial.stage import Stage
from harness.trial.trial import CutShort, Trial

FLOOR = "floor"
CALLS, MESSAGES = "calls", "messages"
SAMPLES = 400
"""Of a floor: enough to bound a p99 from above (368 are)."""
SAMPLES_BESIDE = 60
LONGEST_FLOOR_S = 10.0
SPARE_SHARE = 1.1
FLOOR_WARM_S = 0.5
CEILING_S = {CALLS: 2.5, MESSAGES: 0.6}
"""Hundreds of thousands of messages a second need not be kept for long."""
CEILING_WARM_S = 0.3
CLOSED_ROUNDS = 2000
USERS_A_PROCESS = 2
"""One caller leaves the generator idle while the null server works; two are enough to keep it busy."""
_CLOSED = {CALLS: "GetAccount", MESSAGES: "SubscribePrice"}
_PRICES = {"symbols": ["BTCUSDT"]}


@dataclass(frozen=True, slots=True)
class Ceiling:
    """The most that the instrument did a second, against a null server without pause. `subject`: calls, messages."""

    subject: str
    per_s: float
    processes: int
    measured_ns: int
    place: str

    @property
    def told(self) -> str:
        """How it was measured."""
        users = self.processes * USERS_A_PROCESS if self.subject == CALLS else 1
        return (
            f"{users} users in {self.processes} generator processes against the null server as {self.place}, closed "
            f"loop, {CEILING_S[self.subject]:g} s"
        )


@dataclass(slots=True)
class Ceilings:
    """Those of one run on this host: measured once, and with the next run anew."""

    run: str = ""
    known: dict[tuple[str, int, str], Ceiling] = field(default_factory=dict)

    def of_run(self, run: str) -> dict[tuple[str, int, str], Ceiling]:
        """What this run knows by subject, processes and place."""
        if run != self.run:
            self.run, self.known = run, {}
        return self.known


_CEILINGS = Ceilings()
"""Of the run that this process carries out; a ceiling of yesterday or of another host says nothing of today's."""


async def calibrate_for(stage: Stage, *plans: LoadPlan) -> None:
    """Before the loads `plans`: floor and ceilings into the evidence. The null server is gone when this returns.

    The last plan's floor is the window `floor`, those of the others `floor-WINDOW` with fewer samples. What cannot be
    had is recorded as `unmeasurable`, and the judge draws its conclusions.
    """
    try:
        async with null_server(stage, max(plan.rate_per_s if plan.streams else 0.0 for plan in plans)) as address:
            for plan in plans[:-1]:
                window = f"{FLOOR}-{plan.window}"
                await measure_floor(stage, plan, address=address, window=window, samples=SAMPLES_BESIDE)
            await measure_floor(stage, plans[-1], address=address)
    except (TargetError, CutShort, LoadError) as failed:
        stage.trial.fact(UNMEASURABLE, 1, subject="instrument.floor", detail=str(failed))
    wanted = {(MESSAGES if plan.streams else CALLS): plan.processes for plan in plans}
    for subject, processes in wanted.items():
        try:
            record_ceiling(stage.trial, await ceiling(stage, subject, processes))
        except (TargetError, CutShort, LoadError) as failed:
            stage.trial.fact(UNMEASURABLE, 1, subject="instrument.ceiling", detail=str(failed))


async def calibrate_turns(stage: Stage, turns: Turns, *, beside_per_s: float = 0.0) -> None:
    """The same before interleaved calls, whose generator is another: floor and ceiling of that one.

    `beside_per_s`: what else is called meanwhile; the floor is measured at the rate of all.
    """
    try:
        async with null_server(stage) as address:
            null = (Party(NULL, "grpc", address),)
            alone = Turns(null, SAMPLES, turns.calls_per_s + beside_per_s, window=FLOOR)
            await run_turns(stage.trial, alone, env=stage.labels)
            aside = _aside(stage.trial, lambda _: False)
            closed = await run_turns(aside, Turns(null, CLOSED_ROUNDS, 0.0, window=""), env=stage.labels)
    except (TargetError, CutShort, LoadError) as failed:
        for subject in ("instrument.floor", "instrument.ceiling"):
            stage.trial.fact(UNMEASURABLE, 1, subject=subject, detail=str(failed))
        return
    took_s = (int(closed.calls.done_ns.max()) - int(closed.calls.sent_ns.min())) / NS_PER_S
    told = f"{CLOSED_ROUNDS} calls in a row of one caller against the null server as {stage.launcher.kind}"
    stage.trial.fact("instrument.ceiling", CLOSED_ROUNDS / took_s, "calls/s", subject=CALLS, detail=told)


def record_ceiling(trial: Trial, known: Ceiling) -> None:
    """Fact instrument.ceiling, said in every trial that rests on it."""
    aged_s = (now_ns() - known.measured_ns) / NS_PER_S
    detail = f"{known.told}, measured {aged_s:.0f} s ago in this run"
    trial.fact("instrument.ceiling", known.per_s, f"{known.subject}/s", subject=known.subject, detail=detail)


async def measure_floor(
    stage: Stage, plan: LoadPlan, *, address: str = "", window: str = FLOOR, samples: int = SAMPLES
) -> LoadResult:
    """The same generator makes the same calls at the same rate against a null server, in `window`.

    `address` "": one is started for it. Raises TargetError, CutShort and LoadError.
    """
    if not address:
        async with null_server(stage, plan.rate_per_s if plan.streams else 0.0) as own:
            return await measure_floor(stage, plan, address=own, window=window, samples=samples)
    null = dataclasses.replace(
        plan,
        address=address, client=NULL, window=window, warm_s=FLOOR_WARM_S, metadata=(),
        shape=plan.shape if plan.shape is Shape.POISSON else Shape.CONSTANT,
        duration_s=min(max(1.0, SPARE_SHARE * samples / plan.rate_per_s), LONGEST_FLOOR_S),
    )  # fmt: skip
    if plan.streams:  # the null server has the rate, and one reader is read like many
        null = dataclasses.replace(null, request=_PRICES, rate_per_s=0.0, users=1, processes=1)
    return await run_load(_aside(stage.trial, _not_the_warm_up), null, env=stage.labels)


async def ceiling(stage: Stage, subject: str, processes: int) -> Ceiling:
    """The run's ceiling for `subject` (calls, messages) with so many generator processes, measured when not known.

    Its calls are no evidence. Raises TargetError, CutShort and LoadError.
    """
    known = _CEILINGS.of_run(_run_of(stage.labels))
    key = (subject, processes, stage.launcher.kind)
    if key not in known:
        known[key] = await measure_ceiling(stage, subject, processes)
    return known[key]


async def measure_ceiling(stage: Stage, subject: str, processes: int) -> Ceiling:
    """The same, measured now."""
    streams = subject == MESSAGES
    async with null_server(stage) as address:
        plan = LoadPlan(
            address, _CLOSED[subject], 0.0, CEILING_S[subject], client=NULL, window="", shape=Shape.CLOSED,
            users=1 if streams else processes * USERS_A_PROCESS, processes=1 if streams else processes,
            request=_PRICES if streams else {}, warm_s=CEILING_WARM_S,
        )  # fmt: skip
        result = await run_load(_aside(stage.trial, lambda _: False), plan, env=stage.labels)
    return Ceiling(subject, result.achieved_per_s, processes, now_ns(), stage.launcher.kind)


@asynccontextmanager
async def null_server(stage: Stage, rate_per_s: float = 0.0) -> AsyncIterator[str]:
    """host:port of a null server where the connector would be, for as long as this is entered."""
    service: Service = await stage.launcher.start_null_server(rate_per_s)
    try:
        yield service.direct_address
    finally:
        await service.close()


def _aside(trial: Trial, keeps: Callable[[Record], bool]) -> Trial:
    """The same trial, into which only what `keeps` lets through is recorded."""
    return Trial(lambda record: trial.record(record) if keeps(record) else None, trial.cadences, trial.folder)


def _not_the_warm_up(record: Record) -> bool:
    """That the null server is warm says nothing of the target."""
    return not (isinstance(record, Mark) and record.name == "load.warm")


def _run_of(labels: Mapping[str, str]) -> str:
    return "\0".join(f"{name}={value}" for name, value in sorted(labels.items()))


def spread(values: list[float]) -> float:
    """Highest minus lowest over the middle; nan for none."""
    finite = sorted(value for value in values if math.isfinite(value))
    middle = finite[len(finite) // 2] if finite else math.nan
    return (finite[-1] - finite[0]) / middle if finite and middle else math.nan
