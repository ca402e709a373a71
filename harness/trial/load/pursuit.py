"""Pursuit: a load that flows follows its target, which may have another address after it was started anew."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace

from harness.trial.load.flow import flow_load
from harness.trial.load.plan import LoadPlan
from harness.trial.trial import Trial

LOOK_S = 0.5


async def pursue(
    trial: Trial, plan: LoadPlan, address: Callable[[], str], end: asyncio.Event, *,
    env: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """`flow_load` to where `address` says that the target is now, until `end` is set.

    When it says another one, the load ends with its last answers and begins anew there, and the mark load.moved says
    so. While it says nothing (empty), the target is where it was. Raises what `flow_load` raises; CutShort also when
    the target does not answer at its new address: it may come, so call again.
    """
    while not end.is_set():
        here = address() or plan.address
        leave = asyncio.Event()
        watching = asyncio.create_task(_watch(here, address, end, leave), name="where the target is")
        try:
            await flow_load(trial, replace(plan, address=here), leave, env=env)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        if not end.is_set():
            trial.mark("load.moved", away_from=here, to=address())


async def _watch(here: str, address: Callable[[], str], end: asyncio.Event, leave: asyncio.Event) -> None:
    """Sets `leave` as soon as the target is elsewhere, or it is over."""
    while not end.is_set() and address() in ("", here):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(end.wait(), LOOK_S)
    leave.set()
