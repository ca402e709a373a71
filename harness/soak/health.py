"""Uptime: asks the connector each second whether it serves, and sees when a service of the stack has died."""

from __future__ import annotations

import asyncio

from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Mark
from harness.target.service import Recognisable
from harness.trial.stack import Stack
from harness.trial.trial import Trial

EVERY_S = 1.0
SERVING = "SERVING"


class Uptime:
    """`looks` and those of them that found it `serving`; a look asks twice before it says no."""

    def __init__(self, stack: Stack, trial: Trial) -> None:
        self._stack = stack
        self._trial = trial
        self._dead: set[str] = set()
        self._down = False
        self.looks = self.serving = 0

    @property
    def best_percent(self) -> float:
        """What the whole run can come to at most: once down is less than all the time, however long it goes on."""
        return 100.0 if self.serving == self.looks else 100.0 * self.serving / self.looks

    async def watch(self) -> None:
        """Look until cancelled; marks health.not_serving and health.serving when it changes."""
        due_s = monotonic_s()
        async with self._stack.connector.health() as health:
            while True:
                answer = await health.check()
                if answer != SERVING:  # a busy host may make one answer late; a connector that is down stays so
                    answer = await health.check()
                self.looks += 1
                self.serving += answer == SERVING
                if self._down != (answer != SERVING):
                    self._down = answer != SERVING
                    self._trial.mark("health.not_serving" if self._down else "health.serving", answer=answer)
                due_s = max(due_s + EVERY_S, monotonic_s())
                await asyncio.sleep(due_s - monotonic_s())

    async def died(self) -> tuple[Mark, ...]:
        """A mark process.died for each service that has died since the last time, or has begun anew by itself; for
        looking at, not for evidence, which has it from the launcher."""
        found = []
        for name, service in self._stack.services.items():
            code = await service.wait_exit(0.0)
            if code is None:
                self._dead.discard(name)
                if isinstance(service, Recognisable) and await service.restarted_itself():
                    found.append(Mark(now_ns(), "process.died", {"service": service.name, "code": "unknown"}))
            elif name not in self._dead:
                self._dead.add(name)
                found.append(Mark(now_ns(), "process.died", {"service": service.name, "code": str(code)}))
        return tuple(found)
