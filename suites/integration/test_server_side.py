"""Cases 3.2.1 to 3.2.5: what the connector does for its clients, over a venue."""

from __future__ import annotations

from harness.plugin import case
from harness.trial.backends import check_backends
from harness.trial.connector import Connector, subscribe
from harness.trial.credentials import start_all_badly
from harness.trial.faults import lose_client
from harness.trial.health import follow_an_outage
from harness.trial.nudge import feed
from harness.trial.stage import EXCHANGES, Stage
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

BROADCAST_PER_S = 1000
STALL_S = 30.0
CLEAN_S = 6.0
NOTICE_LIMIT_S = 35.0


@case("3.2.1")
async def test_broadcast_with_a_stalled_reader(
    trial: Trial, stage: Stage, connector: Connector, venue: VenueControl
) -> None:
    async with stage.follower(connector, ("fast1", "fast2", "fast3"), ("prices",)):
        async with connector.client("control") as control:
            # The control client's subscription is live, hence the connector's own at the venue, which all share.
            await trial.follow(subscribe(control, "prices"))
            await stage.followers_live()
        async with feed(venue, BROADCAST_PER_S):
            async with trial.window("clean"):
                await trial.observe(CLEAN_S)
            async with stage.stalled_follower(connector, "stalled"), trial.window("stalled"):
                await trial.observe(STALL_S)
            async with trial.window("clean"):
                await trial.observe(CLEAN_S)
        await trial.settle(limit_s=20)


@case("3.2.2")
async def test_dead_clients_are_cleaned_up(
    trial: Trial, stage: Stage, connector: Connector, venue: VenueControl
) -> None:
    streams = ("prices", "account", "positions", "orders")
    trial.fact("keepalive.stated", stage.profile.keepalive_s, "s")
    await connector.warm_up(*streams)
    for kind in ("killed", "reset", "blackholed"):
        await connector.baseline(f"baseline.{kind}")
        async with (
            connector.path(kind) as path,
            stage.follower(connector, (kind,), streams, through=path) as follower,
            feed(venue, 20),
        ):
            await stage.followers_live()
            await lose_client(trial, connector, follower, path, kind, NOTICE_LIMIT_S)
            await stage.back_at(f"baseline.{kind}", limit_s=10)
        trial.mark(f"settled.{kind}")
    await trial.settle()


@case("3.2.3")
async def test_health_follows_the_venue(trial: Trial, stage: Stage) -> None:
    for exchange in EXCHANGES:
        await follow_an_outage(trial, stage, exchange)
    await trial.settle()


@case("3.2.4")
async def test_bad_credentials_never_open_the_port(trial: Trial, stage: Stage) -> None:
    await start_all_badly(trial, stage)
    await trial.settle()


@case("3.2.5")
async def test_all_exchange_backends(trial: Trial, stage: Stage) -> None:
    await check_backends(trial, stage)
    await trial.settle()
