"""Cases 5.2.1 to 5.2.3: how much the connector sustains, and for how many clients."""

from __future__ import annotations

from dataclasses import replace

from harness.plugin import case
from harness.trial.calibration import calibrate_for
from harness.trial.ladder import climb
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.run import run_load
from harness.trial.nudge import feed
from harness.trial.resting import RESTING
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from harness.trial.warm_up import warm_up
from harness.venue.control import VenueControl

ORDERS_PER_S = 1100.0
SUSTAINED_S = 20.5
UPDATES_PER_S = 5150.0
SYMBOLS = ("BTCUSDT", "ETHUSDT")
"""Others walk so short a way that at this rate a price returns within a second: a late update would look like it."""
STEPS_S = {1: 5.2, 2: 2.6, 5: 2.2, 20: 2.2, 50: 2.2, 10: 10.2}
"""Clients and how long they call; ten, which are judged, last: their floor is then the one just before the load."""
JUDGED = (1, 10)
"""Whose latency has a limit: only there does the instrument's own matter."""
EACH_PER_S = 20.0
FIRST_RATE_PER_S = 800.0


@case("5.2.1")
async def test_order_throughput(trial: Trial, stage: Stage) -> None:
    connector = await stage.connector("mock")
    load = LoadPlan(
        connector.direct_address, "PlaceOrder", ORDERS_PER_S, SUSTAINED_S, users=8, processes=2, request=RESTING,
        warm_s=1.0,
    )  # fmt: skip
    await calibrate_for(stage, load)
    await warm_up(trial, load)
    await run_load(trial, load, env=stage.labels)


@case("5.2.2")
async def test_stream_throughput(trial: Trial, stage: Stage, venue: VenueControl) -> None:
    connector = await stage.connector(stage.profile.venue.exchange)
    request = {"symbols": list(SYMBOLS)}
    load = LoadPlan(connector.direct_address, "SubscribePrice", UPDATES_PER_S, SUSTAINED_S, request=request, warm_s=1.0)
    await calibrate_for(stage, load)
    async with feed(venue, UPDATES_PER_S, *SYMBOLS):
        await warm_up(trial, load)
        await run_load(trial, load, env=stage.labels)
    await trial.settle()


@case("5.2.3")
async def test_concurrent_clients(trial: Trial, stage: Stage) -> None:
    connector = await stage.connector("mock")
    # At random moments: on even timetables clients never meet, and a connector that serves one at a time would pass.
    one = LoadPlan(
        connector.direct_address, "GetAccount", EACH_PER_S, STEPS_S[1], shape=Shape.POISSON, seed=stage.seed, warm_s=0.5
    )
    curve = {
        clients: replace(
            one, users=clients, rate_per_s=clients * EACH_PER_S, window=f"clients-{clients}", duration_s=lasting_s
        )
        for clients, lasting_s in STEPS_S.items()
    }
    await calibrate_for(stage, *(curve[clients] for clients in JUDGED))
    await warm_up(trial, replace(one, rate_per_s=10 * EACH_PER_S))
    for load in curve.values():
        await run_load(trial, load, env=stage.labels)
    orders = replace(
        one, method="PlaceOrder", request=RESTING, rate_per_s=FIRST_RATE_PER_S, users=8, processes=2, client="order"
    )
    await climb(stage, orders, stage.criterion("highest-rate"))
