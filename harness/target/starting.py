"""What every launcher that starts services itself has in common: orders, retries on a taken port, taking down."""

from __future__ import annotations

import abc
import contextlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
from harness.target.leftovers import remove_at_exit
from harness.target.logs import Log
from harness.target.owner import Tag
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
        self, profile: Profile, run: str, log_path: LogPath, record: Callable[[Record], None] = nobody
    ) -> None:
        self.profile = profile
        self.record = record
        self._log_path = log_path
        self._tag = Tag.of(run)
        self._started: list[StartedService] = []
        self._names: Counter[str] = Counter()
        self._controls: dict[str, str] = {}
        remove_at_exit(self._tag.owner)

    # -- what a kind of launcher must say of itself -----------------------------------------------

    @abc.abstractmethod
    async def reach(self) -> str:
        """See `launcher.Launcher`."""

    @abc.abstractmethod
    async def _make(self, order: Order) -> StartedService:
        """The service, not yet started, on ports of its own. Raises TargetError."""

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
        filling = connector_filling(exchange, base_url, credentials, self._where("connector"))
        order = self._order("connector", filling, environment or {})
        sighting = await sighting_of(self._controls, base_url) if wait else None
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
        """Start it on ports of its own; on others when somebody was faster to take them."""
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

    def _log(self, name: str, secrets: tuple[str, ...], masked: tuple[str, ...]) -> Log:
        return Log(free_log_path(self._log_path, name), secrets=secrets, masked=masked)

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
