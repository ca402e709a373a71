"""Watch a connector's health through an outage of its venue: by asking, by Watch, and by grpc_health_probe."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from harness.client.health import OVERALL, SERVICE, Health, HealthWatch
from harness.evidence.clock import now_ns
from harness.trial.connector import Connector
from harness.trial.stage import Stage
from harness.trial.trial import CutShort, Trial

UNKNOWN_SERVICE = "opensqt.market_maker.v1.NoSuchService"
PROBE_LIMIT_S = 5.0
SERVICES = {"overall": OVERALL, "service": SERVICE}


async def follow_an_outage(trial: Trial, stage: Stage, exchange: str) -> None:
    """One exchange: its venue refuses everything and drops its sockets, then recovers, and health is to follow."""
    venue = await stage.venue(exchange, oracle=False)
    connector = await stage.connector(exchange, probed=False)
    try:
        await record_health(trial, connector)
        async with watch_outage(trial, connector) as outage:
            await outage.serving_at_first(30)
            before_ns = now_ns()
            refusal = await venue.fault("refuse")
            await venue.fault("drop_sockets", how="reset")
            trial.mark("fault.bit", earliest_ns=before_ns, kind="venue-down", subject=exchange)
            await outage.until_not_serving(20)
            await venue.heal(refusal)
            trial.mark("fault.heal", kind="venue-down", subject=exchange)
            await outage.until_serving(40)
    finally:
        await connector.service.close()


async def record_health(trial: Trial, connector: Connector) -> None:
    """Ask once for the overall service, the specific one and one that does not exist; facts health.*."""
    venue = connector.exchange
    async with connector.health() as health:
        for subject, service in SERVICES.items():
            answer = await health.check(service)
            trial.fact(f"health.{subject}", answer == "SERVING", "SERVING", subject=venue, detail=answer)
        answer = await health.check(UNKNOWN_SERVICE)
        trial.fact("health.unknown_not_found", answer == "NOT_FOUND", "NOT_FOUND", subject=venue, detail=answer)


class Outage:
    """Waits for both services to change, and for both Watch streams to say so."""

    def __init__(self, trial: Trial, connector: Connector, health: Health, watches: dict[str, HealthWatch]) -> None:
        self._trial = trial
        self._connector = connector
        self._health = health
        self._watches = watches

    async def serving_at_first(self, limit_s: float) -> None:
        """Both SERVING before anything happens: marks health.serving_at_first, watch.serving_at_first."""
        await self._until("SERVING", "health.serving_at_first", "watch.serving_at_first", limit_s)

    async def until_serving(self, limit_s: float) -> None:
        """Both SERVING: marks health.serving, watch.serving_again; CutShort when they do not become so."""
        await self._until("SERVING", "health.serving", "watch.serving_again", limit_s)

    async def until_not_serving(self, limit_s: float) -> None:
        """Both NOT_SERVING: marks health.not_serving, watch.not_serving."""
        await self._until("NOT_SERVING", "health.not_serving", "watch.not_serving", limit_s)

    async def _until(self, status: str, mark: str, watch_mark: str, limit_s: float) -> None:
        venue = self._connector.exchange
        asked = [
            self._health.until(status, limit_s, service=service, mark=mark, detail={"venue": venue})
            for service in SERVICES.values()
        ]
        reached = await asyncio.gather(*asked)
        for subject, watch in self._watches.items():
            # A Watch may lag behind the answer; how long it may is for the criterion, here is only a limit.
            if await watch.wait_for(status, 10.0):
                self._trial.mark(watch_mark, service=subject, venue=venue)
        if not all(reached):
            raise CutShort(f"health did not become {status} within {limit_s:g} s over {venue}")
        await compare_with_probe(self._trial, self._connector, status)


@asynccontextmanager
async def watch_outage(trial: Trial, connector: Connector) -> AsyncIterator[Outage]:
    """Health checks and Watch streams that last through an outage."""
    async with connector.health(trial.record) as health:
        watches = {subject: health.watch(service) for subject, service in SERVICES.items()}
        yield Outage(trial, connector, health, watches)


async def compare_with_probe(trial: Trial, connector: Connector, expected: str) -> None:
    """Fact probe.agrees: what grpc_health_probe says. Where it is not on PATH nothing disagrees: the fact says so."""
    program, subject = shutil.which("grpc_health_probe"), f"{connector.exchange}/{expected}"
    tls, why = connector.access.tls, "not on PATH: nothing to compare with"
    if connector.access.api_key:
        program, why = None, "not asked: it takes the API key on its command line only, which everybody can read"
    if program is None:
        trial.fact(
            "probe.agrees",
            1,
            "1: agrees",
            subject=subject,
            detail=why,
        )
        return
    secured = ["-tls", f"-tls-ca-cert={tls.roots}"] if tls is not None else []
    secured += [f"-tls-server-name={tls.server_name}"] if tls is not None and tls.server_name else []
    process = await asyncio.create_subprocess_exec(
        program,
        f"-addr={connector.address}",
        *secured,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), PROBE_LIMIT_S)
    except TimeoutError:
        process.kill()
        await process.wait()
        output = b"no answer"
    agrees = (process.returncode == 0) == (expected == "SERVING")
    trial.fact(
        "probe.agrees",
        agrees,
        "1: agrees",
        subject=subject,
        detail=output.decode(errors="replace").strip(),
    )
