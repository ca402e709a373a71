"""Stage: starts what a trial needs (venue, connector, clients) and takes all of it down again, whatever happened."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self

from harness.client.follower import Follower
from harness.evidence.clock import monotonic_s
from harness.spec.case import Case, Criterion, Group
from harness.target.launcher import Credentials, Launcher, Venue
from harness.target.profile import Profile
from harness.target.service import Service
from harness.trial.connector import Connector
from harness.trial.neighbours import Neighbours
from harness.trial.nudge import DEFAULT_SYMBOL, nudge_streams
from harness.trial.path import Path
from harness.trial.probes import PERIOD_S, Sampler, venue_readings
from harness.trial.stack import Stack
from harness.trial.trial import CutShort, Trial
from harness.venue.control import VenueControl

EXCHANGES = ("binance", "bitget", "gate", "okx", "bybit")
REST_S = 5.5
"""A probe is at rest when its readings did not change for so long: longer than a service may take to give things back,
else the baseline still holds what an earlier client left behind and hides as much of a leak."""
REST_LIMIT_S = 30.0


def credentials_of(seed: int, exchange: str) -> Credentials:
    """The one key set of a run, made from its seed: the venue knows it and the connector gets it."""
    digest = hashlib.sha256(f"{seed}:{exchange}".encode()).hexdigest()
    return Credentials(key=f"key{digest[:29]}", secret=digest[16:48], passphrase=digest[48:60])


class Stage:
    """`async with Stage(...) as stage`: `venue()` and `connector()` start on demand; leaving stops everything."""

    def __init__(
        self, trial: Trial, launcher: Launcher, profile: Profile, seed: int, labels: Mapping[str, str]
    ) -> None:
        self.trial = trial
        self.launcher = launcher
        self.profile = profile
        trial.access = profile.access
        self.seed = seed
        self.labels = labels
        """Environment that marks every process of this run."""
        self.case: Case | None = None
        """What is carried out, where that is known."""
        self.path_ports: Mapping[str, int] = {}
        """Where clients that were started earlier look for their path to the connector."""
        self.sampler = Sampler(trial.record)
        self._open = AsyncExitStack()
        self._starting = asyncio.Lock()
        self._running: dict[str, Venue] = {}
        self._controls: dict[str, VenueControl] = {}
        self._services: list[Service] = []
        self._followers: list[Follower] = []
        self._baselines: dict[str, dict[str, float]] = {}

    async def __aenter__(self) -> Self:
        self._open.push_async_callback(self.launcher.close)
        self.sampler.add(Neighbours(lambda: [service.pid for service in self._services]).read)
        await self._open.enter_async_context(self.sampler)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def venue(self, exchange: str, *, oracle: bool = True, name: str = "") -> VenueControl:
        """The simulated venue of this exchange, started when needed. `oracle`: its ledger judges this trial.

        `name` asks for one of its own beside the exchange's usual one.
        """
        name = name or exchange
        async with self._starting:
            return await self._venue(exchange, name, oracle)

    async def _venue(self, exchange: str, name: str, oracle: bool) -> VenueControl:
        if name not in self._controls:
            running = await self.launcher.start_venue(
                exchange, self.profile.venue_profile, self.seed, credentials_of(self.seed, exchange)
            )
            control = await self._open.enter_async_context(VenueControl.connect(running.control_address))
            self._running[name], self._controls[name] = running, control
            self._services.append(running.service)
            await control.set_tick(0)  # nothing moves but what the case moves
            if oracle:
                if not self.gently:
                    self.sampler.add(lambda: venue_readings(control))
                await self.trial.attach_venue(control)
                # The states that a new subscriber is shown first are then updates that the ledger knows.
                await nudge_streams(control, ("account", "prices"))
        return self._controls[name]

    @property
    def gently(self) -> bool:
        """Whether latency is what the case is about: then services are looked at from outside, and not asked."""
        return self.case is not None and self.case.group is Group.PERFORMANCE

    def criterion(self, name: str) -> Criterion:
        """What the case says under this id: a search may look there where to go. LookupError when it says nothing."""
        for one in self.case.criteria if self.case is not None else ():
            if one.id == name:
                return one
        raise LookupError(f"the case has no criterion {name!r}: name one that its file under specs/ has")

    def venue_address(self, exchange: str) -> str:
        """host:port of a venue that runs, for a native client: as near to it as the connector is."""
        return self._running[exchange].service.direct_address

    async def connector(
        self,
        exchange: str,
        *,
        credentials: Credentials | None = None,
        over: str = "",
        through: Path | None = None,
        wait: bool = True,
        probed: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> Connector:
        """A connector for `exchange`, SERVING unless `wait` is false. `over`: name of the venue, its own by default.

        `through`: the path on which it reaches the venue, see `venue_path`.
        """
        running = self._running.get(over or exchange)
        base_url = running.base_url if running else ""
        service = await self.launcher.start_connector(
            exchange,
            f"http://{through.address}" if through else base_url,
            credentials or credentials_of(self.seed, exchange),
            wait=wait,
            environment=environment or {},
        )
        self._services.append(service)
        if wait and probed:
            self.probe(service)
        return Connector(service, self, exchange)

    async def stack(self, exchange: str = "", *clients: str, wait: bool = True, venue_path: bool = False) -> Stack:
        """Venue and connector, then these clients of it, each when the connector is SERVING; see `Stack.start`.

        `exchange` "": the profile's. With no client named none is started: `Stack.start` does that. `wait` False leaves
        waiting for the connector to `Stack.come_up`. `venue_path`: put a path between connector and venue too.
        """
        exchange = exchange or self.profile.venue.exchange
        venue = await self.venue(exchange)
        through = await self.venue_path(exchange) if venue_path else None
        stack = Stack(self, venue, await self.connector(exchange, wait=wait, through=through), through)
        if clients:
            await stack.start(*clients)
        return stack

    async def venue_path(self, exchange: str) -> Path:
        """A TCP proxy in front of the venue, on which a connector's connections to it can be faulted."""
        await self.venue(exchange)
        path = Path(self._running[exchange].address, "connector to venue", host=await self.launcher.reach())
        await self.enter(path)
        return path

    async def enter(self, context: AbstractAsyncContextManager[object]) -> None:
        """Enter a context that is left when the stage closes, before what was there earlier."""
        await self._open.enter_async_context(context)

    def closes(self, service: Service) -> None:
        """Close this service when the stage closes, before what was there earlier."""
        self._open.push_async_callback(service.close)

    async def take_down(self) -> None:
        """Close everything now, with the last of the ledger taken in; what a run leaves behind can be looked for."""
        await self.sampler.stop()
        await self.trial.detach_venue()
        await self._open.aclose()

    def probe(self, service: Service) -> None:
        """Sample this service from now on and write down what cannot be seen of it."""
        self.sampler.add(partial(service.introspect, gently=self.gently))
        for fact in service.unmeasurable():
            self.trial.record(fact)

    async def at_rest(self, *probes: str, limit_s: float = REST_LIMIT_S) -> None:
        """Wait until no probe has changed for REST_S, or `limit_s` is over: then the evidence tells."""
        end_s = monotonic_s() + limit_s
        rounds = round(REST_S / PERIOD_S)
        taken = {probe: self.sampler.taken[probe] for probe in probes if self.sampler.taken[probe]}
        while monotonic_s() < end_s:
            await self.trial.observe(PERIOD_S / 2)
            if any(self.sampler.taken[probe] - before < rounds for probe, before in taken.items()):
                continue
            newest = [list(self.sampler.latest[probe])[-rounds:] for probe in taken]
            if newest and all(len(set(values)) == 1 for values in newest):
                return

    async def back_at(self, baseline: str, limit_s: float) -> None:
        """Give the connector `limit_s` to come back to the readings it had at that baseline; the evidence tells."""
        wanted = self._baselines.get(baseline, {})
        end_s = monotonic_s() + limit_s
        while monotonic_s() < end_s:
            await self.trial.observe(PERIOD_S)
            newest = {probe: self.sampler.latest[probe][-1] for probe in wanted}
            if all(newest[probe] <= value for probe, value in wanted.items()):
                return

    def mark_baseline(self, name: str, *probes: str) -> None:
        """Mark the baseline that later readings are held against."""
        self._baselines[name] = {
            probe: self.sampler.latest[probe][-1] for probe in probes if self.sampler.latest.get(probe)
        }
        self.trial.mark(name)

    # -- clients in processes of their own ------------------------------------------------------------

    @asynccontextmanager
    async def follower(
        self,
        connector: Connector,
        names: Sequence[str],
        streams: Sequence[str],
        *,
        through: Path | None = None,
        stall: bool = False,
    ) -> AsyncIterator[Follower]:
        """Clients in one process of their own; its evidence becomes part of the trial's."""
        follower = Follower(
            through.address if through else connector.address,
            names=names,
            streams=streams,
            symbols=(DEFAULT_SYMBOL,),
            evidence=self.trial.part("-".join(names)),
            stall=stall,
            tls=self.profile.access.tls,
            api_key=self.profile.access.api_key,
            env={**os.environ, **self.labels},
        )
        async with follower:
            self._followers.append(follower)
            try:
                yield follower
            finally:
                self._followers.remove(follower)
                if follower.returncode is None:
                    await follower.stop()

    async def followers_live(self, limit_s: float = 15.0) -> None:
        """Wait until every follower has heard something on every stream, while the venue moves all of them."""
        end_s = monotonic_s() + limit_s
        for follower in self._followers:
            while not await follower.wait_first(0.2):
                if monotonic_s() > end_s or follower.returncode is not None:
                    why = f": {follower.complaints}" if follower.complaints else ""
                    raise CutShort(f"follower {', '.join(follower.names)} heard nothing within {limit_s:g} s{why}")
                await nudge_streams(self._controls[self.profile.venue.exchange], follower.streams)
            for client in follower.names:
                for stream in follower.streams:
                    self.trial.mark("stream.live", client=client, stream=stream, subscription="1")

    @asynccontextmanager
    async def stalled_follower(self, connector: Connector, name: str) -> AsyncIterator[None]:
        """A client that subscribes to prices, reads once, then never again while it stays connected."""
        self.trial.mark("fault.begin", kind="stalled-reader", subject=name)
        async with self.follower(connector, (name,), ("prices",), stall=True) as follower:
            if not await follower.wait_first(15.0):
                raise CutShort(f"the reader that was to stall heard nothing at all: {follower.complaints}")
            self.trial.mark("fault.bit", kind="stalled-reader", subject=name)
            yield
        self.trial.mark("fault.heal", kind="stalled-reader", subject=name)
