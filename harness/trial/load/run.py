"""`run_load`: carry out a LoadPlan with Locust in processes of its own, and take its evidence into the trial."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.evidence.clock import NS_PER_MS, NS_PER_S, monotonic_s, now_ns
from harness.evidence.evidence import Evidence
from harness.evidence.records import Fact, Mark, Outcome
from harness.evidence.tables import Floats
from harness.trial.load.arrivals import problem
from harness.trial.load.generator import LOG, LoadError, gone, last_words, started
from harness.trial.load.host import HostWatch, host_facts
from harness.trial.load.plan import NULL, LoadPlan, Shape
from harness.trial.load.status import EVIDENCE, Status
from harness.trial.load.template import requests
from harness.trial.load.warmth import warmth
from harness.trial.trial import CutShort, Trial

READY_LIMIT_S = 60.0
SPARE_S = 60.0
"""Beyond the load's own time and one call's deadline: for draining, decoding and writing."""
EXIT_LIMIT_S = 0.5
"""Its evidence is written and its users have left: Locust's master would only wait for its workers."""
POLL_S = 0.05
PROGRESS_S = 5.0
_CHUNK = 2000

log = logging.getLogger("harness.load")


@dataclass(frozen=True, slots=True, eq=False)
class LoadResult:
    """What a load came to. Times in Unix ns; the window is from `begin_ns` to `end_ns`, the warm-up before it.

    `samples_ms`: calls due in the window: from due (from sent where there is no timetable) to done; streams: messages
    received in it, from their own send stamp to receipt, those without a stamp left out. Sorted by time.
    """

    plan: LoadPlan
    begin_ns: int
    end_ns: int
    calls: int
    """Calls due in the window that were made."""
    failed: int
    """Of these, those that did not end OK."""
    messages: int
    """Messages received in the window."""
    unsent: int
    held: int
    generator_cpu: float
    samples_ms: Floats = field(repr=False)
    folder: Path

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return (self.end_ns - self.begin_ns) / NS_PER_S

    @property
    def achieved_per_s(self) -> float:
        """Calls, or messages, a second."""
        return (self.messages if self.plan.streams else self.calls) / self.seconds

    def quantile_ms(self, quantile: float) -> float:
        """Of the latencies or delivery times, 0.5 the median; nan without samples. For planning, not for judging."""
        return float(np.quantile(self.samples_ms, quantile, method="inverted_cdf")) if len(self.samples_ms) else np.nan


async def run_load(
    trial: Trial, plan: LoadPlan, *, env: Mapping[str, str] | None = None, limit_s: float | None = None
) -> LoadResult:
    """Carry out the load and record it: calls or messages, marks, facts; see the verdict's `performance`.

    `env` marks the processes (Stage.labels). `limit_s`: for all of it, with start and evidence; by default the load's
    own time and two minutes. A window "" records no window and no facts. The mark load.warm is for a warm-up whose
    end can be seen in the answers. Raises ValueError for a plan that cannot be
    carried out, CutShort when the target cannot be reached, LoadError when the generator fails. When cancelled
    or failing, what ran is killed, and what it had written is kept only by `LoadResult.folder`.
    """
    if why := problem(plan):
        raise ValueError(why)
    requests(plan.method, plan.request, "run")
    plan = plan.admitted(trial.access)
    folder = _folder(trial, plan)
    whole_s = plan.warm_s + plan.duration_s
    limit_s = whole_s + plan.timeout_s + READY_LIMIT_S + SPARE_S if limit_s is None else limit_s
    host = HostWatch()
    host.start()
    try:
        async with _Generator(plan, folder, env or {}) as generator:
            status = await generator.written(limit_s)
    finally:
        await host.stop()
    evidence = await asyncio.to_thread(Evidence.load, folder / EVIDENCE)
    await _merge(trial, evidence)
    if plan.window:
        for fact in host_facts(host.seen, plan.window, status.begin_ns, status.end_ns):
            trial.record(fact)
    if plan.warm_s > 0 and plan.client != NULL and (how := warmth(evidence, plan, status.start_ns, status.begin_ns)):
        trial.record(Mark(status.begin_ns, "load.warm", {"how": how, "took_s": f"{plan.warm_s:g}"}))
    return _result(plan, evidence, status, folder)


class _Generator:
    """Locust's processes: a group of their own that is killed on leaving."""

    def __init__(self, plan: LoadPlan, folder: Path, env: Mapping[str, str]) -> None:
        self._plan = plan
        self._folder = folder
        self._env = env
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> _Generator:
        options: list[str] = []
        if self._plan.processes > 1:
            port = str(_free_port())
            options += ["--processes", str(self._plan.processes), "--master-bind-host", "127.0.0.1"]
            options += ["--master-bind-port", port, "--master-host", "127.0.0.1", "--master-port", port]
        self._process = await started(self._plan, self._folder, *options, env=self._env)
        return self

    async def __aexit__(self, *error: object) -> None:
        """Everything of the group is gone afterwards."""
        if self._process is not None:
            await gone(self._process, patience_s=EXIT_LIMIT_S if error[0] is None else 0.0)

    async def written(self, limit_s: float) -> Status:
        """Wait until the evidence is there. LoadError, CutShort."""
        assert self._process is not None
        began_s = told_s = monotonic_s()
        while True:
            status = Status.read(self._folder)
            if status.state == "written":
                return status
            if status.state == "failed":
                raise (CutShort if "reached" in status.why else LoadError)(status.why)
            now_s = monotonic_s()
            if self._process.returncode is not None:
                raise LoadError(
                    f"the load generator ended with {self._process.returncode} before its load was over: {self._said()}"
                )
            if status.state == "starting" and now_s - began_s > min(READY_LIMIT_S, limit_s):
                raise LoadError(f"the load generator was not ready after {now_s - began_s:.0f} s: {self._said()}")
            if now_s - began_s > limit_s:
                raise LoadError(f"the load was not over after {limit_s:g} s: {self._said()}")
            if now_s - told_s >= PROGRESS_S:
                told_s = now_s
                log.info("%s", progress(self._plan, status, now_ns()))
            await asyncio.sleep(POLL_S)

    def _said(self) -> str:
        return last_words(self._folder / LOG, self._plan)


def progress(plan: LoadPlan, status: Status, t_ns: int) -> str:
    """One line on how far a load is."""
    what = f"load {plan.window or plan.client}: {plan.method}"
    if status.state != "running":
        return f"{what}: the generator is starting"
    if t_ns < status.begin_ns:
        return f"{what}: warming up, {(status.begin_ns - t_ns) / NS_PER_S:.0f} s to go"
    if t_ns < status.end_ns:
        return f"{what}: {(t_ns - status.begin_ns) / NS_PER_S:.0f} of {plan.duration_s:g} s"
    return f"{what}: over, its evidence is being written"


async def _merge(trial: Trial, evidence: Evidence) -> None:
    """Into the trial's own evidence, a piece at a time: the trial has other things to do meanwhile."""
    tables: tuple[Iterable[object], ...] = (evidence.calls, evidence.messages, evidence.marks, evidence.facts)
    number = 0
    for table in tables:
        for record in table:
            trial.record(record)  # type: ignore[arg-type]
            number += 1
            if number % _CHUNK == 0:
                await asyncio.sleep(0)


def _result(plan: LoadPlan, evidence: Evidence, status: Status, folder: Path) -> LoadResult:
    calls, messages = evidence.calls, evidence.messages
    due_ns = np.minimum(np.where(calls.due_ns > 0, calls.due_ns, calls.sent_ns), calls.sent_ns)
    mine = (due_ns >= status.begin_ns) & (due_ns < status.end_ns)
    heard = (messages.received_ns >= status.begin_ns) & (messages.received_ns < status.end_ns)
    facts: dict[str, float] = {one.name: one.value for one in evidence.facts}
    if plan.streams:
        stamped = heard & (messages.sent_ns > 0)
        samples = (messages.received_ns - messages.sent_ns)[stamped] / NS_PER_MS
    else:
        samples = (calls.done_ns - due_ns)[mine] / NS_PER_MS
    made, failed = int(mine.sum()), int((mine & ~calls.outcome.equal(Outcome.OK.value)).sum())
    came = int(heard.sum())
    if plan.count_only:
        made, failed, came = (0, 0, status.inside) if plan.streams else (status.inside, status.failed, 0)
    return LoadResult(
        plan=plan, begin_ns=status.begin_ns, end_ns=status.end_ns,
        calls=made, failed=failed, messages=came,
        unsent=int(facts.get("instrument.unsent", 0)), held=int(facts.get("instrument.held", 0)),
        generator_cpu=facts.get("instrument.generator_cpu", 0.0), samples_ms=samples, folder=folder,
    )  # fmt: skip


def _folder(trial: Trial, plan: LoadPlan) -> Path:
    """A fresh one below the trial's; private, since the log may hold what a server said."""
    above = trial.folder / "load"
    above.mkdir(parents=True, exist_ok=True)
    number = 1 + sum(1 for _ in above.iterdir())
    path = above.resolve() / f"{number}-{plan.window or plan.client}"
    path.mkdir(mode=0o700)
    return path


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


__all__ = ["CutShort", "Fact", "LoadError", "LoadPlan", "LoadResult", "Shape", "run_load"]
