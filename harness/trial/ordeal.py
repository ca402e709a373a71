"""Ordeal: the stack trades, something happens to it, and when that is over everybody has to know the same orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from harness.evidence.clock import now_ns
from harness.trial.faults import kill, latency, venue_disconnect, venue_refuse, venue_throttle
from harness.trial.orders import record_unmatched
from harness.trial.stack import Stack
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

BEFORE_S = AFTER_S = 4.0
"""How long the stack trades before it begins and once it is over."""
RESUME_LIMIT_S = 90.0
"""Longer than any criterion's limit, so that a late recovery is seen as late."""
STOP_LIMIT_S = 20.0
HEALTH_LIMIT_S = 40.0


async def endure(trial: Trial, stack: Stack, ordeal: AbstractAsyncContextManager[object], for_s: float) -> None:
    """Trade, be in `ordeal` for `for_s`, trade on; then compare both clients' orders with the venue's."""
    async with stack.browser() as browser:
        trading = [stack.market_maker.stream("prices"), stack.market_maker.stream("orders")]
        watching = [browser.stream("klines", "BTCUSDT"), browser.stream("orders")]
        await trial.follow(*trading, *watching)
        async with stack.trading():
            await trial.observe(BEFORE_S)
            async with ordeal:
                await trial.observe(for_s)
            await trial.resume(*trading, *watching, limit_s=RESUME_LIMIT_S)
            await trial.observe(AFTER_S)
        await stack.quiet()
        await trial.settle()
        await record_unmatched(stack, browser)


@asynccontextmanager
async def connector_killed(trial: Trial, stack: Stack) -> AsyncIterator[None]:
    """SIGKILL at the beginning, started again at the end; fact client.connect_attempts of each client."""
    stack.note_outage()
    paths = [client.path for client in stack.clients.values()]
    async with kill(trial, stack.connector.service, refused_at=paths):
        yield
    for name, client in stack.clients.items():
        await stack.connected_again(name)
        attempts = client.log.attempts(stack.lost_ns)
        trial.fact("client.connect_attempts", len(attempts), "attempts", subject=name)


@asynccontextmanager
async def connector_replaced(trial: Trial, stack: Stack) -> AsyncIterator[None]:
    """A second connector beside the first, the clients' way switched to it, the first told to stop.

    Mark connector.switched; facts of the first connector's exit.
    """
    first, log = stack.connector, stack.connector_log
    second = await stack.stage.connector(first.exchange, probed=False)
    trial.mark("fault.begin", kind="rolling-replacement", subject="connector")
    before_ns = now_ns()
    stack.switch_to(second)
    await first.service.terminate()
    trial.mark("connector.switched")
    code = await first.service.wait_exit(STOP_LIMIT_S)
    trial.mark("fault.bit", earliest_ns=before_ns, kind="rolling-replacement", subject="connector")
    trial.fact("exit.code", -1 if code is None else code, subject="first connector")
    trial.fact("log.says_graceful_shutdown", log.says_graceful(before_ns), "1: said", subject="first connector")
    yield
    for name in stack.clients:
        await stack.connected_again(name)
    trial.mark("fault.heal", kind="rolling-replacement", subject="connector")


@asynccontextmanager
async def slow_way(trial: Trial, stack: Stack, *, each_way_s: float) -> AsyncIterator[None]:
    """The way between every client and the connector is slow, in the window `slow`."""
    async with AsyncExitStack() as slow:
        for client in stack.clients.values():
            await slow.enter_async_context(latency(trial, client.path, delay_s=each_way_s))
        async with trial.window("slow"):
            yield


@asynccontextmanager
async def rate_limited(trial: Trial, venue: VenueControl) -> AsyncIterator[None]:
    """The venue refuses every POST as one too many, in the window `limited`."""
    async with venue_throttle(trial, venue, method="POST"), trial.window("limited"):
        yield


@asynccontextmanager
async def venue_down(trial: Trial, stack: Stack) -> AsyncIterator[None]:
    """The venue refuses everything and has dropped its sockets; marks health.not_serving and health.serving."""
    async with stack.connector.health(trial.record) as health:
        async with venue_disconnect(trial, stack.venue, how="reset", keep_out=True), venue_refuse(trial, stack.venue):
            await health.until("NOT_SERVING", HEALTH_LIMIT_S, mark="health.not_serving")
            yield
        await health.until("SERVING", HEALTH_LIMIT_S, mark="health.serving")


@asynccontextmanager
async def venue_restarted(trial: Trial, venue: VenueControl) -> AsyncIterator[None]:
    """The venue closes its sockets and answers nothing until it is back with the state that it had."""
    async with venue_disconnect(trial, venue, how="close", keep_out=True), venue_refuse(trial, venue, how="close"):
        yield
