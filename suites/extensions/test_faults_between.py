"""Extension cases: what happens between the services of the stack, and what must not come of it."""

from __future__ import annotations

from harness.plugin import case
from harness.trial.downtime import follow_giving_up
from harness.trial.faults import isolate, pause
from harness.trial.ordeal import connector_replaced, endure, rate_limited, slow_way, venue_down, venue_restarted
from harness.trial.stack import CLIENTS, Stack
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

QUICK_LIMIT_S = 60.0


@case("x.partition")
async def test_connector_partitioned_for_20_s(trial: Trial, stage: Stage) -> None:
    stack = await stage.stack("", *CLIENTS, venue_path=True)
    await endure(trial, stack, isolate(trial, stack.connector.service, paths=stack.paths), 20)


@case("x.latency")
async def test_200_ms_between_clients_and_connector(trial: Trial, stack: Stack) -> None:
    await endure(trial, stack, slow_way(trial, stack, each_way_s=0.1), 15)


@case("x.venue-down")
async def test_venue_down_for_60_s_under_trading(trial: Trial, stack: Stack) -> None:
    await endure(trial, stack, venue_down(trial, stack), 60)


@case("x.rate-limit")
async def test_rate_limited_venue(trial: Trial, stack: Stack, venue: VenueControl) -> None:
    await endure(trial, stack, rate_limited(trial, venue), 15)


@case("x.pause")
async def test_connector_paused_for_15_s(trial: Trial, stack: Stack) -> None:
    await endure(trial, stack, pause(trial, stack.connector.service), 15)


@case("x.venue-restart")
async def test_venue_restart(trial: Trial, stack: Stack, venue: VenueControl) -> None:
    await endure(trial, stack, venue_restarted(trial, venue), 5)


@case("x.rolling")
async def test_two_connectors_in_sequence(trial: Trial, stack: Stack) -> None:
    await endure(trial, stack, connector_replaced(trial, stack), 5)


@case("x.quick-downtime")
async def test_scaled_back_off_when_the_connector_stays_away(trial: Trial, stage: Stage) -> None:
    stack = await stage.stack()
    scale = await stack.start_scaled(*CLIENTS)
    await stack.kill_connector()
    await follow_giving_up(trial, stack, QUICK_LIMIT_S, scale)
    await trial.settle()
