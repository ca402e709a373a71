"""Cases 5.1.1 to 5.1.3: how long one call, and one message, takes."""

from __future__ import annotations

from harness.plugin import case
from harness.trial.calibration import calibrate_for
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.run import run_load
from harness.trial.resting import RESTING
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from harness.trial.warm_up import warm_up

PER_S = 200.0
CALLS_S = 10.5
"""Twice the 1000 calls that are asked for: their p99 then rests on more than the few worst moments of the machine."""
USERS = 4
"""Each with an exponential timetable, as clients who know nothing of each other are: calls that cost the connector its
whole attention queue, which one user on an even timetable would never see."""
STREAM_S = 10.2
"""Twice the 1000 prices that are asked for, and more, as with the calls."""
SYMBOLS = tuple(f"SYM{number:02d}USDT" for number in range(25))


@case("5.1.1")
async def test_get_account_latency(trial: Trial, stage: Stage) -> None:
    connector = await stage.connector("mock")
    load = LoadPlan(
        connector.direct_address, "GetAccount", PER_S, CALLS_S, users=USERS, shape=Shape.POISSON, seed=stage.seed,
        warm_s=0.5,
    )  # fmt: skip
    await calibrate_for(stage, load)
    await warm_up(trial, load)
    await run_load(trial, load, env=stage.labels)


@case("5.1.2")
async def test_place_order_latency(trial: Trial, stage: Stage) -> None:
    connector = await stage.connector("mock")
    load = LoadPlan(
        connector.direct_address, "PlaceOrder", PER_S, CALLS_S, users=USERS, shape=Shape.POISSON, seed=stage.seed,
        request=RESTING, warm_s=0.5,
    )  # fmt: skip
    await calibrate_for(stage, load)
    await warm_up(trial, load)
    await run_load(trial, load, env=stage.labels)


@case("5.1.3")
async def test_stream_message_latency(trial: Trial, stage: Stage) -> None:
    connector = await stage.connector("mock")
    request = {"symbols": list(SYMBOLS)}
    load = LoadPlan(
        connector.direct_address, "SubscribePrice", 10.0 * len(SYMBOLS), STREAM_S, request=request, warm_s=0.5
    )
    await calibrate_for(stage, load)
    await warm_up(trial, load)
    await run_load(trial, load, env=stage.labels)
