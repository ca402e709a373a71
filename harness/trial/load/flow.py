"""Flow: a load without gaps for as long as a trial wants one; its evidence comes while it goes on."""

from __future__ import annotations

import asyncio
import math
import shutil
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from harness.evidence.clock import now_ns
from harness.evidence.records import Fact, Mark
from harness.trial.load.arrivals import problem
from harness.trial.load.generator import LOG, LoadError, gone, last_words, started
from harness.trial.load.line import END, LINE_VARIABLE, Item, next_item
from harness.trial.load.notebook import records
from harness.trial.load.plan import LoadPlan
from harness.trial.load.status import Status
from harness.trial.load.template import requests
from harness.trial.trial import CutShort, Trial

READY_LIMIT_S = 60.0
SILENT_LIMIT_S = 60.0
"""Parcels come every few seconds, answered or not."""
EXIT_LIMIT_S = 5.0
_PIECE = 500


async def flow_load(trial: Trial, plan: LoadPlan, end: asyncio.Event, *, env: Mapping[str, str] | None = None) -> None:
    """Carry out the load until `end` is set; then let it end with its last answers and record those too.

    One Locust all the time: `duration_s`, `warm_s` and `window` of the plan are not used. Calls that fail are evidence
    and it goes on. `env` marks the process. Records the marks load.began and load.ended and, in the end, the facts
    instrument.generator_cpu, .unsent and .held. Raises ValueError for a plan that cannot be carried out, CutShort
    when the target is not reached at the beginning, LoadError when the generator fails. When cancelled, what runs is
    killed; what it had handed over, at most some seconds before, is recorded. When this process is killed, the
    generator ends itself at once.
    """
    plan = replace(plan.admitted(trial.access), duration_s=math.inf, warm_s=0.0, window="")
    if plan.streams or plan.processes > 1:
        raise ValueError("a load that flows makes calls, from one process: read streams with a client of the trial")
    if why := problem(plan):
        raise ValueError(why)
    requests(plan.method, plan.request, "run")
    async with _Flowing(trial, plan, env or {}) as flowing:
        await flowing.until(end)


class _Flowing:
    """Locust at the other end of a line; killed on leaving when it has not ended by itself."""

    def __init__(self, trial: Trial, plan: LoadPlan, env: Mapping[str, str]) -> None:
        self._trial = trial
        self._plan = plan
        self._env = env
        self._folder = _folder(trial, plan)
        self._process: asyncio.subprocess.Process | None = None
        self._calls = 0
        self._state = "starting"

    async def __aenter__(self) -> _Flowing:
        mine, its = socket.socketpair()
        with its:
            try:
                self._reader, self._writer = await asyncio.open_connection(sock=mine)
                env = {**self._env, LINE_VARIABLE: str(its.fileno())}
                self._process = await started(self._plan, self._folder, env=env, descriptors=(its.fileno(),))
            except BaseException:
                mine.close()
                raise
        return self

    async def __aexit__(self, *error: object) -> None:
        self._writer.close()
        if self._process is None:
            return
        await gone(self._process, patience_s=EXIT_LIMIT_S if error[0] is None else 0.0)
        if error[0] is None:
            shutil.rmtree(self._folder, ignore_errors=True)  # what it held is evidence now

    async def until(self, end: asyncio.Event) -> None:
        """Record what comes, until the generator says that it was all."""
        ending = asyncio.create_task(self._end_when(end), name="end the load")
        try:
            while self._state != "written":
                limit_s = READY_LIMIT_S if self._state == "starting" else SILENT_LIMIT_S
                try:
                    async with asyncio.timeout(limit_s):
                        item = await next_item(self._reader)
                except TimeoutError:
                    raise LoadError(f"the load generator said nothing for {limit_s:g} s: {self._said()}") from None
                except (asyncio.IncompleteReadError, OSError, ValueError) as broken:
                    if end.is_set() and self._state == "starting":
                        return  # it was told to end before it had begun
                    raise LoadError(f"the load generator is gone ({broken}): {self._said()}") from None
                await self._take(item)
        finally:
            ending.cancel()
            await asyncio.gather(ending, return_exceptions=True)
        self._trial.record(Mark(now_ns(), "load.ended", {"calls": str(self._calls)}))

    async def _end_when(self, end: asyncio.Event) -> None:
        await end.wait()
        self._writer.write(END)
        await self._writer.drain()

    async def _take(self, item: Item) -> None:
        if isinstance(item, Mark | Fact):
            self._trial.record(item)
        elif isinstance(item, Status):
            self._state = item.state
            if item.state == "failed":
                raise (CutShort if "reached" in item.why else LoadError)(item.why)
        else:
            for record in records(item, self._plan, 0):
                self._trial.record(record)
                self._calls += 1
                if self._calls % _PIECE == 0:
                    await asyncio.sleep(0)  # others of this process want to be heard too

    def _said(self) -> str:
        return last_words(self._folder / LOG, self._plan)


def _folder(trial: Trial, plan: LoadPlan) -> Path:
    """A fresh one below the trial's, for its log; private, since that may hold what a server said."""
    above = trial.folder / "load"
    above.mkdir(parents=True, exist_ok=True)
    number = 1
    while (path := above.resolve() / f"{number}-{plan.client}").exists():
        number += 1
    path.mkdir(mode=0o700)
    return path
