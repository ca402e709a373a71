"""Ladder: search for the highest rate at which a load still keeps a criterion's limit; the evidence tells what held."""

from __future__ import annotations

from dataclasses import replace

from harness.spec.case import Criterion
from harness.trial.load.plan import LoadPlan
from harness.trial.load.run import LoadResult, run_load
from harness.trial.stage import Stage

SAMPLES = 500
SHORTEST_S = 2.0
STEPS = 4
CLOSE_SHARE = 0.1
"""A search ends when the highest that held and the lowest that did not are so close."""


async def climb(stage: Stage, load: LoadPlan, criterion: Criterion, *, steps: int = STEPS) -> None:
    """Windows PREFIX-RATE, the rate doubled while it holds and halved in between after; `criterion` names the prefix.

    What holds by the look of it decides only where to go next: the metric of `criterion` judges the steps themselves.
    """
    held_per_s, missed_per_s = 0, 0
    rate_per_s = round(load.rate_per_s)
    for _ in range(steps):
        window = f"{criterion.of['windows']}{rate_per_s}"
        duration_s = max(SHORTEST_S, SAMPLES / rate_per_s)
        step = replace(load, rate_per_s=float(rate_per_s), duration_s=duration_s, window=window)
        if looks_good(await run_load(stage.trial, step, env=stage.labels), criterion):
            held_per_s = rate_per_s
        else:
            missed_per_s = rate_per_s
        if missed_per_s and missed_per_s - held_per_s <= CLOSE_SHARE * missed_per_s:
            return
        rate_per_s = (held_per_s + missed_per_s) // 2 if missed_per_s else 2 * rate_per_s


def looks_good(result: LoadResult, criterion: Criterion) -> bool:
    """Whether a step seems to keep quantile, rate and freedom from errors."""
    of = criterion.of
    answered = result.calls - result.failed
    return (
        not result.failed
        and answered >= float(str(of.get("achieved", 0.99))) * (result.calls + result.unsent + result.held)
        and result.quantile_ms(float(str(of["quantile"]))) < float(str(of["limit_ms"]))
    )
