"""Faults of step one: a reader that stops reading, streams that end with an error, clients that die in three ways."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.client.follower import Follower
from harness.evidence.clock import monotonic_s, now_ns
from harness.trial.connector import Connector, subscribe
from harness.trial.nudge import nudge
from harness.trial.path import Path
from harness.trial.trial import CutShort, Trial
from harness.venue.control import VenueControl

SWALLOW_LIMIT_S = 10.0
POLL_S = 0.02
SMALL_WINDOW_BYTES = 2048
"""Some forty price updates: after that, flow control keeps the connector from sending more."""
OUTAGE_S = 1.0
"""How long the venue refuses new sockets after it dropped the old ones."""


@asynccontextmanager
async def paused_reader(
    trial: Trial, connector: Connector, venue: VenueControl, name: str = "paused"
) -> AsyncIterator[None]:
    """A further client that subscribes to prices and then stops reading, until the context is left."""
    async with connector.client(name, window_bytes=SMALL_WINDOW_BYTES) as client:
        prices = subscribe(client, "prices")
        await trial.follow(prices)
        prices.pause()
        trial.mark("fault.begin", kind="paused-reader", subject=name)
        await nudge(venue, [prices])  # the read that was already under way takes this one
        await trial.observe(0.2)
        before = prices.received
        try:
            yield
        finally:
            if prices.received == before:
                trial.mark("fault.bit", kind="paused-reader", subject=name)
            prices.resume()
            trial.mark("fault.heal", kind="paused-reader", subject=name)


@asynccontextmanager
async def end_streams(trial: Trial, connector: Connector, venue: VenueControl, path: Path) -> AsyncIterator[None]:
    """End live streams with an error, the way the profile says this connector does it.

    venue: the venue drops its sockets and refuses new ones for a moment, which a connector reports to
    its subscribers. path: the connection under the streams is reset, for connectors that hide a
    venue's outage from their clients.
    """
    kind = connector.stage.profile.stream_error
    trial.mark("fault.begin", kind=f"end-streams-by-{kind}", subject="subscriber")
    before_ns = now_ns()
    if kind == "venue":
        refused = await venue.fault("refuse_upgrade")
        await venue.fault("drop_sockets", how="reset")
    else:
        await path.reset()
    trial.mark("fault.bit", earliest_ns=before_ns, kind=f"end-streams-by-{kind}", subject="subscriber")
    try:
        yield
        if kind == "venue":
            await trial.observe(OUTAGE_S)
    finally:
        if kind == "venue":
            await venue.heal(refused)
        trial.mark("fault.heal", kind=f"end-streams-by-{kind}", subject="subscriber")


async def lose_client(
    trial: Trial, connector: Connector, follower: Follower, path: Path, kind: str, limit_s: float
) -> None:
    """Make a running client vanish without closing; marks fault.begin, fault.bit and client.noticed.

    kind: killed (SIGKILL of its process), reset (RST on its connection), blackholed (silence). Noticed
    means that the connector's own descriptor of the connection is gone.
    """
    ports = path.service_side_ports()
    if not ports:
        raise CutShort(f"the client to be {kind} had no connection to the connector")
    for port in ports:
        connector.service.watch_connection(port)
    trial.mark("fault.begin", kind=kind, subject="client")
    before_ns = now_ns()
    if kind == "killed":
        await follower.kill()
    elif kind == "reset":
        await path.reset()
    elif kind == "blackholed":
        path.black_hole()
        await trial.until(lambda: path.swallowed_bytes > 0, SWALLOW_LIMIT_S, "traffic into the black hole")
    else:
        raise ValueError(f"no way to lose a client is called {kind!r}: killed, reset, blackholed")
    trial.mark("fault.bit", earliest_ns=before_ns, kind=kind, subject="client")
    await _noticed(trial, connector, ports, kind, limit_s)


async def _noticed(trial: Trial, connector: Connector, ports: tuple[int, ...], kind: str, limit_s: float) -> None:
    end_s, not_yet_ns = monotonic_s() + limit_s, now_ns()
    while monotonic_s() < end_s:
        looked_ns = now_ns()
        states = [connector.service.connection_open(port) for port in ports]
        if any(state is None for state in states):
            trial.fact(
                "unmeasurable",
                1,
                subject="client.noticed",
                detail="the connector's descriptors cannot be read from here: nobody sees when it closes a connection",
            )
            return
        if not any(states):
            trial.mark("client.noticed", t_ns=looked_ns, earliest_ns=not_yet_ns, kind=kind)
            return
        not_yet_ns = looked_ns
        await asyncio.sleep(POLL_S)
