"""Cases 4.1.1 to 4.3.1: the whole stack - connector, market_maker, live_server - over one venue."""

from __future__ import annotations

from contextlib import AsyncExitStack

from harness.plugin import case
from harness.trial.connector import subscribe
from harness.trial.downtime import follow_giving_up
from harness.trial.nudge import feed
from harness.trial.ordeal import connector_killed, endure
from harness.trial.orders import record_decisions, record_placed
from harness.trial.shutdown import record_left_over, record_orders_handled, record_shutdown_logs
from harness.trial.stack import LIVE_SERVER, MARKET_MAKER, Stack
from harness.trial.stack_state import compare_stack, record_health, record_sockets
from harness.trial.stage import Stage
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

STREAMS = ("account", "positions", "orders", "prices", "klines")
WATCHED_S = 2.0
"""How long ten clients and the stack are watched while prices move."""
AWAY_S = 5.0
"""How long the connector stays away before it is started again."""
GIVE_UP_LIMIT_S = 660.0
"""Longer than the criterion's limit, so that a late end is seen as late."""
STOP_LIMIT_S = 20.0


@case("4.1.1")
async def test_full_stack_starts_in_order(trial: Trial, stage: Stage) -> None:
    stack = await stage.stack(wait=False)
    await stack.come_up()
    await record_health(trial, stack)
    for name, log in stack.logs.items():
        log.record_errors(trial, name)
    await trial.settle()


@case("4.1.2")
async def test_ten_clients_share_one_venue_connection(trial: Trial, stage: Stage) -> None:
    stack = await stage.stack()
    async with AsyncExitStack() as further:

        async def join(number: int) -> None:
            client = await further.enter_async_context(stack.connector.client(f"c{number}"))
            await trial.follow(*(subscribe(client, name) for name in STREAMS))

        await join(1)
        await record_sockets(trial, stack, 1)
        await stack.start(MARKET_MAKER)
        await record_sockets(trial, stack, 2)
        await stack.start(LIVE_SERVER)
        await record_sockets(trial, stack, 3)
        async with stack.browser() as browser:
            trading = [stack.market_maker.stream("prices"), stack.market_maker.stream("orders")]
            watching = [browser.stream("klines", "BTCUSDT"), browser.stream("orders")]
            await trial.follow(*trading, *watching)
            async with feed(stack.venue, 50):
                for number in range(4, 11):
                    await join(number)
                await trial.observe(WATCHED_S)
            await stack.walk([1, 1, 1, -1, -1, -1] * 3)
            await record_sockets(trial, stack, 10)
            await trial.settle()


@case("4.1.3")
async def test_orders_come_back_with_the_same_id_everywhere(trial: Trial, stack: Stack, venue: VenueControl) -> None:
    async with stack.browser() as browser:
        await trial.follow(stack.market_maker.stream("orders"), browser.stream("orders"))
        await stack.walk([1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1, 1, 1, 1, 1] * 6)
        await stack.quiet()
        await trial.settle()
        record_placed(trial, stack.market_maker, browser, await venue.state())
        record_decisions(trial, stack.market_maker, [row async for page in venue.ledger_pages() for row in page])
        await compare_stack(trial, stack, browser)


@case("4.2.1")
async def test_stack_survives_a_connector_restart_under_trading(trial: Trial, stack: Stack) -> None:
    await endure(trial, stack, connector_killed(trial, stack), AWAY_S)


@case("4.2.2")
async def test_clients_give_up_on_a_connector_that_stays_away(trial: Trial, stack: Stack) -> None:
    await stack.walk([1, 1, -1, -1])
    await stack.kill_connector()
    await follow_giving_up(trial, stack, GIVE_UP_LIMIT_S)
    await trial.settle()


@case("4.3.1")
async def test_stack_stops_in_order_and_leaves_nothing(trial: Trial, stage: Stage, stack: Stack) -> None:
    async with stack.trading():
        await trial.observe(3.0)
    await stack.quiet()
    before = await stack.venue.state()
    await stack.terminate(STOP_LIMIT_S)
    await record_orders_handled(trial, stack, before)
    record_shutdown_logs(trial, stack)
    await trial.settle()
    await stage.take_down()
    await record_left_over(trial, stage)
