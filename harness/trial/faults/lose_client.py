"""Fault lose-client: a running client vanishes without closing, in three ways, and the connector has to notice."""

from __future__ import annotations

import asyncio

from harness.client.follower import Follower
from harness.evidence.clock import monotonic_s, now_ns
from harness.trial.connector import Connector
from harness.trial.path import Path
from harness.trial.trial import CutShort, Trial

SWALLOW_LIMIT_S = 10.0
POLL_S = 0.02


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
