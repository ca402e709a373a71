"""Start the services of a target as processes of this host."""

from __future__ import annotations

import contextlib
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence

from harness.evidence.records import Record
from harness.target.credentials import Credentials
from harness.target.errors import PortTakenError, TargetError
from harness.target.launcher import (
    VENUE_SERVICE,
    LogPath,
    Venue,
    free_log_path,
    key_list,
    venue_command,
    venue_environment,
)
from harness.target.leftovers import remove_at_exit
from harness.target.logs import Log
from harness.target.owner import Tag
from harness.target.ports import LOOPBACK, HeldPort, hold_quiet_port
from harness.target.process import ProcessService
from harness.target.profile import Profile, ServiceProfile
from harness.target.recipe import Place, Recipe, cook, without_proxy
from harness.target.sighting import sighting_of
from harness.target.started import nobody

PORT_TRIES = 3


class ProcessLauncher:
    """See `launcher.Launcher`. `run`: the label that everything carries."""

    kind = "process"

    def __init__(
        self, profile: Profile, run: str, log_path: LogPath, record: Callable[[Record], None] = nobody
    ) -> None:
        self.profile = profile
        self.record = record
        self._log_path = log_path
        self._tag = Tag.of(run)
        self._started: list[ProcessService] = []
        self._controls: dict[str, str] = {}
        remove_at_exit(self._tag.owner)

    async def start_venue(
        self, exchange: str, profile: str, seed: int, keys: Credentials | Sequence[Credentials]
    ) -> Venue:
        """See `launcher.Launcher`."""
        known = key_list(keys)
        ports = {"grpc": hold_quiet_port(), "control": hold_quiet_port()}
        numbers = {name: held.port for name, held in ports.items()}
        command = venue_command(exchange, profile, seed, LOOPBACK, str(numbers["grpc"]), str(numbers["control"]))
        recipe = Recipe(
            command=(sys.executable, *command),
            arguments=(),
            environment={**without_proxy(""), **venue_environment(known)},
            config_text=None,
            config_path="",
            secrets=(),  # the venue knows the secrets by right; a leak would be the connector's
            masked=tuple(text for one in known for text in (one.key, *one.texts())),
        )
        service = self._service(f"venue-{exchange}", VENUE_SERVICE, recipe, ports, speaks_grpc=False)
        await service.start()
        await service.wait_serving()
        address = service.address
        venue = Venue(exchange, f"http://{address}", address, f"{LOOPBACK}:{numbers['control']}", service)
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
    ) -> ProcessService:
        """See `launcher.Launcher`."""
        sighting = await sighting_of(self._controls, base_url) if wait else None
        for attempt in range(1, PORT_TRIES + 1):
            service = await self._connector(exchange, base_url, credentials, environment or {})
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

    async def _connector(
        self, exchange: str, base_url: str, credentials: Credentials | None, environment: Mapping[str, str]
    ) -> ProcessService:
        profile = self.profile.connector
        if not profile.command:
            raise TargetError(no_way(self.profile, "connector", "command", "process"))
        config_path = self._tag.scratch() / f"connector-{uuid.uuid4().hex[:8]}.yaml"
        with contextlib.ExitStack() as held:
            ports = {name: held.enter_context(hold_quiet_port()) for name in profile.ports}
            recipe = cook(
                profile,
                Place({name: one.port for name, one in ports.items()}, str(config_path), sys.executable),
                exchange=exchange,
                venue_url=base_url,
                credentials=credentials,
                environment=environment,
                where=f"profile {self.profile.name}, connector",
            )
            held.pop_all()  # from here on the service holds them
        if recipe.config_text is not None:
            config_path.write_text(recipe.config_text, encoding="utf-8")
        return self._service("connector", profile, recipe, ports)

    def _service(
        self,
        name: str,
        profile: ServiceProfile,
        recipe: Recipe,
        ports: Mapping[str, HeldPort],
        *,
        speaks_grpc: bool = True,
    ) -> ProcessService:
        log = Log(free_log_path(self._log_path, name), secrets=recipe.secrets, masked=recipe.masked)
        service = ProcessService(name, profile, recipe, ports, log, self._tag, self.record, speaks_grpc=speaks_grpc)
        self._started.append(service)
        return service

    async def close(self) -> None:
        """See `launcher.Launcher`."""
        while self._started:
            service = self._started.pop()
            with contextlib.suppress(TargetError):
                await service.close()


def no_way(profile: Profile, service: str, way: str, launcher: str) -> str:
    """Why this launcher cannot start the service, and which can."""
    unset = profile.services[service].unset.get(way)
    if unset:
        return f"profile {profile.name}: no {way} for the {service}: set {', '.join(unset)} in the environment"
    others = ", ".join(sorted(profile.services[service].starts_as()))
    return (
        f"profile {profile.name} gives no {way} for the {service}, so the launcher {launcher} "
        f"cannot start it: use --launcher {others}"
    )
