"""What every launcher that starts services itself has in common: orders, retries on a taken port, taking down."""

from __future__ import annotations

import abc
import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.evidence.records import Record
from harness.target.credentials import Credentials
from harness.target.errors import PortTakenError, TargetError
from harness.target.launcher import (
    NULL_SERVICE,
    VENUE_SERVICE,
    LogPath,
    Venue,
    free_log_path,
    key_list,
    null_command,
    venue_command,
    venue_environment,
)
from harness.target.leftovers import remove_at_exit, remove_services_of
from harness.target.logs import Log
from harness.target.mooring import ADOPTED_READY_S, Lasting, Lost, Mooring, unheard
from harness.target.owner import Owner, Tag
from harness.target.profile_shape import Profile, ServiceProfile
from harness.target.recipe import Filling, Place, Recipe, client_filling, connector_filling, cook, without_proxy
from harness.target.sighting import Sighting, sighting_of
from harness.target.started import ReadyBy, StartedService, nobody

PORT_TRIES = 3
VENUE = "venue"
NULL_SERVER = "null-server"


@dataclass(frozen=True, slots=True)
class Order:
    """One service that is to be made. `kind`: its name in the profile, or VENUE; `name`: its own, also as a peer.

    `recipe`: what to run, once its place is known.
    """

    name: str
    kind: str
    profile: ServiceProfile
    recipe: Callable[[Place], Recipe]
    log: Log
    ready_by: ReadyBy | None = None


class StartingLauncher(abc.ABC):
    """Common half of the launchers; see `launcher.Launcher`. `run`: the label that everything carries."""

    kind = ""
    way = ""
    """What a profile must give of a service so that this launcher can start it."""

    def __init__(
        self, profile: Profile, run: str, log_path: LogPath, record: Callable[[Record], None] = nobody,
        lasting: Lasting | None = None,
    ) -> None:  # fmt: skip
        """`lasting`: what it starts is to outlive it, and what an earlier launcher has left so is taken over."""
        self.profile = profile
        self.record = record
        self._log_path = log_path
        self._lasting = lasting
        self._tag = Tag.of(run) if lasting is None else Tag.of(run).named(lasting.owner)
        self._moored = {one.name: one for one in lasting.moorings} if lasting is not None else {}
        self._takes_over = False
        self.lost: list[Lost] = []
        """What was moored and could not be taken over."""
        self._started: list[StartedService] = []
        self._names: Counter[str] = Counter()
        self._controls: dict[str, str] = {}
        remove_at_exit(self._tag.owner)

    # -- what a kind of launcher must say of itself -----------------------------------------------

    @abc.abstractmethod
    async def reach(self) -> str:
        """See `launcher.Launcher`."""

    @abc.abstractmethod
    async def _make(self, order: Order, mooring: Mooring | None = None) -> StartedService:
        """The service, not yet started, on ports of its own, or as it lies there. Raises TargetError."""

    @abc.abstractmethod
    def _venue_url(self, service: StartedService) -> str:
        """Base URL of that venue for the services that this launcher starts."""

    @abc.abstractmethod
    async def _close_rest(self) -> None:
        """Take down what is left when every service is closed."""

    # -- starting -----------------------------------------------------------------------------------

    async def start_venue(
        self, exchange: str, profile: str, seed: int, keys: Credentials | Sequence[Credentials]
    ) -> Venue:
        """See `launcher.Launcher`."""
        known = key_list(keys)

        def recipe(place: Place) -> Recipe:
            port, control_port = str(place.ports["grpc"]), str(place.ports["control"])
            return Recipe(
                command=(place.python, *venue_command(exchange, profile, seed, place.host, port, control_port)),
                arguments=(),
                environment={**without_proxy(), **venue_environment(known), "PYTHONUNBUFFERED": "1"},
                config_text=None,
                config_path="",
            )

        masked = tuple(text for one in known for text in (one.key, *one.texts()))
        # No secrets to count: the venue knows them by right; a leak would be the connector's.
        name = self._fresh_name(f"{VENUE}-{exchange}")
        order = Order(name, VENUE, VENUE_SERVICE, recipe, self._log(name, (), masked), ReadyBy.LINE)
        service = await self._start(order, wait=True)
        venue = Venue(exchange, self._venue_url(service), service.address, service.port_address("control"), service)
        self._controls[venue.base_url] = venue.control_address
        return venue

    async def start_connector(
        self,
        exchange: str,
        base_url: str = "",
        credentials: Credentials | None = None,
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> StartedService:
        """See `launcher.Launcher`."""
        filling = connector_filling(
            exchange, base_url, credentials, self._where("connector"), self.profile.access.api_key
        )
        order = self._order("connector", filling, environment or {})
        # One that is taken over has shown itself to the venue long ago.
        fresh = wait and "connector" not in self._moored
        sighting = await sighting_of(self._controls, base_url) if fresh else None
        return await self._start(order, wait=wait, sighting=sighting)

    async def start_service(
        self,
        name: str,
        values: Mapping[str, str],
        *,
        wait: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> StartedService:
        """See `launcher.Launcher`."""
        return await self._start(self._order(name, client_filling(values), environment or {}), wait=wait)

    async def start_null_server(self, rate_per_s: float = 0.0) -> StartedService:
        """See `launcher.Launcher`. Like the venue it is always ours, whatever the target: from the venue's image."""

        def recipe(place: Place) -> Recipe:
            environment = {**without_proxy(), "PYTHONUNBUFFERED": "1", "RATE_PER_S": f"{rate_per_s:g}"}
            return Recipe((place.python, *null_command(str(place.ports["grpc"]))), (), environment, None, "")

        name = self._fresh_name(NULL_SERVER)
        return await self._start(Order(name, VENUE, NULL_SERVICE, recipe, self._log(name, (), ())), wait=True)

    def _order(self, name: str, filling: Filling, environment: Mapping[str, str]) -> Order:
        profile = self.profile.services.get(name)
        if profile is None:
            known = ", ".join(self.profile.services)
            raise TargetError(f"profile {self.profile.name} has no service {name}, only {known}: add it to `services`")
        if self.kind not in profile.starts_as():
            raise TargetError(no_way(self.profile, name, self.way, self.kind))

        def recipe(place: Place) -> Recipe:
            return cook(profile, place, filling, environment=environment, where=self._where(name))

        return Order(name, name, profile, recipe, self._log(name, filling.secrets, filling.masked))

    async def _start(self, order: Order, *, wait: bool, sighting: Sighting | None = None) -> StartedService:
        """Take it over, or start it on ports of its own; on others when somebody was faster to take them."""
        mooring = self._moored.pop(order.name, None)
        if mooring is not None and (adopted := await self._adopted(order, mooring)) is not None:
            return adopted
        for attempt in range(1, PORT_TRIES + 1):
            service = await self._make(order)
            self._started.append(service)
            try:
                await service.start()
                if wait:
                    await service.wait_serving()
                if sighting is not None:
                    await sighting.check(service.name, str(service.log_path))
                return service
            except PortTakenError:
                await service.close()
                if attempt == PORT_TRIES:
                    raise
            except TargetError:
                await service.close()
                raise
        raise AssertionError("every try returns or raises")

    # -- what an earlier launcher has left -----------------------------------------------------------

    async def _adopted(self, order: Order, mooring: Mooring) -> StartedService | None:
        """The service that lies there; None when it is gone, or serves no longer and was taken down: see `lost`."""
        service = await self._make(order, mooring)
        self._started.append(service)
        try:
            await service.adopt(mooring)
            await service.wait_serving(ADOPTED_READY_S)
        except TargetError as gone:
            await service.close()
            self._started.remove(service)
            for line in unheard(Path(mooring.output)) if mooring.output else ():
                order.log.append(line)
            self.lost.append(Lost(order.name, str(gone), order.log.tail()))
            return None
        return service

    async def reclaim(self, first: str) -> bool:
        """Whether what an earlier launcher has left can be taken over: its service `first` is there, whose name begins
        so. Everything in its name that is not moored is removed; everything there is, when `first` is not."""
        there = [one for one in self._moored.values() if one.name.startswith(first) and await self._is_there(one)]
        self._takes_over = bool(there)
        if not there:
            self._moored.clear()
        if self._lasting is not None:
            kept = {one.identity for one in self._moored.values()}
            await asyncio.to_thread(self._remove_but, self._lasting.owner, kept)
        return bool(there)

    async def _is_there(self, mooring: Mooring) -> bool:
        process = mooring.process
        return process is not None and process.alive()

    def _remove_but(self, owner: Owner, kept: Collection[str]) -> None:
        remove_services_of(owner, kept)

    def moorings(self) -> tuple[Mooring, ...]:
        """Where another launcher finds what runs now; nothing unless it is to outlive this one."""
        found = (one.mooring() for one in self._started) if self._lasting is not None else ()
        return tuple(one for one in found if one is not None)

    def _log(self, name: str, secrets: tuple[str, ...], masked: tuple[str, ...]) -> Log:
        moored = self._moored.get(name)
        path = free_log_path(self._log_path, name) if moored is None else Path(moored.log)
        return Log(path, secrets=secrets, masked=masked)

    def _where(self, name: str) -> str:
        return f"profile {self.profile.name}, {name}"

    def _fresh_name(self, name: str) -> str:
        """Peers find a venue by its name in the network: two of one kind must not share it."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}-{self._names[name]}"

    async def close(self) -> None:
        """See `launcher.Launcher`."""
        while self._started:
            with contextlib.suppress(TargetError):
                await self._started.pop().close()
        await self._close_rest()


def no_way(profile: Profile, service: str, way: str, launcher: str) -> str:
    """Why this launcher cannot start the service, and which can."""
    unset = profile.services[service].unset.get(way)
    if unset:
        return f"profile {profile.name}: no {way} for the {service}: set {', '.join(unset)} in the environment"
    others = ", ".join(sorted(profile.services[service].starts_as()))
    mend = f"use --launcher {others}" if others else "add one"
    return (
        f"profile {profile.name} gives no {way} for the {service}, so the launcher {launcher} cannot start it: {mend}"
    )
