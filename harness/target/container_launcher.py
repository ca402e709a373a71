"""Start the services of a target as containers on a private network of their own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import uuid
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from testcontainers.core.config import testcontainers_config
from testcontainers.core.network import Network

from harness.evidence.records import Record
from harness.target.container import ENGINE_ERRORS, ContainerService
from harness.target.credentials import Credentials
from harness.target.engine import Engine, reason_of
from harness.target.errors import PortTakenError, TargetError
from harness.target.launcher import (
    VENUE_CONTROL_PORT,
    VENUE_PORT,
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
from harness.target.profile_shape import Profile, ServiceProfile
from harness.target.recipe import Place, Recipe, cook, without_proxy
from harness.target.sighting import sighting_of
from harness.target.started import nobody

PORT_TRIES = 3
CONFIG_PATH = "/nfr-config.yaml"
PYTHON = "python3"


@dataclass(frozen=True, slots=True)
class Images:
    """The images of one target. `venue`: one with the project's venue in it."""

    connector: str
    venue: str


def settle_testcontainers(engine: Engine) -> None:
    """Use testcontainers' reaper where its image is at hand; elsewhere our own labels and sweep have to do.

    They do in any case: the reaper only covers what testcontainers started and a session that died.
    """
    if testcontainers_config.tc_host_override is None:
        testcontainers_config.tc_host_override = LOOPBACK
    stated = os.environ.get("TESTCONTAINERS_RYUK_DISABLED")
    if stated is None and not engine.digest_of(testcontainers_config.ryuk_image):
        testcontainers_config.ryuk_disabled = True


class ContainerLauncher:
    """See `launcher.Launcher`. One network a launcher; `run`: the label that everything carries."""

    kind = "container"

    def __init__(
        self,
        profile: Profile,
        images: Images,
        run: str,
        log_path: LogPath,
        record: Callable[[Record], None] = nobody,
    ) -> None:
        self.profile = profile
        self.record = record
        self._images = images
        self._log_path = log_path
        self._tag = Tag.of(run)
        self._network: Network | None = None
        self._started: list[ContainerService] = []
        self._names: Counter[str] = Counter()
        self._controls: dict[str, str] = {}
        remove_at_exit(self._tag.owner)

    async def start_venue(
        self, exchange: str, profile: str, seed: int, keys: Credentials | Sequence[Credentials]
    ) -> Venue:
        """See `launcher.Launcher`."""
        known = key_list(keys)
        words = venue_command(exchange, profile, seed, "0.0.0.0", str(VENUE_PORT), str(VENUE_CONTROL_PORT))
        recipe = Recipe(
            command=(PYTHON, *words),
            arguments=(),
            environment={**without_proxy(""), **venue_environment(known), "PYTHONUNBUFFERED": "1"},
            config_text=None,
            config_path="",
            secrets=(),  # the venue knows the secrets by right; a leak would be the connector's
            masked=tuple(text for one in known for text in (one.key, *one.texts())),
        )
        name = self._fresh_name(f"venue-{exchange}")
        service, ports = await self._start(name, VENUE_SERVICE, recipe, self._images.venue, wait=True)
        venue = Venue(
            name=exchange,
            base_url=f"http://{name}:{VENUE_PORT}",
            address=service.address,
            control_address=f"{LOOPBACK}:{ports['control'].port}",
            service=service,
        )
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
    ) -> ContainerService:
        """See `launcher.Launcher`."""
        profile = self.profile.connector
        recipe = cook(
            profile.model_copy(update={"command": ()}),  # the image's entry point is the command
            Place(profile.ports, CONFIG_PATH, PYTHON),
            exchange=exchange,
            venue_url=base_url,
            credentials=credentials,
            environment=environment or {},
            where=f"profile {self.profile.name}, connector",
        )

        sighting = await sighting_of(self._controls, base_url) if wait else None
        service, _ = await self._start("connector", profile, recipe, self._images.connector, wait=wait)
        if sighting is not None:
            await sighting.check(service.name, str(service.log_path))
        return service

    async def _start(
        self, name: str, profile: ServiceProfile, recipe: Recipe, image: str, *, wait: bool
    ) -> tuple[ContainerService, Mapping[str, HeldPort]]:
        """Start it on host ports of its own; on others when somebody was faster to take them."""
        network = await self._network_of_run()
        log = Log(free_log_path(self._log_path, name), secrets=recipe.secrets, masked=recipe.masked)
        for attempt in range(1, PORT_TRIES + 1):
            ports = {port: hold_quiet_port() for port in profile.ports}
            service = ContainerService(
                name,
                profile,
                recipe,
                image,
                network,
                ports,
                self._tag.labels(),
                log,
                self.record,
                speaks_grpc=name == "connector",
            )
            self._started.append(service)
            try:
                await service.start()
                if wait:
                    await service.wait_serving()
                return service, ports
            except PortTakenError:
                await service.close()
                if attempt == PORT_TRIES:
                    raise
            except TargetError:
                await service.close()
                raise
        raise AssertionError("every try returns or raises")

    def _fresh_name(self, name: str) -> str:
        """Peers find a venue by its name in the network: two of one kind must not share it."""
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}-{self._names[name]}"

    async def _network_of_run(self) -> Network:
        if self._network is None:
            network = Network(docker_network_kw={"labels": self._tag.labels()})
            network.name = f"nfr-{uuid.uuid4().hex[:12]}"
            try:
                await asyncio.to_thread(settle_testcontainers, Engine(network._docker.client))
                await asyncio.to_thread(network.create)
            except ENGINE_ERRORS as error:
                raise TargetError(
                    f"no network for the containers: {reason_of(error)}: `docker network prune`?"
                ) from None
            self._network = network
        return self._network

    async def close(self) -> None:
        """See `launcher.Launcher`."""
        while self._started:
            with contextlib.suppress(TargetError):
                await self._started.pop().close()
        network, self._network = self._network, None
        if network is not None:
            with contextlib.suppress(*ENGINE_ERRORS):
                await asyncio.to_thread(network.remove)
            network._docker.client.close()
