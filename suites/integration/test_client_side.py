"""Cases 3.1.1 to 3.1.5: what a client of a running connector may rely on."""

from __future__ import annotations

from contextlib import AsyncExitStack

from harness.plugin import case
from harness.trial.compare import compare_state
from harness.trial.connector import Connector, subscribe
from harness.trial.faults import end_streams, paused_reader
from harness.trial.nudge import feed, move_order
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

RUNTIME_UNITS_WATCHED_S = 7.0
"""Longer than the limit within which runtime units must be back, so that a late return is seen as late."""
SERVING_AGAIN_S = 10.0
"""As long as data may take to flow again: a connector that asks its venue now and then may have met the fault."""


@case("3.1.1")
async def test_account_stream_subscription(trial: Trial, connector: Connector, venue: VenueControl) -> None:
    await connector.warm_up("account")
    subscriber = connector.client("subscriber")
    async with subscriber:
        await connector.baseline()
        account = subscriber.account()
        await trial.follow(account)
        trial.mark("further.begin")
        async for _ in trial.paced("account", times=5):
            await venue.move_balance()
        await trial.catch_up()
        await account.cancel()
        async for _ in trial.paced("account", times=5, polled_times=2):
            await venue.move_balance()
        await trial.observe(RUNTIME_UNITS_WATCHED_S)
        trial.fact("callbacks.after_cancel", account.callbacks_after_cancel, "callbacks")
    trial.fact("client.leftovers", subscriber.leftovers(), "tasks and channels")
    await trial.settle()


@case("3.1.2")
async def test_position_stream_filters_by_symbol(trial: Trial, connector: Connector, venue: VenueControl) -> None:
    async with (
        connector.client("control") as control,
        connector.client("filtered") as filtered,
        connector.client("filtered-2") as second,
    ):
        leaving = second.positions("BTCUSDT")
        await trial.follow(control.positions(), filtered.positions("BTCUSDT"), leaving)
        async for _ in trial.paced("positions", times=20):
            await venue.move_positions(["BTCUSDT", "ETHUSDT"])
        await trial.catch_up()
        await leaving.cancel()
        trial.mark("other.cancelled")
        async for _ in trial.paced("positions", times=10):
            await venue.move_positions(["BTCUSDT", "ETHUSDT"])
        await trial.settle()


@case("3.1.3")
async def test_client_reconnects_after_connector_restart(
    trial: Trial, connector: Connector, venue: VenueControl
) -> None:
    async with connector.client("survivor") as survivor:
        streams = [subscribe(survivor, name) for name in ("account", "positions", "orders", "prices")]
        await trial.follow(*streams)
        await venue.place_resting("BTCUSDT")
        doomed = await venue.place_resting("BTCUSDT")
        await connector.kill()
        # What changes while the connector is away must be seen by reconciling, not by the streams.
        await venue.cancel_order(doomed.order_id)
        await venue.place_resting("ETHUSDT")
        await venue.move_positions(["BTCUSDT", "ETHUSDT"])
        await venue.move_balance()
        await connector.restart()
        await trial.resume(*streams)
        await trial.until(lambda: bool(survivor.reconciled), 30, "reconciling after the reconnect")
        trial.watch_subscriptions(*streams)
        async for _ in trial.paced("account", "positions", times=10):
            await venue.move_positions(["BTCUSDT"])
            await venue.move_balance()
            await venue.move_price("BTCUSDT")
        await trial.settle()
        trial.fact("client.connect_attempts", survivor.connect_attempts, "attempts")
        await compare_state(trial, survivor, venue)


@case("3.1.4")
async def test_concurrent_subscriptions(trial: Trial, connector: Connector, venue: VenueControl) -> None:
    async with AsyncExitStack() as clients:
        streams = []
        for number in range(1, 6):
            client = await clients.enter_async_context(connector.client(f"c{number}"))
            streams += [subscribe(client, name) for name in ("prices", "account", "positions", "orders")]
        await trial.follow(*streams)
        for _ in range(2):
            async with trial.window("clean"):
                await _moves_of_every_kind(trial, venue)
            async with paused_reader(trial, connector, venue), trial.window("paused"):
                await _moves_of_every_kind(trial, venue)
        await trial.settle()


async def _moves_of_every_kind(trial: Trial, venue: VenueControl) -> None:
    """100 prices a second, and every half second a balance, a position and an order."""
    async with feed(venue, 100):
        async for _ in trial.paced("account", "positions", times=10, every_s=0.5, polled_times=2):
            await venue.move_balance()
            await venue.move_positions(["BTCUSDT"])
            await move_order(venue)


@case("3.1.5")
async def test_stream_error_reaches_the_client(trial: Trial, connector: Connector, venue: VenueControl) -> None:
    await connector.warm_up("prices", "orders")
    async with connector.path() as path, connector.client("subscriber", through=path) as subscriber:
        streams = [subscribe(subscriber, "prices"), subscribe(subscriber, "orders")]
        await trial.follow(*streams)
        await connector.baseline()
        async with end_streams(trial, connector, venue, path):
            await trial.until(lambda: all(stream.errors for stream in streams), 10, "an error on every stream")
        await trial.resume(*streams)
        await trial.observe(RUNTIME_UNITS_WATCHED_S)
        await connector.record_health(SERVING_AGAIN_S)
        await trial.settle()
