"""Cases 5.3.1, 5.3.2 and 5.4.1: what the connector adds between client and venue, and what it uses."""

from __future__ import annotations

import asyncio

from harness.plugin import case
from harness.trial.calibration import calibrate_for, calibrate_turns
from harness.trial.connector import Connector
from harness.trial.interleaved import Party, Turns, run_turns
from harness.trial.load.plan import LoadPlan, Shape
from harness.trial.load.run import run_load
from harness.trial.nudge import feed
from harness.trial.resting import RESTING
from harness.trial.stage import Stage, credentials_of
from harness.trial.trial import Trial
from harness.trial.warm_up import warm_up
from harness.venue.control import VenueControl

ROUNDS_PER_S = 80.0
ROUNDS = 1040
BESIDE_PER_S = 50.0
"""Calls a second of another client, cheap ones: what holds up everybody else for the time of a call then shows."""
PRICES_PER_S = 200.0
PRICES_S = 5.5
CLIENTS = 10
UPDATES_PER_S = 100.0
ORDERS_PER_S = 50.0
NORMAL_S = 60.5


@case("5.3.1")
async def test_grpc_overhead(trial: Trial, stage: Stage, venue: VenueControl) -> None:
    exchange = stage.profile.venue.exchange
    connector = await stage.connector(exchange)
    known = credentials_of(stage.seed, exchange)
    native = Party("native", "native", stage.venue_address(exchange), known.key, known.secret)
    through = Party("through", "grpc", connector.direct_address)
    turns = Turns((native, through), ROUNDS, ROUNDS_PER_S)
    await calibrate_turns(stage, turns, beside_per_s=BESIDE_PER_S)
    beside = LoadPlan(
        connector.direct_address, "GetName", BESIDE_PER_S, turns.seconds + 4.0, client="beside", window="beside",
        shape=Shape.POISSON, seed=stage.seed,
    )  # fmt: skip
    await warm_up(trial, LoadPlan(connector.direct_address, "GetAccount", ROUNDS_PER_S, 1.0))
    async with asyncio.TaskGroup() as both:
        both.create_task(run_load(trial, beside, env=stage.labels))
        both.create_task(run_turns(trial, turns, env=stage.labels))


@case("5.3.2")
async def test_venue_to_client(trial: Trial, stage: Stage, venue: VenueControl) -> None:
    connector = await stage.connector(stage.profile.venue.exchange)
    request = {"symbols": ["BTCUSDT", "ETHUSDT"]}
    load = LoadPlan(connector.direct_address, "SubscribePrice", PRICES_PER_S, PRICES_S, request=request, warm_s=0.5)
    await calibrate_for(stage, load)
    async with feed(venue, PRICES_PER_S):
        await warm_up(trial, load)
        await run_load(trial, load, env=stage.labels)
    await trial.settle()


@case("5.4.1")
async def test_resource_budget(trial: Trial, stage: Stage, venue: VenueControl, connector: Connector) -> None:
    prices = LoadPlan(
        connector.direct_address, "SubscribePrice", UPDATES_PER_S, NORMAL_S + 10, users=CLIENTS, client="c",
        window="streams", request={"symbols": ["BTCUSDT"]}, warm_s=1.0,
    )  # fmt: skip
    orders = LoadPlan(
        connector.direct_address, "PlaceOrder", ORDERS_PER_S, NORMAL_S, users=CLIENTS, client="c", request=RESTING,
        warm_s=4.0,
    )  # fmt: skip
    await warm_up(trial, orders)
    async with feed(venue, UPDATES_PER_S, "BTCUSDT"), asyncio.TaskGroup() as both:
        # The streams begin before the orders' warm-up is over and outlast them.
        both.create_task(run_load(trial, prices, env=stage.labels))
        both.create_task(run_load(trial, orders, env=stage.labels))
    await trial.settle()
