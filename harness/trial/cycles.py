"""Cycles: a client that comes and goes over and over, and what must be as it was when it has gone."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from harness.client.backoff import CONTRACT_BACKOFF
from harness.client.errors import ConnectFailed, RemoteError
from harness.client.remote import RemoteExchange
from harness.evidence.clock import monotonic_s, now_ns
from harness.evidence.records import Call, Outcome
from harness.trial.connector import Connector, subscribe
from harness.trial.nudge import nudge_streams
from harness.trial.trial import CutShort, Trial
from harness.venue.control import VenueControl

CONNECT = "Connect"
FIRST_LIMIT_S = 10.0
NUDGE_S = 0.02
FRESH = "fresh"


def let_go() -> None:
    """Close the connections of clients that are gone: grpc keeps one open while a finished call of it is uncollected.

    Such a call sits in a cycle of references, so that otherwise the collector's mood decides what the connector holds.
    """
    gc.collect()


@asynccontextmanager
async def moving(venue: VenueControl, streams: Sequence[str]) -> AsyncIterator[None]:
    """The venue moves all of these streams again and again for the length of a block, so that whoever comes hears."""

    async def move() -> None:
        while True:
            await nudge_streams(venue, streams)
            await asyncio.sleep(NUDGE_S)

    going = asyncio.create_task(move(), name="moving")
    try:
        yield
    finally:
        going.cancel()
        await asyncio.gather(going, return_exceptions=True)


async def subscribe_and_leave(client: RemoteExchange, streams: Sequence[str], times: int, every_s: float = 0.0) -> None:
    """So many subscriptions one after another, to each stream in turn, each until its first message.

    `every_s`: on a timetable, so that whatever grows is sampled as often in one cycle as in another. CutShort when
    one stays silent.
    """
    due_s = monotonic_s()
    for number in range(times):
        subscription = subscribe(client, streams[number % len(streams)]).start()
        heard = await subscription.wait_received(1, FIRST_LIMIT_S)
        await subscription.cancel()
        if not heard:
            raise CutShort(
                f"subscription {number + 1} of {client.name}, to {subscription.stream}, heard nothing in "
                f"{FIRST_LIMIT_S:g} s"
            )
        due_s = max(due_s + every_s, monotonic_s())
        await asyncio.sleep(due_s - monotonic_s())


async def connect_and_leave(connector: Connector, times: int) -> None:
    """So many clients `cycle` that connect, once and without a second attempt, and close; a Call `Connect` of each."""
    record = connector.stage.trial.record
    once = replace(CONTRACT_BACKOFF, attempts=1)
    for number in range(1, times + 1):
        client = connector.client("cycle", backoff=once)
        sent_ns = now_ns()
        outcome, code = Outcome.OK, "OK"
        try:
            await client.connect()
        except ConnectFailed as failed:
            outcome, code = Outcome.FAIL, failed.code
        record(Call(number, "cycle", CONNECT, sent_ns, sent_ns, now_ns(), outcome, code))
        await client.close()


async def record_fresh_client(trial: Trial, connector: Connector) -> None:
    """Fact fresh_client.works: a new client connects, is answered and hears a price that the venue moves."""
    why = ""
    try:
        async with connector.client(FRESH) as client:
            await client.get_account()
            await trial.follow(client.prices(("BTCUSDT",)))
    except (ConnectFailed, RemoteError, CutShort) as failed:
        why = str(failed)
    trial.fact("fresh_client.works", not why, "1: works", detail=why)
