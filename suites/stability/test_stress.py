"""Cases 6.2.1, 6.3.1 and 6.3.2: what comes and goes leaves nothing behind, and a burst of orders is survived."""

from __future__ import annotations

import asyncio

from harness.evidence.clock import now_ns
from harness.plugin import case
from harness.trial.booked import record_booked
from harness.trial.calibration import calibrate_for
from harness.trial.connector import Connector
from harness.trial.cycles import connect_and_leave, let_go, moving, record_fresh_client, subscribe_and_leave
from harness.trial.load.plan import LoadPlan
from harness.trial.load.run import run_load
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from harness.trial.warm_up import warm_up
from harness.venue.control import VenueControl

STREAMS = ("prices", "klines", "account", "positions", "orders")
CYCLES, WARM_CYCLES = 1000, 50
EVERY_S = 0.05
CONNECTS = 100
BACK_LIMIT_S = 20.0
PER_S, BURST_S = 1000.0, 60.3
"""A little longer than asked for: a call due at the very end belongs to no window."""
USERS, GENERATORS = 20, 2
AFTERWARDS_S = 20.0
SYMBOL = "BTCUSDT"


@case("6.2.1")
async def test_subscribing_and_leaving_a_thousand_times(
    trial: Trial, stage: Stage, connector: Connector, venue: VenueControl
) -> None:
    await connector.warm_up(*STREAMS)
    async with connector.client("warm-up", recorded=False) as client, moving(venue, STREAMS):
        await subscribe_and_leave(client, STREAMS, WARM_CYCLES)
    let_go()
    await connector.baseline()
    async with connector.client("cycle") as client, moving(venue, STREAMS):
        await subscribe_and_leave(client, STREAMS, CYCLES, EVERY_S)
    let_go()
    await stage.back_at("baseline", BACK_LIMIT_S)
    trial.mark("settled")
    await trial.settle()


@case("6.3.2")
async def test_connecting_and_leaving_a_hundred_times(trial: Trial, stage: Stage, connector: Connector) -> None:
    await connector.warm_up(*STREAMS)
    let_go()
    await connector.baseline()
    await connect_and_leave(connector, CONNECTS)
    let_go()
    await stage.back_at("baseline", BACK_LIMIT_S)
    trial.mark("settled")
    await record_fresh_client(trial, connector)
    await trial.settle()


@case("6.3.1")
async def test_a_thousand_orders_a_second(trial: Trial, stage: Stage) -> None:
    # Over the connector's own mock: it is the connector that is under stress, not a venue made of Python beside it.
    connector = await stage.connector("mock")
    prefix = f"burst{now_ns():x}-"
    order = {
        "symbol": SYMBOL, "side": "ORDER_SIDE_BUY", "type": "ORDER_TYPE_LIMIT", "price": "20000", "quantity": "0.01",
        "client_order_id": prefix + "{n}",
    }  # fmt: skip
    address = connector.direct_address
    burst = LoadPlan(
        address, "PlaceOrder", PER_S, BURST_S, users=USERS, processes=GENERATORS, request=order, warm_s=1.0
    )
    idle = LoadPlan(address, "GetAccount", 20.0, 6.0, client="probe", window="idle", warm_s=1.0)
    beside = LoadPlan(address, "GetAccount", 20.0, BURST_S + AFTERWARDS_S, client="probe", window="")
    await calibrate_for(stage, burst)
    await warm_up(trial, idle)
    await run_load(trial, idle, env=stage.labels)
    load, _ = await asyncio.gather(run_load(trial, burst, env=stage.labels), run_load(trial, beside, env=stage.labels))
    trial.mark("load.ended", t_ns=load.end_ns)
    await record_booked(trial, load, prefix, SYMBOL)
    await trial.settle()
