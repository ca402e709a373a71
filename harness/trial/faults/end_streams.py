"""Fault end-streams: live streams end with an error, the way the profile says that this connector does it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.evidence.clock import now_ns
from harness.trial.connector import Connector
from harness.trial.path import Path
from harness.trial.trial import Trial
from harness.venue.control import VenueControl

OUTAGE_S = 1.0
"""How long the venue refuses new sockets after it dropped the old ones."""


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
