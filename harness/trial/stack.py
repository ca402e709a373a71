"""Stack: connector, market_maker and live_server over one venue, each client watched on its way to the connector."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import TYPE_CHECKING

import aiohttp

from harness.evidence.clock import monotonic_s, now_ns
from harness.target.errors import DiedAtStartError, NotServingError, TargetError
from harness.target.profile_shape import ServiceProfile
from harness.target.service import Service
from harness.trial.browser import Browser
from harness.trial.connector import Connector
from harness.trial.nudge import DEFAULT_SYMBOL
from harness.trial.orders import Told
from harness.trial.path import Path
from harness.trial.service_log import ServiceLog
from harness.trial.tap import ClientTap, TappedStream
from harness.trial.trial import CutShort
from harness.venue.control import VenueControl

if TYPE_CHECKING:
    from harness.trial.stage import Stage

MARKET_MAKER, LIVE_SERVER = "market_maker", "live_server"
CLIENTS = (MARKET_MAKER, LIVE_SERVER)
CONNECTED_LIMIT_S = 60.0
"""Longer than the criterion's limit, so that a late connection is seen as late."""
AGAIN_LIMIT_S = 90.0
"""The same for a client that was started earlier: it may pause for a minute before it tries again."""
ASK_LIMIT_S = 5.0


class StackClient:
    """One client of the connector in the stack: its service, its way to the connector, and what passes there."""

    def __init__(
        self, name: str, service: Service, profile: ServiceProfile, path: Path, tap: ClientTap, told: Told
    ) -> None:
        self.name = name
        self.service = service
        self.profile = profile
        self.path = path
        self.tap = tap
        self.told = told
        self.log = ServiceLog(service, profile.log)

    def stream(self, name: str) -> TappedStream:
        """What the connector sends it on this stream."""
        return self.tap.stream(name)

    async def page(self, port: str, path: str) -> tuple[int, object]:
        """Status and JSON (or text) of one of its HTTP pages; 0 and the reason when there is no answer."""
        url = f"http://{self.service.port_address(port)}{path}"
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(ASK_LIMIT_S)) as session,
                session.get(url) as reply,
            ):
                text = await reply.text()
                is_json = reply.content_type == "application/json"
                return reply.status, await reply.json() if is_json else text
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            return 0, f"{type(error).__name__}: {error}"


class Stack:
    """The three services. `start` brings a client up; everything is taken down with the stage."""

    def __init__(self, stage: Stage, venue: VenueControl, connector: Connector, venue_path: Path | None = None) -> None:
        self.stage = stage
        self.trial = stage.trial
        self.venue = venue
        self.connector = connector
        self.venue_path = venue_path
        """The way from the connector to the venue, where one was asked for."""
        self.connector_log = ServiceLog(connector.service, stage.profile.connector.log)
        self.clients: dict[str, StackClient] = {}
        self.lost_ns = 0
        """When its clients last lost their connector."""
        self.stopped_ns = 0
        """When it was told to stop."""
        self._walked = 0
        self._connected_before: dict[str, int] = {}

    @property
    def market_maker(self) -> StackClient:
        """The trading client."""
        return self.clients[MARKET_MAKER]

    @property
    def live_server(self) -> StackClient:
        """The watching client."""
        return self.clients[LIVE_SERVER]

    @property
    def logs(self) -> Mapping[str, ServiceLog]:
        """Log of every service that was started."""
        return {"connector": self.connector_log, **{name: one.log for name, one in self.clients.items()}}

    @property
    def services(self) -> Mapping[str, Service]:
        """Every service that was started."""
        return {"connector": self.connector.service, **{name: one.service for name, one in self.clients.items()}}

    async def start(self, *names: str, environment: Mapping[str, str] | None = None) -> None:
        """Start these clients, all when none is named, and wait until each has had an answer of the connector."""
        for name in names or CLIENTS:
            self.clients[name] = await self._client(name, environment or {})
        for name in names or CLIENTS:
            await self.connected(name, AGAIN_LIMIT_S if name in self.stage.path_ports else CONNECTED_LIMIT_S)

    async def come_up(self) -> None:
        """Start everything in its order, whatever comes of it: what does not come up is evidence, mark service.failed.

        The connector was started already, without waiting for it. Nothing is started once something failed.
        """
        if await self._came_up(self.connector.service):
            self.stage.probe(self.connector.service)
            for name in CLIENTS:
                client = self.clients[name] = await self._client(name, {}, wait=False)
                if not await self._came_up(client.service):
                    return
                with contextlib.suppress(CutShort):
                    await self.connected(name)

    async def _came_up(self, service: Service) -> bool:
        try:
            await service.wait_serving()
        except (DiedAtStartError, NotServingError) as failed:
            self.trial.mark("service.failed", service=service.name, reason=str(failed))
            return False
        return True

    async def start_scaled(self, *names: str) -> float:
        """Start them with shorter pauses between attempts, as the profile says it is done; fact backoff.scale."""
        factors = set()
        for name in names:
            scaled = self.stage.profile.services[name].scaled if name in self.stage.profile.services else None
            if scaled is None:
                raise TargetError(
                    f"profile {self.stage.profile.name}: {name} has no `scaled`: nobody can make it try again faster"
                )
            factors.add(scaled.factor)
            await self.start(name, environment=scaled.environment)
        self.trial.fact("backoff.scale", max(factors), "of the contract's pauses")
        return max(factors)

    async def _client(self, name: str, environment: Mapping[str, str], *, wait: bool = True) -> StackClient:
        if name not in self.stage.profile.services:
            raise TargetError(f"profile {self.stage.profile.name} has no service {name}: add one to its services")
        told = Told(self.trial.record)
        tap = ClientTap(name, told.record)
        tap.on_exchange = told.exchanged
        launcher = self.stage.launcher
        path = Path(
            lambda: self.connector.direct_address, f"{name} to connector", host=await launcher.reach(),
            observe=tap.connection, port=self.stage.path_ports.get(name, 0),
        )  # fmt: skip
        await self.stage.enter(path)
        values = {"connector_address": path.address, "symbol": DEFAULT_SYMBOL}
        service = await launcher.start_service(name, values, wait=wait, environment=environment)
        # Before its path: a client that is to end gracefully still needs the connector.
        self.stage.closes(service)
        self.stage.probe(service)
        return StackClient(name, service, self.stage.profile.services[name], path, tap, told)

    async def connected(self, name: str, limit_s: float = CONNECTED_LIMIT_S) -> None:
        """Wait until this client has had an answer of the connector: mark client.connected, which its tap records."""
        told = self.clients[name].told
        await self.trial.until(lambda: told.connected > 0, limit_s, f"an answer of the connector to {name}")

    async def connected_again(self, name: str, limit_s: float = CONNECTED_LIMIT_S) -> None:
        """Wait until this client has had an answer since its connector was killed or replaced."""
        told, before = self.clients[name].told, self._connected_before[name]
        await self.trial.until(lambda: told.connected > before, limit_s, f"an answer of the connector to {name} again")

    def note_outage(self) -> None:
        """From now on its clients lose their connector: attempts and connections are counted from here."""
        self.lost_ns = now_ns()
        self._connected_before = {name: client.told.connected for name, client in self.clients.items()}

    @asynccontextmanager
    async def browser(self, name: str = "browser") -> AsyncIterator[Browser]:
        """A WebSocket client of live_server."""
        client = self.live_server
        pushes = client.profile.pushes
        if pushes is None:
            raise TargetError(f"profile {self.stage.profile.name}: live_server has no `pushes`: say what it sends")
        async with Browser(client.service.port_address(pushes.port), pushes, self.trial.record, name) as browser:
            yield browser

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every path to and from the connector."""
        to_venue = () if self.venue_path is None else (self.venue_path,)
        return (*(client.path for client in self.clients.values()), *to_venue)

    # -- trading ------------------------------------------------------------------------------------

    @property
    def interval(self) -> Decimal:
        """The market maker's PRICE_INTERVAL, in the quote currency."""
        return Decimal(self.stage.profile.services[MARKET_MAKER].environment["PRICE_INTERVAL"])

    async def walk(self, steps: Sequence[int], every_s: float = 0.25) -> None:
        """Move the price by so many intervals at a time, each price a little off, so that none comes twice."""
        market = (await self.venue.state()).market(DEFAULT_SYMBOL)
        tick, price = Decimal(market.tick_size), Decimal(market.last)
        base = price - price % self.interval
        due_s = monotonic_s()
        for number, step in enumerate(steps):
            base += step * self.interval
            self._walked += 1
            offset = self.interval / 2 + (self._walked % 997) * tick
            await self.venue.set_price(DEFAULT_SYMBOL, base + offset)
            due_s = max(due_s + every_s, monotonic_s()) if number else monotonic_s() + every_s
            await asyncio.sleep(max(0.0, due_s - monotonic_s()))

    @asynccontextmanager
    async def trading(self, every_s: float = 0.25) -> AsyncIterator[None]:
        """The price swings up and down for the length of a block, so that the market maker has always work."""

        async def swing() -> None:
            while True:
                await self.walk((1, 1, 1, -1, -1, -1, -1, -1, -1, 1, 1, 1), every_s)

        swinging = asyncio.create_task(swing(), name="trading")
        try:
            yield
        finally:
            swinging.cancel()
            await asyncio.gather(swinging, return_exceptions=True)

    async def quiet(self, limit_s: float = 15.0, still_s: float = 1.0) -> None:
        """Wait until the venue's orders have not changed for `still_s`; after `limit_s` the evidence tells."""
        end_s, seen, since_s = monotonic_s() + limit_s, -1, monotonic_s()
        while monotonic_s() < end_s:
            serial = await self.venue.serial()
            if serial != seen:
                seen, since_s = serial, monotonic_s()
            elif monotonic_s() - since_s >= still_s:
                return
            await asyncio.sleep(0.1)

    # -- ending -------------------------------------------------------------------------------------

    async def kill_connector(self) -> None:
        """SIGKILL; its clients are refused at the same address from then on. Marks fault.begin and fault.bit."""
        before_ns = now_ns()
        self.note_outage()
        self.trial.mark("fault.begin", kind="kill", subject="connector")
        await self.connector.kill()
        for client in self.clients.values():
            await client.path.refuse()
        self.trial.mark("fault.bit", earliest_ns=before_ns, kind="kill", subject="connector")

    def switch_to(self, connector: Connector) -> None:
        """New connections of the clients lead to this connector from now on."""
        self.note_outage()
        self.connector = connector
        self.connector_log = ServiceLog(connector.service, self.stage.profile.connector.log)

    async def terminate(self, limit_s: float) -> None:
        """SIGTERM to all three at once, then wait for them. Marks stack.sigterm, stack.down; facts exit.code."""
        self.stopped_ns = now_ns()
        self.trial.mark("stack.sigterm", t_ns=self.stopped_ns)
        await asyncio.gather(*(service.terminate() for service in self.services.values()))
        codes = await asyncio.gather(*(service.wait_exit(limit_s) for service in self.services.values()))
        if None not in codes:
            self.trial.mark("stack.down")
        for name, code in zip(self.services, codes, strict=True):
            self.record_exit(name, code)

    def record_exit(self, name: str, code: int | None) -> None:
        """Fact exit.code; -1 when it still runs."""
        runs = code is None
        self.trial.fact("exit.code", -1 if code is None else code, subject=name, detail="still runs" if runs else "")
