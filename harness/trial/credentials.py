"""Start a connector with credentials that must be refused, and write down everything that it lets slip meanwhile."""

from __future__ import annotations

import asyncio
import dataclasses
from dataclasses import dataclass

from harness.evidence.clock import monotonic_s
from harness.target.credentials import Credentials
from harness.target.service import Service
from harness.trial.stage import EXCHANGES, Stage, credentials_of
from harness.trial.trial import Trial

EXIT_LIMIT_S = 60.0
"""Longer than the criterion's limit, so that a late exit is seen as late."""
PROBE_EVERY_S = 0.05
CONNECT_LIMIT_S = 0.5
SAYS = "credential validation failed"


WITH_PASSPHRASE = ("bitget", "okx")
AT_ONCE = 4
"""Starts at the same time: they wait more than they work."""


@dataclass(frozen=True, slots=True)
class BadStart:
    """One way in which a start must fail."""

    way: str
    exchange: str

    @property
    def name(self) -> str:
        """Subject of the facts about it."""
        return f"{self.way}/{self.exchange}"


BAD_STARTS = (
    BadStart("unreachable-venue", "binance"),
    *(BadStart("wrong-key", exchange) for exchange in EXCHANGES),
    *(BadStart("wrong-secret", exchange) for exchange in EXCHANGES),
    *(BadStart("missing-passphrase", exchange) for exchange in WITH_PASSPHRASE),
)


async def start_all_badly(trial: Trial, stage: Stage) -> None:
    """Every bad start, a few at a time."""
    lanes = asyncio.Semaphore(AT_ONCE)

    async def start(bad: BadStart) -> None:
        async with lanes:
            await start_badly(trial, stage, bad)

    async with asyncio.TaskGroup() as group:
        for bad in BAD_STARTS:
            group.create_task(start(bad))


async def start_badly(trial: Trial, stage: Stage, start: BadStart) -> None:
    """One start: facts exit.code, output.says_validation_failed, port.connects, secret.in_output; marks `attempt`."""
    given = credentials_of(stage.seed, start.exchange)
    over = await _venue_for(stage, start)
    if start.way == "wrong-key":
        given = dataclasses.replace(given, key="wrong" + given.key[5:])
    elif start.way == "wrong-secret":
        given = dataclasses.replace(given, secret="wrong" + given.secret[5:])
    elif start.way == "missing-passphrase":
        given = dataclasses.replace(given, passphrase="")
    trial.mark("start.begun", attempt=start.name)
    started = await stage.connector(start.exchange, credentials=given, over=over, wait=False)
    await _watch_to_the_end(trial, started.service, start.name, given)


async def _venue_for(stage: Stage, start: BadStart) -> str:
    """Name of the venue that this start runs into."""
    if start.way != "unreachable-venue":
        await stage.venue(start.exchange, oracle=False)
        return start.exchange
    venue = await stage.venue(start.exchange, oracle=False, name="unreachable")
    await venue.fault("refuse", how="hang")
    return "unreachable"


async def _watch_to_the_end(trial: Trial, service: Service, attempt: str, given: Credentials) -> None:
    connects, attempts, end_s = 0, 0, monotonic_s() + EXIT_LIMIT_S
    leaving = asyncio.create_task(service.wait_exit(EXIT_LIMIT_S))
    try:
        while not leaving.done() and monotonic_s() < end_s:
            due_s = monotonic_s() + PROBE_EVERY_S
            if service.direct_address:
                attempts += 1
                connects += await _connects(service.direct_address)
            await asyncio.wait({leaving}, timeout=max(0.0, due_s - monotonic_s()))
        code = await leaving
    finally:
        leaving.cancel()
    if code is not None:
        trial.mark("start.over", attempt=attempt, code=str(code))
        trial.fact("exit.code", code, "exit code", subject=attempt)
    await service.close()
    text = service.log_text()
    trial.fact("output.says_validation_failed", SAYS in text.lower(), "1: it does", subject=attempt)
    trial.fact("port.attempts", attempts, "attempts to connect", subject=attempt)
    trial.fact("port.connects", connects, "connections", subject=attempt)
    leaks = service.secrets_masked + sum(text.count(secret) for secret in given.texts())
    trial.fact("secret.in_output", leaks, "occurrences", subject=attempt)


async def _connects(address: str) -> int:
    """1 when something accepts a connection at `address`, else 0."""
    host, port = address.rsplit(":", 1)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, int(port)), CONNECT_LIMIT_S)
    except (OSError, TimeoutError):
        return 0
    writer.close()
    return 1
